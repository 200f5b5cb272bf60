#include "kernels/norm/plane_norm.h"

#include "kernels/elementwise/streaming.h"
#include "kernels/isa.h"
#include "kernels/norm/plane_cut.h"
#include "kernels/norm/two_sums.h"
#include "kernels/partition.h"
#include "kernels/reduce/columns.h"
#include "kernels/simd/lanes.h"
#include "kernels/simd/vec_core.h"

namespace steep::kernels {

namespace {
template <class Norm>
constexpr Cut cut_of_sets(const Norm& norm) {
  return cut_of(norm.samples, norm.sets, norm.planes * norm.length);
}
}  // namespace

#if STEEP_DESCRIBES
namespace {
constexpr double kFlops = 12;  // of an element: its part in the sums, and its own value
constexpr double kFixedFlops = 3;

template <class Norm>
double elements(const Norm& norm) {
  return static_cast<double>(norm.samples * norm.sets * norm.planes * norm.length);
}
Cost cost(const LaunchView& launch) {
  return {kFlops * elements(launch.as<PlaneNorm>()), launch.bytes};
}
Cost fixed_cost(const LaunchView& launch) {
  return {kFixedFlops * elements(launch.as<PlaneNormFixed>()), launch.bytes};
}
// Of columns, the three numbers that each is normalised by.
int64_t column_bytes(const Cut& cut, int64_t element_size) {
  return cut.columns ? 3 * cut.sets * cut.width * element_size : 0;
}
int64_t scratch(const LaunchView& launch, int /*threads*/) {
  const Cut cut = cut_of_sets(launch.as<PlaneNorm>());
  const int64_t parts = cut.sets * cut.parts() * static_cast<int64_t>(sizeof(Two<double>));
  return parts + column_bytes(cut, launch.element_size);
}
int64_t fixed_scratch(const LaunchView& launch, int /*threads*/) {
  return column_bytes(cut_of_sets(launch.as<PlaneNormFixed>()), launch.element_size);
}
}  // namespace

Kernel kPlaneNorm = routine("plane_norm", Kind::opaque, "wwwuuur")
                        .with_cost(cost)
                        .with_scratch(scratch)
                        .with_numbers(2);
Kernel kPlaneNormFixed = routine("plane_norm_fixed", Kind::opaque, "wr")
                             .with_cost(fixed_cost)
                             .with_scratch(fixed_scratch)
                             .with_numbers(1);
#endif

namespace {

// ---- the mean of each part, and the sum of the squared deviations from it ----

// From the sums of deviations from a number near the mean.
template <class T>
Two<double> moments(T about, Two<T> sums, int64_t n) {
  const double rest = static_cast<double>(sums.first) / static_cast<double>(n);
  const double squares = sums.second - sums.first * rest;
  return {about + rest, squares < 0 ? 0 : squares};
}

template <class T>
Two<double> row_moments(const T* x, int64_t n) {
  const T about = about_the_mean(x, n);
  return moments(about, sum_two<T>(Deviations<T>{x, about}, n), n);
}

// Of `width` columns, at most kTile, in `rows` rows `stride` apart; parts are `step` apart.
template <class T>
__attribute__((noinline)) void column_moments(Two<double>* parts, int64_t step, const T* x,
                                              int64_t stride, int64_t rows, int64_t width) {
  alignas(64) T mean[kTile<T>], first[kTile<T>], second[kTile<T>];
  reduce_row_chunk<Sum<T>>(mean, Plain<T>{x}, ColumnStrip{0, stride, width, 0}, rows);
  const T count = static_cast<T>(rows);
  for (int64_t j = 0; j < width; ++j) {
    mean[j] /= count;
    first[j] = second[j] = 0;
  }
  for (int64_t row = 0; row < rows; ++row, x += stride) {
#pragma omp simd
    for (int64_t j = 0; j < width; ++j) {
      const T deviation = x[j] - mean[j];
      first[j] += deviation;
      second[j] = vec::mul_add(deviation, deviation, second[j]);
    }
  }
  for (int64_t j = 0; j < width; ++j) {
    parts[j * step] = moments(mean[j], Two<T>{first[j], second[j]}, rows);
  }
}

// ---- the passes over sets ----

// What both have in common: out = (x - mean) * (rstd * weight) + bias.
template <class T>
struct Affine {
  Cut cut;
  int64_t planes, length, channels;
  T* out;
  const T *x, *weight, *bias;
  T* columns;  // of columns: mean, scale and shift of each
  bool streamed;

