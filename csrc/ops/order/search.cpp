// Places in sorted sequences, membership, counts and quantiles.
#include "kernels/order/search.h"

#include <cmath>
#include <limits>

#include "ops/elementwise/compare.h"
#include "ops/elementwise/elementwise.h"
#include "ops/index/index.h"
#include "ops/order/order.h"
#include "ops/reduce/reduce.h"
#include "ops/registry.h"
#include "program/record/recorder.h"
#include "tensor/shape.h"

namespace steep::ops {

Tensor places_in(const Tensor& sorted, const Tensor& values, const Tensor& sorter, bool right) {
  const tape::GradMode off(false);
  DType type = result_type({sorted, {}}, {values, {}});
  if (type == DType::boolean) type = DType::uint8;
  const Tensor out = empty(values.shape(), DType::int64);
  const int64_t n = sorted.size(sorted.dim() - 1);
  const bool one_row = sorted.dim() == 1;
  const int64_t m = one_row ? values.numel() : values.size(values.dim() - 1);
  const int64_t rows = one_row || m == 0 ? 1 : values.numel() / m;
  if (out.numel() == 0) return out;
  const Tensor order = sorter.defined() ? contiguous(sorter) : Tensor();
  program::launch(kernels::kSearchsorted, type,
                  {out, contiguous(to(sorted, type)), contiguous(to(values, type)), order},
                  kernels::SearchedRows{rows, n, m, one_row, right});
  return out;
}

namespace {

bool from_right(const char* op, bool right, const std::optional<std::string>& side) {
  if (!side) return right;
  if (*side != "left" && *side != "right")
    fail(ErrorKind::runtime, op, "side to be 'left' or 'right'", join("'", *side, "'"));
  if (right && *side == "left")
    fail(ErrorKind::runtime, op, "side and right to agree", "side 'left' and right=True");
  return *side == "right";
}

Tensor counted(const Tensor& places, bool out_int32) {
  return out_int32 ? to(places, DType::int32) : places;
}

Tensor searchsorted(const Tensor& sorted, const TensorOrNumber& input, bool out_int32, bool right,
                    const std::optional<std::string>& side, const Tensor& sorter) {
  const bool behind = from_right("searchsorted", right, side);
  if (sorted.dim() == 0)
    fail(ErrorKind::runtime, "searchsorted", "a sorted sequence of at least one dimension", "0-d");
  if (!input.is_tensor() && sorted.dim() != 1)
    fail(ErrorKind::runtime, "searchsorted", "a vector to search a number in",
         join("a sequence of shape ", to_string(sorted.shape())));
  const Tensor values = input.is_tensor() ? input.tensor : full({}, input.number, std::nullopt);
  bool fits = sorted.dim() == 1 || sorted.dim() == values.dim();
  for (int d = 0; fits && sorted.dim() > 1 && d + 1 < sorted.dim(); ++d)
    fits = sorted.size(d) == values.size(d);
  if (!fits)
    fail(ErrorKind::runtime, "searchsorted",
         "a vector, or a sequence of the values' shape but for the last dimension",
         join(to_string(sorted.shape()), " and values of ", to_string(values.shape())));
  if (sorter.defined() && (sorter.shape() != sorted.shape() || sorter.dtype() != DType::int64))
    fail(ErrorKind::runtime, "searchsorted", "a sorter of int64 in the sequence's shape",
         join(name(sorter.dtype()), " of ", to_string(sorter.shape())));
  const Tensor order = sorter.defined()
                           ? linear_index("searchsorted", {sorter}, {sorted.size(sorted.dim() - 1)},
                                          sorted.dim() - 1, Bounds::runtime_error)
                           : Tensor();
  return counted(places_in(sorted, values, order, behind), out_int32);
}

Tensor bucketize(const TensorOrNumber& input, const Tensor& boundaries, bool out_int32,
                 bool right) {
  if (boundaries.dim() != 1)
    fail(ErrorKind::runtime, "bucketize", "a vector of boundaries", to_string(boundaries.shape()));
  const Tensor values = input.is_tensor() ? input.tensor : full({}, input.number, std::nullopt);
  return counted(places_in(boundaries, values, {}, right), out_int32);
}

Tensor isin(const TensorOrNumber& elements, const TensorOrNumber& test_elements, bool,
            bool invert) {
  if (!elements.is_tensor() && !test_elements.is_tensor())
    fail(ErrorKind::type, "isin", "a tensor among the two", "two numbers");
  const tape::GradMode off(false);
  const DType type = result_type(elements, test_elements);
  const auto operand = [type](const TensorOrNumber& x) {
    const Tensor tensor = x.is_tensor() ? to(x.tensor, type) : full({}, x.number, type);
    return type == DType::boolean ? to(tensor, DType::uint8) : tensor;
  };
  const Tensor x = operand(elements), tests = reshape(operand(test_elements), {-1});
  if (tests.numel() == 0) return full(x.shape(), invert, DType::boolean);
  const Tensor sorted = std::get<0>(sort(tests, 0, false, true));
  const Tensor place = clamp(places_in(sorted, x, {}, false), {}, {{{}, tests.numel() - 1}});
  const Tensor found =
      eq({reshape(index_select(sorted, 0, reshape(place, {-1})), x.shape()), {}}, {x, {}});
  return invert ? logical_not(found) : found;
}

Tensor bincount(const Tensor& x, const Tensor& weights, int64_t minlength) {
  if (x.dim() != 1 || is_floating(x.dtype()) || x.dtype() == DType::boolean)
    fail(ErrorKind::runtime, "bincount", "a vector of non-negative integers",
         join(name(x.dtype()), " of shape ", to_string(x.shape())));
  if (minlength < 0) fail(ErrorKind::runtime, "bincount", "minlength >= 0", join(minlength));
  if (weights.defined() && weights.shape() != x.shape())
    fail(ErrorKind::runtime, "bincount", "weights of the input's shape",
         join(to_string(weights.shape()), " and ", to_string(x.shape())));
  program::refuse_recording(
      "the size of its result depends on values (bincount); use scatter_add into zeros");
  const tape::GradMode off(false);
  const Tensor dense = contiguous(to(x, DType::int64));
  const int64_t* places = dense.data<int64_t>();
  int64_t least = 0, greatest = -1;
  for (int64_t i = 0; i < x.numel(); ++i) {
    least = std::min(least, places[i]);
    greatest = std::max(greatest, places[i]);
  }
  if (least < 0)
    fail(ErrorKind::runtime, "bincount", "non-negative integers", "negative ones",
         "remove or shift them first");
  if (greatest == std::numeric_limits<int64_t>::max())  // one more bin than can be counted
    fail(ErrorKind::runtime, "bincount", "integers below 2**63 - 1", join(greatest));
  const int64_t bins = std::max(minlength, greatest + 1);
  if (!weights.defined()) {
    const Tensor out = full({bins}, 0, DType::int64);
    int64_t* counts = out.data<int64_t>();
    for (int64_t i = 0; i < x.numel(); ++i) ++counts[places[i]];
    return out;
  }
  const DType type = is_floating(weights.dtype()) ? weights.dtype() : DType::float64;
  return scatter_add(full({bins}, 0, type), 0, dense, to(weights, type));
}

struct Bins {
  int64_t n, count;
  double low, high;
};
// Operands: out[count], x[n].
template <class T>
void count_in_bins(const kernels::Task& task) {
  const Bins& how = kernels::arguments<Bins>(task);
  T* out = static_cast<T*>(task.data[0]);
  const T* x = static_cast<const T*>(task.data[1]);
  const T low = static_cast<T>(how.low), high = static_cast<T>(how.high);
  const T bins = static_cast<T>(how.count);
  const double half = how.high / 2 - how.low / 2, last = static_cast<double>(how.count - 1);
  for (int64_t b = 0; b < how.count; ++b) out[b] = 0;
  for (int64_t i = 0; i < how.n; ++i) {
    if (!(x[i] >= low && x[i] <= high)) continue;
    const T scaled = (x[i] - low) * bins / (high - low);
    // Beyond what T holds, or a range that is empty in T: in double, by halves.
    const double place = scaled <= bins ? scaled : (x[i] / 2.0 - how.low / 2) / half * how.count;
    out[place > 0 ? static_cast<int64_t>(std::min(place, last)) : 0] += 1;
  }
}
constexpr Kernel kBins = program::host_kernel(
    "histc", "wr",
    program::routines_for<float, double>(count_in_bins<float>, count_in_bins<double>));

Tensor histc(const Tensor& x, int64_t bins, const Number& min_value, const Number& max_value) {
  if (!is_floating(x.dtype()))
    fail(ErrorKind::not_implemented, "histc", "a floating-point tensor", name(x.dtype()),
         "convert with .float() first");
  if (bins < 1) fail(ErrorKind::runtime, "histc", "bins > 0", join(bins));
  double low = min_value.to_double(), high = max_value.to_double();
  const tape::GradMode off(false);
  if (low == high && x.numel() > 0) {
    low = item(min(x)).to_double(), high = item(max(x)).to_double();
  }
  if (low == high) low -= 1, high += 1;
  if (!std::isfinite(low) || !std::isfinite(high) || low > high)
    fail(ErrorKind::runtime, "histc", "a finite range with min <= max",
         join("[", low, ", ", high, "]"));
  const Tensor out = empty({bins}, x.dtype());
  program::launch(kBins, x.dtype(), {out, contiguous(x)}, Bins{x.numel(), bins, low, high});
  return out;
}

void register_search(Registry& registry) {
  registry.add<&searchsorted>(
      "searchsorted", kFunction | kOut,
      "(sorted_sequence: Tensor, input: Tensor | Number, *, out_int32: bool = False, right: bool = "
      "False, side: str | None = None, sorter: Tensor | None = None) -> Tensor",
      R"(Where values would be inserted into a sorted sequence: in front of equal elements, or behind (right).

The sequence is a vector, or has a row for each of the values'. sorter: indices that sort it, where
it is not sorted itself. Shape: input's, int64 or int32. Raises RuntimeError when shapes do not fit,
and for a side other than 'left' and 'right'.

>>> steep.searchsorted(steep.tensor([1, 3, 5]), steep.tensor([3, 4]))
tensor([1, 2])
)");
  registry.add<&bucketize>(
      "bucketize", kFunction | kOut,
      "(input: Tensor | Number, boundaries: Tensor, *, out_int32: bool = False, right: bool = "
      "False) -> Tensor",
      R"(The number of the bucket between sorted boundaries that each value lies in.

A value on a boundary lies in the bucket before it, or behind it (right). Shape: input's, int64 or
int32. Raises RuntimeError when boundaries is not a vector.

>>> steep.bucketize(steep.tensor([0.5, 2.5]), steep.tensor([1.0, 2.0]))
tensor([0, 2])
)");
  registry.add<&isin>("isin", kFunction | kOut,
                      "(elements: Tensor | Number, test_elements: Tensor | Number, *, "
                      "assume_unique: bool = False, invert: bool = False) -> Tensor",
                      R"(Whether each element is among the test elements (or, with invert, is not).

Shape: that of elements, bool.

>>> steep.isin(steep.tensor([1, 2, 3]), steep.tensor([2, 5]))
tensor([False,  True, False])
)");
  registry.add<&bincount>(
      "bincount", kBoth,
      "(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor",
      R"(How often each of the numbers 0, 1, ... is among the elements, or the sum of their weights.

Shape: (N) to the largest element and one, at least minlength; int64, or weights' float. Raises
RuntimeError for negative and floating elements, and for weights of another shape.

>>> steep.bincount(steep.tensor([0, 2, 2]))
tensor([1, 0, 2])
)");
  registry.add<&histc>(
      "histc", kBoth | kOut,
      "(input: Tensor, bins: int = 100, min: Number = 0, max: Number = 0) -> Tensor",
      R"(How many elements lie in each of so many equal parts of a range.

Where min and max are equal, the range is that of the elements; those outside are left out. Shape:
(bins), of input's dtype. Raises RuntimeError for fewer than one bin and a range that is none,
NotImplementedError for integers.

>>> steep.histc(steep.tensor([0.0, 1.0, 1.0]), bins=2)
tensor([1., 2.])
)");
}

const Registration registered("order", register_search);

}  // namespace

}  // namespace steep::ops
