// Convolutions of 3x3 in tiles, where that is quicker: launches alone.
#include "kernels/product/winograd.h"
#include "ops/conv/conv.h"
#include "ops/elementwise/elementwise.h"

namespace steep::ops {

namespace {

bool suits(const ConvAxis& axis) {
  return axis.kernel == 3 && axis.stride == 1 && axis.dilation == 1 && axis.spread == 1;
}
int64_t tiles_along(const ConvAxis& axis) { return (axis.out + 1) / 2; }

kernels::Winograd arguments_of(int64_t batch, int64_t channels, int64_t rows,
                               const Convolution& how) {
  const auto axis = [&](int i) {
    return kernels::WinogradAxis{how.axis[i].in, how.axis[i].out, how.axis[i].lead};
  };
  return {batch, channels, rows, axis(1), axis(2)};
}

}  // namespace

bool suits_winograd(int64_t batch, int64_t channels, int64_t rows, const Convolution& how) {
  // Below, transforming takes about as long as the products that are saved, by counting operations.
  constexpr int64_t kLeastChannels = 16, kLeastTiles = 128;
  if (how.axes != 2 || how.groups != 1 || !suits(how.axis[1]) || !suits(how.axis[2])) return false;
  return channels >= kLeastChannels && rows >= kLeastChannels &&
         batch * tiles_along(how.axis[1]) * tiles_along(how.axis[2]) >= kLeastTiles;
}

void launch_winograd(const Tensor& out, const Tensor& x, const Tensor& w, const Tensor& bias,
                     bool turned, const Convolution& how) {
  const int64_t channels = x.size(1), rows = out.size(1);
  const int64_t along = w.size(1) * 9;  // from one of w's first dimension to the next
  const Tensor u = empty({16, channels, rows}, x.dtype());
  program::launch(
      kernels::kWinogradWeights, x.dtype(), {u, contiguous(w)},
      kernels::WinogradWeights{channels, rows, turned ? along : 9, turned ? 9 : along, turned});
  program::launch(kernels::kWinograd, x.dtype(),
                  {out, contiguous(x), u, bias.defined() ? contiguous(bias) : bias},
                  arguments_of(x.size(0), channels, rows, how));
}

void launch_winograd_gradient(const Tensor& out, const Tensor& x, const Tensor& grad,
                              const Convolution& how) {
  program::launch(kernels::kWinogradGradient, x.dtype(), {out, contiguous(x), contiguous(grad)},
                  arguments_of(x.size(0), x.size(1), grad.size(1), how));
}

}  // namespace steep::ops
