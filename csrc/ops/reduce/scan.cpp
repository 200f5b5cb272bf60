// Running products, extremes and logarithms of sums along one dimension.
#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/elementwise/elementwise.h"
#include "ops/index/index.h"
#include "ops/reduce/reduce.h"
#include "ops/registry.h"
#include "tensor/shape.h"

namespace steep::ops {

namespace {

struct Scan {
  Extent extent;
  kernels::Flag backwards, least;
};

// Calls lane(first, step) for each run of n elements that lie `step` apart.
template <class Lane>
void for_lanes(const Scan& scan, Lane lane) {
  const int64_t outer = scan.extent.outer, n = scan.extent.n, inner = scan.extent.inner;
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t j = 0; j < inner; ++j) {
      const int64_t first = o * n * inner + j;
      lane(scan.backwards ? first + (n - 1) * inner : first, scan.backwards ? -inner : inner);
    }
}

// The same where a lane carries a single number along, `start` at first: step(at, total) for each
// element. Lanes that lie side by side go together, for none waits for its neighbour.
template <class Total, class Step>
void scan_together(const Scan& scan, Total start, Step step) {
  constexpr int64_t kTogether = 64;
  const int64_t n = scan.extent.n, inner = scan.extent.inner;
  Total totals[kTogether];
  for (int64_t o = 0; o < scan.extent.outer; ++o)
    for (int64_t j = 0; j < inner; j += kTogether) {
      const int64_t width = std::min(kTogether, inner - j);
      std::fill_n(totals, width, start);
      for (int64_t i = 0; i < n; ++i) {
        const int64_t at = (o * n + (scan.backwards ? n - 1 - i : i)) * inner + j;
        for (int64_t k = 0; k < width; ++k) step(at + k, totals[k]);
      }
    }
}

// y[i] = x[i] + a[i] * y[i - 1].  Operands: y, x, a.
template <class T>
void scan_linear(const kernels::Task& task) {
  const Scan& scan = kernels::arguments<Scan>(task);
  T* __restrict out = static_cast<T*>(task.data[0]);
  const T* __restrict x = static_cast<const T*>(task.data[1]);
  const T* __restrict a = static_cast<const T*>(task.data[2]);
  scan_together<double>(scan, 0, [&](int64_t at, double& total) {
    out[at] = static_cast<T>(total = x[at] + a[at] * total);
  });
}
constexpr Kernel kLinear = program::host_kernel(
    "linear_scan", "wrr",
    program::routines_for<float, double>(scan_linear<float>, scan_linear<double>));

// Integers are multiplied unsigned, where wrapping is defined.
template <class T, class Total>
void scan_product(const kernels::Task& task) {
  const Scan& scan = kernels::arguments<Scan>(task);
  T* __restrict out = static_cast<T*>(task.data[0]);
  const T* __restrict x = static_cast<const T*>(task.data[1]);
  scan_together<Total>(scan, 1,
                       [&](int64_t at, Total& total) { out[at] = static_cast<T>(total *= x[at]); });
}
constexpr Kernel kProduct =
    program::host_kernel("cumprod", "wr",
                         program::routines_for<float, double, int64_t, int32_t>(
                             scan_product<float, double>, scan_product<double, double>,
                             scan_product<uint64_t, uint64_t>, scan_product<uint32_t, uint32_t>));

// Of equal elements the last is named, and from a nan on the latest nan.
// Operands: values, indices int64, x.
template <class T>
void scan_extreme(const kernels::Task& task) {
  const Scan& scan = kernels::arguments<Scan>(task);
  T* values = static_cast<T*>(task.data[0]);
  int64_t* indices = static_cast<int64_t*>(task.data[1]);
  const T* x = static_cast<const T*>(task.data[2]);
  for_lanes(scan, [&](int64_t at, int64_t step) {
    T best = T();
    int64_t place = 0;
    for (int64_t i = 0; i < scan.extent.n; ++i, at += step) {
      const T now = x[at];
      const bool number = best == best;
      if (i == 0 || now != now || (number && (scan.least ? now <= best : now >= best)))
        best = now, place = i;
      values[at] = best;
      indices[at] = place;
    }
  });
}
constexpr Kernel kExtreme =
    program::host_kernel("cumulative_extreme", "wwr",
                         program::routines_for<float, double, int64_t, int32_t, uint8_t>(
                             scan_extreme<float>, scan_extreme<double>, scan_extreme<int64_t>,
                             scan_extreme<int32_t>, scan_extreme<uint8_t>));

// The sum is kept as a multiple of e to the power of the largest so far.  Operands: out, x.
template <class T>
void scan_logsumexp(const kernels::Task& task) {
  const Scan& scan = kernels::arguments<Scan>(task);
  T* out = static_cast<T*>(task.data[0]);
  const T* x = static_cast<const T*>(task.data[1]);
  for_lanes(scan, [&](int64_t at, int64_t step) {
    double largest = -std::numeric_limits<double>::infinity(), sum = 0;
    for (int64_t i = 0; i < scan.extent.n; ++i, at += step) {
      const double now = x[at];
      if (now == largest) {
        sum += 1;
      } else if (now > largest || now != now) {
        sum = sum == 0 ? 1 : sum * std::exp(largest - now) + 1;
        largest = now;
      } else {
        sum += std::exp(now - largest);
      }
      out[at] = static_cast<T>(std::isfinite(largest) ? largest + std::log(sum) : largest);
    }
  });
}
constexpr Kernel kLogSumExp = program::host_kernel(
    "logcumsumexp", "wr",
    program::routines_for<float, double>(scan_logsumexp<float>, scan_logsumexp<double>));

Extent extent_of(const Tensor& x, int dim) {
  Extent extent;
  for (int d = 0; d < x.dim(); ++d)
    (d < dim ? extent.outer : d > dim ? extent.inner : extent.n) *= x.size(d);
  return extent;
}

Tensor ends(const Tensor& x, int dim, double value) {
  Dims shape = x.shape();
  shape[dim] = 1;
  return full(shape, value, x.dtype());
}
// x[i + 1] in the place of x[i], or x[i - 1]; what has no neighbour gets the value.
Tensor following(const Tensor& x, int dim, double value) {
  return cat({narrow(x, dim, 1, x.size(dim) - 1), ends(x, dim, value)}, dim);
}
Tensor preceding(const Tensor& x, int dim, double value) {
  return cat({ends(x, dim, value), narrow(x, dim, 0, x.size(dim) - 1)}, dim);
}

// y[i] = x[i] + a[i] * y[i - 1], or backwards with y[i + 1]. Its own gradient is one the other way.
Tensor linear_scan(const Tensor& x, const Tensor& a, int dim, bool backwards) {
  Tensor out;
  {
    const tape::GradMode off(false);
    out = empty(x.shape(), x.dtype());
    program::launch(kLinear, x.dtype(), {out, contiguous(x), contiguous(a)},
                    Scan{extent_of(x, dim), backwards, false});
  }
  if (wanted(x, a)) {
    record(
        "linear_scan", out, {x, a},
        [a = Saved(a), out = Saved::output(out), dim, backwards](const Tensor& grad, Grads& grads) {
          const auto next = backwards ? preceding : following;
          const auto before = backwards ? following : preceding;
          const Tensor by_x = linear_scan(grad, next(a.get(), dim, 0), dim, !backwards);
          if (grads.wanted(0)) grads[0] = by_x;
          if (grads.wanted(1)) grads[1] = mul(by_x, before(out.get(), dim, 0));
        });
  }
  return out;
}

// A 0-d tensor is scanned as a vector of one.
Tensor as_vector(const Tensor& x) { return x.dim() == 0 ? reshape(x, {1}) : x; }

Tensor running_product(const Tensor& x, int dim) {
  Tensor out;
  {
    const tape::GradMode off(false);
    out = empty(x.shape(), x.dtype());
    program::launch(kProduct, x.dtype(), {out, contiguous(x)},
                    Scan{extent_of(x, dim), false, false});
  }
  if (wanted(x)) {
    // The product before x[i], times what follows from it: without a division, zeros are right.
    record("cumprod", out, {x},
           [x = Saved(x), out = Saved::output(out), dim](const Tensor& grad, Grads& grads) {
             if (grad.numel() == 0) {
               grads[0] = grad;
               return;
             }
             const Tensor after = linear_scan(grad, following(x.get(), dim, 0), dim, true);
             grads[0] = mul(preceding(out.get(), dim, 1), after);
           });
  }
  return out;
}

Tensor cumprod(const Tensor& given, int64_t along, std::optional<DType> dtype) {
  const int dim = wrap_dim("cumprod", along, given.dim());
  const DType type = dtype.value_or(is_floating(given.dtype()) ? given.dtype() : DType::int64);
  check_total_type("cumprod", given, type);
  const Tensor x = to(as_vector(given), counted_in(type));
  return to(reshape(running_product(x, dim), given.shape()), type);
}

std::tuple<Tensor, Tensor> running_extreme(const char* op, const Tensor& given, int64_t along,
                                           bool least) {
  const int dim = wrap_dim(op, along, given.dim());
  const Tensor x = as_vector(given);
  const bool truths = x.dtype() == DType::boolean;
  Tensor values, indices;
  {
    const tape::GradMode off(false);
    const Tensor source = contiguous(truths ? to(x, DType::uint8) : x);
    values = empty(x.shape(), source.dtype());
    indices = empty(x.shape(), DType::int64);
    program::launch(kExtreme, source.dtype(), {values, indices, source},
                    Scan{extent_of(x, dim), false, least});
    if (truths) values = to(values, DType::boolean);
  }
  if (wanted(x)) {
    record(op, values, {x},
           [indices = Saved(indices), dim, shape = x.shape()](const Tensor& grad, Grads& grads) {
             grads[0] = scatter_places(grad, dim, indices.get(), shape);
           });
  }
  return {reshape(values, given.shape()), reshape(indices, given.shape())};
}
std::tuple<Tensor, Tensor> cummax(const Tensor& x, int64_t dim) {
  return running_extreme("cummax", x, dim, false);
}
std::tuple<Tensor, Tensor> cummin(const Tensor& x, int64_t dim) {
  return running_extreme("cummin", x, dim, true);
}

// e^(x - other) where both are finite or differ; equal infinities are as far apart as equal numbers.
Tensor exp_of_gap(const Tensor& x, const Tensor& other) {
  const Tensor same = eq({x, {}}, {other, {}});
  return exp(where(same, TensorOrNumber{{}, 0.0}, TensorOrNumber{sub(x, other), {}}));
}

Tensor running_logsumexp(const Tensor& x, int dim) {
  Tensor out;
  {
    const tape::GradMode off(false);
    out = empty(x.shape(), x.dtype());
    program::launch(kLogSumExp, x.dtype(), {out, contiguous(x)},
                    Scan{extent_of(x, dim), false, false});
  }
  if (wanted(x)) {
    // The shares e^(x[i] - out[j]) of all j >= i, by way of neighbours: no power overflows.
    record("logcumsumexp", out, {x},
           [x = Saved(x), out = Saved::output(out), dim](const Tensor& grad, Grads& grads) {
             if (grad.numel() == 0) {
               grads[0] = grad;
               return;
             }
             const Tensor sums = out.get();
             const Tensor kept =
                 exp_of_gap(sums, following(sums, dim, std::numeric_limits<double>::infinity()));
             grads[0] = mul(linear_scan(grad, kept, dim, true), exp_of_gap(x.get(), sums));
           });
  }
  return out;
}

Tensor logcumsumexp(const Tensor& given, int64_t along) {
  const int dim = wrap_dim("logcumsumexp", along, given.dim());
  if (!is_floating(given.dtype()))
    fail(ErrorKind::not_implemented, "logcumsumexp", "a floating-point tensor", name(given.dtype()),
         "convert with .float() first");
  return reshape(running_logsumexp(as_vector(given), dim), given.shape());
}

void register_scans(Registry& registry) {
  static constexpr const char* kTyped =
      "(input: Tensor, dim: int, *, dtype: dtype | None = None) -> Tensor";
  registry.add<&cumprod>(
      "cumprod", kBoth | kOut, kTyped,
      R"(Running products along a dimension: out[i] is the product of input[0] to input[i].

Shape: input's. Integers and bools are multiplied in int64; dtype, where given, is what is multiplied
in. Raises IndexError for a dimension that does not exist.

>>> steep.cumprod(steep.tensor([1.0, 2.0, 3.0]), 0)
tensor([1., 2., 6.])
)");
  registry.add_inplace<&cumprod>("cumprod_", kTyped, "In-place form of cumprod.", "cumprod");
  registry.add_inplace<&cumsum>("cumsum_", kTyped, "In-place form of cumsum.", "cumsum");
  static constexpr const char* kPair = "(input: Tensor, dim: int) -> tuple[Tensor, Tensor]";
  registry.add<&cummax>(
      "cummax", kBoth | kOut, kPair,
      R"(The greatest element so far along a dimension, and where it is: values, indices.

Of equal ones, the last; a nan is greater than any number. Shape: input's. Raises IndexError for a
dimension that does not exist.

>>> steep.cummax(steep.tensor([1, 3, 2]), 0).values
tensor([1, 3, 3])
)");
  registry.add<&cummin>(
      "cummin", kBoth | kOut, kPair,
      R"(The least element so far along a dimension, and where it is: values, indices.

Of equal ones, the last; a nan is less than any number. Shape: input's. Raises IndexError for a
dimension that does not exist.

>>> steep.cummin(steep.tensor([3, 1, 2]), 0).values
tensor([3, 1, 1])
)");
  registry.add<&logcumsumexp>(
      "logcumsumexp", kBoth | kOut, "(input: Tensor, dim: int) -> Tensor",
      R"(Logarithms of running sums of e^input along a dimension, without overflow.

Shape: input's. Raises IndexError for a dimension that does not exist, NotImplementedError for
integers.

>>> steep.logcumsumexp(steep.tensor([0.0, 0.0]), 0)
tensor([0.0000, 0.6931])
)");
}

const Registration registered("reduction", register_scans);

}  // namespace

}  // namespace steep::ops
