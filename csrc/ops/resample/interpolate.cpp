// Interpolation: tensors brought to given sizes, along one to three axes.
#include <algorithm>
#include <string>

#include "ops/registry.h"
#include "ops/resample/sample.h"

namespace steep::ops {

namespace {

constexpr const char* kName = "interpolate";

struct Mode {
  const char* name;
  int axes;  // 0: any
  Rule rule, antialias;
  const char* shown;  // PyTorch's operation, by which the result's node is shown
};
constexpr const char* kNearestNames[] = {"upsample_nearest1d", "upsample_nearest2d",
                                         "upsample_nearest3d"};
constexpr Mode kModes[] = {
    {"nearest", 0, Rule::nearest, Rule::nearest, nullptr},
    {"nearest-exact", 0, Rule::nearest_exact, Rule::nearest_exact, nullptr},
    {"linear", 1, Rule::linear, Rule::linear, "upsample_linear1d"},
    {"bilinear", 2, Rule::linear, Rule::linear_antialias, "upsample_bilinear2d"},
    {"trilinear", 3, Rule::linear, Rule::linear, "upsample_trilinear3d"},
    {"bicubic", 2, Rule::cubic, Rule::cubic_antialias, "upsample_bicubic2d"},
};

const Mode& mode_of(const std::string& name, int axes) {
  for (const Mode& mode : kModes)
    if (name == mode.name && (mode.axes == 0 || mode.axes == axes)) return mode;
  throw Error(ErrorKind::not_implemented,
              join(kName, ": expected a mode of ", axes, " axes, got '", name, "'"));
}

Dims last_sizes(const Tensor& x, int axes) { return Dims(x.shape().end() - axes, x.shape().end()); }

void check_sizes(const Tensor& x, const Dims& size) {
  const int axes = size.size();
  if (axes < 1 || axes > 3 || x.dim() != axes + 2)
    throw Error(ErrorKind::not_implemented,
                join(kName,
                     ": Only 3D, 4D and 5D input Tensors supported, with a size for each axis "
                     "but the first two; got input of size ",
                     to_string(x.shape()), " and size ", to_string(size)));
  const Dims in = last_sizes(x, axes);
  for (int i = 0; i < axes; ++i) {
    if (in[i] > 0 && size[i] > 0) continue;
    throw Error(ErrorKind::runtime,
                join(kName, ": Input and output sizes should be greater than 0, but got input ",
                     to_string(in), " and output ", to_string(size)));
  }
}

// Whether every element stays as it is.
bool is_same(const Sampled& axis) {
  if (axis.in != axis.out) return false;
  const bool cubic = axis.rule == Rule::cubic;  // alone goes by its scale where sizes are equal
  return !cubic || axis.scale == 0 || axis.scale == 1 || axis.corners;
}

// Axes that become shorter first, so that the others have less to do. Along the last one elements
// are picked one by one: it comes after others that become as much shorter, and before those that
// become as much longer.
Tensor weigh(const Tensor& x, const Sampled (&sampled)[3], int axes) {
  int order[3] = {2, 1, 0};
  const auto growth = [&](int i) {
    return static_cast<double>(sampled[i].out) / static_cast<double>(sampled[i].in);
  };
  std::stable_sort(order, order + axes, [&](int a, int b) {
    if (growth(a) != growth(b)) return growth(a) < growth(b);
    return growth(a) < 1 ? a < b : a > b;
  });
  Tensor out = x;
  bool changed = false;
  for (int k = 0; k < axes; ++k) {
    const Sampled& axis = sampled[order[k]];
    if (is_same(axis)) continue;
    out = resample(out, x.dim() - 3 + order[k], axis);
    changed = true;
  }
  return changed ? out : clone(x);
}

Tensor interpolate_to(const Tensor& x, const Dims& size, const std::string& name,
                      bool align_corners, bool antialias, double depth_scale, double height_scale,
                      double width_scale) {
  check_sizes(x, size);
  const int axes = size.size();
  const Mode& mode = mode_of(name, axes);
  const double scales[] = {depth_scale, height_scale, width_scale};
  const bool nearest = mode.axes == 0;
  if (!nearest && !is_floating(x.dtype()))
    fail(ErrorKind::not_implemented, kName, "a floating-point input", steep::name(x.dtype()),
         "convert with .float() first");
  Sampled sampled[3];
  const Dims in = last_sizes(x, axes);
  for (int i = 0; i < axes; ++i) {
    Sampled& axis = sampled[3 - axes + i];
    axis.rule = antialias ? mode.antialias : mode.rule;
    axis.in = in[i], axis.out = size[i];
    axis.scale = scales[3 - axes + i], axis.corners = align_corners;
  }
  return tape::shown_as(nearest ? kNearestNames[axes - 1] : mode.shown,
                        nearest ? take(x, sampled, axes) : weigh(x, sampled, axes));
}

void register_interpolate(Registry& registry) {
  registry.add<&interpolate_to>(
      "interpolate_to", kInternal,
      "(input: Tensor, size: Dims, mode: str, align_corners: bool = False, antialias: bool = "
      "False, depth_scale: float = 0.0, height_scale: float = 0.0, width_scale: float = 0.0) -> "
      "Tensor",
      R"(What nn.functional.interpolate computes, once its arguments are sizes.

size has a number for each axis but the first two. A scale that is not 0 says how far apart elements
of the result are, in place of the quotient of the sizes. Shape: input (N, C, ...), out (N, C,
*size). Raises RuntimeError for sizes of 0, NotImplementedError for modes of other dimensions and
for integers, unless it is the nearest neighbour that is taken.

>>> x = steep.tensor([[[1.0, 3.0]]])
>>> steep._core.interpolate_to(x, [4], "linear")
tensor([[[1.0000, 1.5000, 2.5000, 3.0000]]])
)");
}

const Registration registered("resampling", register_interpolate);

}  // namespace

}  // namespace steep::ops
