// Products without blocks: dot products along k, where one operand is a vector, and integer
// products.
#pragma once

#include <cstdint>

#include "kernels/elementwise/math.h"
#include "kernels/product/gemm_blocks.h"
#include "kernels/product/gemm_micro.h"

namespace steep::kernels {
namespace {

// The activations that are too long for a tile's registers: their own loops, over rows of
// finished elements that are still in the cache.
template <class T>
inline void activate(T* c, int64_t stride, int64_t rows, int64_t cols, Activation activation) {
  if (activation != Activation::tanh && activation != Activation::sigmoid) return;
  const Loop loop = (activation == Activation::tanh ? kTanh : kSigmoid).loops.at[kTypeIndex<T>];
  if (stride == cols) cols *= rows, rows = 1;
  constexpr int64_t kSteps[] = {1, 1};
  for (int64_t i = 0; i < rows; ++i) {
    void* const data[] = {c + i * stride, c + i * stride};
    loop(data, kSteps, cols);
  }
}

// The gradients of activations, for values that lie anywhere.
template <class T>
inline void undo_activation(T* c, int64_t stride, const T* aux, int64_t aux_stride, int64_t count,
                            Activation activation) {
  using R = Native<T>;
  for (int64_t i = 0; i < count; ++i, c += stride, aux += aux_stride)
    R::store(c, undone<R>(activation, R::load(c, 1), R::load(aux, 1)), 1);
}

// out[r * out_stride] = the dot product of row r of x with y, both contiguous along k.
template <class T>
struct Dots {
  int64_t rows, k;
  const T* x;
  int64_t x_stride;
  const T* y;
  T* out;
  int64_t out_stride;
  const T* bias;
  int64_t bias_stride;
  bool accumulate;
  Activation activation;
  T slope;
};

// 16 virtual lanes: element p belongs to lane p % 16; then lanes j and j + 8, j and j + 4, ... are
// added.
constexpr int kDotLanes = 16;

// A register's upper half added to its lower one; 4 lanes stay.
template <class V>
STEEP_INLINE auto folded(V v) {
  constexpr int lanes = sizeof(V) / sizeof(v[0]);
  if constexpr (lanes == 16) {
    return __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) +
           __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
  } else if constexpr (lanes == 8) {
    return __builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7);
  } else {
    return v;
  }
}

// Adds the lanes of one sum in that tree.
template <class T, int parts>
STEEP_INLINE T add_lanes(const typename Native<T>::V (&sum)[parts]) {
  alignas(64) T v[kDotLanes];
  STEEP_UNROLL
  for (int i = 0; i < parts; ++i) Native<T>::store(v + i * Native<T>::lanes, sum[i]);
  STEEP_UNROLL
  for (int j = 0; j < 8; ++j) v[j] += v[j + 8];
  return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
}

// Adds the lanes of `rows` sums in that tree; of four at a time in registers, first down to four
// lanes, then across the rows.
template <class T, int rows, int parts>
STEEP_INLINE void add_lanes(typename Native<T>::V (&sum)[rows][parts], T* out) {
  if constexpr (rows % 4 == 0 && SquareReg<T>::lanes >= 4) {
    STEEP_UNROLL
    for (int r = 0; r < rows; ++r) {
      STEEP_UNROLL
      for (int half = parts / 2; half > 0; half /= 2) {
        STEEP_UNROLL
        for (int v = 0; v < half; ++v) sum[r][v] = sum[r][v] + sum[r][v + half];
      }
    }
    STEEP_UNROLL
    for (int r = 0; r < rows; r += 4) {
      auto a = folded(folded(sum[r][0])), b = folded(folded(sum[r + 1][0]));
      auto c = folded(folded(sum[r + 2][0])), d = folded(folded(sum[r + 3][0]));
      transpose(a, b, c, d);
      Reg<T, 4 * sizeof(T)>::store(out + r, (a + c) + (b + d));
    }
  } else {
    STEEP_UNROLL
    for (int r = 0; r < rows; ++r) out[r] = add_lanes<T, parts>(sum[r]);
  }
}

// total = total + slice: rare (k over kSlice), hence not in registers.
template <class T>
__attribute__((noinline)) void add_slice(T* total, const T* slice, int rows) {
  for (int r = 0; r < rows; ++r) total[r] = total[r] + slice[r];
}

