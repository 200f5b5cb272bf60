// Pooling operations as PyTorch calls them, over one to three axes.
#include <string>

#include "ops/pool/pool.h"
#include "ops/pool/unpool.h"
#include "ops/registry.h"

namespace steep::ops {

namespace {

constexpr const char* kMaxNames[] = {"max_pool1d", "max_pool2d", "max_pool3d"};
constexpr const char* kMaxUnpoolNames[] = {"max_unpool1d", "max_unpool2d", "max_unpool3d"};
constexpr const char* kAverageNames[] = {"avg_pool1d", "avg_pool2d", "avg_pool3d"};
constexpr const char* kNormNames[] = {"lp_pool1d", "lp_pool2d", "lp_pool3d"};
constexpr const char* kAdaptiveMaxNames[] = {"adaptive_max_pool1d", "adaptive_max_pool2d",
                                             "adaptive_max_pool3d"};
constexpr const char* kAdaptiveAverageNames[] = {"adaptive_avg_pool1d", "adaptive_avg_pool2d",
                                                 "adaptive_avg_pool3d"};

AnyValue with_places(std::tuple<Tensor, Tensor> both) {
  return AnyValue::of(Tensors{std::get<0>(both), std::get<1>(both)});
}

// The dtypes that PyTorch has means of: floating ones, and int64.
void check_mean(const char* op, const Tensor& x, bool with_int64) {
  if (is_floating(x.dtype()) || (with_int64 && x.dtype() == DType::int64)) return;
  throw Error(ErrorKind::not_implemented, join('"', op, "\" not implemented for '", name(x.dtype()),
                                               "'; convert with .float() first"));
}

const char* adaptive_name(const char* const (&names)[3], const Dims& output_size) {
  const int axes = output_size.size();
  if (axes < 1 || axes > 3)
    throw Error(ErrorKind::runtime,
                join("adaptive pooling: expected output_size of 1 to 3 numbers, got ",
                     to_string(output_size)));
  return names[axes - 1];
}

template <int axes>
AnyValue max_pool(const Tensor& x, const Dims& kernel, std::optional<Dims> stride,
                  const Dims& padding, const Dims& dilation, bool ceil_mode, bool return_indices) {
  constexpr const char* op = kMaxNames[axes - 1];
  const Windows windows = windows_of(op, axes, x, {kernel, stride, padding, dilation, ceil_mode});
  if (return_indices) return with_places(max_and_places(op, x, windows));
  return AnyValue::of(max_of_windows(op, x, windows));
}

template <int axes>
std::tuple<Tensor, Tensor> max_pool_with_indices(const Tensor& x, const Dims& kernel,
                                                 std::optional<Dims> stride, const Dims& padding,
                                                 const Dims& dilation, bool ceil_mode,
                                                 bool /*return_indices*/) {
  constexpr const char* op = kMaxNames[axes - 1];
  const Windows windows = windows_of(op, axes, x, {kernel, stride, padding, dilation, ceil_mode});
  return max_and_places(op, x, windows);
}

template <int axes>
Tensor max_unpool_of(const Tensor& x, const Tensor& indices, const Dims& kernel,
                     std::optional<Dims> stride, const Dims& padding,
                     std::optional<Dims> output_size) {
  return max_unpool(kMaxUnpoolNames[axes - 1], x, indices,
                    {axes, kernel, stride, padding, output_size});
}

template <int axes>
Tensor average_pool(const Tensor& x, const Dims& kernel, std::optional<Dims> stride,
                    const Dims& padding, bool ceil_mode, bool count_include_pad,
                    std::optional<int64_t> divisor_override) {
  constexpr const char* op = kAverageNames[axes - 1];
  if (divisor_override && *divisor_override == 0)
    throw Error(ErrorKind::runtime, join(op, ": divisor must be not zero"));
  const Windows windows = windows_of(op, axes, x, {kernel, stride, padding, Dims{1}, ceil_mode});
  check_mean(op, x, true);
  return average_windows(x, windows, count_include_pad, divisor_override.value_or(0));
}

Tensor average_pool1d(const Tensor& x, const Dims& kernel, std::optional<Dims> stride,
                      const Dims& padding, bool ceil_mode, bool count_include_pad) {
  return average_pool<1>(x, kernel, stride, padding, ceil_mode, count_include_pad, std::nullopt);
}

// The p-norm of a window from the mean of the powers, as PyTorch computes it.
template <int axes>
Tensor norm_pool(const Tensor& x, double p, const Dims& kernel, std::optional<Dims> stride,
                 bool ceil_mode) {
  constexpr const char* op = kNormNames[axes - 1];
  check_mean(op, x, false);
  if (p == 0) throw Error(ErrorKind::value, join(op, ": expected norm_type other than 0, got 0"));
  const Windows windows = windows_of(op, axes, x, {kernel, stride, Dims{0}, Dims{1}, ceil_mode});
  int64_t elements = 1;
  for (const PoolAxis& axis : windows.axis) elements *= axis.kernel;
  const Tensor mean = average_windows(pow({x, {}}, {{}, Number(p)}), windows, true, 0);
  const Tensor total = mul(mul(sign(mean), relu(abs(mean))), Number(elements));
  return pow({total, {}}, {{}, Number(1.0 / p)});
}

Tensor adaptive_average(const Tensor& x, const Dims& output_size) {
  const char* op = adaptive_name(kAdaptiveAverageNames, output_size);
  const Windows windows = adaptive_windows(op, x, output_size);
  check_mean(op, x, false);
  return tape::shown_as(op, average_windows(x, windows, false, 0));
}

AnyValue adaptive_max(const Tensor& x, const Dims& output_size, bool return_indices) {
  const char* op = adaptive_name(kAdaptiveMaxNames, output_size);
  const Windows windows = adaptive_windows(op, x, output_size);
  if (return_indices) return with_places(max_and_places(op, x, windows));
  return AnyValue::of(max_of_windows(op, x, windows));
}

#define STEEP_WINDOWS "stride: Dims | None = None, padding: Dims = 0"

void register_max(Registry& registry) {
  constexpr const char* kSignature =
      "(input: Tensor, kernel_size: Dims, " STEEP_WINDOWS
      ", dilation: Dims = 1, ceil_mode: bool = False, return_indices: bool = False) -> Any";
  constexpr const char* kWith =
      "(input: Tensor, kernel_size: Dims, " STEEP_WINDOWS
      ", dilation: Dims = 1, ceil_mode: bool = False, return_indices: bool = False) -> "
      "tuple[Tensor, ...]";
  registry.add<&max_pool<1>>("max_pool1d", kFunctional, kSignature,
                             R"(The largest element of each window of sequences.

out[..., o] = max over k < kernel_size of input[..., o * stride + k * dilation - padding], where that
is inside; stride is kernel_size unless given. Shapes: input (N, C, L) or (C, L), out (N, C, L') with
L' = (L + 2 padding - dilation (kernel_size - 1) - 1) / stride + 1, rounded down, or up with
ceil_mode, where the last window must begin inside the input or the padding in front of it. With
return_indices also where each element was, int64. Of equal elements the first gets the gradient;
NaN is larger than anything. Raises RuntimeError for windows that do not fit or padding of more than
half a window, NotImplementedError for bool.

>>> steep.nn.functional.max_pool1d(steep.tensor([[1.0, 3.0, 2.0, 5.0]]), 2)
tensor([[3., 5.]])
)");
  registry.add<&max_pool<2>>(
      "max_pool2d", kFunctional, kSignature,
      R"(The largest element of each window of images: max_pool1d over two axes.

Shapes: input (N, C, H, W) or (C, H, W), out (N, C, H', W'). kernel_size, stride, padding and dilation
are one number or one for each axis; indices count within a plane of H * W. Raises as max_pool1d.

>>> steep.nn.functional.max_pool2d(steep.tensor([[[1.0, 3.0], [2.0, 5.0]]]), 2, return_indices=True)
(tensor([[[5.]]]), tensor([[[3]]]))
)");
  registry.add<&max_pool<3>>(
      "max_pool3d", kFunctional, kSignature,
      R"(The largest element of each window of volumes: max_pool1d over three axes.

Shapes: input (N, C, D, H, W) or (C, D, H, W), out (N, C, D', H', W'). Raises as max_pool1d.

>>> steep.nn.functional.max_pool3d(steep.arange(8.0).reshape(1, 2, 2, 2), 2).item()
7.0
)");
  registry.add<&max_pool_with_indices<1>>(
      "max_pool1d_with_indices", kFunctional, kWith,
      R"(max_pool1d with return_indices. Shapes and errors as there.

>>> steep.nn.functional.max_pool1d_with_indices(steep.tensor([[1.0, 3.0]]), 2)
(tensor([[3.]]), tensor([[1]]))
)",
      "max_pool1d");
  registry.add<&max_pool_with_indices<2>>(
      "max_pool2d_with_indices", kFunctional, kWith,
      R"(max_pool2d with return_indices. Shapes and errors as there.

>>> steep.nn.functional.max_pool2d_with_indices(steep.tensor([[[1.0, 3.0]]]), (1, 2))
(tensor([[[3.]]]), tensor([[[1]]]))
)",
      "max_pool2d");
  registry.add<&max_pool_with_indices<3>>(
      "max_pool3d_with_indices", kFunctional, kWith,
      R"(max_pool3d with return_indices. Shapes and errors as there.

>>> x = steep.tensor([[[[1.0, 3.0]]]])
>>> steep.nn.functional.max_pool3d_with_indices(x, (1, 1, 2))[1].item()
1
)",
      "max_pool3d");
}

void register_unpool(Registry& registry) {
  constexpr const char* kSignature =
      "(input: Tensor, indices: Tensor, kernel_size: Dims, " STEEP_WINDOWS
      ", output_size: Dims | None = None) -> Tensor";
  registry.add<&max_unpool_of<1>>("max_unpool1d", kFunctional, kSignature,
                                  R"(Puts what max_pool1d took back to where it was, among zeros.

Shapes: input and indices (N, C, L) or (C, L), out (N, C, L') with L' = (L - 1) stride - 2 padding +
kernel_size, or output_size, which is one of the sizes that max_pool1d would have made L of. Where two
elements share a place the last wins. Raises RuntimeError for an index outside the result and for
indices that are not int64 or not of input's shape, ValueError for an output_size that cannot be.

>>> x, where = steep.tensor([[3.0, 5.0]]), steep.tensor([[1, 3]])
>>> steep.nn.functional.max_unpool1d(x, where, 2)
tensor([[0., 3., 0., 5.]])
)");
  registry.add<&max_unpool_of<2>>("max_unpool2d", kFunctional, kSignature,
                                  R"(Puts what max_pool2d took back: max_unpool1d over two axes.

Shapes: input and indices (N, C, H, W) or (C, H, W), out (N, C, H', W'). Raises as max_unpool1d.

>>> x, where = steep.tensor([[[5.0]]]), steep.tensor([[[3]]])
>>> steep.nn.functional.max_unpool2d(x, where, 2)
tensor([[[0., 0.],
         [0., 5.]]])
)");
  registry.add<&max_unpool_of<3>>("max_unpool3d", kFunctional, kSignature,
                                  R"(Puts what max_pool3d took back: max_unpool1d over three axes.

Shapes: input and indices (N, C, D, H, W) or (C, D, H, W), out (N, C, D', H', W'). Raises as
max_unpool1d.

>>> x, where = steep.tensor([[[[5.0]]]]), steep.tensor([[[[7]]]])
>>> steep.nn.functional.max_unpool3d(x, where, 2).shape
steep.Size([1, 2, 2, 2])
)");
}

void register_average(Registry& registry) {
  registry.add<&average_pool1d>(
      "avg_pool1d", kFunction | kFunctional,
      "(input: Tensor, kernel_size: Dims, " STEEP_WINDOWS
      ", ceil_mode: bool = False, count_include_pad: bool = True) -> Tensor",
      R"(The mean of each window of sequences.

Windows and shapes are those of max_pool1d, without dilation. The zeros of the padding are counted
unless count_include_pad is false. Raises RuntimeError for windows that do not fit or padding of more
than half a window, NotImplementedError for dtypes other than floats and int64.

>>> steep.nn.functional.avg_pool1d(steep.tensor([[1.0, 3.0, 2.0, 5.0]]), 2)
tensor([[2.0000, 3.5000]])
)");
  constexpr const char* kSignature =
      "(input: Tensor, kernel_size: Dims, " STEEP_WINDOWS
      ", ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: int | None = "
      "None) -> Tensor";
  registry.add<&average_pool<2>>("avg_pool2d", kFunctional | kOut, kSignature,
                                 R"(The mean of each window of images: avg_pool1d over two axes.

Shapes: input (N, C, H, W) or (C, H, W), out (N, C, H', W'). divisor_override is what sums are divided
by in place of the count. Raises as avg_pool1d, and RuntimeError for a divisor of 0.

>>> steep.nn.functional.avg_pool2d(steep.tensor([[[1.0, 3.0], [2.0, 5.0]]]), 2)
tensor([[[2.7500]]])
)");
  registry.add<&average_pool<3>>("avg_pool3d", kFunctional | kOut, kSignature,
                                 R"(The mean of each window of volumes: avg_pool2d over three axes.

Shapes: input (N, C, D, H, W) or (C, D, H, W), out (N, C, D', H', W'). Raises as avg_pool2d.

>>> steep.nn.functional.avg_pool3d(steep.arange(8.0).reshape(1, 2, 2, 2), 2).item()
3.5
)");
}

void register_norms(Registry& registry) {
  constexpr const char* kSignature =
      "(input: Tensor, norm_type: float, kernel_size: Dims, stride: Dims | None = None, ceil_mode: "
      "bool = False) -> Tensor";
  registry.add<&norm_pool<1>>("lp_pool1d", kFunctional, kSignature,
                              R"(The p-norm of each window of sequences, p = norm_type.

out = (sum over the window of input^p)^(1/p), without absolute values, as PyTorch has it: for p = 3 it
is nan where the sum is below 0. A window that ceil_mode lets end outside counts as a whole one. Windows and
shapes are those of max_pool1d. Raises as avg_pool1d, NotImplementedError for integers, ValueError for
norm_type 0.

>>> steep.nn.functional.lp_pool1d(steep.tensor([[3.0, 4.0]]), 2, 2)
tensor([[5.]])
)");
  registry.add<&norm_pool<2>>("lp_pool2d", kFunctional, kSignature,
                              R"(The p-norm of each window of images: lp_pool1d over two axes.

Shapes: input (N, C, H, W) or (C, H, W), out (N, C, H', W'). Raises as lp_pool1d.

>>> steep.nn.functional.lp_pool2d(steep.ones(1, 2, 2), 1, 2)
tensor([[[4.]]])
)");
  registry.add<&norm_pool<3>>("lp_pool3d", kFunctional, kSignature,
                              R"(The p-norm of each window of volumes: lp_pool1d over three axes.

Shapes: input (N, C, D, H, W) or (C, D, H, W), out (N, C, D', H', W'). Raises as lp_pool1d.

>>> steep.nn.functional.lp_pool3d(steep.ones(1, 2, 2, 2), 1, 2).item()
8.0
)");
}

void register_pool(Registry& registry) {
  register_max(registry);
  register_unpool(registry);
  register_average(registry);
  register_norms(registry);
  registry.add<&adaptive_average>(
      "adaptive_average", kInternal, "(input: Tensor, output_size: Dims) -> Tensor",
      R"(The means of as many windows along each of the last axes as output_size says.

Window o of n is that from floor(o L / n) to ceil((o + 1) L / n). Shape: input (N, C, ...) or (C,
...), with as many axes as output_size has numbers. Raises as nn.functional.adaptive_avg_pool2d.

>>> steep._core.adaptive_average(steep.tensor([[1.0, 2.0, 3.0]]), [2])
tensor([[1.5000, 2.5000]])
)");
  registry.add<&adaptive_max>(
      "adaptive_max", kInternal,
      "(input: Tensor, output_size: Dims, return_indices: bool = False) -> Any",
      R"(The largest elements of the windows of adaptive_average, and where they were.

Shape: as there. Raises as nn.functional.adaptive_max_pool2d.

>>> steep._core.adaptive_max(steep.tensor([[1.0, 2.0, 3.0]]), [2])
tensor([[2., 3.]])
)");
}

const Registration registered("pooling", register_pool);

}  // namespace

}  // namespace steep::ops
