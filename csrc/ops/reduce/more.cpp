// Reductions made of others: those that leave out nan, counts, distances and covariances.
#include "ops/elementwise/compare.h"
#include "ops/elementwise/elementwise.h"
#include "ops/reduce/reduce.h"
#include "ops/registry.h"
#include "ops/shape/diagonal.h"
#include "tensor/shape.h"

namespace steep::ops {

namespace {

Tensor without_nan(const Tensor& x) {
  return is_floating(x.dtype()) ? where(isnan(x), TensorOrNumber{{}, 0.0}, TensorOrNumber{x, {}})
                                : x;
}

Tensor nansum(const Tensor& x, std::optional<Dims> dim, bool keepdim, std::optional<DType> dtype) {
  return sum(without_nan(x), dim, keepdim, dtype);
}

Tensor nanmean(const Tensor& x, std::optional<Dims> dim, bool keepdim, std::optional<DType> dtype) {
  const DType type = dtype.value_or(x.dtype());
  if (!is_floating(type))
    fail(ErrorKind::runtime, "nanmean", "a floating-point dtype", name(type),
         "convert with .float() first");
  const Tensor numbers = sum(logical_not(isnan(x)), dim, keepdim, std::nullopt);
  return div(sum(without_nan(x), dim, keepdim, type), to(numbers, type));
}

Tensor count_nonzero(const Tensor& x, std::optional<Dims> dim) {
  const tape::GradMode off(false);
  if (dim) wrap_dims("count_nonzero", *dim, x.dim());
  return sum(ne({x, {}}, {{}, 0}), dim, false, DType::int64);
}

std::tuple<Tensor, Tensor> aminmax(const Tensor& x, std::optional<int64_t> dim, bool keepdim) {
  if (x.numel() == 0 && !dim)
    fail(ErrorKind::runtime, "aminmax", "a tensor with elements, or a dim", to_string(x.shape()));
  const std::optional<Dims> dims = dim ? std::optional<Dims>(Dims{*dim}) : std::nullopt;
  return {amin(x, dims, keepdim), amax(x, dims, keepdim)};
}

Tensor dist(const Tensor& x, const Tensor& other, const Number& p) {
  broadcast_shapes("dist", x.shape(), other.shape());
  const DType type = result_type({x, {}}, {other, {}});
  if (!is_floating(type))
    fail(ErrorKind::not_implemented, "dist", "floating-point operands", name(type),
         "convert with .float() first");
  return norm(sub(x, other), p, std::nullopt, false, std::nullopt);
}

Tensor cdist(const Tensor& x1, const Tensor& x2, double p, const std::string& compute_mode) {
  if (compute_mode != "use_mm_for_euclid_dist_if_necessary" &&
      compute_mode != "use_mm_for_euclid_dist" && compute_mode != "donot_use_mm_for_euclid_dist")
    fail(ErrorKind::value, "cdist",
         "compute_mode 'use_mm_for_euclid_dist_if_necessary', 'use_mm_for_euclid_dist' or "
         "'donot_use_mm_for_euclid_dist'",
         "'" + compute_mode + "'");
  if (!is_floating(x1.dtype()) || x1.dtype() != x2.dtype())
    fail(ErrorKind::runtime, "cdist", "two floating-point tensors of one dtype",
         join(name(x1.dtype()), " and ", name(x2.dtype())));
  if (x1.dim() < 2 || x2.dim() < 2 || x1.size(x1.dim() - 1) != x2.size(x2.dim() - 1))
    fail(ErrorKind::runtime, "cdist", "points as rows, of as many coordinates on both sides",
         join(to_string(x1.shape()), " and ", to_string(x2.shape())));
  if (!(p >= 0)) fail(ErrorKind::runtime, "cdist", "p >= 0", join(p));
  const Tensor gaps = sub(unsqueeze(x1, -2), unsqueeze(x2, -3));
  return norm(gaps, Number(p), Dims{-1}, false, std::nullopt);
}

Tensor differences(const Tensor& x, int dim) {
  const int64_t n = x.size(dim);
  const Tensor later = narrow(x, dim, std::min<int64_t>(n, 1), std::max<int64_t>(n - 1, 0));
  const Tensor sooner = narrow(x, dim, 0, std::max<int64_t>(n - 1, 0));
  return x.dtype() == DType::boolean ? logical_xor(later, sooner) : sub(later, sooner);
}

Tensor diff(const Tensor& x, int64_t n, int64_t dim, const Tensor& prepend, const Tensor& append) {
  if (x.dim() == 0) fail(ErrorKind::runtime, "diff", "at least one dimension", "a 0-d tensor");
  if (n < 0) fail(ErrorKind::runtime, "diff", "an order of at least 0", join(n));
  const int at = wrap_dim("diff", dim, x.dim());
  Tensors parts;
  for (const Tensor& part : {prepend, x, append}) {
    if (!part.defined()) continue;
    bool fits = part.dim() == x.dim();
    for (int d = 0; fits && d < x.dim(); ++d) fits = d == at || part.size(d) == x.size(d);
    if (!fits)
      fail(ErrorKind::runtime, "diff",
           join("prepend and append of the input's shape ", to_string(x.shape()),
                " but for dimension ", at),
           to_string(part.shape()));
    parts.push_back(part);
  }
  if (n == 0) return clone(x);
  Tensor out = parts.size() == 1 ? x : cat(parts, at);
  for (int64_t i = 0; i < n; ++i) {
    const bool none = out.size(at) == 0;
    out = differences(out, at);
    if (none) break;  // nothing has no differences, however often
  }
  return out;
}

// A vector of weights for observations, or nothing.
void check_weights(const char* which, const Tensor& weights, int64_t observations) {
  if (!weights.defined()) return;
  if (weights.dim() != 1 || weights.numel() != observations)
    fail(ErrorKind::runtime, "cov", join("a vector of ", observations, " for ", which),
         to_string(weights.shape()));
  if (weights.numel() > 0 && item(min(weights)).to_double() < 0)
    fail(ErrorKind::runtime, "cov", join(which, " that are not negative"), "negative ones");
}

Tensor cov(const Tensor& given, int64_t correction, const Tensor& fweights,
           const Tensor& aweights) {
  if (given.dim() > 2)
    fail(ErrorKind::runtime, "cov", "at most two dimensions", to_string(given.shape()));
  if (given.dtype() == DType::boolean)
    fail(ErrorKind::runtime, "cov", "a tensor of numbers", "bool", "convert with .float() first");
  const Tensor matrix = given.dim() < 2 ? reshape(given, {1, given.numel()}) : given;
  const int64_t n = matrix.size(1);
  if (fweights.defined() && is_floating(fweights.dtype()))
    fail(ErrorKind::runtime, "cov", "fweights of integers", name(fweights.dtype()));
  if (aweights.defined() && !is_floating(aweights.dtype()))
    fail(ErrorKind::runtime, "cov", "aweights of floats", name(aweights.dtype()));
  check_weights("fweights", fweights, n);
  check_weights("aweights", aweights, n);
  const Tensor x = to(matrix, floating_type(matrix.dtype()));
  Tensor weights = fweights.defined() ? to(fweights, x.dtype()) : Tensor();
  if (aweights.defined())
    weights = weights.defined() ? mul(weights, aweights) : to(aweights, x.dtype());
  Tensor total = full({}, static_cast<double>(n), x.dtype());
  if (weights.defined()) total = sum(weights, std::nullopt, false, std::nullopt);
  const Tensor scaled = weights.defined() ? mul(x, weights) : x;
  const Tensor mean_of = div(sum(scaled, Dims{1}, true, std::nullopt), total);
  // What is counted off the observations: weights of importance scale it.
  Tensor taken = full({}, static_cast<double>(correction), x.dtype());
  if (aweights.defined() && correction != 0)
    taken = mul(div(sum(mul(weights, aweights), std::nullopt, false, std::nullopt), total),
                Number(correction));
  const Tensor degrees = clamp(sub(total, taken), {{{}, 0.0}}, {});
  const Tensor away = sub(x, mean_of);
  const Tensor weighted = weights.defined() ? mul(away, weights) : away;
  const Tensor out = div(matmul(away, t(weighted)), degrees);
  return matrix.size(0) == 1 ? reshape(out, {}) : out;
}

Tensor corrcoef(const Tensor& x) {
  if (x.dim() > 2)
    fail(ErrorKind::runtime, "corrcoef", "at most two dimensions", to_string(x.shape()));
  const Tensor covariance = cov(x, 1, {}, {});
  if (covariance.dim() == 0) return div(covariance, covariance);
  const Tensor deviation = sqrt(diagonal(covariance, 0, 0, 1));
  const Tensor out = div(div(covariance, unsqueeze(deviation, 1)), deviation);
  return clamp(out, {{{}, -1.0}}, {{{}, 1.0}});
}

void register_without_nan(Registry& registry) {
  static constexpr const char* kSum =
      "(input: Tensor, dim: Dims | None = None, keepdim: bool = False, *, dtype: dtype | None = "
      "None) -> Tensor";
  registry.add<&nansum>("nansum", kBoth | kOut, kSum,
                        R"(Sum over the given dimensions, or over all, with nan taken as 0.

Shapes, dtypes and errors as in sum.

>>> steep.nansum(steep.tensor([1.0, steep.nan, 2.0]))
tensor(3.)
)");
  registry.add<&nanmean>(
      "nanmean", kBoth | kOut, kSum,
      R"(Mean over the given dimensions, or over all, of the elements that are numbers.

Shapes and errors as in mean; nan where there is no number.

>>> steep.nanmean(steep.tensor([1.0, steep.nan, 2.0]))
tensor(1.5000)
)");
  registry.add<&count_nonzero>(
      "count_nonzero", kBoth, "(input: Tensor, dim: Dims | None = None) -> Tensor",
      R"(How many elements are not zero, along the given dimensions or of all.

Shape: input's without them, int64. Raises IndexError for a dimension that does not exist.

>>> steep.count_nonzero(steep.tensor([0, 5, 7]))
tensor(2)
)");
  registry.add<&aminmax>(
      "aminmax", kBoth | kOut,
      "(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> tuple[Tensor, Tensor]",
      R"(The least and the greatest element, of all or along a dimension: min, max.

Shape: as for amin. Raises RuntimeError where there is no element, IndexError for a dimension that
does not exist.

>>> steep.aminmax(steep.tensor([3, 1, 2])).max
tensor(3)
)");
}

void register_distances(Registry& registry) {
  registry.add<&dist>("dist", kBoth, "(input: Tensor, other: Tensor, p: Number = 2) -> Tensor",
                      R"(The p-norm of input - other.

Shapes broadcast. Raises RuntimeError when they do not, NotImplementedError for integers.

>>> steep.dist(steep.tensor([0.0, 0.0]), steep.tensor([3.0, 4.0]))
tensor(5.)
)");
  registry.add<&cdist>("cdist", kFunction,
                       "(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str = "
                       "'use_mm_for_euclid_dist_if_necessary') -> Tensor",
                       R"(The p-norm distance of each row of x1 to each row of x2.

Shape: (*, P, M) and (*, R, M) to (*, P, R). compute_mode, one of PyTorch's, changes nothing:
distances are always those of differences. Raises RuntimeError when rows differ in length, for
integers and differing dtypes, and for a negative p; ValueError for another compute_mode.

>>> steep.cdist(steep.tensor([[0.0, 0.0]]), steep.tensor([[3.0, 4.0], [0.0, 1.0]]))
tensor([[5., 1.]])
)");
  registry.add<&diff>("diff", kBoth | kOut,
                      "(input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, "
                      "append: Tensor | None = None) -> Tensor",
                      R"(The n-th differences of neighbours along a dimension.

prepend and append are joined to the ends first. Shape: shorter by n at dim. Raises RuntimeError for
a 0-d tensor, a negative n, and shapes that do not fit.

>>> steep.diff(steep.tensor([1, 4, 9]))
tensor([3, 5])
)");
  registry.add<&cov>(
      "cov", kBoth,
      "(input: Tensor, *, correction: int = 1, fweights: Tensor | None = None, "
      "aweights: Tensor | None = None) -> Tensor",
      R"(The covariances of variables, which are rows, over observations, which are columns.

The divisor is the number of observations minus correction. fweights: how often each counts,
integers; aweights: how much. Shape: (V, N) to (V, V), (N) to (). Raises RuntimeError for more
dimensions, bools, and weights that do not fit or are negative.

>>> steep.cov(steep.tensor([[0.0, 2.0], [1.0, 5.0]]))
tensor([[2., 4.],
        [4., 8.]])
)");
  registry.add<&corrcoef>(
      "corrcoef", kBoth, "(input: Tensor) -> Tensor",
      R"(The correlations of variables, which are rows, over observations, which are columns.

Shape: (V, N) to (V, V), (N) to (). Raises RuntimeError for more dimensions.

>>> steep.corrcoef(steep.tensor([[0.0, 2.0], [5.0, 1.0]]))
tensor([[ 1., -1.],
        [-1.,  1.]])
)");
}

void register_more(Registry& registry) {
  register_without_nan(registry);
  register_distances(registry);
}

const Registration registered("reduction", register_more);

}  // namespace

}  // namespace steep::ops
