#include "kernels/norm/layer_norm.h"

#include "kernels/elementwise/streaming.h"
#include "kernels/isa.h"
#include "kernels/norm/two_sums.h"
#include "kernels/partition.h"
#include "kernels/reduce/columns.h"
#include "kernels/simd/lanes.h"
#include "kernels/simd/vec_core.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
namespace {
constexpr double kFlops = 12;  // of an element: its part in the sums, and its own value

Cost cost(const LaunchView& launch) {
  const LayerNorm& norm = launch.as<LayerNorm>();
  return {kFlops * static_cast<double>(norm.rows * norm.n), launch.bytes};
}
Cost backward_cost(const LaunchView& launch) {
  const LayerNormBackward& norm = launch.as<LayerNormBackward>();
  return {kFlops * static_cast<double>(norm.rows * norm.n), launch.bytes};
}
// The partial sums over each chunk of rows, for weight and bias.
int64_t backward_scratch(const LaunchView& launch, int /*threads*/) {
  const LayerNormBackward& norm = launch.as<LayerNormBackward>();
  return norm.sums ? ceil_div(norm.rows, kRowChunk) * 2 * norm.n * launch.element_size : 0;
}
RowPartition rows(const LaunchView& launch, int /*ranks*/) {
  const LayerNorm& norm = launch.as<LayerNorm>();
  return {norm.rows, {norm.n, 1, 1, norm.n}};
}
// Where sums over all rows are wanted, ranks share chunks of rows.
RowPartition backward_rows(const LaunchView& launch, int /*ranks*/) {
  const LayerNormBackward& norm = launch.as<LayerNormBackward>();
  if (norm.sums) return {};
  return {norm.rows, {norm.n, 0, 0, norm.n, norm.n, 1, 1}};
}
}  // namespace

Kernel kLayerNorm =
    routine("layer_norm", Kind::opaque, "wwwr").with_cost(cost).with_rows(rows).with_numbers(1);
Kernel kLayerNormBackward = routine("layer_norm_backward", Kind::opaque, "wwwr")
                                .with_cost(backward_cost)
                                .with_scratch(backward_scratch)
                                .with_rows(backward_rows);
#endif

