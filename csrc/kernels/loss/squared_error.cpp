#include "kernels/loss/squared_error.h"

#include "kernels/isa.h"
#include "kernels/partition.h"
#include "kernels/simd/lanes.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
namespace {
// The partial sum of each chunk.
int64_t scratch(const LaunchView& launch, int /*threads*/) {
  return ceil_div(launch.as<SquaredError>().n, kChunk) * launch.element_size;
}
}  // namespace

Kernel kSquaredError = routine("squared_error", Kind::reduce, "wr").with_scratch(scratch);
#endif

namespace {

template <class T>
struct SquaredDifference {
  using Value = T;
  static constexpr bool kInPlace = false;
  const T* x;
  const T* y;
  T operator()(int64_t at, int64_t) const {
    const T difference = x[at] - y[at];
    return difference * difference;
  }
};

template <class T>
void squared_error(const Task& task) {
  const SquaredError& how = arguments<SquaredError>(task);
  const int64_t n = how.n, chunks = ceil_div(n, kChunk);
  const SquaredDifference<T> source{static_cast<const T*>(task.data[1]),
                                    static_cast<const T*>(task.data[2])};
  T* partial = static_cast<T*>(task.scratch);
  const Range mine = share(chunks, 1, task.rank, task.size);
  for (int64_t c = mine.begin; chunks > 1 && c < mine.end; ++c) {
    const int64_t at = c * kChunk;
    partial[c] = reduce_piece<Sum<T>>(source, at, n - at < kChunk ? n - at : kChunk);
  }
  task.barrier();
  if (task.rank != 0) return;
  Pairwise<Sum<T>, T> total;
  for (int64_t c = 0; chunks > 1 && c < chunks; ++c) total.push(partial[c]);
  const T sum = chunks > 1 ? total.result() : reduce_row<Sum<T>>(source, 0, n);
  const bool mean = how.reduction == LossReduction::mean;
  *static_cast<T*>(task.data[0]) = mean ? sum / static_cast<T>(n) : sum;
}

}  // namespace

void STEEP_FILL(loss_squared_error)() {
  set_routine<float>(kSquaredError, squared_error<float>);
  set_routine<double>(kSquaredError, squared_error<double>);
}

}  // namespace steep::kernels
