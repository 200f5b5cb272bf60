#include "kernels/elementwise/streaming.h"
#include "kernels/isa.h"
#include "kernels/norm/plane_cut.h"
#include "kernels/norm/plane_norm.h"
#include "kernels/norm/two_sums.h"
#include "kernels/partition.h"
#include "kernels/reduce/columns.h"
#include "kernels/simd/lanes.h"
#include "kernels/simd/vec_core.h"

namespace steep::kernels {

namespace {

// The sums are those of planes, for each may have a weight of its own.
constexpr Cut cut_of_planes(const PlaneNormBackward& norm) {
  return cut_of(norm.samples, norm.sets * norm.planes, norm.length);
}

// Where the parts of the scratch begin.
struct Places {
  int64_t totals, means, columns, end;  // bytes
};
constexpr Places places_of(const PlaneNormBackward& norm, int64_t element_size) {
  const Cut cut = cut_of_planes(norm);
  constexpr int64_t kTwo = sizeof(Two<double>);
  const int64_t totals = cut.sets * cut.parts() * kTwo;
  const int64_t means = totals + cut.sets * kTwo;
  const int64_t columns = means + norm.sets * kTwo;
  return {totals, means, columns,
          columns + (cut.columns ? 4 * cut.sets * cut.width * element_size : 0)};
}

}  // namespace

#if STEEP_DESCRIBES
namespace {
constexpr double kFlops = 12;  // of an element: its part in the sums, and its own gradient

Cost cost(const LaunchView& launch) {
  const PlaneNormBackward& norm = launch.as<PlaneNormBackward>();
  const int64_t elements = norm.samples * norm.sets * norm.planes * norm.length;
  return {kFlops * static_cast<double>(elements), launch.bytes};
}
int64_t scratch(const LaunchView& launch, int /*threads*/) {
  return places_of(launch.as<PlaneNormBackward>(), launch.element_size).end;
}
}  // namespace

Kernel kPlaneNormBackward = routine("plane_norm_backward", Kind::opaque, "wwwr")
                                .with_cost(cost)
                                .with_scratch(scratch)
                                .with_numbers(1);
#endif

namespace {

// grad, and grad * (x - mean).
template <class T>
struct GradientSums {
  const T *grad, *x;
  T mean;
  template <class V>
  STEEP_INLINE void add(int64_t j, V& first, V& second) const {
    const V g = read<V>(grad + j);
    first += g;
    second = multiply_add(g, V(read<V>(x + j) - mean), second);
  }
};

// The same of `width` columns, at most kTile, in `rows` rows `stride` apart.
template <class T>
__attribute__((noinline)) void column_sums(Two<double>* parts, int64_t step, const T* grad,
                                           const T* x, const T* mean, int64_t stride, int64_t rows,
                                           int64_t width) {
  alignas(64) T first[kTile<T>], second[kTile<T>];
  for (int64_t j = 0; j < width; ++j) first[j] = second[j] = 0;
  for (int64_t row = 0; row < rows; ++row, x += stride, grad += stride) {
#pragma omp simd
    for (int64_t j = 0; j < width; ++j) {
      first[j] += grad[j];
      second[j] = vec::mul_add(grad[j], x[j] - mean[j], second[j]);
    }
  }
  for (int64_t j = 0; j < width; ++j) parts[j * step] = {first[j], second[j]};
}

template <class T>
struct Backward {
  const PlaneNormBackward& norm;
  Cut cut;
  T *grad_x, *grad_weight, *grad_bias;
  const T *grad, *x, *mean, *spread, *weight;
  Two<double>*parts, *totals, *means;
  T* columns;  // of columns: mean, and the three numbers of a Line
  bool streamed;