  struct Line {
    T mean, scale, shift;
  };
  Line line_of(int64_t channel, T mean, T rstd) const {
    return {mean, weight ? rstd * weight[channel] : rstd, bias ? bias[channel] : T(0)};
  }
  // For columns, which have one plane to a set.
  void spread(int64_t set, T mean, T rstd) const {
    if (!cut.columns) return;
    const Line line = line_of(set % channels, mean, rstd);
    const int64_t all = cut.sets * cut.width;
    for (int64_t j = set * cut.width; j < (set + 1) * cut.width; ++j) {
      columns[j] = line.mean;
      columns[all + j] = line.scale;
      columns[2 * all + j] = line.shift;
    }
  }
  void write_line(Line line, int64_t at, int64_t n) const {
    const T* from = x + at;
    write_elements(out + at, n, streamed, [=](int64_t j) {
      return vec::mul_add(from[j] - line.mean, line.scale, line.shift);
    });
  }
  // Elements [at, at + n) of a set, plane by plane.
  void write_row(int64_t set, T mean, T rstd, int64_t at, int64_t n) const {
    int64_t within = at % cut.width, plane = within / length;
    int64_t channel = set * planes % channels + plane;  // those of a set are neighbours
    for (const int64_t end = within + n; within < end; ++plane, ++channel) {
      const int64_t stop = (plane + 1) * length < end ? (plane + 1) * length : end;
      write_line(line_of(channel, mean, rstd), at, stop - within);
      at += stop - within;
      within = stop;
    }
  }
  void write_columns(Range sets, Range units) const {
    const int64_t all = cut.sets * cut.width;
    for_column_strips(cut, sets, units, kTile<T>,
                      [&](int64_t column, int64_t width, int64_t first, int64_t rows, int64_t) {
                        for (int64_t row = first; row < first + rows; ++row) {
                          const T *mean = columns + column, *scale = mean + all;
                          const T *shift = scale + all, *from = x + row * all + column;
                          T* to = out + row * all + column;
#pragma omp simd
                          for (int64_t j = 0; j < width; ++j) {
                            to[j] = vec::mul_add(from[j] - mean[j], scale[j], shift[j]);
                          }
                        }
                      });
  }
  template <class Statistics>  // statistics(set): mean and rstd
  void write(Range sets, Range units, const Statistics& statistics) const {
    if (cut.columns) return write_columns(sets, units);
    for_rows(cut, sets, units, [&](int64_t set, int64_t at, int64_t n, int64_t) {
      const Two<T> by = statistics(set);
      write_row(set, by.first, by.second, at, n);
    });
    if (streamed) end_streaming();
  }
};

template <class T, class Norm>
Affine<T> affine(const Norm& norm, void* const* data, int x, void* columns) {
  const Cut cut = cut_of_sets(norm);
  return {cut,
          norm.planes,
          norm.length,
          norm.channels,
          static_cast<T*>(data[0]),
          static_cast<const T*>(data[x]),
          static_cast<const T*>(data[x + 1]),
          static_cast<const T*>(data[x + 2]),
          static_cast<T*>(columns),
          data[0] != data[x] && streams_result<T>(2, cut.samples * cut.sets * cut.width)};
}

template <class T>
struct Normalise {
  Affine<T> to;
  Two<double>* parts;
  T *mean, *rstd, *running_mean, *running_var;
  double momentum, eps;

