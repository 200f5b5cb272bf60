#include "program/replay/gradients.h"

#include <algorithm>

#include "program/replay/replay.h"

namespace steep::program {

namespace {

bool fits_layout(const Tensor& x, const Tensor& recorded) {
  if (!x.defined() || !recorded.defined()) return x.defined() == recorded.defined();
  return x.dtype() == recorded.dtype() && x.shape() == recorded.shape() &&
         x.strides() == recorded.strides();
}

// By value: the launch of the next step that may refuse its input, after the value is first
// written.
std::vector<size_t> next_refusals(const Plan& plan) {
  std::vector<size_t> out(plan.values.size(), SIZE_MAX);
  size_t next = SIZE_MAX;
  for (size_t s = plan.steps.size(); s-- > 0;) {
    const Step& step = plan.steps[s];
    for (int at : step.calls) {
      const TracedCall& traced = plan.calls[at];
      for (int i = 0; i < traced.values.size(); ++i)
        if (const int v = traced.values[i]; v >= 0 && traced.call.writes(i)) out[v] = next;
    }
    if (may_refuse(plan, step)) next = plan.calls[step.calls[0]].launch_index;
  }
  return out;
}

}  // namespace

// If a check fails before a .grad has changed, that must still have the values of the last run, so
// no step before the check may write to its memory. And if the leaf is an argument, the next call's
// is another leaf, and this one keeps its gradient.
GradientProtocol::GradientProtocol(const Plan& plan) : list_(plan.gradients) {
  if (list_.empty()) return;
  made_.resize(static_cast<int>(list_.size()));
  const std::vector<size_t> refusals = next_refusals(plan);
  for (size_t i = 0; i < list_.size(); ++i) {
    const TracedGradient& gradient = list_[i];
    const bool may_stay = gradient.after && !gradient.events.empty() &&
                          refusals[gradient.after->value] < gradient.events[0].launch_index;
    if (gradient.input >= 0) pinned_leaves_.push_back(i);
    if (gradient.input >= 0 || may_stay) let_go_.push_back(static_cast<int>(i));
  }
}

int GradientProtocol::most_inputs() const {
  int most = 0;
  for (const TracedGradient& gradient : list_) most = std::max(most, gradient.input + 1);
  return most;
}

void GradientProtocol::unpin(const Trace& trace) {
  const auto is_another = [&](size_t i) { return !list_[i].leaf.same(trace.gradients()[i].leaf); };
  pinned_leaves_.erase(std::remove_if(pinned_leaves_.begin(), pinned_leaves_.end(), is_another),
                       pinned_leaves_.end());
}

bool GradientProtocol::fits(const Tensors& inputs, const Tensors& before) const {
  for (int i = 0; i < size(); ++i)
    if (list_[i].guarded && !fits_layout(before[i], list_[i].before)) return false;
  return std::all_of(pinned_leaves_.begin(), pinned_leaves_.end(),
                     [&](size_t i) { return inputs[list_[i].input].same(list_[i].leaf); });
}

Tensors GradientProtocol::before(const Tensors& inputs, const LeafGradients& leaves) const {
  Tensors out;
  out.reserve(size());
  for (int i = 0; i < size(); ++i)
    out.push_back(list_[i].guarded ? leaves.find(leaf(i, inputs)) : Tensor());
  return out;
}

bool GradientProtocol::is_before(const Tensors& before, const Tensors& inputs,
                                 const LeafGradients& leaves) const {
  for (int i = 0; i < size(); ++i)
    if (list_[i].guarded && !before[i].same(leaves.find(leaf(i, inputs)))) return false;
  return true;
}

void GradientProtocol::keep_in_place(const Tensors& inputs, const LeafGradients& leaves) {
  for (int i = 0; i < size(); ++i)
    if (made_[i].defined() && !made_[i].same(leaves.find(leaf(i, inputs)))) made_[i].reset();
}

void GradientProtocol::count_holders(const Tensors& before, std::vector<int64_t>& holders) const {
  for (int i = 0; i < size(); ++i) {
    // Held here, by the leaf, and perhaps in `before`. Another reference means that someone keeps
    // the tensor, which must then stay as it is.
    const int known = before[i].same(made_[i]) ? 3 : 2;
    if (made_[i].defined() && made_[i]->references() <= known) ++holders[list_[i].after->value];
  }
}

void GradientProtocol::make(const std::vector<Ref<Storage>>& kept) {
  for (int i = 0; i < size(); ++i) {
    const TracedGradient& traced = list_[i];
    if (!traced.changed || !traced.after) continue;
    const Ref<Storage>& storage = kept[traced.after->value];
    if (made_[i].defined() && made_[i]->storage == storage) continue;
    made_[i] = traced.after->on(storage);
  }
}

void GradientProtocol::forget_inputs() {
  for (const int i : let_go_) made_[i].reset();
}

void GradientProtocol::let_go() {
  for (int i = 0; i < size(); ++i) made_[i].reset();
}

GradientProtocol::Then GradientProtocol::then(const TracedGradient& gradient, size_t launches) {
  Then then = Then::before;
  for (const GradientEvent& event : gradient.events) {
    if (event.launch_index > launches) break;
    // A gradient that existed only for a while has no memory in a program.
    then = event.memory && event.memory == gradient.last_memory ? Then::after : Then::cleared;
  }
  return then;
}

WordLocks::Words GradientProtocol::make_room(const Tensors& inputs,
                                             const LeafGradients& leaves) const {
  WordLocks::Words words;
  for (int i = 0; i < size(); ++i)
    if (list_[i].changed || list_[i].guarded) words.push_back(leaves.field(leaf(i, inputs)).lock);
  return words;
}

void GradientProtocol::leave(const Tensors& inputs, const LeafGradients& leaves,
                             Tensors& old) const {
  for (int i = 0; i < size(); ++i) {
    if (!list_[i].changed) continue;
    Tensor& grad = *leaves.field(leaf(i, inputs)).grad;
    if (!grad.same(made_[i])) old[i] = std::exchange(grad, made_[i]);
  }
}

void GradientProtocol::leave_so_far(size_t launches, const Tensors& inputs,
                                    const LeafGradients& leaves, Tensors& old) const {
  for (int i = 0; i < size(); ++i) {
    const Then now = then(list_[i], launches);
    if (!list_[i].changed || now == Then::before) continue;
    Tensor& grad = *leaves.field(leaf(i, inputs)).grad;
    old[i] = std::exchange(grad, now == Then::after ? made_[i] : Tensor());
  }
}

GradientRun::GradientRun(Program& program, const Tensors& inputs, const LeafGradients& leaves)
    : program_(program),
      gradients_(program.gradients()),
      inputs_(inputs),
      leaves_(leaves),
      before_(gradients_.before(inputs, leaves)) {
  program.gradients().keep_in_place(inputs, leaves);
}

void GradientRun::make_room() {
  words_ = gradients_.make_room(inputs_, leaves_);
  old_.resize(gradients_.size());
}

GradientRun::Begun GradientRun::begin() {
  locks_.emplace(words_);
  if (locks_->refused()) return Begun::busy;
  if (gradients_.is_before(before_, inputs_, leaves_)) return Begun::yes;
  locks_.reset();
  return Begun::changed;
}

void GradientRun::run() {
  try {
    program_.run();
  } catch (...) {
    gradients_.leave_so_far(program_.failed_at(), inputs_, leaves_, old_);
    locks_.reset();
    throw;
  }
  gradients_.leave(inputs_, leaves_, old_);
  locks_.reset();
}

}  // namespace steep::program
