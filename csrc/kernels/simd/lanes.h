// Reductions in a fixed order: 16 virtual lanes, fixed chunks, a fixed tree, whatever the width of
// the CPU's vectors.
//
// A contiguous chunk of up to kChunk elements is read in groups of 64: element i goes to lane i %
// 16 of accumulator (i / 16) % 4. The four accumulators, then the lanes, are combined in halves;
// the chunks of a row are combined pairwise, so that the error of a float sum grows with the
// logarithm of its length.
#pragma once

#include <cstdint>

#include "kernels/partition.h"

// Loops over registers must be unrolled completely, or the registers become memory.
#if defined(__clang__)
#define STEEP_UNROLL _Pragma("clang loop unroll(full)")
#else
#define STEEP_UNROLL _Pragma("GCC unroll 64")
#endif

namespace steep::kernels {
namespace {

constexpr int kLanes = 16;

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

template <class T>
constexpr bool kIsFloat = false;
template <>
constexpr bool kIsFloat<float> = true;
template <>
constexpr bool kIsFloat<double> = true;

// The lowest and highest values, infinities included: what max and min of nothing would be.
template <class T>
constexpr T lowest() {
  if constexpr (kIsFloat<T>) {
    return -static_cast<T>(__builtin_inf());
  } else if constexpr (T(-1) < T(0)) {
    return static_cast<T>(T(1) << (sizeof(T) * 8 - 2)) * -2;
  } else {
    return 0;
  }
}
template <class T>
constexpr T highest() {
  if constexpr (kIsFloat<T>) {
    return static_cast<T>(__builtin_inf());
  } else {
    return static_cast<T>(~lowest<T>());
  }
}

// The combining operations, each for scalars and vectors alike.
struct Difference {
  template <class V>
  static V apply(V a, V b) {
    return a - b;
  }
};

template <class T>
struct Sum {
  static constexpr T identity() { return 0; }
  template <class V>
  static V apply(V a, V b) {
    return a + b;
  }
};

template <class T>
struct Product {
  static constexpr T identity() { return 1; }
  template <class V>
  static V apply(V a, V b) {
    return a * b;
  }
};

template <class T>
struct Or {
  static constexpr T identity() { return 0; }
  template <class V>
  static V apply(V a, V b) {
    return a | b;
  }
};

// Max and Min let a NaN through, the first one if there are several.
template <class T>
struct Max {
  static constexpr T identity() { return lowest<T>(); }
  // Whether b takes the place of a.
  template <class V>
  static auto takes(V a, V b) {
    if constexpr (kIsFloat<T>) {
      return (b > a) | (b != b);
    } else {
      return b > a;
    }
  }
  template <class V>
  static V apply(V a, V b) {
    return takes(a, b) ? b : a;
  }
};

template <class T>
struct Min {
  static constexpr T identity() { return highest<T>(); }
  // Whether b takes the place of a.
  template <class V>
  static auto takes(V a, V b) {
    if constexpr (kIsFloat<T>) {
      return (b < a) | (b != b);
    } else {
      return b < a;
    }
  }
  template <class V>
  static V apply(V a, V b) {
    return takes(a, b) ? b : a;
  }
};

// 16 lanes of T, or kCount, as however many vectors the CPU needs for them.
template <class T, int kCount = kLanes>
struct Lanes {
  static constexpr int kAll = kCount * static_cast<int>(sizeof(T));
  static constexpr int kBytes = kVectorBytes < kAll ? kVectorBytes : kAll;
  static constexpr int kParts = kAll / kBytes;
  static constexpr int kWidth = kCount / kParts;
  typedef T Part __attribute__((vector_size(kBytes)));
  Part part[kParts];