  void gather(Range sets, Range units) const {
    const Cut& cut = to.cut;
    if (!cut.columns) {
      for_rows(cut, sets, units, [&](int64_t, int64_t at, int64_t n, int64_t part) {
        parts[part] = row_moments(to.x + at, n);
      });
      return;
    }
    for_column_strips(
        cut, sets, units, kTile<T>,
        [&](int64_t column, int64_t width, int64_t first, int64_t rows, int64_t part) {
          const int64_t stride = cut.sets * cut.width;
          column_moments(parts + part, cut.pieces, to.x + first * stride + column, stride, rows,
                         width);
        });
  }
  // The mean of the parts' means; what they are off it adds to the squares (Chan, Golub and
  // LeVeque, 1983).
  void combine(int64_t set) const {
    const Cut& cut = to.cut;
    const Two<double>* of = parts + set * cut.parts();
    const double n = static_cast<double>(cut.samples * cut.width);
    const double centre =
        sum_of_parts(cut, [&](int64_t part, double size) { return size * of[part].first; }) / n;
    const double squares = sum_of_parts(cut, [&](int64_t part, double size) {
      const double off = of[part].first - centre;
      return of[part].second + size * off * off;
    });
    mean[set] = static_cast<T>(centre);
    rstd[set] = static_cast<T>(1 / vec::sqrt(squares / n + eps));
    if (running_mean) blend(running_mean[set], centre);
    if (running_var) blend(running_var[set], squares / (n - 1));
    to.spread(set, mean[set], rstd[set]);
  }
  void blend(T& running, double value) const {
    running = static_cast<T>((1 - momentum) * running + momentum * value);
  }
  void write(Range sets, Range units) const {
    to.write(sets, units, [&](int64_t set) { return Two<T>{mean[set], rstd[set]}; });
  }
};

template <class T>
void plane_norm(const Task& task) {
  const PlaneNorm& norm = arguments<PlaneNorm>(task);
  const Cut cut = cut_of_sets(norm);
  auto* parts = static_cast<Two<double>*>(task.scratch);
  auto* batches = static_cast<int64_t*>(task.data[5]);
  const Normalise<T> pass{affine<T>(norm, task.data, 6, parts + cut.sets * cut.parts()),
                          parts,
                          static_cast<T*>(task.data[1]),
                          static_cast<T*>(task.data[2]),
                          static_cast<T*>(task.data[3]),
                          static_cast<T*>(task.data[4]),
                          norm.cumulative ? 1 / static_cast<double>(*batches + 1) : norm.momentum,
                          norm.eps};
  run_sets(task, cut, sets_together(cut, sizeof(T)), pass);
  if (!batches) return;
  task.barrier();  // all have read it
  if (task.rank == 0) ++*batches;
}

// Fixed statistics: nothing is gathered.
template <class T>
struct Rescale {
  Affine<T> to;
  const T *mean, *var;
  double eps;
  T rstd(int64_t set) const { return static_cast<T>(1 / vec::sqrt(var[set] + eps)); }
  void gather(Range, Range) const {}
  void combine(int64_t set) const { to.spread(set, mean[set], rstd(set)); }
  void write(Range sets, Range units) const {
    to.write(sets, units, [&](int64_t set) { return Two<T>{mean[set], rstd(set)}; });
  }
};

template <class T>
void plane_norm_fixed(const Task& task) {
  const PlaneNormFixed& norm = arguments<PlaneNormFixed>(task);
  void* const data[] = {task.data[0], task.data[1], task.data[4], task.data[5]};
  const Rescale<T> pass{affine<T>(norm, data, 1, task.scratch), static_cast<const T*>(task.data[2]),
                        static_cast<const T*>(task.data[3]), norm.eps};
  run_sets(task, pass.to.cut, sets_together(pass.to.cut, sizeof(T)), pass);
}

template <class T>
void fill() {
  set_routine<T>(kPlaneNorm, plane_norm<T>);
  set_routine<T>(kPlaneNormFixed, plane_norm_fixed<T>);
}

}  // namespace

void STEEP_FILL(norm_plane_norm)() {
  fill<float>();
  fill<double>();
}

}  // namespace steep::kernels
