#include "tape/accumulate.h"

#include "program/recorder.h"

namespace steep::tape {

namespace {

class AccumulateGrad final : public Node {
 public:
  explicit AccumulateGrad(const Tensor& x) : Node("AccumulateGrad", 1), x_(x) {
    history(x)->accumulator = this;
  }
  ~AccumulateGrad() override { history(x_)->accumulator = nullptr; }
  void apply(const Tensor* grads, Grads&) override {
    Tensor grad = grads[0];
    if (!grad.defined()) return;
    if (const auto hooks = history(x_)->hooks) {
      for (const Hook& hook : Hooks(*hooks))
        if (Tensor changed = hook.call(grad); changed.defined()) grad = changed;
    }
    accumulate_grad(x_, std::move(grad));
  }
  void release() override {}  // holds nothing that backward uses up

 private:
  Tensor x_;
};

}  // namespace

Ref<Node> accumulator_of(const Tensor& x) {
  History& h = ensure_history(x);
  return Ref<Node>(h.accumulator ? h.accumulator : new AccumulateGrad(x));
}

void accumulate_grad(const Tensor& x, Tensor grad) {
  Tensor& slot = ensure_history(x).grad;
  program::note_gradient(x, slot, true);
  if (slot.defined()) {
    if (grad_enabled()) {
      slot = primitives.add(slot, grad);
    } else {
      primitives.add_into(slot, grad);
    }
    return;
  }
  // The caller's reference and the walk's are the only two when no one else can see the memory.
  const bool ours =
      grad->references() <= 2 && grad->storage->references() == 1 && grad.is_contiguous();
  slot = grad_enabled() || ours ? grad : primitives.clone(grad);
}

}  // namespace steep::tape
