// Tables of places and weights, one entry for each element of an axis of the result.
#include <algorithm>
#include <cmath>

#include "ops/resample/tables.h"

namespace steep::ops {

namespace {

// ---- one place each ----

int64_t padded_place(const TableArguments& axis, int64_t o) {
  const int64_t last = axis.in - 1, place = o - axis.lead;
  switch (static_cast<Rule>(axis.rule)) {
    case Rule::reflect: {
      const int64_t turned = place < 0 ? -place : place;
      return turned > last ? 2 * last - turned : turned;
    }
    case Rule::replicate:
      return std::clamp<int64_t>(place, 0, last);
    case Rule::circular:
      return place < 0 ? place + axis.in : place > last ? place - axis.in : place;
    default:
      return place;
  }
}

// In the tensor's own arithmetic, as PyTorch has it: which neighbour is taken where two are equally
// near depends on its rounding.
template <class T>
int64_t nearest_place(const TableArguments& axis, int64_t o) {
  const bool exact = static_cast<Rule>(axis.rule) == Rule::nearest_exact;
  if (axis.in == axis.out && !exact) return o;
  const T scale = axis.scale > 0 ? static_cast<T>(1.0 / axis.scale)
                                 : static_cast<T>(axis.in) / static_cast<T>(axis.out);
  const T place = exact ? static_cast<T>(scale * (static_cast<T>(o) + T(0.5)))
                        : static_cast<T>(scale * static_cast<T>(o));
  return std::min(static_cast<int64_t>(std::floor(static_cast<float>(place))), axis.in - 1);
}

void fill_places(const kernels::Task& task) {
  const auto& axis = kernels::arguments<TableArguments>(task);
  auto* place = static_cast<int64_t*>(task.data[0]);
  const auto rule = static_cast<Rule>(axis.rule);
  const bool nearest = rule == Rule::nearest || rule == Rule::nearest_exact;
  for (int64_t o = 0; o < axis.out; ++o) {
    if (!nearest) {
      place[o] = padded_place(axis, o);
    } else {
      place[o] = axis.wide ? nearest_place<double>(axis, o) : nearest_place<float>(axis, o);
    }
  }
}

constexpr Kernel kPlaces =
    program::host_kernel("sample_places", "w", program::routines_for<int64_t>(fill_places));

// ---- weights ----

// How far apart in the input neighbours of the result are.
double step_of(const TableArguments& axis) {
  if (axis.corners) {
    return axis.out > 1 ? static_cast<double>(axis.in - 1) / static_cast<double>(axis.out - 1)
                        : 0.0;
  }
  return axis.scale > 0 ? 1.0 / axis.scale
                        : static_cast<double>(axis.in) / static_cast<double>(axis.out);
}

// Keys' cubic kernel (1981) of slope a at 1.
double cubic_kernel(double x, double a) {
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

constexpr double kCubic = -0.75;     // of interpolation
constexpr double kAntialias = -0.5;  // of what is smoothed first

// Weights of neighbours of a point, which is between elements of the input.
template <class T>
struct Column {
  int64_t* place;
  T* weight;
  int64_t step;  // from tap to tap
  void put(int64_t k, int64_t from, double by) const {
    place[k * step] = from;
    weight[k * step] = static_cast<T>(by);
  }
};

template <class T>
void interpolate(const TableArguments& axis, int64_t o, const Column<T>& to) {
  const bool cubic = static_cast<Rule>(axis.rule) == Rule::cubic;
  const auto at = static_cast<double>(o);
  double point = axis.corners ? step_of(axis) * at : step_of(axis) * (at + 0.5) - 0.5;
  if (!cubic && point < 0) point = 0;
  const double below = std::min(std::floor(point), static_cast<double>(axis.in - 1));
  const double part = std::clamp(point - below, 0.0, 1.0);
  const auto first = static_cast<int64_t>(below);
  if (cubic) {
    for (int64_t k = 0; k < 4; ++k) {
      const int64_t from = std::clamp<int64_t>(first - 1 + k, 0, axis.in - 1);
      to.put(k, from, cubic_kernel(part + 1 - static_cast<double>(k), kCubic));
    }
  } else {
    to.put(0, first, 1 - part);
    to.put(1, std::min(first + 1, axis.in - 1), part);
  }
}

// How far the filter reaches, on either side.
double reach_of(const TableArguments& axis) {
  const double half = static_cast<Rule>(axis.rule) == Rule::cubic_antialias ? 2.0 : 1.0;
  return half * std::max(step_of(axis), 1.0);
}

// The filter is as wide as a step: every element of the input has its share in the result.
template <class T>
void antialias(const TableArguments& axis, int64_t o, const Column<T>& to) {
  const double step = step_of(axis), reach = reach_of(axis), narrow = 1 / std::max(step, 1.0);
  const double centre = step * (static_cast<double>(o) + 0.5);
  const int64_t first = std::max<int64_t>(static_cast<int64_t>(centre - reach + 0.5), 0);
  const int64_t end = std::min(static_cast<int64_t>(centre + reach + 0.5), axis.in);
  const bool cubic = static_cast<Rule>(axis.rule) == Rule::cubic_antialias;
  const auto weight = [&](int64_t k) {
    const double x = (static_cast<double>(first + k) - centre + 0.5) * narrow;
    return cubic ? cubic_kernel(x, kAntialias) : std::max(1 - std::abs(x), 0.0);
  };
  const int64_t n = std::clamp<int64_t>(end - first, 0, axis.taps);
  double total = 0;
  for (int64_t k = 0; k < n; ++k) total += weight(k);
  for (int64_t k = 0; k < axis.taps; ++k) {
    const bool inside = k < n;  // what is outside must not be touched, for it may be NaN
    to.put(k, inside ? first + k : first,
           inside ? (total != 0 ? weight(k) / total : weight(k)) : 0.0);
  }
}

template <class T>
void fill_weights(const kernels::Task& task) {
  const auto& axis = kernels::arguments<TableArguments>(task);
  const auto rule = static_cast<Rule>(axis.rule);
  const bool smooth = rule == Rule::linear_antialias || rule == Rule::cubic_antialias;
  for (int64_t o = 0; o < axis.out; ++o) {
    const Column<T> to{static_cast<int64_t*>(task.data[0]) + o, static_cast<T*>(task.data[1]) + o,
                       axis.out};
    smooth ? antialias(axis, o, to) : interpolate(axis, o, to);
  }
}

constexpr Kernel kWeights = program::host_kernel(
    "sample_weights", "ww",
    program::routines_for<float, double>(fill_weights<float>, fill_weights<double>));

TableArguments arguments_of(const Sampled& axis, DType dtype) {
  return {axis.in,    axis.out,     static_cast<int64_t>(axis.rule), axis.lead,
          axis.scale, axis.corners, dtype == DType::float64,         1};
}

}  // namespace

Tensor places_of(const Sampled& axis, DType dtype) {
  const Tensor place = empty({axis.out}, DType::int64);
  program::launch(kPlaces, DType::int64, {place}, arguments_of(axis, dtype));
  return place;
}

SampleTable weights_of(const Sampled& axis, DType dtype) {
  TableArguments how = arguments_of(axis, dtype);
  const bool smooth = axis.rule == Rule::linear_antialias || axis.rule == Rule::cubic_antialias;
  how.taps = axis.rule == Rule::cubic ? 4 : 2;
  if (smooth) {
    how.taps = std::min(static_cast<int64_t>(std::ceil(reach_of(how))) * 2 + 1, axis.in);
  }
  const SampleTable table{empty({how.taps, axis.out}, DType::int64),
                          empty({how.taps, axis.out}, dtype)};
  program::launch(kWeights, dtype, {table.place, table.weight}, how);
  return table;
}

}  // namespace steep::ops
