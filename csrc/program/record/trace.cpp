#include "program/record/trace.h"

#include <algorithm>
#include <cstring>
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

Ref<Storage> copy_of(const Storage& memory) {
  Ref<Storage> copy = Storage::allocate(memory.bytes());
  std::memcpy(copy->data(), memory.data(), memory.bytes());
  return copy;
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
    : memory_(&recorder.memory()),
      has_memory_(!recorder.lets_go()),
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

// Numbers a block of memory; one that was made may have gone.
int Trace::add_value(size_t block) {
  const RecordedMemory::Block& known = memory_->blocks()[block];
  values_.emplace_back();
  Value& value = values_.back();
  value.kind = known.made ? Value::Kind::made : Value::Kind::state;
  if (!known.made) value.storage = known.held;
  value.bytes = known.bytes;
  if (block >= numbers_.size()) numbers_.resize(memory_->blocks().size(), -1);
  numbers_[block] = static_cast<int>(values_.size()) - 1;
  starts_.push_back(0);
  blocks_.push_back(block);
  return numbers_[block];
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
  calls_ = recorder.take_calls();
  values_.reserve(memory_->blocks().size());
  blocks_.reserve(memory_->blocks().size());
  starts_.reserve(memory_->blocks().size());
  for (TracedCall& traced : calls_) {
    int* const end = traced.values.end();
    for (int* value = traced.values.begin(); value != end; ++value)
      if (*value >= 0) *value = value_of_block(*value);
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
  bool outside = false;
  for (const TracedCall& traced : calls_)
    traced.call.each_written([&](int i) {
      const int v = traced.values[i];
      outside |= v >= 0 && values_[v].kind != Value::Kind::made;
    });
  return outside;
}

// Where there is no element, there is nothing that a launch could have missed.
bool Trace::may_be_filled(size_t value) const {
  return values_[value].kind == Value::Kind::made && values_[value].bytes > 0;
}

// Makes a value a constant. Its memory still exists: the recording has kept it, or a result lies in
// it.
void Trace::keep(size_t value) {
  values_[value].kind = Value::Kind::constant;
  values_[value].storage = Ref<Storage>(block_of(value).storage());
}

// Finds constants: values that launches read before any has written them were written by the host.
void Trace::find_constants() {
  if (memory_->has_filled()) find_filled();
  for (size_t v = 0; v < values_.size(); ++v)
    if (may_be_filled(v) && !block_of(v).written) keep(v);
  for (const TracedGradient& gradient : gradients_)
    if (gradient.changed && gradient.after &&
        values_[gradient.after->value].kind != Value::Kind::made)
      refuse("it sets a .grad to a tensor that it did not compute; assign a clone()");
}

void Trace::find_filled() {
  for (size_t v = 0; v < values_.size(); ++v)
    if (may_be_filled(v) && (block_of(v).filled || block_of(v).read_first)) keep(v);
  for (const TracedCall& traced : calls_)
    for (int i = 0; i < traced.values.size(); ++i) {
      const int v = traced.values[i];
      if (v < 0 || values_[v].kind != Value::Kind::constant) continue;
      if (traced.call.reads(i) && !block_of(v).filled && values_[v].storage->borrowed())
        refuse(join("'", traced.call.name(),
                    "' reads memory of another library (from_numpy) that the function obtains "
                    "itself; pass the tensor as an argument"));
      if (traced.call.writes(i))
        refuse(join("'", traced.call.name(),
                    "' writes to a tensor that the function makes from Python numbers; create it "
                    "with zeros() or full(), or pass it as an argument"));
    }
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
  for (size_t block : blocks_) {
    const Storage* const storage = memory_->blocks()[block].storage();
    if (!storage || !storage->data()) continue;
    there.push_back(storage);
    borrowed |= storage->borrowed();
  }
  if (borrowed && any_overlap(std::move(there)))
    refuse("two tensors share the memory of one NumPy array; use one tensor and views of it");
}

// Refuses made memory that something outside still holds, because replays would not update it.
void Trace::find_escapes(const Tensors& outputs, const Tensors& bases, const Tensors& gradients,
                         const Tensors& saved, const std::vector<int>& shown) {
  std::vector<int64_t> ours(values_.size(), 0);
  for (size_t v = 0; v < values_.size(); ++v) ours[v] = block_of(v).held ? 1 : 0;
  if (has_memory_)
    for (const TracedCall& traced : calls_)
      for (int i = 0; i < traced.values.size(); ++i)
        if (traced.values[i] >= 0) ++ours[traced.values[i]];
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
  for (size_t v = 0; v < values_.size(); ++v) {
    const Storage* const storage = block_of(v).storage();
    if (values_[v].kind != Value::Kind::made || !storage || storage->references() <= ours[v])
      continue;
    refuse(join("what '", last_writer(static_cast<int>(v)),
                "' computed is still held after the call (by an attribute, a list or a graph that "
                "backward has not freed); return it, write it to an existing tensor with copy_, or "
                "call backward inside"));
  }
}

// The name of the last launch that writes to a value.
const char* Trace::last_writer(int value) const {
  const char* name = "a launch";
  for (const TracedCall& traced : calls_)
    for (int i = 0; i < traced.values.size(); ++i)
      if (traced.values[i] == value && traced.call.writes(i)) name = traced.call.name();
  return name;
}

// Drops the memory of what was made; only geometry stays, and what constants hold.
void Trace::let_go() {
  const bool moved =
      std::any_of(starts_.begin(), starts_.end(), [](int64_t at) { return at != 0; });
  if (moved || has_memory_) let_go_of_operands();
  for (TracedGradient& gradient : gradients_)
    if (gradient.before_value >= 0) gradient.before->offset -= starts_[gradient.before_value];
  sources_.resize(values_.size());
  for (size_t v = 0; v < values_.size(); ++v)
    if (values_[v].source >= 0) sources_[v] = Pin{block_of(v).storage()->id(), starts_[v]};
  for (TracedView& output : outputs_) output.geometry->offset -= starts_[output.value];
  for (Value& value : values_) {
    if (value.kind == Value::Kind::constant) {
      value.storage = copy_of(*value.storage);  // the caller may have it, and write to it
    } else if (value.kind != Value::Kind::state) {
      value.storage = Ref<Storage>();
    }
  }
  memory_->let_go();
  memory_ = nullptr;
  numbers_ = {};
  blocks_ = {};
}

// Offsets of operands count from where an argument begins.
void Trace::let_go_of_operands() {
  for (TracedCall& traced : calls_)
    for (int i = 0; i < traced.values.size(); ++i) {
      const int v = traced.values[i];
      const TensorImpl* const x = traced.call.operands()[i].tensor();
      if (v < 0 || (!x->storage && starts_[v] == 0)) continue;
      Tensor view(
          new TensorImpl(Ref<Storage>(), x->dtype, x->shape, x->strides, x->offset - starts_[v]));
      view->own_versions = x->own_versions;
      traced.call.replace(i, view);
    }
}

std::string Trace::pattern() const {
  std::string text;
  for (const TracedGradient& gradient : gradients_)
    text += !gradient.guarded ? '-' : gradient.before.defined() ? '1' : '0';
  return text;
}

}  // namespace steep::program