  static Lanes fill(T value) {
    Lanes lanes;
    STEEP_UNROLL
    for (int p = 0; p < kParts; ++p) lanes.part[p] = value - Part{};
    return lanes;
  }
  static Lanes load(const T* x) {
    Lanes lanes;
    STEEP_UNROLL
    for (int p = 0; p < kParts; ++p) __builtin_memcpy(&lanes.part[p], x + p * kWidth, kBytes);
    return lanes;
  }
  void store(T* x) const {
    STEEP_UNROLL
    for (int p = 0; p < kParts; ++p) __builtin_memcpy(x + p * kWidth, &part[p], kBytes);
  }
  template <class Op>
  void combine(Op, const Lanes& other) {
    STEEP_UNROLL
    for (int p = 0; p < kParts; ++p) part[p] = Op::apply(part[p], other.part[p]);
  }
};

// Copies the last n < 16 elements in at most four moves, without reading past them.
template <class T>
inline void copy_tail(T* to, const T* from, int64_t n) {
  if (n & 8) __builtin_memcpy(to, from, 8 * sizeof(T)), to += 8, from += 8;
  if (n & 4) __builtin_memcpy(to, from, 4 * sizeof(T)), to += 4, from += 4;
  if (n & 2) __builtin_memcpy(to, from, 2 * sizeof(T)), to += 2, from += 2;
  if (n & 1) *to = *from;
}

// Value j of the level that has kLevel values left, of the tree that combines v[kCount] in halves.
template <class Op, int kLevel, int kCount, class T>
inline T tree_value(const T* v, int j) {
  if constexpr (kLevel == kCount) {
    return v[j];
  } else {
    return Op::apply(tree_value<Op, 2 * kLevel, kCount>(v, j),
                     tree_value<Op, 2 * kLevel, kCount>(v, j + kLevel));
  }
}

// Combines the lanes of a vector in halves: whole registers while they are wide.
template <class Op, class T, class V>
inline T combine_halves(V lanes) {
  constexpr int kBytes = sizeof(V), kCount = kBytes / static_cast<int>(sizeof(T));
  if constexpr (kBytes > 16) {
    typedef T Half __attribute__((vector_size(kBytes / 2)));
    Half low, high;
    __builtin_memcpy(&low, &lanes, sizeof(Half));
    __builtin_memcpy(&high, reinterpret_cast<const char*>(&lanes) + sizeof(Half), sizeof(Half));
    return combine_halves<Op, T>(Half(Op::apply(low, high)));
  } else {
    T v[kCount];
    __builtin_memcpy(v, &lanes, sizeof(v));
    return tree_value<Op, 1, kCount>(v, 0);
  }
}

// Combines 16 lanes in halves: lane j with j + 8, then 4, 2, 1; whole vectors first, while there
// are several.
template <class Op, class T>
inline T combine_lanes(Lanes<T> lanes) {
  STEEP_UNROLL
  for (int half = Lanes<T>::kParts / 2; half > 0; half /= 2) {
    STEEP_UNROLL
    for (int p = 0; p < half; ++p) {
      lanes.part[p] = Op::apply(lanes.part[p], lanes.part[p + half]);
    }
  }
  return combine_halves<Op, T>(lanes.part[0]);
}

// Reduces n contiguous elements, n <= kChunk. A call of its own: inlined everywhere it would fill
// the cache with copies.
template <class Op, class T>
__attribute__((noinline)) T reduce_chunk(const T* x, int64_t n) {
  Lanes<T> a = Lanes<T>::fill(Op::identity()), b = a, c = a, d = a;
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    a.combine(Op(), Lanes<T>::load(x + i));
    b.combine(Op(), Lanes<T>::load(x + i + kLanes));
    c.combine(Op(), Lanes<T>::load(x + i + 2 * kLanes));
    d.combine(Op(), Lanes<T>::load(x + i + 3 * kLanes));
  }
  if (n - i >= kLanes) a.combine(Op(), Lanes<T>::load(x + i)), i += kLanes;
  if (n - i >= kLanes) b.combine(Op(), Lanes<T>::load(x + i)), i += kLanes;
  if (n - i >= kLanes) c.combine(Op(), Lanes<T>::load(x + i)), i += kLanes;
  if (n > i) {
    T tail[kLanes];
    for (int j = 0; j < kLanes; ++j) tail[j] = Op::identity();
    copy_tail(tail, x + i, n - i);
    d.combine(Op(), Lanes<T>::load(tail));
  }
  a.combine(Op(), b);
  c.combine(Op(), d);
  a.combine(Op(), c);
  return combine_lanes<Op>(a);
}

// Combines a stream of partial results pairwise: equals with equals, like the carries of a binary
// counter.
template <class Op, class T>
struct Pairwise {
  T level[48];
  int64_t count = 0;

  void push(T value) {
    int k = 0;
    for (int64_t c = count++; c & 1; c >>= 1) value = Op::apply(level[k++], value);
    level[k] = value;
  }
  T result() const {
    T value = Op::identity();
    bool empty = true;
    for (int k = 0; count >> k; ++k) {
      if (!(count >> k & 1)) continue;
      value = empty ? level[k] : Op::apply(level[k], value);
      empty = false;
    }
    return value;
  }
};

// ---- rows ----
// A source's (at, group) is element `at`, which belongs to the result number `group`; its finish()
// ends each result.

// A value that lies in memory as it is wanted.
template <class T>
struct Plain {
  using Value = T;
  static constexpr bool kInPlace = true;
  const T* x;
  T operator()(int64_t at, int64_t) const { return x[at]; }
  T finish(T value) const { return value; }
};

// Where the values of elements [at, at + n) lie, n <= kChunk: in memory, or in the buffer they were
// written to.
template <class Source, class T>
inline const T* values_of(const Source& source, int64_t at, int64_t n, int64_t group, T* buffer) {
  if constexpr (Source::kInPlace) {
    return source.x + at;
  } else {
#pragma omp simd
    for (int64_t j = 0; j < n; ++j) buffer[j] = source(at + j, group);
    return buffer;
  }
}

// Reduces one chunk: n <= kChunk elements from `at`.
template <class Op, class Source>
inline typename Source::Value reduce_piece(const Source& source, int64_t at, int64_t n,
                                           int64_t group = 0) {
  alignas(64) typename Source::Value buffer[kChunk];
  return reduce_chunk<Op>(values_of(source, at, n, group, buffer), n);
}

// Reduces the n contiguous elements from `at`; fewer than 16 in their order.
template <class Op, class Source>
inline typename Source::Value reduce_row(const Source& source, int64_t at, int64_t n,
                                         int64_t group = 0) {
  using T = typename Source::Value;
  if (n < kLanes) {
    T value = Op::identity();
    for (int64_t i = 0; i < n; ++i) value = Op::apply(value, source(at + i, group));
    return value;
  }
  if (n <= kChunk) return reduce_piece<Op>(source, at, n, group);
  Pairwise<Op, T> total;
  for (int64_t i = 0; i < n; i += kChunk) {
    total.push(reduce_piece<Op>(source, at + i, n - i < kChunk ? n - i : kChunk, group));
  }
  return total.result();
}

}  // namespace
}  // namespace steep::kernels
