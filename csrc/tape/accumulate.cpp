#include "tape/accumulate.h"

#include "program/recorder.h"
#include "tape/turn.h"
#include "tensor/shape.h"

namespace steep::tape {

namespace {

class AccumulateGrad final : public Node {
 public:
  explicit AccumulateGrad(const Tensor& x) : Node("AccumulateGrad", 1), x_(x) {
    history(x)->accumulator = this;
  }
  ~AccumulateGrad() override {
    // Where the end of this one waited for others, the leaf may have another by now.
    if (history(x_)->accumulator == this) history(x_)->accumulator = nullptr;
  }
  void call_hooks(Tensor* grads) override {
    if (grads[0].defined()) call_each(history(x_)->hooks, grads[0]);
  }
  void apply(const Tensor* grads, Grads&) override {
    if (!grads[0].defined()) return;
    accumulate_grad(x_, grads[0]);
    if (const auto hooks = history(x_)->post_hooks)
      for (const Hook& hook : Hooks(*hooks)) hook.call(x_);
  }
  void release() override {}  // holds nothing that backward uses up
  TensorImpl* leaf() const override { return x_.impl(); }

 private:
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
  // One that nobody holds any more is on its way out.
  const bool alive = h.accumulator && h.accumulator->references() > 0;
  return Ref<Node>(alive ? h.accumulator : new AccumulateGrad(x));
}

void accumulate_grad(const Tensor& x, Tensor grad) {
  History& h = ensure_history(x);
  check_fits("a leaf", x, grad);
  Tensor old;  // goes last, after the turn: its end may run code
  const Turn turn(h.adding);
  program::note_gradient(x, h.grad, true);
  const Tensor before = h.grad;
  if (!before.defined()) {
    // The caller's reference and the walk's are the only two when no one else can see the memory.
    const bool ours =
        grad->references() <= 2 && grad->storage->references() == 1 && grad.is_contiguous();
    old = grad_enabled() || ours ? grad : primitives.clone(grad);
    std::swap(h.grad, old);
    return;
  }
  check_fits("its .grad", before, grad);
  if (grad_enabled()) {
    old = primitives.add(before, grad);
    std::swap(h.grad, old);
  } else {
    primitives.add_into(before, grad);
  }
}

}  // namespace steep::tape
