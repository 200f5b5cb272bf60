// Windows as PyTorch's arguments describe them.
#include "ops/pool/pool.h"
#include "ops/shape/view.h"

namespace steep::ops {

namespace {

constexpr int64_t kLargest = (int64_t{1} << 31) - 1;  // PyTorch's windows are counted in 32 bits

void check_dimensions(const char* op, const Tensor& x, int axes) {
  bool fits = x.dim() == axes + 1 || x.dim() == axes + 2;
  for (int d = x.dim() == axes + 2 ? 1 : 0; fits && d < x.dim(); ++d) fits = x.size(d) > 0;
  if (fits) return;
  throw Error(ErrorKind::runtime,
              join(op, ": Expected ", axes + 1, "D or ", axes + 2,
                   "D (batch mode) tensor with optional 0 dim batch size for input, but got: ",
                   to_string(x.shape())));
}

// How many windows there are along an axis; `ceil_mode`: also one that the image only begins to
// fill, if it does not begin in the padding behind it.
int64_t windows_along(const PoolAxis& axis, bool ceil_mode) {
  const int64_t spare = axis.in + 2 * axis.lead - axis.dilation * (axis.kernel - 1) - 1 +
                        (ceil_mode ? axis.stride - 1 : 0);
  int64_t out = (spare < 0 ? -1 : spare / axis.stride) + 1;
  if (ceil_mode && (out - 1) * axis.stride >= axis.in + axis.lead) --out;
  return out;
}

Windows without_axes(int axes, const Tensor& x) {
  Windows windows;
  windows.axes = axes;
  for (PoolAxis& axis : windows.axis) axis = {1, 1, 1, 1, 1, 0};
  for (int d = 0; d < x.dim() - axes; ++d) windows.shape.push_back(x.size(d));
  return windows;
}

}  // namespace

int64_t Windows::planes() const {
  int64_t planes = 1;
  for (int d = 0; d < shape.size() - axes; ++d) planes *= shape[d];
  return planes;
}

Dims for_pool_axes(const char* op, const char* what, const Dims& given, int axes) {
  if (given.size() == axes) return given;
  if (given.size() == 1) return Dims(axes, given[0]);
  throw Error(ErrorKind::runtime,
              join(op, ": ", what, " must either be a single int, or a tuple of ", axes, ", got ",
                   to_string(given)));
}

void check_window_numbers(const char* op, const char* what, const Dims& given, int64_t least,
                          const char* text) {
  for (const int64_t value : given) {
    if (value < least)
      throw Error(ErrorKind::runtime, join(op, ": ", text, ": ", what, " = ", to_string(given)));
    if (value > kLargest)
      fail(ErrorKind::runtime, op, join(what, " of at most ", kLargest, " along each axis"),
           to_string(given));
  }
}

Windows windows_of(const char* op, int axes, const Tensor& x, const WindowSettings& given) {
  const bool strided = given.stride && !given.stride->empty();
  const Dims kernel = for_pool_axes(op, "kernel_size", given.kernel, axes);
  const Dims stride = strided ? for_pool_axes(op, "stride", *given.stride, axes) : kernel;
  const Dims padding = for_pool_axes(op, "padding", given.padding, axes);
  const Dims dilation = for_pool_axes(op, "dilation", given.dilation, axes);
  check_window_numbers(op, "kernel_size", kernel, 1, "kernel_size should be greater than zero");
  check_window_numbers(op, "stride", stride, 1, "stride should be greater than zero");
  check_window_numbers(op, "padding", padding, 0, "pad must be non-negative");
  check_window_numbers(op, "dilation", dilation, 1, "dilation should be greater than zero");
  check_dimensions(op, x, axes);
  Windows windows = without_axes(axes, x);
  for (int i = 0; i < axes; ++i) {
    if (padding[i] > (dilation[i] * (kernel[i] - 1) + 1) / 2)
      throw Error(ErrorKind::runtime,
                  join(op, ": pad should be at most half of effective kernel size, but got pad=",
                       padding[i], ", kernel_size=", kernel[i], " and dilation=", dilation[i]));
    PoolAxis& axis = windows.axis[3 - axes + i];
    axis = {x.size(x.dim() - axes + i), 0, kernel[i], stride[i], dilation[i], padding[i]};
    axis.out = windows_along(axis, given.ceil_mode);
    windows.shape.push_back(axis.out);
  }
  for (const PoolAxis& axis : windows.axis) {
    if (axis.out < 1)
      throw Error(ErrorKind::runtime, join(op, ": Given input of size ", to_string(x.shape()),
                                           ". Calculated output size: ", to_string(windows.shape),
                                           ". Output size is too small"));
  }
  return windows;
}

Windows adaptive_windows(const char* op, const Tensor& x, const Dims& output_size) {
  const int axes = output_size.size();
  check_window_numbers(op, "output_size", output_size, 0,
                       "elements of output_size must be greater than or equal to 0");
  if (x.dim() != axes + 1 && x.dim() != axes + 2)
    throw Error(ErrorKind::runtime, join(op, ": Expected ", axes + 1, "D or ", axes + 2,
                                         "D tensor, but got ", to_string(x.shape())));
  Windows windows = without_axes(axes, x);
  for (int i = 0; i < axes; ++i) {
    const int d = x.dim() - axes + i;
    const int64_t in = x.size(d), out = output_size[i];
    if (in == 0)
      throw Error(ErrorKind::runtime,
                  join(op,
                       ": Expected input to have non-zero size for non-batch dimensions, but input "
                       "has sizes ",
                       to_string(x.shape()), " with dimension ", d, " being empty"));
    // Equal parts are windows like others.
    const bool even = out > 0 && in % out == 0;
    windows.axis[3 - axes + i] =
        even ? PoolAxis{in, out, in / out, in / out, 1, 0} : PoolAxis{in, out, 0, 1, 1, 0};
    windows.shape.push_back(out);
  }
  return windows;
}

}  // namespace steep::ops