// The end of sums whose results lie next to each other: the same steps as Tile's, in the same
// order.
template <class R, class T>
STEEP_INLINE void finish_dots(const T* total, int64_t first, const Dots<T>& dots) {
  T* const out = dots.out + first * dots.out_stride;
  const T* const bias = dots.bias + first * dots.bias_stride;
  auto sum = R::load(total);
  if (dots.accumulate) sum = R::load(out) + sum;
  if (dots.bias) sum = sum + (dots.bias_stride ? R::load(bias) : R::broadcast(*bias));
  if (dots.activation == Activation::relu) sum = relu(sum);
  if (dots.activation == Activation::leaky_relu) sum = leaky_relu(sum, R::broadcast(dots.slope));
  R::store(out, sum);
}

// `rows` dot products at once, to keep the FMA units busy and to read y once.
template <class T, int rows>
void dot_rows(const Dots<T>& dots, int64_t first) {
  using R = Native<T>;
  constexpr int parts = kDotLanes / R::lanes;
  const T* const x = dots.x + first * dots.x_stride;
  T total[rows];
  for (int64_t begin = 0; begin == 0 || begin < dots.k; begin += kSlice) {
    const int64_t end = smaller(begin + kSlice, dots.k);
    typename R::V sum[rows][parts];
    STEEP_UNROLL
    for (int r = 0; r < rows; ++r) {
      STEEP_UNROLL
      for (int v = 0; v < parts; ++v) sum[r][v] = R::zero();
    }
    int64_t p = begin;
    for (; p + kDotLanes <= end; p += kDotLanes) {
      STEEP_UNROLL
      for (int v = 0; v < parts; ++v) {
        const auto y = R::load(dots.y + p + v * R::lanes);
        STEEP_UNROLL
        for (int r = 0; r < rows; ++r)
          sum[r][v] = R::fma(R::load(x + r * dots.x_stride + p + v * R::lanes), y, sum[r][v]);
      }
    }
    if (p < end) {
      // Absent lanes take 0 * 0, in every build alike.
      STEEP_UNROLL
      for (int v = 0; v < parts; ++v) {
        const int64_t at = p + v * R::lanes, left = end - at;
        const int count = left < 0 ? 0 : static_cast<int>(smaller(left, R::lanes));
        const auto y = R::load(dots.y + at, count);
        STEEP_UNROLL
        for (int r = 0; r < rows; ++r)
          sum[r][v] = R::fma(R::load(x + r * dots.x_stride + at, count), y, sum[r][v]);
      }
    }
    T slice[rows];
    add_lanes<T, rows, parts>(sum, begin == 0 ? total : slice);
    if (begin > 0) add_slice(total, slice, rows);
  }
  using Some = Reg<T, (rows % 4 == 0 && SquareReg<T>::lanes >= 4) ? 4 * sizeof(T) : 0>;
  if (dots.out_stride == 1) {
    STEEP_UNROLL
    for (int r = 0; r < rows; r += Some::lanes) finish_dots<Some>(total + r, first + r, dots);
  } else {
    for (int r = 0; r < rows; ++r) finish_dots<Reg<T, 0>>(total + r, first + r, dots);
  }
}

template <class T>
void dot_all(const Dots<T>& dots) {
  constexpr int half_file = Native<T>::lanes * kRegisters / 2 / kDotLanes;
  constexpr int rows = half_file < 1 ? 1 : half_file > 8 ? 8 : half_file;
  int64_t r = 0;
  for (; r + rows <= dots.rows; r += rows) dot_rows<T, rows>(dots, r);
  if constexpr (rows == 8) {
    if (r + 4 <= dots.rows) dot_rows<T, 4>(dots, r), r += 4;
  }
  for (; r < dots.rows; ++r) dot_rows<T, 1>(dots, r);
}

// A row of C from rows of B, which are read one after the other as they lie: the row of sums waits
// in the first-level cache. Four rows at a time, still in order of k.
constexpr int64_t kRowCols = 1024;

