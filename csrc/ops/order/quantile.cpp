// Quantiles: points between neighbours in a sorted row.
#include "ops/elementwise/compare.h"
#include "ops/elementwise/elementwise.h"
#include "ops/index/index.h"
#include "ops/order/order.h"
#include "ops/reduce/reduce.h"
#include "ops/registry.h"
#include "tensor/shape.h"

namespace steep::ops {

namespace {

struct Quantile {
  const char* op;
  const std::string& interpolation;
  bool without_nan;
};

void check(const Quantile& how, const Tensor& x, const Tensor& q) {
  if (!is_floating(x.dtype()))
    fail(ErrorKind::runtime, how.op, "a float32 or float64 tensor", name(x.dtype()),
         "convert with .float() first");
  if (x.numel() == 0) fail(ErrorKind::runtime, how.op, "a non-empty tensor", to_string(x.shape()));
  if (q.dim() > 1)
    fail(ErrorKind::runtime, how.op, "q to be a number or a vector", to_string(q.shape()));
  if (q.dtype() != x.dtype())
    fail(ErrorKind::runtime, how.op, "q in the input's dtype",
         join(name(q.dtype()), " and ", name(x.dtype())), "convert one with .to(dtype)");
  const std::string& kind = how.interpolation;
  if (kind != "linear" && kind != "lower" && kind != "higher" && kind != "midpoint" &&
      kind != "nearest")
    fail(ErrorKind::runtime, how.op,
         "interpolation to be one of linear, lower, higher, midpoint or nearest",
         join("'", kind, "'"));
}

// The values at places [..., Q] of sorted rows [..., n], between which they lie.
Tensor between(const Quantile& how, const Tensor& sorted, const Tensor& places) {
  const int last = sorted.dim() - 1;
  const auto at = [&](const Tensor& place) {
    return gather(sorted, last, to(place, DType::int64), false);
  };
  const std::string& kind = how.interpolation;
  if (kind == "lower") return at(floor(places));
  if (kind == "higher") return at(ceil(places));
  if (kind == "nearest") return at(round(places));
  const Tensor low = floor(places);
  const Tensor a = at(low), b = at(ceil(places));
  const Tensor weight =
      kind == "midpoint" ? full(places.shape(), 0.5, places.dtype()) : sub(places, low);
  // An infinite neighbour has no part where its weight is 0.
  const Tensor step = where(eq({a, {}}, {b, {}}), TensorOrNumber{{}, 0.0}, {sub(b, a), {}});
  return where(eq({weight, {}}, {{}, 0}), TensorOrNumber{a, {}}, {add(a, mul(weight, step)), {}});
}

// Whole ranks stay whole: q * (n - 1) in the input's dtype, as in PyTorch.
Tensor ranks(const Quantile& how, const Tensor& sorted, const Tensor& q) {
  const tape::GradMode off(false);
  Dims shape = sorted.shape();
  const int64_t n = shape.back();
  shape.back() = q.numel();
  const Tensor nans = isnan(sorted);
  const int last = sorted.dim() - 1;
  if (!how.without_nan) {
    // Rows with a nan have it at their end, and are nan.
    const Tensor usual = expand(mul(reshape(q, {-1}), Number(n - 1)), shape);
    const Tensor any_nan = any(nans, Dims{last}, true);
    return where(any_nan, TensorOrNumber{full({}, Number(n - 1), q.dtype()), {}}, {usual, {}});
  }
  const Tensor held =
      sub({{}, n - 1}, {to(sum(nans, Dims{last}, true, std::nullopt), q.dtype()), {}}, 1);
  return mul(reshape(q, {-1}), clamp(held, {{{}, 0.0}}, {}));
}

Tensor computed(const Quantile& how, const Tensor& x, const Tensor& q, std::optional<int64_t> dim,
                bool keepdim) {
  check(how, x, q);
  const int at = dim ? wrap_dim(how.op, *dim, x.dim()) : 0;
  const bool whole = !dim || x.dim() == 0;
  const Tensor flat = whole ? reshape(x, {-1}) : transpose(x, at, x.dim() - 1);
  const int last = flat.dim() - 1;
  const Tensor sorted = std::get<0>(sort(flat, last, false, true));
  Tensor out = between(how, sorted, ranks(how, sorted, q));
  // [..., Q] with the reduced dimension in front of Q: to its place, Q first.
  Dims kept = x.shape();
  if (whole) {
    for (int64_t& size : kept) size = 1;
  } else {
    kept[at] = 1;
  }
  Dims moved{last};
  for (int d = 0; d < last; ++d) moved.push_back(d);
  out = permute(out, moved);
  Dims shape{q.numel()};
  if (!whole) {
    // The dimension that stood last was exchanged with the one at `at`.
    Dims exchanged = flat.shape();
    exchanged[last] = 1;
    for (int64_t size : exchanged) shape.push_back(size);
    out = transpose(reshape(out, shape), at + 1, last + 1);
    shape = Dims{q.numel()};
  }
  for (int64_t size : kept) shape.push_back(size);
  out = reshape(out, shape);
  if (!keepdim) {
    Dims gone;
    for (int d = 0; d < x.dim(); ++d)
      if (whole || d == at) gone.push_back(d + 1);
    if (!gone.empty()) out = squeeze(out, gone);
  }
  return q.dim() == 0 ? squeeze(out, Dims{0}) : out;
}

Tensor q_of(const Quantile& how, const Tensor& x, const TensorOrNumber& q) {
  const double low = q.is_tensor() && q.tensor.numel() > 0 ? item(min(q.tensor)).to_double()
                     : q.is_tensor()                       ? 0
                                                           : q.number.to_double();
  const double high = q.is_tensor() && q.tensor.numel() > 0 ? item(max(q.tensor)).to_double() : low;
  if (!(low >= 0 && high <= 1))
    fail(ErrorKind::runtime, how.op, "q values in the range [0, 1]", join(low, " to ", high));
  return q.is_tensor() ? q.tensor : full({}, q.number.to_double(), x.dtype());
}

Tensor quantile(const Tensor& x, const TensorOrNumber& q, std::optional<int64_t> dim, bool keepdim,
                const std::string& interpolation) {
  const Quantile how{"quantile", interpolation, false};
  return computed(how, x, q_of(how, x, q), dim, keepdim);
}
Tensor nanquantile(const Tensor& x, const TensorOrNumber& q, std::optional<int64_t> dim,
                   bool keepdim, const std::string& interpolation) {
  const Quantile how{"nanquantile", interpolation, true};
  return computed(how, x, q_of(how, x, q), dim, keepdim);
}

void register_quantiles(Registry& registry) {
  static constexpr const char* kSignature =
      "(input: Tensor, q: Tensor | float, dim: int | None = None, keepdim: bool = False, *, "
      "interpolation: str = 'linear') -> Tensor";
  registry.add<&quantile>(
      "quantile", kBoth | kOut, kSignature,
      R"(The q-th quantiles of all elements, or along a dimension: sorted[q * (n - 1)].

Between two elements: 'linear' takes the point between them, 'midpoint' their mean, 'lower', 'higher'
and 'nearest' one of them. nan where there is one. Shape: input's without dim, that of q in front.
Raises RuntimeError for q outside [0, 1], another dtype, integers and an empty input.

>>> steep.quantile(steep.tensor([1.0, 2.0, 4.0]), 0.75)
tensor(3.)
)");
  registry.add<&nanquantile>("nanquantile", kBoth | kOut, kSignature,
                             R"(The q-th quantiles of the elements that are numbers; see quantile.

Shapes and errors as there.

>>> steep.nanquantile(steep.tensor([1.0, steep.nan, 3.0]), 0.5)
tensor(2.)
)");
}

const Registration registered("order", register_quantiles);

}  // namespace

}  // namespace steep::ops
