#include "program/record/trace.h"

#include <algorithm>
#include <unordered_set>

#include "program/record/overlap.h"

namespace steep::program {

namespace {

// A view of the same geometry without storage: all that a plan needs to know of a tensor whose
// memory it will choose.
Tensor geometry_of(const Tensor& x) {
  Tensor view = alias(x);
  view->storage = Ref<Storage>();
  return view;
}

bool same_memory(const Tensor& a, const Tensor& b) {
  if (!a.defined() || !b.defined()) return a.defined() == b.defined();
  return a->storage == b->storage && same_geometry(*a.impl(), *b.impl());
}

}  // namespace

Tensor TracedView::on(const Ref<Storage>& storage) const {
  const TensorImpl& x = *geometry.impl();
  return Tensor(new TensorImpl(storage, x.dtype, x.shape, x.strides, x.offset));
}

Trace::Trace(Recorder& recorder, const Tensors& inputs, const Tensors& outputs,
             const Tensors& bases, const Tensors& gradients, const Tensors& saved,
             const std::vector<int>& shown)
    : made_(&recorder.made()),
      generators_(recorder.generators()),
      refusal_(recorder.refusal()),
      lost_(recorder.lost()) {
  find_origins(recorder, inputs);
  trace_calls(recorder);
  for (const Tensor& output : outputs) outputs_.push_back({value_of(output), geometry_of(output)});
  results_ = outputs.size();
  // A base may have been given other memory since, which is then a value as well.
  for (const Tensor& base : bases) value_of(base);
  trace_saved(saved);
  trace_gradients(recorder, inputs, gradients);
  find_constants();
  find_overlaps();
  find_escapes(outputs, bases, gradients, saved, shown);
  let_go();
}

// The number of a block of memory, -1 at first.
int& Trace::number_of(const Storage& storage) {
  if (!made_->has(storage)) return numbers_.try_emplace(&storage, -1).first->second;
  const size_t index = made_->index(storage);
  if (index >= made_numbers_.size()) made_numbers_.resize(index + 1, -1);
  return made_numbers_[index];
}

// The number of a block of memory; a block that was made may have been freed.
int Trace::value_of(Storage& storage) {
  int& number = number_of(storage);
  if (number >= 0) return number;
  Value value;
  value.kind = made_->has(storage) ? Value::Kind::made : Value::Kind::state;
  if (value.kind == Value::Kind::state) value.storage = Ref<Storage>(&storage);
  value.memory = WeakStorage(&storage);
  value.bytes = storage.bytes();
  number = static_cast<int>(values_.size());
  values_.push_back(std::move(value));
  starts_.push_back(0);
  return number;
}

// Finds the memory that each replay gets anew. Offsets of views on it count from where the argument
// begins.
void Trace::find_origins(Recorder& recorder, const Tensors& inputs) {
  const auto add = [&](const Tensor& x, Value::Kind kind, int source) {
    const int v = value_of(x);
    if (values_[v].source >= 0) return;  // shares memory with an earlier one
    values_[v].kind = kind;
    values_[v].source = source;
    starts_[v] = x->offset;
  };
  for (int i = 0; i < inputs.size(); ++i) {
    add(inputs[i], Value::Kind::input, i);
    input_values_.push_back(value_of(inputs[i]));
  }
  const std::vector<GradientChange>& changes = recorder.gradients().changes();
  for (size_t i = 0; i < changes.size(); ++i) {
    const GradientChange& change = changes[i];
    if (change.read_before && change.before.defined())
      add(change.before, Value::Kind::gradient, static_cast<int>(i));
  }
}

void Trace::trace_calls(Recorder& recorder) {
  std::vector<RecordedCall> recorded = recorder.take_calls();
  calls_.reserve(recorded.size());
  values_.reserve(values_.size() + recorded.size());
  Storage* const* memory = recorder.memory().data();
  for (RecordedCall& call : recorded) {
    calls_.push_back({std::move(call), {}, calls_.size()});
    TracedCall& traced = calls_.back();
    const int operands = traced.call.operands().size();
    traced.values.reserve(operands);
    for (int i = 0; i < operands; ++i, ++memory)
      traced.values.push_back(*memory ? value_of(**memory) : -1);
  }
}

void Trace::trace_saved(const Tensors& saved) {
  std::unordered_map<int, int> known;
  for (const Tensor& x : saved) {
    const int v = value_of(x);
    if (values_[v].kind == Value::Kind::gradient)
      refuse("the graph of its result refers to a .grad; compute with a clone() of it");
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

// Finds constants: values that launches read before any has written them were written by the host.
void Trace::find_constants() {
  std::vector<bool> written(values_.size());
  const auto keep =
      [](Value&
             value) {  // its memory still exists: the recording has kept it, or a result lies in it
        value.kind = Value::Kind::constant;
        value.storage = Ref<Storage>(value.memory.get());
      };
  // Where there is no element, there is nothing that a launch could have missed.
  const auto may_be = [](const Value& value) {
    return value.kind == Value::Kind::made && value.bytes > 0;
  };
  for (Value& value : values_)
    if (may_be(value) && made_->is_filled(*value.memory.get())) keep(value);
  for (const TracedCall& traced : calls_) {
    const Kernel& kernel = traced.call.kernel();
    for (int i = 0; i < traced.values.size(); ++i) {
      const int v = traced.values[i];
      if (v < 0 || !may_be(values_[v]) || written[v] || !reads(kernel, i)) continue;
      keep(values_[v]);
      if (values_[v].storage->borrowed())
        refuse(join("'", kernel.name,
                    "' reads memory of another library (from_numpy) that the function obtains "
                    "itself; pass the tensor as an argument"));
    }
    for (int i = 0; i < traced.values.size(); ++i)
      if (traced.values[i] >= 0 && writes(kernel, i)) {
        if (values_[traced.values[i]].kind == Value::Kind::constant)
          refuse(join("'", kernel.name,
                      "' writes to a tensor that the function makes from Python numbers; create it "
                      "with zeros() or full(), or pass it as an argument"));
        written[traced.values[i]] = true;
      }
  }
  for (size_t v = 0; v < values_.size(); ++v)
    if (may_be(values_[v]) && !written[v]) keep(values_[v]);
  for (const TracedGradient& gradient : gradients_)
    if (gradient.changed && gradient.after &&
        values_[gradient.after->value].kind != Value::Kind::made)
      refuse("it sets a .grad to a tensor that it did not compute; assign a clone()");
}

void Trace::trace_gradients(Recorder& recorder, const Tensors& inputs, const Tensors& gradients) {
  std::unordered_map<const TensorImpl*, int> inputs_by_tensor;
  for (int k = 0; k < inputs.size(); ++k) inputs_by_tensor[inputs[k].impl()] = k;
  const std::vector<GradientChange>& changes = recorder.gradients().changes();
  for (size_t i = 0; i < changes.size(); ++i) {
    const GradientChange& change = changes[i];
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
    // Clearing a .grad that was None counts as a change: next time there may be one.
    traced.changed = !change.read_before || !same_memory(now, change.before);
    if (now.defined()) traced.after = TracedView{value_of(now), geometry_of(now)};
    if (const auto found = inputs_by_tensor.find(change.leaf.impl());
        found != inputs_by_tensor.end())
      traced.input = found->second;
    // A Python object for it means that someone holds a .grad that replays would not update.
    if (traced.changed && now.defined() && now->python)
      refuse(
          "a .grad is also kept elsewhere, where a replay would not update it; read it from the "
          "parameter");
    gradients_.push_back(std::move(traced));
  }
}

// Refuses two storages on the same memory, as from_numpy makes from one array: launches on one
// might be reordered with launches on the other.
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

// Refuses made memory that something outside still holds, because replays would not update it.
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
                "' computed is still held after the call (by an attribute, a list or a graph that "
                "backward has not freed); return it, write it to an existing tensor with copy_, or "
                "call backward inside"));
  }
}

