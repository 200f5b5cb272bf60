#include "kernels/create/iota.h"

#include "kernels/isa.h"
#include "kernels/partition.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
Kernel kIota = routine("iota", Kind::opaque, "w").with_numbers(2);
#endif

namespace {

// Floats are computed in double and rounded once.
template <class T>
void iota_float(const Task& task) {
  T* out = static_cast<T*>(task.data[0]);
  const Iota& range = arguments<Iota>(task);
  const double start = range.start.f, step = range.step.f;
  const Range mine = share(range.n, kChunk, task.rank, task.size);
  for (int64_t begin = mine.begin; begin < mine.end; begin += kChunk) {
    const int length = static_cast<int>(mine.end - begin < kChunk ? mine.end - begin : kChunk);
    const double base = static_cast<double>(begin);
#pragma omp simd
    for (int j = 0; j < length; ++j) out[begin + j] = static_cast<T>(start + (base + j) * step);
  }
}

template <class T>
void iota_integer(const Task& task) {
  T* out = static_cast<T*>(task.data[0]);
  const Iota& range = arguments<Iota>(task);
  const uint64_t start = static_cast<uint64_t>(range.start.i);
  const uint64_t step = static_cast<uint64_t>(range.step.i);
  const Range mine = share(range.n, kChunk, task.rank, task.size);
#pragma omp simd
  for (int64_t i = mine.begin; i < mine.end; ++i) {
    out[i] = static_cast<T>(start + static_cast<uint64_t>(i) * step);
  }
}

}  // namespace

void STEEP_FILL(create_iota)() {
  set_routine<float>(kIota, iota_float<float>);
  set_routine<double>(kIota, iota_float<double>);
  set_routine<int64_t>(kIota, iota_integer<int64_t>);
  set_routine<int32_t>(kIota, iota_integer<int32_t>);
}

}  // namespace steep::kernels
