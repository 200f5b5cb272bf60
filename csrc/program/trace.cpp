#include "program/trace.h"

#include <algorithm>
#include <cstring>
#include <unordered_set>

#include "program/overlap.h"

namespace steep::program {

namespace {

// A window of the same shape on no memory: what a plan needs to know of a tensor whose memory it
// will choose.
Tensor geometry_of(const Tensor& x) {
  Tensor window = alias(x);
  window->storage = Ref<Storage>();
  return window;
}

bool same_bits(kernels::Scalar a, kernels::Scalar b) { return a.i == b.i; }

bool same_number(const Number& a, const Number& b) {
  if (a.kind() != b.kind()) return false;
  if (!a.is_floating()) return a.to_int() == b.to_int();
  const double x = a.to_double(), y = b.to_double();
  return std::memcmp(&x, &y, sizeof x) == 0;
}

bool same_geometry(const TensorImpl& a, const TensorImpl& b) {
  return a.dtype == b.dtype && a.offset == b.offset && a.shape == b.shape && a.strides == b.strides;
}

// Where two launches at the same place differ.
std::string difference_of(const TracedCall& a, const TracedCall& b) {
  const RecordedCall &x = a.call, &y = b.call;
  if (&x.kernel() != &y.kernel())
    return join("'", x.name(), "' in one run and '", y.name(), "' in the next");
  if (x.type() != y.type() || x.operands().size() != y.operands().size() ||
      x.dims().size() != y.dims().size() || x.scalars().size() != y.scalars().size())
    return join("'", x.name(), "' on other dtypes or another number of tensors");
  for (int i = 0; i < x.operands().size(); ++i) {
    const Operand &p = x.operands()[i], &q = y.operands()[i];
    if (p.is_number() != q.is_number() || !p.tensor() != !q.tensor())
      return join("'", x.name(), "' with a tensor where the other run had none");
    if (p.is_number() && p.slot() < 0 && !same_number(p.number(), q.number()))
      return join("'", x.name(), "' with the number ", to_string(p.number()), " in one run and ",
                  to_string(q.number()), " in the next; pass it as a tensor");
    if (p.tensor() && !same_geometry(*p.tensor(), *q.tensor()))
      return join("'", x.name(), "' on shape ", to_string(p.tensor()->shape), " in one run and ",
                  to_string(q.tensor()->shape), " in the next, or on another part of its memory");
    if (a.values[i] != b.values[i])
      return join("'", x.name(), "' on another tensor than in the run before");
  }
  for (int i = 0; i < x.dims().size(); ++i)
    if (x.dims()[i] != y.dims()[i])
      return join("'", x.name(), "' with the number ", x.dims()[i], " in one run and ", y.dims()[i],
                  " in the next");
  for (int i = 0; i < x.scalars().size(); ++i)
    if (!same_bits(x.scalars()[i], y.scalars()[i]))
      return join("'", x.name(), "' with another number (", x.scalars()[i].f, " and ",
                  y.scalars()[i].f, ") in the two runs; pass it as a tensor");
  return "";
}

std::string difference_of(const Value& a, const Value& b) {
  if (a.kind != b.kind || a.source != b.source || a.kept != b.kept ||
      (a.kind == Value::Kind::made && a.bytes != b.bytes))
    return "a tensor that is an argument, a result or made anew in one run and not in the other";
  if (a.kind == Value::Kind::state && a.storage != b.storage)
    return "another tensor from outside; write into one tensor (copy_) instead of replacing it, or "
           "pass it as an argument";
  if (a.kind == Value::Kind::constant &&
      std::memcmp(a.storage->data(), b.storage->data(), a.bytes) != 0)
    return "a tensor made from other numbers; pass them as a tensor";
  return "";
}

bool same_memory(const Tensor& a, const Tensor& b) {
  if (!a.defined() || !b.defined()) return a.defined() == b.defined();
  return a->storage == b->storage && same_geometry(*a.impl(), *b.impl());
}

bool same_window(const Window& a, const Window& b) {
  return a.value == b.value && same_geometry(*a.geometry.impl(), *b.geometry.impl());
}

bool same_events(const TracedGradient& a, const TracedGradient& b) {
  if (a.events.size() != b.events.size()) return false;
  for (int i = 0; i < a.events.size(); ++i) {
    const GradientEvent &x = a.events[i], &y = b.events[i];
    if (x.place != y.place || !x.memory != !y.memory) return false;
    if ((x.memory == a.last_memory) != (y.memory == b.last_memory)) return false;
  }
  return true;
}

}  // namespace

Trace::Trace(Recorder& recorder, const Tensors& inputs, const Tensors& outputs,
             const Tensors& bases, const Tensors& gradients, const Tensors& saved,
             const std::vector<int>& shown)
    : epoch_(recorder.epoch()),
      generators_(recorder.generators()),
      refusal_(recorder.refusal()),
      lost_(recorder.lost()) {
  find_origins(recorder, inputs);
  trace_calls(recorder);
  for (const Tensor& output : outputs) outputs_.push_back({value_of(output), geometry_of(output)});
  results_ = outputs.size();
  // The memory of a tensor that a result is a view of may have been replaced since.
  for (const Tensor& base : bases) value_of(base);
  trace_saved(saved);
  trace_gradients(recorder, inputs, gradients);
  find_constants();
  find_overlaps();
  find_escapes(outputs, bases, gradients, saved, shown);
  let_go();
}

// The number of a block of memory, which may be gone if it was made.
int Trace::value_of(Storage& storage) {
  const auto [known, is_new] = numbers_.try_emplace(&storage, static_cast<int>(values_.size()));
  if (!is_new) return known->second;
  Value value;
  value.kind = storage.epoch() == epoch_ ? Value::Kind::made : Value::Kind::state;
  if (value.kind == Value::Kind::state) value.storage = Ref<Storage>(&storage);
  value.memory = WeakStorage(&storage);
  value.bytes = storage.bytes();
  values_.push_back(std::move(value));
  starts_.push_back(0);
  return known->second;
}

// Memory that a replay finds elsewhere. Windows on it are counted from where the argument's own
// window begins.
void Trace::find_origins(Recorder& recorder, const Tensors& inputs) {
  const auto add = [&](const Tensor& x, Value::Kind kind, int source) {
    const int v = value_of(x);
    if (values_[v].source >= 0) return;  // shares its memory with an earlier one
    values_[v].kind = kind;
    values_[v].source = source;
    starts_[v] = x->offset;
  };
  for (int i = 0; i < inputs.size(); ++i) {
    add(inputs[i], Value::Kind::input, i);
    input_values_.push_back(value_of(inputs[i]));
  }
  for (size_t i = 0; i < recorder.gradients().size(); ++i) {
    const GradientChange& change = recorder.gradients()[i];
    if (change.read_before && change.before.defined())
      add(change.before, Value::Kind::gradient, static_cast<int>(i));
  }
}

void Trace::trace_calls(Recorder& recorder) {
  std::vector<RecordedCall> recorded = recorder.take_calls();
  calls_.reserve(recorded.size());
  values_.reserve(values_.size() + recorded.size());
  numbers_.reserve(values_.size() + recorded.size());
  for (RecordedCall& call : recorded) {
    TracedCall traced{std::move(call), {}, calls_.size()};
    for (int i = 0; i < traced.call.operands().size(); ++i)
      traced.values.push_back(traced.call.operands()[i].tensor() ? value_of(*traced.call.memory(i))
                                                                 : -1);
    calls_.push_back(std::move(traced));
  }
}

void Trace::trace_saved(const Tensors& saved) {
  std::unordered_map<int, int> known;
  for (const Tensor& x : saved) {
    const int v = value_of(x);
    if (values_[v].kind == Value::Kind::gradient)
      refuse("the graph of its result has saved a .grad; compute with a clone() of it");
    if (values_[v].kind != Value::Kind::made) {
      saved_.push_back(-1);
      continue;
    }
    const auto [at, is_new] = known.try_emplace(v, static_cast<int>(outputs_.size()));
    saved_.push_back(at->second);
    if (!is_new) continue;
    const auto bytes = static_cast<int64_t>(values_[v].bytes);
    outputs_.push_back(
        {v, Tensor(new TensorImpl(Ref<Storage>(), DType::uint8, Dims{bytes}, bytes))});
  }
}

bool Trace::writes_outside() const {
  for (const TracedCall& traced : calls_)
    for (int i = 0; i < traced.values.size(); ++i)
      if (traced.values[i] >= 0 && writes(traced.call.kernel(), i) &&
          values_[traced.values[i]].kind != Value::Kind::made)
        return true;
  return false;
}

// What launches read before any has written it was put there by the host.
void Trace::find_constants() {
  std::vector<bool> written(values_.size());
  const auto keep = [](Value& value) {  // a recording has kept it, too, or a result is in it
    value.kind = Value::Kind::constant;
    value.storage = Ref<Storage>(value.memory.get());
  };
  for (Value& value : values_)
    if (value.kind == Value::Kind::made && value.memory.get()->host_filled()) keep(value);
  for (const TracedCall& traced : calls_) {
    const Kernel& kernel = traced.call.kernel();
    for (int i = 0; i < traced.values.size(); ++i) {
      const int v = traced.values[i];
      if (v < 0 || values_[v].kind != Value::Kind::made || written[v] || !reads(kernel, i))
        continue;
      keep(values_[v]);
      if (values_[v].storage->borrowed())
        refuse(join("'", kernel.name,
                    "' reads memory of another library's (from_numpy) that was "
                    "taken in inside the function; pass the tensor as an argument"));
    }
    for (int i = 0; i < traced.values.size(); ++i)
      if (traced.values[i] >= 0 && writes(kernel, i)) {
        if (values_[traced.values[i]].kind == Value::Kind::constant)
          refuse(join("'", kernel.name,
                      "' writes into a tensor made from numbers inside the "
                      "function; make it of zeros() or full(), or pass it as an argument"));
        written[traced.values[i]] = true;
      }
  }
  for (size_t v = 0; v < values_.size(); ++v)
    if (values_[v].kind == Value::Kind::made && !written[v] && values_[v].bytes > 0)
      keep(values_[v]);
  for (const TracedGradient& gradient : gradients_)
    if (gradient.changed && gradient.after &&
        values_[gradient.after->value].kind != Value::Kind::made)
      refuse("the function sets a .grad to a tensor that it has not computed");
}

TracedGradient::Then TracedGradient::at(size_t place) const {
  Then then = Then::before;
  for (const GradientEvent& event : events) {
    if (event.place > place) break;
    // What was there for a while, and is gone in the end, has no memory of its own in a program.
    then = event.memory && event.memory == last_memory ? Then::after : Then::cleared;
  }
  return then;
}

void Trace::trace_gradients(Recorder& recorder, const Tensors& inputs, const Tensors& gradients) {
  std::unordered_map<const TensorImpl*, int> places;
  for (int k = 0; k < inputs.size(); ++k) places[inputs[k].impl()] = k;
  for (size_t i = 0; i < recorder.gradients().size(); ++i) {
    const GradientChange& change = recorder.gradients()[i];
    const Tensor& now = gradients[static_cast<int64_t>(i)];
    TracedGradient traced{change.leaf,
                          -1,
                          -1,
                          Tensor(),
                          change.read_before,
                          std::nullopt,
                          false,
                          change.events,
                          now.defined() ? now->storage->id() : 0};
    if (change.read_before && change.before.defined()) {
      traced.before = geometry_of(change.before);
      traced.before_value = value_of(change.before);
    }
    // Clearing a .grad that was not there is a change, too: next time it may be.
    traced.changed = !change.read_before || !same_memory(now, change.before);
    if (now.defined()) traced.after = Window{value_of(now), geometry_of(now)};
    if (const auto place = places.find(change.leaf.impl()); place != places.end())
      traced.input = place->second;
    // Held by its slot and by the list here; a third would see a .grad that replays do not touch.
    if (traced.changed && now.defined() && now->references() > 2 && now->python)
      refuse("a .grad is kept by someone after the function has ended; read it from the parameter");
    gradients_.push_back(std::move(traced));
  }
}

// Two storages on one memory, as from_numpy makes them of one array: launches of one would pass
// those of the other.
void Trace::find_overlaps() {
  SmallVector<const Storage*, 8> there;
  bool borrowed = false;
  for (const Value& value : values_) {
    if (!value.memory.get()->data()) continue;
    there.push_back(value.memory.get());
    borrowed |= there.back()->borrowed();
  }
  if (borrowed && any_overlap(std::move(there)))
    refuse("two tensors share the memory of one NumPy array; use one tensor and views of it");
}

// Made memory that someone outside still holds would be expected to follow, and cannot.
void Trace::find_escapes(const Tensors& outputs, const Tensors& bases, const Tensors& gradients,
                         const Tensors& saved, const std::vector<int>& shown) {
  std::vector<int64_t> ours(values_.size(), 0);
  for (const TracedCall& traced : calls_)
    for (int i = 0; i < traced.values.size(); ++i)
      if (traced.values[i] >= 0 && traced.call.operands()[i].tensor()->storage)
        ++ours[traced.values[i]];
  std::unordered_set<const TensorImpl*> seen;
  const auto leaves = [&](const Tensor& x, int v) {
    if (!seen.insert(x.impl()).second) return;
    ++ours[v];
    values_[v].kept = values_[v].kind == Value::Kind::made;
  };
  for (int i = 0; i < outputs.size(); ++i) leaves(outputs[i], outputs_[i].value);
  for (int i : shown) ++ours[outputs_.at(static_cast<size_t>(i)).value];
  for (const Tensor& base : bases) leaves(base, value_of(base));
  for (const Tensor& x : saved) leaves(x, value_of(x));
  for (size_t i = 0; i < gradients_.size(); ++i)
    if (gradients_[i].after) leaves(gradients[static_cast<int64_t>(i)], gradients_[i].after->value);
  std::vector<const char*> writer(values_.size(), nullptr);
  for (const TracedCall& traced : calls_)
    for (int i = 0; i < traced.values.size(); ++i)
      if (traced.values[i] >= 0 && writes(traced.call.kernel(), i))
        writer[traced.values[i]] = traced.call.name();
  for (size_t v = 0; v < values_.size(); ++v) {
    if (values_[v].kind != Value::Kind::made || values_[v].memory.get()->references() <= ours[v])
      continue;
    refuse(join("what '", writer[v] ? writer[v] : "a launch",
                "' computed is kept by someone after the function has ended (in an attribute, a "
                "list or a graph that backward has not used up); return it instead, write it into "
                "an existing tensor with copy_, or call backward inside"));
  }
}

// From here on the memory of what was made is no one's: only its geometry stays.
void Trace::let_go() {
  numbers_.clear();
  for (TracedCall& traced : calls_) {
    traced.call.let_go();
    for (int i = 0; i < traced.values.size(); ++i)
      if (traced.values[i] >= 0)
        traced.call.operands()[i].tensor()->offset -= starts_[traced.values[i]];
  }
  for (TracedGradient& gradient : gradients_)
    if (gradient.before_value >= 0) gradient.before->offset -= starts_[gradient.before_value];
  for (size_t v = 0; v < values_.size(); ++v)
    sources_.push_back(values_[v].source >= 0 ? Pin{values_[v].memory.get()->id(), starts_[v]}
                                              : Pin());
  for (Window& output : outputs_) output.geometry->offset -= starts_[output.value];
  for (Value& value : values_) {
    value.memory = WeakStorage();
    if (value.kind != Value::Kind::state && value.kind != Value::Kind::constant)
      value.storage = Ref<Storage>();
  }
}

int Trace::other_number(const Trace& other) const {
  const size_t count = std::min(calls_.size(), other.calls_.size());
  for (size_t i = 0; i < count; ++i) {
    const RecordedCall &x = calls_[i].call, &y = other.calls_[i].call;
    if (&x.kernel() != &y.kernel() || x.operands().size() != y.operands().size() ||
        x.scalars().size() != y.scalars().size())
      return -1;
    for (int j = 0; j < x.operands().size(); ++j) {
      const Operand &p = x.operands()[j], &q = y.operands()[j];
      const bool numbers = p.is_number() && q.is_number() && p.slot() < 0;
      if (numbers && !same_number(p.number(), q.number())) return static_cast<int>(i);
    }
    for (int j = 0; j < x.scalars().size(); ++j)
      if (!same_bits(x.scalars()[j], y.scalars()[j])) return static_cast<int>(i);
  }
  return -1;
}

std::string Trace::pattern() const {
  std::string text;
  for (const TracedGradient& gradient : gradients_)
    text += !gradient.guarded ? '-' : gradient.before.defined() ? '1' : '0';
  return text;
}

std::string Trace::difference(const Trace& other) const {
  if (generators_ != other.generators_)
    return "the Generators drawn from are others than in the run before; make them outside";
  const size_t count = std::min(calls_.size(), other.calls_.size());
  for (size_t i = 0; i < count; ++i) {
    const std::string found = difference_of(calls_[i], other.calls_[i]);
    if (!found.empty()) return join("launch ", i + 1, " is ", found);
  }
  if (calls_.size() != other.calls_.size())
    return join(calls_.size(), " launches in one run and ", other.calls_.size(), " in the next");
  if (values_.size() != other.values_.size() || outputs_.size() != other.outputs_.size() ||
      gradients_.size() != other.gradients_.size())
    return "another number of tensors, results or gradients";
  for (size_t i = 0; i < values_.size(); ++i) {
    const std::string found = difference_of(values_[i], other.values_[i]);
    if (!found.empty()) return found;
  }
  for (size_t i = 0; i < outputs_.size(); ++i)
    if (!same_window(outputs_[i], other.outputs_[i])) return "another result";
  for (size_t i = 0; i < gradients_.size(); ++i) {
    const TracedGradient &a = gradients_[i], &b = other.gradients_[i];
    if (a.before_value != b.before_value) return "gradients that share memory in one run only";
    const bool leaf = a.input >= 0 ? a.input == b.input : a.leaf.same(b.leaf);
    if (!leaf || a.guarded != b.guarded || a.changed != b.changed ||
        a.after.has_value() != b.after.has_value() ||
        (a.after && !same_window(*a.after, *b.after)) || !same_events(a, b))
      return "another way of leaving the gradients";
    if (a.guarded && (a.before.defined() != b.before.defined() ||
                      (a.before.defined() && a.before->strides != b.before->strides)))
      return "a .grad that was there before in one run and not in the other";
  }
  return "";
}

}  // namespace steep::program
