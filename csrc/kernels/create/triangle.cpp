#include "kernels/create/triangle.h"

#include "kernels/isa.h"
#include "kernels/partition.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
Kernel kTriangle = routine("triangle", Kind::opaque, "wr");
#endif

namespace {

template <class T>
void triangle(const Task& task) {
  const Triangle& of = arguments<Triangle>(task);
  T* out = static_cast<T*>(task.data[0]);
  const T* x = static_cast<const T*>(task.data[1]);
  const Range mine = share(of.matrices * of.rows, 1, task.rank, task.size);
  for (int64_t r = mine.begin; r < mine.end; ++r) {
    // In front of `edge` lies the lower triangle, behind it the upper one.
    int64_t edge = r % of.rows + of.diagonal + (of.lower ? 1 : 0);
    edge = edge < 0 ? 0 : edge > of.columns ? of.columns : edge;
    T* to = out + r * of.columns;
    const T* from = x + r * of.columns;
    const int64_t first = of.lower ? 0 : edge, end = of.lower ? edge : of.columns;
    for (int64_t j = 0; j < first; ++j) to[j] = 0;
    for (int64_t j = first; j < end; ++j) to[j] = from[j];
    for (int64_t j = end; j < of.columns; ++j) to[j] = 0;
  }
}

}  // namespace

void STEEP_FILL(create_triangle)() {
  set_routine<float>(kTriangle, triangle<uint32_t>);
  set_routine<int32_t>(kTriangle, triangle<uint32_t>);
  set_routine<double>(kTriangle, triangle<uint64_t>);
  set_routine<int64_t>(kTriangle, triangle<uint64_t>);
  set_routine<uint8_t>(kTriangle, triangle<uint8_t>);
  set_routine<bool>(kTriangle, triangle<uint8_t>);
}

}  // namespace steep::kernels