template <class T>
void add_row_products(T* sum, int64_t n, int64_t k, const T* a, int64_t a_step, const T* b,
                      int64_t ldb) {
  using R = Native<T>;
  int64_t p = 0;
  for (; p + 4 <= k; p += 4, a += 4 * a_step, b += 4 * ldb) {
    const auto a0 = R::broadcast(a[0]), a1 = R::broadcast(a[a_step]);
    const auto a2 = R::broadcast(a[2 * a_step]), a3 = R::broadcast(a[3 * a_step]);
    const auto products = [&](int64_t j, auto load) {
      auto x = R::fma(a0, load(b + j), R::load(sum + j));
      x = R::fma(a1, load(b + ldb + j), x);
      x = R::fma(a2, load(b + 2 * ldb + j), x);
      R::store(sum + j, R::fma(a3, load(b + 3 * ldb + j), x));
    };
    int64_t j = 0;
    for (; j + R::lanes <= n; j += R::lanes) products(j, [](const T* x) { return R::load(x); });
    const int last = static_cast<int>(n - j);
    if (last > 0) products(j, [last](const T* x) { return R::load(x, last); });
  }
  for (; p < k; ++p, a += a_step, b += ldb) {
    const auto left = R::broadcast(*a);
    for (int64_t j = 0; j < n; j += R::lanes) {
      const auto right =
          j + R::lanes <= n ? R::load(b + j) : R::load(b + j, static_cast<int>(n - j));
      R::store(sum + j, R::fma(left, right, R::load(sum + j)));
    }
  }
}

// n <= kRowCols columns of a product of one row; `tile` says how it ends (out, old, bias,
// activation).
template <class T>
void multiply_row(int64_t n, int64_t k, const T* a, int64_t a_step, const T* b, int64_t ldb,
                  Tile<T> tile) {
  constexpr int lanes = Native<T>::lanes;
  alignas(64) T sum[kRowCols], earlier[kRowCols];
  for (int64_t begin = 0; begin == 0 || begin < k; begin += kSlice) {
    if (begin > 0) {
      for (int64_t j = 0; j < n; ++j) earlier[j] = begin == kSlice ? sum[j] : earlier[j] + sum[j];
    }
    __builtin_memset(sum, 0, round_up(n, lanes) * sizeof(T));
    add_row_products(sum, n, smaller(kSlice, k - begin), a + begin * a_step, a_step,
                     b + begin * ldb, ldb);
  }
  for (int64_t j = 0; j < n; j += lanes) {
    typename Native<T>::V one[1][1] = {{Native<T>::load(sum + j)}};
    tile.last = static_cast<int>(smaller(lanes, n - j));
    if (k > kSlice) tile.earlier = earlier + j;
    finish<T, 1, 1, true>(one, tile, 0);
    tile.out += lanes;
    if (tile.old) tile.old += lanes;
    if (tile.bias) tile.bias += lanes;
    if (tile.aux) tile.aux += lanes;
  }
}

// Integer products wrap around. The rows of C are shared out; B's columns are walked where they are
// contiguous.
template <class T, class Unsigned>
void integer_gemm(const Task& task) {
  const Gemm& gemm = arguments<Gemm>(task);
  const int64_t m = gemm.m, n = gemm.n, k = gemm.k;
  const int64_t lda = gemm.lda, ldb = gemm.ldb, ldc = gemm.ldc;
  const bool trans_a = gemm.trans_a, trans_b = gemm.trans_b;
  const bool relu = gemm.activation == Activation::relu, accumulate = gemm.accumulate;
  const Range mine = share(gemm.batch * m, 1, task.rank, task.size);
  for (int64_t row = mine.begin; row < mine.end; ++row) {
    const int64_t batch = row / m, i = row % m;
    const T* const a = static_cast<const T*>(task.data[kGemmLeft]) + batch * gemm.a_stride +
                       (trans_a ? i : i * lda);
    const T* const b = static_cast<const T*>(task.data[kGemmRight]) + batch * gemm.b_stride;
    const T* const bias = static_cast<const T*>(task.data[kGemmBias]);
    T* const c = static_cast<T*>(task.data[kGemmOut]) + batch * gemm.c_stride + i * ldc;
    const int64_t a_step = trans_a ? lda : 1;
    for (int64_t j = 0; j < n; ++j) {
      const Unsigned start = (accumulate ? c[j] : 0) + static_cast<Unsigned>(bias ? bias[j] : 0);
      Unsigned sum = start;
      if (trans_b) {
        for (int64_t p = 0; p < k; ++p)
          sum += static_cast<Unsigned>(a[p * a_step]) * static_cast<Unsigned>(b[j * ldb + p]);
      }
      c[j] = static_cast<T>(sum);
    }
    for (int64_t p = 0; p < k && !trans_b; ++p) {
      const Unsigned left = static_cast<Unsigned>(a[p * a_step]);
#pragma omp simd
      for (int64_t j = 0; j < n; ++j)
        c[j] = static_cast<T>(static_cast<Unsigned>(c[j]) +
                              left * static_cast<Unsigned>(b[p * ldb + j]));
    }
    for (int64_t j = 0; j < n && relu; ++j) c[j] = c[j] < 0 ? 0 : c[j];
  }
}

}  // namespace
}  // namespace steep::kernels