  explicit Backward(const Task& task)
      : norm(arguments<PlaneNormBackward>(task)),
        cut(cut_of_planes(norm)),
        grad_x(static_cast<T*>(task.data[0])),
        grad_weight(static_cast<T*>(task.data[1])),
        grad_bias(static_cast<T*>(task.data[2])),
        grad(static_cast<const T*>(task.data[3])),
        x(static_cast<const T*>(task.data[4])),
        mean(static_cast<const T*>(task.data[5])),
        spread(static_cast<const T*>(task.data[6])),
        weight(static_cast<const T*>(task.data[7])) {
    const Places at = places_of(norm, sizeof(T));
    char* scratch = static_cast<char*>(task.scratch);
    parts = reinterpret_cast<Two<double>*>(scratch);
    totals = reinterpret_cast<Two<double>*>(scratch + at.totals);
    means = reinterpret_cast<Two<double>*>(scratch + at.means);
    columns = reinterpret_cast<T*>(scratch + at.columns);
    streamed =
        grad_x != grad && grad_x != x && streams_result<T>(3, cut.samples * cut.sets * cut.width);
  }
  bool sums() const { return !norm.fixed || grad_weight || grad_bias; }
  double rstd(int64_t set) const {
    return norm.fixed ? 1 / vec::sqrt(spread[set] + norm.eps) : static_cast<double>(spread[set]);
  }
  // Of a set's first plane: a set's channels are neighbours.
  int64_t channel_of(int64_t set) const { return set * norm.planes % norm.channels; }
  double weight_of(int64_t channel) const { return weight ? weight[channel] : 1.0; }

  // grad_x = grad * scale - ((x - mean) * slope + shift)
  struct Line {
    T mean, scale, slope, shift;
  };
  Line line_of(int64_t set, int64_t channel) const {
    const double by = rstd(set);
    return {mean[set], static_cast<T>(weight_of(channel) * by),
            static_cast<T>(norm.fixed ? 0 : means[set].second * by),
            static_cast<T>(norm.fixed ? 0 : means[set].first * by)};
  }

