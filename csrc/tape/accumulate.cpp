#include "tape/accumulate.h"

#include <utility>

#include "program/record/recorder.h"
#include "tensor/shape.h"
#include "tensor/word_lock.h"

namespace steep::tape {

namespace {

// Whether a gradient may be kept without a copy because nothing else can see its memory: the only
// two references are the caller's and the walk's.
bool can_keep(const Tensor& grad) {
  return grad->references() <= 2 && grad->storage->references() == 1 && grad.is_contiguous();
}

thread_local Accumulations* t_accumulations = nullptr;

class AccumulateGrad final : public Node {
 public:
  explicit AccumulateGrad(const Tensor& x) : Node("AccumulateGrad", 1), x_(x) {
    history(x)->accumulator = this;
  }
  ~AccumulateGrad() override {
    // If the destruction of this one was put off, the leaf may have another by now.
    if (history(x_)->accumulator == this) history(x_)->accumulator = nullptr;
    if (find_extras()) take_back_hooks(*find_extras());
  }
  void call_hooks(Tensor* grads) override {
    if (grads[0].defined()) call_each(history(x_)->hooks, grads[0]);
  }
  void apply(const Tensor* grads, Grads&) override {
    Tensor grad = grads[0];
    if (!grad.defined()) return;
    const bool ours = can_keep(grad);
    Accumulations::add(x_, std::move(grad), ours);
  }
  void release() override {}  // holds nothing that backward uses up
  TensorImpl* leaf() const override { return x_.impl(); }

 private:
  // Hooks of a node end with it, also those that the leaf keeps for this one.
  void take_back_hooks(const NodeExtras& extras) {
    for (const uint64_t id : extras.given_to_leaf)
      for (const auto& list : {history(x_)->hooks, history(x_)->post_hooks})
        for (size_t i = 0; list && i < list->size(); ++i)
          if ((*list)[i].id == id) {
            const Hook dying = std::move((*list)[i]);  // its end may run code
            list->erase(list->begin() + static_cast<int64_t>(i));
            break;
          }
  }

  Tensor x_;
};

// The leaf or its .grad may have got data of another shape since the forward pass.
void check_fits(const char* what, const Tensor& there, const Tensor& grad) {
  if (there.shape() == grad.shape() && there.dtype() == grad.dtype()) return;
  throw Error(ErrorKind::runtime,
              join("backward: expected ", what, " of shape ", to_string(grad.shape()),
                   " and dtype ", name(grad.dtype()), ", those of the forward pass, got ",
                   to_string(there.shape()), " and ", name(there.dtype()),
                   "; call backward before `.data = ...`, and zero_grad() after it"));
}

}  // namespace

Ref<Node> accumulator_of(const Tensor& x) {
  History& h = ensure_history(x);
  // One without references is being destroyed.
  const bool alive = h.accumulator && h.accumulator->references() > 0;
  return Ref<Node>(alive ? h.accumulator : new AccumulateGrad(x));
}

Accumulations::Accumulations() : before_(std::exchange(t_accumulations, this)) {}
Accumulations::~Accumulations() { t_accumulations = before_; }

void Accumulations::add(const Tensor& x, Tensor grad, bool ours) {
  check_fits("a leaf", x, grad);
  const Tensor before = ensure_history(x).grad;
  program::note_gradient(x, before, true);
  Accumulation made{x, std::move(grad), before, {}};
  if (before.defined()) check_fits("its .grad", before, made.grad);
  if (!before.defined()) {
    made.after = grad_enabled() || ours ? made.grad : primitives.clone(made.grad);
  } else if (grad_enabled()) {
    made.after = primitives.add(before, made.grad);
  } else {
    check_writable("backward", before);
    if (before->storage == made.grad->storage) made.grad = primitives.clone(made.grad);
  }
  t_accumulations->list_.push_back(std::move(made));
}

void Accumulations::put(Accumulation& made) {
  History& h = *history(made.x);
  // Destroyed after the lock is released, because destroying either may run code. `target` also
  // keeps the gradient alive if another thread takes it out of .grad.
  Tensor superseded, target;
  const WordLock lock(h.grad_lock);
  if (!h.grad.same(made.before)) {  // a hook or another thread has replaced it meanwhile
    if (h.grad.defined()) check_fits("its .grad", h.grad, made.grad);
    superseded = std::move(made.after);
    target = h.grad;
    made.after = target.defined() ? primitives.add(target, made.grad) : made.grad;
  }
  if (made.after.defined()) {
    program::note_new_gradient(made.x, made.after);
    std::swap(h.grad, made.after);  // the old one is destroyed with the list: that may run code
  } else {
    target = h.grad;
    primitives.add_into(target, made.grad);
  }
}

void Accumulations::finish() {
  for (Accumulation& made : list_) put(made);
  for (Accumulation& made : list_) {
    const auto hooks = history(made.x)->post_hooks;
    const Tensor arrived = hooks && !hooks->empty() ? std::move(made.grad) : Tensor();
    made = {made.x, {}, {}, {}};  // so that only .grad holds what went there
    if (hooks)
      for (const Hook& hook : Hooks(*hooks)) hook.call(made.x, arrived);
  }
}

void accumulate_grad(const Tensor& x, Tensor grad) {
  const bool ours = can_keep(grad);
  Accumulations one;
  Accumulations::add(x, std::move(grad), ours);
  one.finish();
}

}  // namespace steep::tape
