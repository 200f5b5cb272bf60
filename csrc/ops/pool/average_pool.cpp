// The mean of each window and its gradient, which are each other's.
#include "kernels/pool/average_pool.h"

#include "ops/pool/pool.h"

namespace steep::ops {

namespace {

kernels::AveragePool arguments_of(const Windows& windows, bool padded, int64_t divisor) {
  auto all = windows.arguments<kernels::AveragePool>();
  all.padded = padded, all.divisor = divisor;
  return all;
}

// x has the result's shape; a tensor of `shape` with each element shared out over its window.
Tensor spread_windows(const Tensor& x, const Windows& windows, bool padded, int64_t divisor,
                      const Dims& shape) {
  if (windows.out() == 0) return full(shape, 0, x.dtype());
  const Tensor out = empty(shape, x.dtype());
  {
    const tape::GradMode off(false);
    if (out.numel() > 0)
      program::launch(kernels::kAveragePoolBack, x.dtype(), {out, contiguous(x)},
                      arguments_of(windows, padded, divisor));
  }
  if (wanted(x)) {
    record("average_pool_back", out, {x},
           [windows, padded, divisor](const Tensor& grad, Grads& grads) {
             grads[0] = average_windows(grad, windows, padded, divisor);
           });
  }
  return out;
}

}  // namespace

Tensor average_windows(const Tensor& x, const Windows& windows, bool padded, int64_t divisor) {
  const Tensor out = empty(windows.shape, x.dtype());
  if (out.numel() > 0) {
    const tape::GradMode off(false);
    program::launch(kernels::kAveragePool, x.dtype(), {out, contiguous(x)},
                    arguments_of(windows, padded, divisor));
  }
  if (wanted(x)) {
    record("average_pool", out, {x},
           [windows, padded, divisor, shape = x.shape()](const Tensor& grad, Grads& grads) {
             grads[0] = spread_windows(grad, windows, padded, divisor, shape);
           });
  }
  return out;
}

}  // namespace steep::ops
