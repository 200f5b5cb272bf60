// Sorting, and choosing by rank.
#include "kernels/order/sort.h"

#include <limits>

#include "ops/elementwise/compare.h"
#include "ops/elementwise/elementwise.h"
#include "ops/index/index.h"
#include "ops/order/order.h"
#include "ops/reduce/reduce.h"
#include "ops/registry.h"
#include "tensor/shape.h"

namespace steep::ops {

namespace {

// x with `dim` last, in row-major memory.
Tensor rows_along(const Tensor& x, int dim) {
  return contiguous(x.dim() < 2 ? x : transpose(x, dim, x.dim() - 1));
}
Tensor back_from_rows(const Tensor& rows, int dim) {
  const int last = rows.dim() - 1;
  return last < 1 || dim == last ? rows : contiguous(transpose(rows, dim, last));
}

}  // namespace

std::tuple<Tensor, Tensor> sorted_first(const char* op, const Tensor& x, int64_t along,
                                        int64_t kept, bool descending) {
  const int dim = wrap_dim(op, along, x.dim());
  Tensor values, indices;
  {
    const tape::GradMode off(false);
    // Integers and bools are sorted as int64: one kernel for all of them keeps the library small.
    const DType type = is_floating(x.dtype()) ? x.dtype() : DType::int64;
    const Tensor rows = rows_along(to(x, type), dim);
    Dims shape = rows.shape();
    const int64_t n = x.dim() == 0 ? 1 : shape.back();
    if (n > std::numeric_limits<uint32_t>::max())
      fail(ErrorKind::runtime, op, "fewer than 2**32 elements along a dimension", join(n));
    if (x.dim() > 0) shape.back() = kept;
    values = empty(shape, type);
    indices = empty(shape, DType::int64);
    if (values.numel() > 0)
      program::launch(kernels::kSort, type, {values, indices, rows},
                      kernels::SortedRows{rows.numel() / n, n, kept, descending});
    values = back_from_rows(to(values, x.dtype()), dim);
    indices = back_from_rows(indices, dim);
  }
  if (wanted(x)) {
    record(op, values, {x},
           [indices = Saved(indices), dim, shape = x.shape()](const Tensor& grad, Grads& grads) {
             grads[0] = shape.empty() ? grad : scatter_places(grad, dim, indices.get(), shape);
           });
  }
  return {values, indices};
}

std::tuple<Tensor, Tensor> sort(const Tensor& x, int64_t dim, bool descending, bool) {
  const int at = wrap_dim("sort", dim, x.dim());
  return sorted_first("sort", x, dim, x.dim() == 0 ? 1 : x.size(at), descending);
}

namespace {

Tensor argsort(const Tensor& x, int64_t dim, bool descending, bool stable) {
  const tape::GradMode off(false);
  return std::get<1>(sort(x, dim, descending, stable));
}

Tensor msort(const Tensor& x) { return std::get<0>(sort(x, 0, false, true)); }

int64_t size_along(const char* op, const Tensor& x, int64_t dim) {
  const int at = wrap_dim(op, dim, x.dim());
  return x.dim() == 0 ? 1 : x.size(at);
}

std::tuple<Tensor, Tensor> topk(const Tensor& x, int64_t k, int64_t dim, bool largest, bool) {
  const int64_t n = size_along("topk", x, dim);
  if (k < 0 || k > n)
    fail(ErrorKind::runtime, "topk", join("k between 0 and the size ", n, " of dimension ", dim),
         join(k, ": selected index k out of range"));
  return sorted_first("topk", x, dim, k, largest);
}

// The element of each row at `place` of its order: (values, indices).
std::tuple<Tensor, Tensor> ranked(const Tensor& x, int64_t dim, const Tensor& order,
                                  const Tensor& place, bool keepdim) {
  const int at = wrap_dim("gather", dim, x.dim());
  const Tensor index = gather(order, at, place, false);
  const Tensor values = gather(x, at, index, false);
  if (keepdim || x.dim() == 0) return {values, index};
  return {squeeze(values, Dims{at}), squeeze(index, Dims{at})};
}

std::tuple<Tensor, Tensor> kthvalue(const Tensor& x, int64_t k, int64_t dim, bool keepdim) {
  const int64_t n = size_along("kthvalue", x, dim);
  if (k < 1 || k > n)
    fail(ErrorKind::runtime, "kthvalue",
         join("k between 1 and the size ", n, " of dimension ", dim),
         join(k, ": selected number k out of range"));
  const auto [values, indices] = sorted_first("kthvalue", x, dim, k, false);
  if (x.dim() == 0) return {values, indices};
  const auto last = [&](const Tensor& sorted) {
    return keepdim ? narrow(sorted, dim, k - 1, 1) : select(sorted, dim, k - 1);
  };
  return {last(values), last(indices)};
}

// The lower median. Of rows with a nan, the first nan; or, without them, that of the others.
std::tuple<Tensor, Tensor> middle(const char* op, const Tensor& x, int64_t dim, bool keepdim,
                                  bool without_nan) {
  const int at = wrap_dim(op, dim, x.dim());
  const int64_t n = size_along(op, x, dim);
  if (n == 0)
    fail(ErrorKind::index, op, join("dimension ", at, " to have non-zero size"),
         to_string(x.shape()));
  Tensor order, place;
  {
    const tape::GradMode off(false);
    const auto [values, indices] = sort(x, dim, false, true);
    order = indices;
    Dims one = x.shape();
    if (x.dim() > 0) one[at] = 1;
    place = full(one, Number((n - 1) / 2), DType::int64);
    if (is_floating(x.dtype()) && x.dim() > 0) {
      const Tensor nans = sum(isnan(values), Dims{at}, true, std::nullopt);
      const Tensor numbers = sub({{}, n}, {nans, {}}, 1);
      if (without_nan) {
        const Tensor last = clamp(sub({numbers, {}}, {{}, 1}, 1), {{{}, 0}}, {});
        place = floor_divide({last, {}}, {{}, 2});
      } else {
        place = where(gt({nans, {}}, {{}, 0}), TensorOrNumber{numbers, {}}, {place, {}});
      }
    }
  }
  return ranked(x, dim, order, place, keepdim);
}

Tensor whole_middle(const char* op, const Tensor& x, bool without_nan) {
  if (x.numel() == 0) return full({}, std::numeric_limits<double>::quiet_NaN(), x.dtype());
  return std::get<0>(middle(op, reshape(x, {-1}), 0, false, without_nan));
}
Tensor median(const Tensor& x) { return whole_middle("median", x, false); }
Tensor nanmedian(const Tensor& x) { return whole_middle("nanmedian", x, true); }
std::tuple<Tensor, Tensor> median_dim(const Tensor& x, int64_t dim, bool keepdim) {
  return middle("median", x, dim, keepdim, false);
}
std::tuple<Tensor, Tensor> nanmedian_dim(const Tensor& x, int64_t dim, bool keepdim) {
  return middle("nanmedian", x, dim, keepdim, true);
}

struct Runs {
  int64_t rows, n;
};
// Where in each sorted row the longest run of equal elements ends; of several, the first.
// Operands: out int64[rows], sorted[rows, n].
template <class T>
void longest_run(const kernels::Task& task) {
  const Runs& of = kernels::arguments<Runs>(task);
  int64_t* out = static_cast<int64_t*>(task.data[0]);
  const T* x = static_cast<const T*>(task.data[1]);
  for (int64_t r = 0; r < of.rows; ++r, x += of.n) {
    int64_t longest = 0, run = 0;
    for (int64_t i = 0; i < of.n; ++i) {
      run = i > 0 && x[i] == x[i - 1] ? run + 1 : 1;
      if (run > longest) longest = run, out[r] = i;
    }
  }
}
constexpr Kernel kLongestRun =
    program::host_kernel("mode", "wr",
                         program::routines_for<float, double, int64_t, int32_t, uint8_t>(
                             longest_run<float>, longest_run<double>, longest_run<int64_t>,
                             longest_run<int32_t>, longest_run<uint8_t>));

std::tuple<Tensor, Tensor> mode(const Tensor& given, int64_t dim, bool keepdim) {
  const int at = wrap_dim("mode", dim, given.dim());
  const Tensor x = given.dtype() == DType::boolean ? to(given, DType::uint8) : given;
  const int64_t n = size_along("mode", x, dim);
  if (n == 0)
    fail(ErrorKind::index, "mode", join("dimension ", at, " to have non-zero size"),
         to_string(x.shape()));
  Tensor order, place;
  {
    const tape::GradMode off(false);
    const auto [values, indices] = sort(x, dim, false, true);
    order = indices;
    const Tensor rows = rows_along(values, at);
    Dims shape = rows.shape();
    if (!shape.empty()) shape.back() = 1;
    const Tensor ends = empty(shape, DType::int64);
    program::launch(kLongestRun, x.dtype(), {ends, rows}, Runs{rows.numel() / n, n});
    place = back_from_rows(ends, at);
  }
  return ranked(given, dim, order, place, keepdim);
}

void register_sorting(Registry& registry) {
  registry.add<&sort>(
      "sort", kBoth | kOut,
      "(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = "
      "False) -> tuple[Tensor, Tensor]",
      R"(The elements along a dimension in order, and where they were: values, indices.

A nan is greater than any number; equal elements keep their order, with stable or without. Shape:
input's. Raises IndexError for a dimension that does not exist.

>>> steep.sort(steep.tensor([3, 1, 2])).values
tensor([1, 2, 3])
)");
  registry.add<&argsort>("argsort", kBoth,
                         "(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = "
                         "False) -> Tensor",
                         R"(The int64 indices that sort a dimension; see sort.

Shape: input's. Raises IndexError for a dimension that does not exist.

>>> steep.argsort(steep.tensor([3, 1, 2]))
tensor([1, 2, 0])
)");
  registry.add<&msort>("msort", kBoth | kOut, "(input: Tensor) -> Tensor",
                       R"(The elements along the first dimension in order; see sort.

Shape: input's.

>>> steep.msort(steep.tensor([3, 1, 2]))
tensor([1, 2, 3])
)");
  registry.add<&topk>(
      "topk", kBoth | kOut,
      "(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = "
      "True) -> tuple[Tensor, Tensor]",
      R"(The k largest (or smallest) elements of a dimension, and where they are: values, indices.

They come in their order, with sorted or without; of equal elements, the first. Shape: input's, with
k at dim. Raises RuntimeError for a k that is larger than the dimension, IndexError for a dimension
that does not exist.

>>> steep.topk(steep.tensor([3, 1, 2]), 2).indices
tensor([0, 2])
)");
  registry.add<&kthvalue>(
      "kthvalue", kBoth | kOut,
      "(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> "
      "tuple[Tensor, Tensor]",
      R"(The k-th smallest element along a dimension, and where it is: values, indices.

k counts from 1. Shape: input's without dim, or with size 1 there. Raises RuntimeError for a k that
does not exist, IndexError for such a dimension.

>>> steep.kthvalue(steep.tensor([3, 1, 2]), 2).values
tensor(2)
)");
}

void register_middles(Registry& registry) {
  static constexpr const char* kAlong =
      "(input: Tensor, dim: int = -1, keepdim: bool = False) -> tuple[Tensor, Tensor]";
  registry.add<&median>(
      "median", kBoth, "(input: Tensor) -> Tensor",
      R"(The median of all elements, or along dim with where it is: values, indices.

Of an even number, the lower of the two in the middle; nan where there is one. Raises IndexError for
a dimension that does not exist or has size 0.

>>> steep.median(steep.tensor([3.0, 1.0, 2.0, 5.0]))
tensor(2.)
)");
  registry.add<&median_dim>("median", kBoth, kAlong, "See median(input).", "median_along");
  registry.add<&nanmedian>("nanmedian", kBoth, "(input: Tensor) -> Tensor",
                           R"(The median of the elements that are numbers; see median.

Raises IndexError for a dimension that does not exist or has size 0.

>>> steep.nanmedian(steep.tensor([3.0, steep.nan, 2.0]))
tensor(2.)
)");
  registry.add<&nanmedian_dim>("nanmedian", kBoth, kAlong, "See nanmedian(input).",
                               "nanmedian_along");
  registry.add<&mode>(
      "mode", kBoth | kOut, kAlong,
      R"(The most frequent element along a dimension, and where it is last: values, indices.

Of several, the smallest. Shape: input's without dim, or with size 1 there. Raises IndexError for a
dimension that does not exist or has size 0.

>>> steep.mode(steep.tensor([2, 1, 2])).values
tensor(2)
)");
}

void register_order(Registry& registry) {
  register_sorting(registry);
  register_middles(registry);
}

const Registration registered("order", register_order);

}  // namespace

}  // namespace steep::ops
