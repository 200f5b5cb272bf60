// Checks the memory that a program is to run on: arguments must share memory with each other, and
// with the program's own state, exactly where they did in the recording.
#include <algorithm>

#include "program/record/overlap.h"
#include "program/replay/replay.h"

namespace steep::program {

namespace {

// A storage, and the value that it is to be.
using Given = SmallVector<std::pair<const Storage*, int>, 8>;

// Whether no argument's storage overlaps another's or the program's own state.
bool lie_apart(const Given& given, const Ground& outside) {
  bool borrowed = false;
  for (const auto& [storage, value] : given) {
    if (outside.overlaps(*storage)) return false;
    borrowed |= storage->borrowed();
  }
  if (!borrowed) return true;
  SmallVector<const Storage*, 8> storages;
  for (const auto& [storage, value] : given) storages.push_back(storage);
  return !any_overlap(std::move(storages));
}

}  // namespace

void Program::unpin(const Trace& trace) {
  for (size_t v = 0; v < trace.sources().size(); ++v)
    if (!stays_pinned_[v] && !(pins_[v] == trace.sources()[v])) pins_[v] = Pin();
  gradients_.unpin(trace);
}

bool Program::has_state_of(const Trace& trace) const {
  // With another number of values it is not a recording of this program.
  if (trace.sources().size() != stays_pinned_.size()) return false;
  for (size_t v = 0; v < trace.sources().size(); ++v)
    if (stays_pinned_[v] && !(pins_[v] == trace.sources()[v])) return false;
  return true;
}

bool Program::accepts(const Tensors& inputs, const LeafGradients& leaves) const {
  const Tensors before = gradients_.before(inputs, leaves);
  if (!gradients_.fits(inputs, before)) return false;
  Given given;
  const auto start_of = [&](int v) {  // the offset of the first view of that memory
    const Value& value = plan_.values[v];
    return (value.kind == Value::Kind::input ? inputs : before)[value.source]->offset;
  };
  const auto add = [&](const Tensor& x, int v) {
    given.push_back({x->storage.get(), v});
    return (pins_[v].storage == 0 || pins_[v] == Pin{x->storage->id(), start_of(v)}) &&
           !std::binary_search(outside_.begin(), outside_.end(), x->storage.get());
  };
  for (int i = 0; i < inputs.size(); ++i) {
    if (!others_.empty() && std::binary_search(others_.begin(), others_.end(), inputs[i].impl()))
      return false;
    if (!add(inputs[i], input_values_[i])) return false;
  }
  // The call's key has the offsets of arguments that share memory, but not those of gradients.
  for (size_t i = 0; i < plan_.gradients.size(); ++i) {
    const TracedGradient& gradient = plan_.gradients[i];
    if (gradient.before_value < 0) continue;
    const Tensor& x = before[static_cast<int64_t>(i)];
    if (!add(x, gradient.before_value) ||
        x->offset - start_of(gradient.before_value) != gradient.before->offset)
      return false;
  }
  if (!lie_apart(given, ground_)) return false;
  if (given.size() < 2) return true;
  std::sort(given.begin(), given.end());
  for (int i = 1; i < given.size(); ++i) {
    const bool same = given[i - 1].first == given[i].first;
    if (same != (given[i - 1].second == given[i].second)) return false;
  }
  return true;
}

}  // namespace steep::program
