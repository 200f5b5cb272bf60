// Dropout: a mask by counter-based Philox, so that it depends on the seed and the masks before it,
// not on threads.
#include "kernels/random/dropout.h"
#include "ops/random/random.h"
#include "ops/reduce/reduce.h"

namespace steep::ops {

namespace {

// {seed, offset} of the default generator's counter, which lives as long as the process.
const Tensor& philox_state() {
  static const Tensor& state =
      *new Tensor(new TensorImpl(Storage::borrow(default_generator().philox_state(),
                                                 2 * sizeof(int64_t), nullptr, [](void*) {}),
                                 DType::int64, {2}, {1}, 0));
  return state;
}

}  // namespace

Tensor dropout(const Tensor& x, double p, bool training, bool inplace) {
  if (!(p >= 0 && p <= 1))
    throw Error(ErrorKind::value,
                join("dropout: dropout probability has to be between 0 and 1, but got ", p));
  if (!training || p == 0 || x.numel() == 0) return x;
  if (!is_floating(x.dtype())) {
    fail(ErrorKind::runtime, "dropout", "a floating-point input",
         join(name(x.dtype()), ", whose scaled values can't be cast to it"),
         "convert with .float() first");
  }
  if (p == 1) return inplace ? assign("dropout", x, mul(x, Number(0.0))) : mul(x, Number(0.0));
  const double scale = 1 / (1 - p);
  const Tensor out = empty(x.shape(), x.dtype()), mask = empty(x.shape(), DType::boolean);
  {
    const tape::GradMode off(false);
    program::launch(kernels::kDropout, x.dtype(), {out, mask, contiguous(x), philox_state()},
                    kernels::Dropout{x.numel(), 1 - p, scale});
  }
  if (wanted(x)) {
    record("dropout", out, {x}, [mask = Saved(mask), scale](const Tensor& grad, Grads& grads) {
      if (tape::grad_enabled()) {
        grads[0] = where(mask.get(), mul(grad, Number(scale)), Number(0.0));
        return;
      }
      const Tensor grad_x = empty(grad.shape(), grad.dtype());
      program::launch(kernels::kDropoutBackward, grad.dtype(),
                      {grad_x, contiguous(grad), mask.get()},
                      kernels::DropoutBackward{grad.numel(), scale});
      grads[0] = grad_x;
    });
  }
  return inplace ? assign("dropout", x, out) : out;
}

}  // namespace steep::ops