  void gather(Range sets, Range units) const {
    if (!sums()) return;
    if (!cut.columns) {
      for_planes(cut, sets, norm.planes, units,
                 [&](int64_t set, int64_t, int64_t at, int64_t n, int64_t part) {
                   const Two<T> of = sum_two<T>(GradientSums<T>{grad + at, x + at, mean[set]}, n);
                   parts[part] = {of.first, of.second};
                 });
      return;
    }
    // A set has one plane here, and a column the mean of its set.
    for_column_strips(
        cut, sets, units, kTile<T>,
        [&](int64_t column, int64_t width, int64_t first, int64_t rows, int64_t part) {
          const int64_t stride = cut.sets * cut.width, at = first * stride + column;
          alignas(64) T centre[kTile<T>];
          for (int64_t j = 0; j < width; ++j) centre[j] = mean[(column + j) / cut.width];
          column_sums(parts + part, cut.pieces, grad + at, x + at, centre, stride, rows, width);
        });
  }
  void combine(int64_t set) const {
    if (sums()) total(set);
    if (!cut.columns || !grad_x) return;
    const Line line = line_of(set, set % norm.channels);
    const int64_t all = cut.sets * cut.width;
    for (int64_t j = set * cut.width; j < (set + 1) * cut.width; ++j) {
      columns[j] = line.mean;
      columns[all + j] = line.scale;
      columns[2 * all + j] = line.slope;
      columns[3 * all + j] = line.shift;
    }
  }
  // The sums of each plane, and the means of g and of g * y * rstd over the set.
  void total(int64_t set) const {
    const double by = rstd(set);
    const double n = static_cast<double>(norm.samples * norm.planes * norm.length);
    Two<double> weighted{0, 0};
    int64_t plane = set * norm.planes, channel = channel_of(set);
    for (const int64_t end = plane + norm.planes; plane < end; ++plane, ++channel) {
      const Two<double>* of = parts + plane * cut.parts();
      const double first = sum_of_parts(cut, [&](int64_t i, double) { return of[i].first; });
      const double second = sum_of_parts(cut, [&](int64_t i, double) { return of[i].second; });
      totals[plane] = {first, second * by};
      weighted.first += weight_of(channel) * first;
      weighted.second += weight_of(channel) * second;
    }
    means[set] = {weighted.first / n, weighted.second * by * by / n};
  }
  void write(Range sets, Range units) const {
    if (!grad_x) return;
    if (!cut.columns) {
      int64_t of = -1, first = 0;  // the set, and what to add to its planes for their channels
      double by = 0;
      Line line{};
      for_planes(cut, sets, norm.planes, units,
                 [&](int64_t set, int64_t plane, int64_t at, int64_t n, int64_t) {
                   if (set != of) {
                     of = set, first = channel_of(set) - plane, by = rstd(set);
                     line = line_of(set, first + plane);
                   }
                   line.scale = static_cast<T>(weight_of(first + plane) * by);
                   norm.fixed ? write_fixed(line, at, n) : write_row(line, at, n);
                 });
      if (streamed) end_streaming();
      return;
    }
    for_column_strips(cut, sets, units, kTile<T>,
                      [&](int64_t column, int64_t width, int64_t first, int64_t rows, int64_t) {
                        for (int64_t row = first; row < first + rows; ++row) {
                          write_columns(row * cut.sets * cut.width, column, width);
                        }
                      });
  }
  void write_row(Line line, int64_t at, int64_t n) const {
    const T *g = grad + at, *from = x + at;
    write_elements(grad_x + at, n, streamed, [=](int64_t j) {
      const T rest = vec::mul_add(from[j] - line.mean, line.slope, line.shift);
      return vec::mul_add(g[j], line.scale, -rest);
    });
  }
  void write_fixed(Line line, int64_t at, int64_t n) const {
#pragma omp simd
    for (int64_t j = at; j < at + n; ++j) grad_x[j] = grad[j] * line.scale;
  }
  void write_columns(int64_t row, int64_t column, int64_t width) const {
    const int64_t all = cut.sets * cut.width, at = row + column;
    const T *centre = columns + column, *scale = centre + all, *slope = scale + all;
    const T *shift = slope + all, *g = grad + at, *from = x + at;
    T* to = grad_x + at;
    if (norm.fixed) {
#pragma omp simd
      for (int64_t j = 0; j < width; ++j) to[j] = g[j] * scale[j];
      return;
    }
#pragma omp simd
    for (int64_t j = 0; j < width; ++j) {
      const T rest = vec::mul_add(from[j] - centre[j], slope[j], shift[j]);
      to[j] = vec::mul_add(g[j], scale[j], -rest);
    }
  }
  // The gradients of a channel's weight and bias, from all its planes.
  void finish(int64_t channel) const {
    Pairwise<Sum<double>, double> weights, biases;
    for (int64_t plane = channel; plane < cut.sets; plane += norm.channels) {
      biases.push(totals[plane].first);
      weights.push(totals[plane].second);
    }
    if (grad_weight) grad_weight[channel] = static_cast<T>(weights.result());
    if (grad_bias) grad_bias[channel] = static_cast<T>(biases.result());
  }
};

// The sets as run_sets counts them: a set of several planes is never cut into columns.
template <class T>
void plane_norm_backward(const Task& task) {
  const Backward<T> pass(task);
  Cut sets = pass.cut;
  sets.sets = pass.norm.sets;
  sets.width *= pass.norm.planes;
  run_sets(task, sets, sets_together(sets, 2 * sizeof(T)), pass);
  if (!pass.grad_weight && !pass.grad_bias) return;
  task.barrier();
  const Range mine = share(pass.norm.channels, 1, task.rank, task.size);
  for (int64_t channel = mine.begin; channel < mine.end; ++channel) pass.finish(channel);
}

}  // namespace

void STEEP_FILL(norm_plane_norm_backward)() {
  set_routine<float>(kPlaneNormBackward, plane_norm_backward<float>);
  set_routine<double>(kPlaneNormBackward, plane_norm_backward<double>);
}

}  // namespace steep::kernels
