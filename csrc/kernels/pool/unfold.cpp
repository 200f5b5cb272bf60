#include "kernels/pool/unfold.h"

#include "kernels/isa.h"
#include "kernels/partition.h"
#include "kernels/simd/vec_core.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
Kernel kUnfold = routine("unfold", Kind::opaque, "wr");
Kernel kFold = routine("fold", Kind::opaque, "wr");
#endif

namespace {

// The results whose place k lies inside the image.
Range inside(const PoolAxis& axis, int64_t k) {
  const int64_t at = k * axis.dilation - axis.lead;
  const int64_t begin = at < 0 ? ceil_div(-at, axis.stride) : 0;
  const int64_t end = axis.in <= at ? 0 : (axis.in - 1 - at) / axis.stride + 1;
  const int64_t last = end < axis.out ? end : axis.out;
  return {begin < last ? begin : last, last};
}

// One place of the window, in one plane of the image.
struct Place {
  const PoolAxis &height, &width;
  int64_t i, j;
  int64_t row(int64_t h) const { return h * height.stride + i * height.dilation - height.lead; }
  int64_t column(int64_t w) const { return w * width.stride + j * width.dilation - width.lead; }
};

template <class T>
void unfold_place(const Place& at, T* __restrict columns, const T* __restrict plane) {
  const Range rows = inside(at.height, at.i), within = inside(at.width, at.j);
  const int64_t n = at.width.out, stride = at.width.stride;
  for (int64_t h = 0; h < at.height.out; ++h, columns += n) {
    const bool empty = h < rows.begin || h >= rows.end;
    const Range some = empty ? Range{0, 0} : within;
    for (int64_t w = 0; w < some.begin; ++w) columns[w] = 0;
    if (some.begin < some.end) {
      const T* x = plane + at.row(h) * at.width.in + at.column(some.begin);
      const int64_t count = some.end - some.begin;
      if (stride == 1) {
        __builtin_memcpy(columns + some.begin, x, count * sizeof(T));
      } else {
        for (int64_t w = 0; w < count; ++w) columns[some.begin + w] = x[w * stride];
      }
    }
    for (int64_t w = some.end; w < n; ++w) columns[w] = 0;
  }
}

template <class T>
void unfold(const Task& task) {
  const Unfold& how = arguments<Unfold>(task);
  T* columns = static_cast<T*>(task.data[0]);
  const T* x = static_cast<const T*>(task.data[1]);
  const int64_t places = how.height.kernel * how.width.kernel;
  const int64_t size = how.height.out * how.width.out, plane = how.height.in * how.width.in;
  const Range mine = share(how.planes * places, 1, task.rank, task.size);
  for (int64_t p = mine.begin; p < mine.end; ++p) {
    const int64_t place = p % places;
    const Place at{how.height, how.width, place / how.width.kernel, place % how.width.kernel};
    unfold_place(at, columns + p * size, x + p / places * plane);
  }
}

template <class T>
STEEP_INLINE void add_row(T* __restrict x, const T* __restrict from, int64_t n) {
#pragma omp simd
  for (int64_t w = 0; w < n; ++w) x[w] += from[w];
}

template <class T>
void fold_place(const Place& at, T* __restrict plane, const T* __restrict columns) {
  const Range rows = inside(at.height, at.i), some = inside(at.width, at.j);
  if (some.begin >= some.end) return;
  const int64_t count = some.end - some.begin, stride = at.width.stride;
  for (int64_t h = rows.begin; h < rows.end; ++h) {
    T* x = plane + at.row(h) * at.width.in + at.column(some.begin);
    const T* from = columns + h * at.width.out + some.begin;
    if (stride == 1) {
      add_row(x, from, count);
    } else {
      for (int64_t w = 0; w < count; ++w) x[w * stride] += from[w];
    }
  }
}

template <class T>
void fold(const Task& task) {
  const Unfold& how = arguments<Unfold>(task);
  const int64_t places = how.height.kernel * how.width.kernel;
  const int64_t size = how.height.out * how.width.out, plane = how.height.in * how.width.in;
  const Range mine = share(how.planes, 1, task.rank, task.size);
  for (int64_t p = mine.begin; p < mine.end; ++p) {
    T* x = static_cast<T*>(task.data[0]) + p * plane;
    const T* columns = static_cast<const T*>(task.data[1]) + p * places * size;
    for (int64_t i = 0; i < plane; ++i) x[i] = 0;
    for (int64_t place = 0; place < places; ++place) {
      const Place at{how.height, how.width, place / how.width.kernel, place % how.width.kernel};
      fold_place(at, x, columns + place * size);
    }
  }
}

template <class T>
void fill() {
  set_routine<T>(kUnfold, unfold<T>);
  set_routine<T>(kFold, fold<T>);
}

}  // namespace

void STEEP_FILL(pool_unfold)() {
  fill<float>();
  fill<double>();
}

}  // namespace steep::kernels
