#include "kernels/index/index.h"

#include "kernels/isa.h"
#include "kernels/partition.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
Kernel kIndexSelect = routine("index_select", Kind::opaque, "wrr");
Kernel kIndexAdd = routine("index_add", Kind::opaque, "urr");
Kernel kIndexPut = routine("index_put", Kind::opaque, "urr");
Kernel kGather = routine("gather", Kind::opaque, "wrr");
#endif

namespace {

struct Shape : Selection {
  explicit Shape(const Task& task) : Selection(arguments<Selection>(task)) {}
  bool holds(int64_t index) const {
    return static_cast<uint64_t>(index) < static_cast<uint64_t>(length);
  }
};

// Calls work(o, first, end) for this rank's ranges of inner in every o.
template <class Work>
void for_inner_ranges(const Task& task, const Shape& s, Work work) {
  const int64_t wanted = s.outer >= task.size ? 1 : ceil_div(task.size, s.outer < 1 ? 1 : s.outer);
  const int64_t width = ceil_div(ceil_div(s.inner, wanted), 16) * 16;
  const int64_t pieces = width == 0 ? 0 : ceil_div(s.inner, width);
  const Range mine = share(s.outer * pieces, 1, task.rank, task.size);
  for (int64_t i = mine.begin; i < mine.end; ++i) {
    const int64_t first = i % pieces * width;
    work(i / pieces, first, s.inner - first < width ? s.inner : first + width);
  }
}

template <class T>
void copy_row(T* to, const T* from, int64_t n) {
  if (n * static_cast<int64_t>(sizeof(T)) > 256) {
    __builtin_memcpy(to, from, n * sizeof(T));
    return;
  }
#pragma omp simd
  for (int64_t j = 0; j < n; ++j) to[j] = from[j];
}

template <class T>
void index_select(const Task& task) {
  const Shape s(task);
  T* out = static_cast<T*>(task.data[0]);
  const T* x = static_cast<const T*>(task.data[1]);
  const auto* index = static_cast<const int64_t*>(task.data[2]);
  const Range mine = share(s.outer * s.count, s.inner == 1 ? 64 : 1, task.rank, task.size);
  if (mine.begin == mine.end) return;
  int64_t o = mine.begin / s.count, k = mine.begin % s.count;
  for (int64_t row = mine.begin; row < mine.end; ++row) {
    T* to = out + row * s.inner;
    const T* from = x + (o * s.length + index[k]) * s.inner;
    if (!s.holds(index[k])) {
      for (int64_t j = 0; j < s.inner; ++j) to[j] = 0;
    } else if (s.inner == 1) {
      *to = *from;
    } else {
      copy_row(to, from, s.inner);
    }
    if (++k == s.count) k = 0, ++o;
  }
}

template <class T>
void gather(const Task& task) {
  const Shape s(task);
  T* out = static_cast<T*>(task.data[0]);
  const T* x = static_cast<const T*>(task.data[1]);
  const auto* index = static_cast<const int64_t*>(task.data[2]);
  const Range mine = share(s.outer * s.count, s.inner == 1 ? 64 : 1, task.rank, task.size);
  if (mine.begin == mine.end) return;
  int64_t o = mine.begin / s.count, k = mine.begin % s.count;
  if (s.inner == 1) {
    for (int64_t at = mine.begin; at < mine.end; ++o, k = 0) {
      const T* from = x + o * s.length;
      const int64_t end = mine.end - at < s.count - k ? mine.end : at + s.count - k;
      for (; at < end; ++at) out[at] = s.holds(index[at]) ? from[index[at]] : T(0);
    }
    return;
  }
  for (int64_t row = mine.begin; row < mine.end; ++row) {
    const T* from = x + o * s.length * s.inner;
    const int64_t* at = index + row * s.inner;
    for (int64_t j = 0; j < s.inner; ++j) {
      out[row * s.inner + j] = s.holds(at[j]) ? from[at[j] * s.inner + j] : T(0);
    }
    if (++k == s.count) k = 0, ++o;
  }
}

// A bool in memory, which is true where it is not 0.
struct BoolByte {
  uint8_t byte;
};
inline BoolByte operator+(BoolByte x, BoolByte y) {
  return {static_cast<uint8_t>((x.byte | y.byte) != 0)};
}

// to += from. T is unsigned where the tensor holds integers, whose sums wrap around; a sum of bool
// is their or.
template <class T>
void add_row(T* to, const T* from, int64_t n) {
#pragma omp simd
  for (int64_t j = 0; j < n; ++j) to[j] = static_cast<T>(to[j] + from[j]);
}

// Applies Row to every row of source and the row of out that its index names.
template <class T, void (*Row)(T* to, const T* from, int64_t n)>
void combine_rows(const Task& task) {
  const Shape s(task);
  T* out = static_cast<T*>(task.data[0]);
  const T* source = static_cast<const T*>(task.data[1]);
  const auto* index = static_cast<const int64_t*>(task.data[2]);
  for_inner_ranges(task, s, [=](int64_t o, int64_t first, int64_t end) {
    for (int64_t k = 0; k < s.count; ++k) {
      if (!s.holds(index[k])) continue;
      Row(out + (o * s.length + index[k]) * s.inner + first,
          source + (o * s.count + k) * s.inner + first, end - first);
    }
  });
}

// Moves is an unsigned integer as wide as the type; Adds is what its sums are computed in.
template <class T, class Moves, class Adds>
void fill() {
  set_routine<T>(kIndexSelect, index_select<Moves>);
  set_routine<T>(kIndexPut, combine_rows<Moves, copy_row<Moves>>);
  set_routine<T>(kGather, gather<Moves>);
  set_routine<T>(kIndexAdd, combine_rows<Adds, add_row<Adds>>);
}

}  // namespace

void STEEP_FILL(index_index)() {
  fill<float, uint32_t, float>();
  fill<double, uint64_t, double>();
  fill<int64_t, uint64_t, uint64_t>();
  fill<int32_t, uint32_t, uint32_t>();
  fill<uint8_t, uint8_t, uint8_t>();
  fill<bool, uint8_t, BoolByte>();
}

}  // namespace steep::kernels