// Drops the memory of what was made; only geometry stays.
void Trace::let_go() {
  made_ = nullptr;
  made_numbers_.clear();
  numbers_.clear();
  for (TracedCall& traced : calls_)
    for (int i = 0; i < traced.values.size(); ++i) {
      if (traced.values[i] < 0) continue;
      TensorImpl& x = *traced.call.operands()[i].tensor();
      if (!x.storage) continue;  // made: it begins where its memory does, and others may share it
      x.storage = Ref<Storage>();
      x.offset -= starts_[traced.values[i]];
    }
  for (TracedGradient& gradient : gradients_)
    if (gradient.before_value >= 0) gradient.before->offset -= starts_[gradient.before_value];
  for (size_t v = 0; v < values_.size(); ++v)
    sources_.push_back(values_[v].source >= 0 ? Pin{values_[v].memory.get()->id(), starts_[v]}
                                              : Pin());
  for (TracedView& output : outputs_) output.geometry->offset -= starts_[output.value];
  for (Value& value : values_) {
    value.memory = WeakStorage();
    if (value.kind != Value::Kind::state && value.kind != Value::Kind::constant)
      value.storage = Ref<Storage>();
  }
}

std::string Trace::pattern() const {
  std::string text;
  for (const TracedGradient& gradient : gradients_)
    text += !gradient.guarded ? '-' : gradient.before.defined() ? '1' : '0';
  return text;
}

}  // namespace steep::program
