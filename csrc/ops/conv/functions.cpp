// conv1d to conv3d and conv_transpose1d to conv_transpose3d: their arguments, checked as PyTorch
// checks them.
#include <string>

#include "ops/conv/conv.h"
#include "ops/elementwise/elementwise.h"
#include "ops/registry.h"

namespace steep::ops {

namespace {

// One number for all axes, or one for each.
Dims for_axes(const char* op, const char* what, const Dims& given, int axes) {
  if (given.size() == axes) return given;
  if (given.size() == 1) return Dims(axes, given[0]);
  fail(ErrorKind::runtime, op, join(what, " as one number or ", axes), to_string(given));
}

void check_at_least(const char* op, const char* what, const Dims& given, int64_t least,
                    const char* text) {
  for (const int64_t value : given)
    if (value < least)
      throw Error(ErrorKind::runtime, join(op, ": ", text, ": ", what, " = ", to_string(given)));
}

// What padding, stride and dilation may lead to: sizes that can be counted in bytes.
constexpr int64_t kLargest = int64_t{1} << 59;
using Wide = __int128;

// a + b * c, which no size may be beyond.
int64_t sum_of(const char* op, Wide a, Wide b, Wide c) {
  const Wide sum = a + b * c;
  if (sum > kLargest || sum < -kLargest)
    fail(ErrorKind::runtime, op, "sizes up to 2**59 along each axis",
         "a size, stride, padding or dilation that leads beyond");
  return static_cast<int64_t>(sum);
}

struct Settings {
  Dims stride, padding, dilation;
};
Settings settings_of(const char* op, int axes, const Dims& stride, const Dims& padding,
                     const Dims& dilation, int64_t groups) {
  Settings all{for_axes(op, "stride", stride, axes), for_axes(op, "padding", padding, axes),
               for_axes(op, "dilation", dilation, axes)};
  check_at_least(op, "stride", all.stride, 1, "non-positive stride is not supported");
  check_at_least(op, "padding", all.padding, 0, "negative padding is not supported");
  check_at_least(op, "dilation", all.dilation, 1, "dilation should be greater than zero");
  if (groups < 1)
    throw Error(ErrorKind::runtime, join(op, ": non-positive groups is not supported: ", groups));
  return all;
}

void check_operands(const char* op, int axes, const Tensor& x, const Tensor& w,
                    const Tensor& bias) {
  if (w.dim() != axes + 2)
    fail(ErrorKind::runtime, op, join("a weight of ", axes + 2, " dimensions"),
         to_string(w.shape()));
  if (x.dim() != axes + 1 && x.dim() != axes + 2)
    throw Error(ErrorKind::runtime,
                join("Expected ", axes + 1, "D (unbatched) or ", axes + 2, "D (batched) input to ",
                     op, ", but got input of size: ", to_string(x.shape())));
  if (x.dtype() == DType::boolean)
    fail(ErrorKind::not_implemented, op, "an input of numbers", name(x.dtype()),
         "convert with .float() first");
  for (const Tensor* other : {&w, &bias}) {
    if (other->defined() && other->dtype() != x.dtype())
      fail(ErrorKind::runtime, op, "input, weight and bias to have the same dtype",
           join(name(x.dtype()), " and ", name(other->dtype())),
           "convert the input with .to(dtype), or the module");
  }
}

void check_bias(const Tensor& w, const Tensor& bias, int64_t channels) {
  if (!bias.defined() || bias.shape() == Dims{channels}) return;
  throw Error(ErrorKind::runtime,
              join("Given weight of size ", to_string(w.shape()),
                   ", expected bias to be 1-dimensional with ", channels,
                   " elements, but got bias of size ", to_string(bias.shape()), " instead"));
}

void check_channels(const Tensor& x, const Tensor& w, int64_t groups, int64_t expected, int axes) {
  const int64_t given = x.size(x.dim() - axes - 1);
  if (w.size(0) < groups || w.size(0) % groups != 0)
    throw Error(ErrorKind::runtime,
                join("Given groups=", groups, ", expected weight to be at least ", groups,
                     " at dimension 0 and divisible by it, but got weight of size ",
                     to_string(w.shape()), " instead"));
  if (given != expected)
    throw Error(ErrorKind::runtime,
                join("Given groups=", groups, ", weight of size ", to_string(w.shape()),
                     ", expected input", to_string(x.shape()), " to have ", expected,
                     " channels, but got ", given, " channels instead"));
}

// Axes that an operation has none of: of size 1, and left as they are.
Convolution without_axes(int axes, int64_t groups) {
  Convolution how;
  how.axes = axes, how.groups = groups;
  for (ConvAxis& axis : how.axis) axis = {1, 1, 1, 1, 1, 0, 1};
  return how;
}

Tensor batched(const Tensor& x, int axes) { return x.dim() == axes + 2 ? x : unsqueeze(x, 0); }
Tensor as_batched_as(const Tensor& out, const Tensor& x, int axes) {
  return x.dim() == axes + 2 ? out : squeeze(out, Dims{0});
}

// `after`: padding behind each axis where it is another than the one in front.
Tensor conv_padded(const char* op, int axes, const Tensor& x, const Tensor& w, const Tensor& bias,
                   const Settings& settings, const Dims& after, int64_t groups) {
  check_channels(x, w, groups, w.size(1) * groups, axes);
  check_bias(w, bias, w.size(0));
  Convolution how = without_axes(axes, groups);
  const int first = x.dim() - axes;
  Dims padded, reach;
  for (int i = 0; i < axes; ++i) {
    ConvAxis& axis = how.axis[3 - axes + i];
    axis.in = x.size(first + i), axis.kernel = w.size(2 + i);
    axis.stride = settings.stride[i], axis.dilation = settings.dilation[i];
    axis.lead = settings.padding[i];
    padded.push_back(sum_of(op, sum_of(op, axis.in, axis.lead, 1), after[i], 1));
    reach.push_back(sum_of(op, 1, axis.dilation, axis.kernel - 1));
    axis.out = (padded[i] - reach[i]) / axis.stride + 1;
    if (axis.out == 1) axis.stride = 1;  // no step is taken
  }
  for (int i = 0; i < axes; ++i) {
    if (reach[i] < 1 || reach[i] > padded[i])
      throw Error(ErrorKind::runtime,
                  join(op, ": Calculated padded input size per channel: ", to_string(padded),
                       ". Kernel size: ", to_string(reach),
                       ". Kernel size can't be greater than actual input size"));
  }
  return as_batched_as(convolve(batched(x, axes), w, bias, how), x, axes);
}

constexpr const char* kConvNames[] = {"conv1d", "conv2d", "conv3d"};
constexpr const char* kTransposeNames[] = {"conv_transpose1d", "conv_transpose2d",
                                           "conv_transpose3d"};

// How much is added in front of and behind each axis.
struct Sides {
  Dims before, after;
};
// padding: 'valid' for none, 'same' for as much as keeps the size, the odd element behind.
Sides sides_named(const char* op, const std::string& padding, const Tensor& w,
                  const Settings& settings) {
  if (padding != "valid" && padding != "same")
    fail(ErrorKind::runtime, op, "padding 'valid', 'same' or numbers", "'" + padding + "'");
  Sides sides{settings.padding, settings.padding};
  for (int i = 0; padding == "same" && i < sides.before.size(); ++i) {
    if (settings.stride[i] != 1)
      throw Error(ErrorKind::runtime,
                  join(op, ": padding='same' is not supported for strided convolutions"));
    const int64_t total = settings.dilation[i] * (w.size(2 + i) - 1);
    sides.before[i] = total / 2, sides.after[i] = total - total / 2;
  }
  return sides;
}

template <int axes>
Tensor conv(const Tensor& x, const Tensor& w, const Tensor& bias, const Dims& stride,
            const Dims& padding, const Dims& dilation, int64_t groups) {
  constexpr const char* op = kConvNames[axes - 1];
  check_operands(op, axes, x, w, bias);
  const Settings settings = settings_of(op, axes, stride, padding, dilation, groups);
  return conv_padded(op, axes, x, w, bias, settings, settings.padding, groups);
}

template <int axes>
Tensor conv_named(const Tensor& x, const Tensor& w, const Tensor& bias, const Dims& stride,
                  const std::string& padding, const Dims& dilation, int64_t groups) {
  constexpr const char* op = kConvNames[axes - 1];
  check_operands(op, axes, x, w, bias);
  Settings settings = settings_of(op, axes, stride, Dims{0}, dilation, groups);
  const Sides sides = sides_named(op, padding, w, settings);
  settings.padding = sides.before;
  return conv_padded(op, axes, x, w, bias, settings, sides.after, groups);
}

Tensor conv_transposed(const char* op, int axes, const Tensor& x, const Tensor& w,
                       const Tensor& bias, const Settings& settings, const Dims& more,
                       int64_t groups) {
  check_channels(x, w, groups, w.size(0), axes);
  check_bias(w, bias, w.size(1) * groups);
  Convolution how = without_axes(axes, groups);
  const int first = x.dim() - axes;
  for (int i = 0; i < axes; ++i) {
    ConvAxis& axis = how.axis[3 - axes + i];
    axis.out = x.size(first + i), axis.kernel = w.size(2 + i);
    axis.stride = settings.stride[i], axis.dilation = settings.dilation[i];
    axis.lead = settings.padding[i];
    if (more[i] < 0 || (more[i] >= axis.stride && more[i] >= axis.dilation))
      throw Error(
          ErrorKind::runtime,
          join(op, ": output padding must be smaller than either stride or dilation, but got ",
               to_string(more), ", stride ", to_string(settings.stride), " and dilation ",
               to_string(settings.dilation)));
    const int64_t inner = sum_of(op, more[i] + Wide{1}, axis.dilation, axis.kernel - 1);
    axis.in = sum_of(op, sum_of(op, inner, axis.out - 1, axis.stride), axis.lead, -2);
    if (axis.in < 1 || axis.out < 1)
      throw Error(
          ErrorKind::runtime,
          join(op, ": Given input size per channel: ", x.size(first + i),
               ". Calculated output size per channel: ", axis.in, ". Output size is too small"));
  }
  return as_batched_as(convolve_back(batched(x, axes), w, bias, how), x, axes);
}

template <int axes>
Tensor conv_transpose(const Tensor& x, const Tensor& w, const Tensor& bias, const Dims& stride,
                      const Dims& padding, const Dims& output_padding, int64_t groups,
                      const Dims& dilation) {
  constexpr const char* op = kTransposeNames[axes - 1];
  check_operands(op, axes, x, w, bias);
  const Settings settings = settings_of(op, axes, stride, padding, dilation, groups);
  return conv_transposed(op, axes, x, w, bias, settings,
                         for_axes(op, "output_padding", output_padding, axes), groups);
}

constexpr const char* kConvSignature =
    "(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Dims = 1, padding: Dims = "
    "0, dilation: Dims = 1, groups: int = 1) -> Tensor";
constexpr const char* kNamedSignature =
    "(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Dims = 1, padding: str = "
    "'valid', dilation: Dims = 1, groups: int = 1) -> Tensor";
constexpr const char* kTransposeSignature =
    "(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Dims = 1, padding: Dims = "
    "0, output_padding: Dims = 0, groups: int = 1, dilation: Dims = 1) -> Tensor";

template <int axes>
void register_convolution(Registry& registry, const char* doc, const char* transpose_doc) {
  registry.add<&conv<axes>>(kConvNames[axes - 1], kFunctional, kConvSignature, doc);
  registry.add<&conv_named<axes>>(kConvNames[axes - 1], kFunctional, kNamedSignature, doc);
  registry.add<&conv_transpose<axes>>(kTransposeNames[axes - 1], kFunctional, kTransposeSignature,
                                      transpose_doc);
}

void register_conv(Registry& registry) {
  register_convolution<1>(
      registry, R"(Convolution (cross-correlation) of sequences with a set of kernels, and bias.

out[n, o, i] = bias[o] + sum over c, k of weight[o, c, k] * input[n, c, i * stride + k * dilation -
padding], with zeros outside the input. Shapes: input (N, C, L) or (C, L), weight (O, C / groups, K),
bias (O), out (N, O, L') with L' = (L + 2 padding - dilation (K - 1) - 1) / stride + 1, rounded down.
padding may be 'valid' (none) or 'same' (out is as long as input; stride 1). Integers are exact, and
wrap around. Raises RuntimeError for sizes that do not fit, NotImplementedError for bools.

>>> x = steep.tensor([[[1.0, 2.0, 4.0]]])
>>> steep.nn.functional.conv1d(x, steep.tensor([[[-1.0, 1.0]]]))
tensor([[[1., 2.]]])
)",
      R"(Transposed convolution of sequences: the gradient of conv1d with respect to its input.

Shapes: input (N, C, L) or (C, L), weight (C, O / groups, K), bias (O), out (N, O, L') with L' =
(L - 1) stride - 2 padding + dilation (K - 1) + output_padding + 1. Raises as conv1d.

>>> x = steep.tensor([[[1.0, 2.0]]])
>>> steep.nn.functional.conv_transpose1d(x, steep.ones(1, 1, 2))
tensor([[[1., 3., 2.]]])
)");
  register_convolution<2>(
      registry, R"(Convolution (cross-correlation) of images with a set of kernels, and bias.

As conv1d over two axes. Shapes: input (N, C, H, W) or (C, H, W), weight (O, C / groups, KH, KW), bias
(O), out (N, O, H', W'); stride, padding and dilation are one number or one for each axis. Raises as
conv1d.

>>> steep.nn.functional.conv2d(steep.ones(1, 1, 2, 3), steep.ones(1, 1, 2, 2))
tensor([[[[4., 4.]]]])
)",
      R"(Transposed convolution of images: the gradient of conv2d with respect to its input.

As conv_transpose1d over two axes. Shapes: input (N, C, H, W) or (C, H, W), weight (C, O / groups, KH,
KW), bias (O), out (N, O, H', W'). Raises as conv1d.

>>> steep.nn.functional.conv_transpose2d(steep.ones(1, 1, 1, 1), steep.ones(1, 1, 1, 2))
tensor([[[[1., 1.]]]])
)");
  register_convolution<3>(
      registry, R"(Convolution (cross-correlation) of volumes with a set of kernels, and bias.

As conv1d over three axes. Shapes: input (N, C, D, H, W) or (C, D, H, W), weight (O, C / groups, KD,
KH, KW), bias (O), out (N, O, D', H', W'). Raises as conv1d.

>>> steep.nn.functional.conv3d(steep.ones(1, 1, 1, 1, 2), steep.ones(1, 1, 1, 1, 2)).item()
2.0
)",
      R"(Transposed convolution of volumes: the gradient of conv3d with respect to its input.

As conv_transpose1d over three axes. Shapes: input (N, C, D, H, W) or (C, D, H, W), weight (C, O /
groups, KD, KH, KW), bias (O), out (N, O, D', H', W'). Raises as conv1d.

>>> x = steep.ones(1, 1, 1, 1, 1)
>>> steep.nn.functional.conv_transpose3d(x, steep.ones(1, 1, 1, 1, 2)).shape
steep.Size([1, 1, 1, 1, 2])
)");
}

const Registration registered("convolution", register_conv);

}  // namespace

}  // namespace steep::ops
