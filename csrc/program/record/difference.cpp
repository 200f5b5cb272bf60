// How two recordings of a function differ.
#include <algorithm>
#include <cstring>

#include "program/record/trace.h"

namespace steep::program {

namespace {

// Whether two launches differ in a number of the user's among their arguments.
bool differ_in_number(const RecordedCall& x, const RecordedCall& y) {
  for (int i = x.words().size() - x.kernel().numbers; i < x.words().size(); ++i)
    if (x.words()[i] != y.words()[i]) return true;
  return false;
}

// How two launches at the same index differ.
std::string difference_of(const TracedCall& a, const TracedCall& b) {
  const RecordedCall &x = a.call, &y = b.call;
  if (a.has_stored != b.has_stored)
    return join("'", x.name(),
                "', which may reject its input, after something was stored in one "
                "run only");
  if (&x.kernel() != &y.kernel())
    return join("'", x.name(), "' in one run and '", y.name(), "' in the next");
  if (x.type() != y.type() || x.operands().size() != y.operands().size() ||
      x.words().size() != y.words().size())
    return join("'", x.name(), "' with other dtypes or a different number of tensors");
  for (int i = 0; i < x.operands().size(); ++i) {
    const Operand &p = x.operands()[i], &q = y.operands()[i];
    if (p.is_number() != q.is_number() || !p.tensor() != !q.tensor())
      return join("'", x.name(), "' with a tensor where the other run had none");
    if (p.is_number() && p.number_input() < 0 && !same_number(p.number(), q.number()))
      return join("'", x.name(), "' with the number ", to_string(p.number()), " in one run and ",
                  to_string(q.number()), " in the next; pass it as a tensor");
    if (p.tensor() && !same_geometry(*p.tensor(), *q.tensor()))
      return join("'", x.name(), "' on shape ", to_string(p.tensor()->shape), " in one run and ",
                  to_string(q.tensor()->shape),
                  " in the next, or on a different part of its memory");
    if (a.values[i] != b.values[i])
      return join("'", x.name(), "' on a different tensor than in the previous run");
  }
  if (differ_in_number(x, y))
    return join("'", x.name(),
                "' with different numbers in the two runs; pass the number as a tensor");
  for (int i = 0; i < x.words().size(); ++i)
    if (x.words()[i] != y.words()[i])
      return join("'", x.name(), "' with other sizes or settings than in the previous run");
  return "";
}

const char* difference_of(const Value& a, const Value& b) {
  if (a.kind != b.kind || a.source != b.source || a.kept != b.kept ||
      (a.kind == Value::Kind::made && a.bytes != b.bytes))
    return "a tensor is an argument, a result or newly made in one run but not in the other";
  if (a.kind == Value::Kind::state && a.storage != b.storage)
    return "a tensor from outside is replaced; write to one tensor (copy_) instead, or pass it as "
           "an argument";
  if (a.kind == Value::Kind::constant &&
      std::memcmp(a.storage->data(), b.storage->data(), a.bytes) != 0)
    return "a tensor is made from different numbers; pass them as a tensor";
  return nullptr;
}

bool same_view(const TracedView& a, const TracedView& b) {
  return a.value == b.value && same_geometry(*a.geometry.impl(), *b.geometry.impl());
}

bool same_events(const TracedGradient& a, const TracedGradient& b) {
  if (a.events.size() != b.events.size()) return false;
  for (int i = 0; i < a.events.size(); ++i) {
    const GradientEvent &x = a.events[i], &y = b.events[i];
    if (x.launch_index != y.launch_index || !x.memory != !y.memory) return false;
    if ((x.memory == a.last_memory) != (y.memory == b.last_memory)) return false;
  }
  return true;
}

}  // namespace

std::string Trace::difference(const Trace& other) const {
  if (generators_ != other.generators_)
    return "it draws from different Generators; create them outside the function";
  const size_t count = std::min(calls_.size(), other.calls_.size());
  for (size_t i = 0; i < count; ++i) {
    if (calls_[i].call.shares(other.calls_[i].call) && calls_[i].values == other.calls_[i].values &&
        calls_[i].has_stored == other.calls_[i].has_stored)
      continue;
    const std::string found = difference_of(calls_[i], other.calls_[i]);
    if (!found.empty()) return join("launch ", i + 1, " is ", found);
  }
  if (calls_.size() != other.calls_.size())
    return join(calls_.size(), " launches in one run and ", other.calls_.size(), " in the next");
  if (values_.size() != other.values_.size() || outputs_.size() != other.outputs_.size() ||
      gradients_.size() != other.gradients_.size())
    return "the number of tensors, results or gradients";
  for (size_t i = 0; i < values_.size(); ++i)
    if (const char* found = difference_of(values_[i], other.values_[i])) return found;
  for (size_t i = 0; i < outputs_.size(); ++i)
    if (!same_view(outputs_[i], other.outputs_[i]))
      return "a result is a different tensor, or a different view of it";
  for (size_t i = 0; i < gradients_.size(); ++i) {
    const TracedGradient &a = gradients_[i], &b = other.gradients_[i];
    if (a.before_value != b.before_value) return "gradients share memory in one run only";
    const bool leaf = a.input >= 0 ? a.input == b.input : a.leaf.same(b.leaf);
    if (!leaf || a.guarded != b.guarded || a.changed != b.changed ||
        a.after.has_value() != b.after.has_value() || (a.after && !same_view(*a.after, *b.after)) ||
        !same_events(a, b))
      return "the gradients are left in different ways";
    if (a.guarded && (a.before.defined() != b.before.defined() ||
                      (a.before.defined() && a.before->strides != b.before->strides)))
      return "a .grad exists before the call in one run but not in the other";
  }
  return "";
}

int Trace::other_number(const Trace& other) const {
  const size_t count = std::min(calls_.size(), other.calls_.size());
  for (size_t i = 0; i < count; ++i) {
    const RecordedCall &x = calls_[i].call, &y = other.calls_[i].call;
    if (&x.kernel() != &y.kernel() || x.operands().size() != y.operands().size() ||
        x.words().size() != y.words().size())
      return -1;
    for (int j = 0; j < x.operands().size(); ++j) {
      const Operand &p = x.operands()[j], &q = y.operands()[j];
      const bool numbers = p.is_number() && q.is_number() && p.number_input() < 0;
      if (numbers && !same_number(p.number(), q.number())) return static_cast<int>(i);
    }
    if (differ_in_number(x, y)) return static_cast<int>(i);
  }
  return -1;
}

}  // namespace steep::program