namespace {

// ---- forward ----

// mean and rstd of a row, from deviations from a number near the mean: with what these add up to,
// the variance of a row far from 0 is right, and that of equal elements 0 (Chan, Golub and LeVeque,
// 1983).
template <class T>
Two<T> mean_and_rstd(const T* x, int64_t n, T eps) {
  const T inverse = T(1) / static_cast<T>(n), about = about_the_mean(x, n);
  const Two<T> sums = sum_two<T>(Deviations<T>{x, about}, n);
  const T rest = sums.first * inverse;
  const T variance = (sums.second - sums.first * rest) * inverse;
  return {about + rest, T(1) / vec::sqrt((variance < 0 ? T(0) : variance) + eps)};
}

template <class T>
Two<T> zero_and_rstd(const T* x, int64_t n, T eps) {
  const T squares = sum_two<T>(Deviations<T>{x, 0}, n).second;
  return {0, T(1) / vec::sqrt(squares / static_cast<T>(n) + eps)};
}

template <bool kWeight, bool kBias, class T>
void normalise_row(T* out, const T* x, const T* weight, const T* bias, Two<T> by, int64_t n,
                   bool streamed) {
  write_elements(out, n, streamed, [=](int64_t j) {
    const T y = (x[j] - by.first) * by.second;
    if constexpr (kWeight && kBias) {
      return vec::mul_add(y, weight[j], bias[j]);
    } else if constexpr (kWeight) {
      return y * weight[j];
    } else if constexpr (kBias) {
      return y + bias[j];
    } else {
      return y;
    }
  });
}

template <class T>
void layer_norm(const Task& task) {
  const LayerNorm& norm = arguments<LayerNorm>(task);
  const int64_t n = norm.n;
  T* out = static_cast<T*>(task.data[0]);
  T* mean = static_cast<T*>(task.data[1]);
  T* rstd = static_cast<T*>(task.data[2]);
  const T* x = static_cast<const T*>(task.data[3]);
  const T* weight = static_cast<const T*>(task.data[4]);
  const T* bias = static_cast<const T*>(task.data[5]);
  const T eps = static_cast<T>(norm.eps);
  const auto normalise =
      weight ? (bias ? normalise_row<true, true, T> : normalise_row<true, false, T>)
             : (bias ? normalise_row<false, true, T> : normalise_row<false, false, T>);
  const bool streamed = out != x && streams_result<T>(2, norm.rows * n);
  const Range mine = share(norm.rows, 1, task.rank, task.size);
  for (int64_t row = mine.begin; row < mine.end; ++row) {
    const Two<T> by =
        norm.centred ? mean_and_rstd(x + row * n, n, eps) : zero_and_rstd(x + row * n, n, eps);
    mean[row] = by.first;
    rstd[row] = by.second;
    normalise(out + row * n, x + row * n, weight, bias, by, n, streamed);
  }
  if (streamed) end_streaming();
}

// ---- backward ----

template <class T>
struct Backward {
  T *grad_x, *grad_weight, *grad_bias;
  const T *grad, *x, *mean, *rstd, *weight;
  int64_t rows, n;
  bool centred, streamed;
  explicit Backward(const Task& task)
      : grad_x(static_cast<T*>(task.data[0])),
        grad_weight(static_cast<T*>(task.data[1])),
        grad_bias(static_cast<T*>(task.data[2])),
        grad(static_cast<const T*>(task.data[3])),
        x(static_cast<const T*>(task.data[4])),
        mean(static_cast<const T*>(task.data[5])),
        rstd(static_cast<const T*>(task.data[6])),
        weight(static_cast<const T*>(task.data[7])),
        rows(arguments<LayerNormBackward>(task).rows),
        n(arguments<LayerNormBackward>(task).n),
        centred(arguments<LayerNormBackward>(task).centred != 0),
        streamed(grad_x != grad && grad_x != x && streams_result<T>(3, rows * n)) {}
};

// g = grad * weight, and g * y.
template <bool kWeight, class T>
struct GradientSums {
  const T *grad, *x, *weight;
  T mean, rstd;
  template <class V>
  STEEP_INLINE void add(int64_t j, V& first, V& second) const {
    V g = read<V>(grad + j);
    if constexpr (kWeight) g *= read<V>(weight + j);
    first += g;
    second = multiply_add(g, (read<V>(x + j) - mean) * rstd, second);
  }
};

// Where the sums of a chunk of rows stand so far.
template <class T>
struct Columns {
  T *weight, *bias;
};

// Of columns [columns.begin, columns.end) of a row: grad_x where kInput, and its terms added to
// `sums` where kSums. Whatever is done together, an element's arithmetic is the same.
template <bool kWeight, bool kInput, bool kSums, class T>
void row_backward(const Backward<T>& a, int64_t row, Range columns, Columns<T> sums) {
  const T mean = a.mean[row], rstd = a.rstd[row];
  const T* grad = a.grad + row * a.n;
  const T* x = a.x + row * a.n;
  const T* weight = a.weight;
  [[maybe_unused]] Two<T> means{0, 0};
  if constexpr (kInput) {
    means = sum_two<T>(GradientSums<kWeight, T>{grad, x, weight, mean, rstd}, a.n);
    const T inverse = T(1) / static_cast<T>(a.n);
    means.first = a.centred ? means.first * inverse : T(0);
    means.second *= inverse;
  }
  const auto element = [=](int64_t j) {
    const T y = (x[j] - mean) * rstd;
    if constexpr (kSums) {
      sums.weight[j] = vec::mul_add(grad[j], y, sums.weight[j]);
      sums.bias[j] += grad[j];
    }
    const T g = kWeight ? grad[j] * weight[j] : grad[j];
    return (g - vec::mul_add(y, means.second, means.first)) * rstd;
  };
  if constexpr (kInput) {
    write_elements(a.grad_x + row * a.n, a.n, a.streamed, element);
  } else {
#pragma omp simd
    for (int64_t j = columns.begin; j < columns.end; ++j) element(j);
  }
}

// The rows of one chunk, and their sums over `columns` in `partial`.
template <bool kWeight, bool kInput, class T>
void chunk_backward(const Backward<T>& a, int64_t chunk, Range columns, T* partial) {
  const Columns<T> sums{partial + chunk * 2 * a.n, partial + (chunk * 2 + 1) * a.n};
  for (int64_t j = columns.begin; j < columns.end; ++j) sums.weight[j] = sums.bias[j] = 0;
  const int64_t first = chunk * kRowChunk;
  const int64_t end = a.rows - first < kRowChunk ? a.rows : first + kRowChunk;
  for (int64_t row = first; row < end; ++row) {
    row_backward<kWeight, kInput, true>(a, row, columns, sums);
  }
}

// grad_x, and with it the sums of each chunk of rows: in one pass over memory where there are
// chunks enough for the threads, else one after the other.
template <bool kWeight, class T>
void pass_backward(const Task& task, const Backward<T>& a, bool sums) {
  const int64_t chunks = ceil_div(a.rows, kRowChunk);
  T* partial = static_cast<T*>(task.scratch);
  if (sums && a.grad_x && shares_evenly(chunks, task.size)) {
    const Range mine = share(chunks, 1, task.rank, task.size);
    for (int64_t chunk = mine.begin; chunk < mine.end; ++chunk) {
      chunk_backward<kWeight, true>(a, chunk, {0, a.n}, partial);
    }
    return;
  }
  if (a.grad_x) {
    const Range mine = share(a.rows, 1, task.rank, task.size);
    for (int64_t row = mine.begin; row < mine.end; ++row) {
      row_backward<kWeight, true, false, T>(a, row, {0, a.n}, {});
    }
  }
  if (sums) {
    constexpr int64_t kWidest = kStripBytes / static_cast<int64_t>(sizeof(T));
    for_strips(task.rank, task.size, chunks, a.n, kWidest,
               [&](int64_t chunk, int64_t first, int64_t width) {
                 chunk_backward<kWeight, false>(a, chunk, {first, first + width}, partial);
               });
  }
}

template <class T>
void layer_norm_backward(const Task& task) {
  const Backward<T> a(task);
  const bool sums = arguments<LayerNormBackward>(task).sums != 0;
  a.weight ? pass_backward<true>(task, a, sums) : pass_backward<false>(task, a, sums);
  if (a.streamed) end_streaming();
  if (!sums) return;
  task.barrier();
  const int64_t n = a.n, chunks = ceil_div(a.rows, kRowChunk);
  const T* partial = static_cast<const T*>(task.scratch);
  for_strips(task.rank, task.size, 2, n, kTile<T>, [&](int64_t of, int64_t first, int64_t width) {
    T* out = of == 0 ? a.grad_weight : a.grad_bias;
    if (!out) return;
    combine_partial_rows<Sum<T>>(out + first, partial + of * n + first, chunks, 2 * n, width);
  });
}

template <class T>
void fill() {
  set_routine<T>(kLayerNorm, layer_norm<T>);
  set_routine<T>(kLayerNormBackward, layer_norm_backward<T>);
}

}  // namespace

void STEEP_FILL(norm_layer_norm)() {
  fill<float>();
  fill<double>();
}

}  // namespace steep::kernels
