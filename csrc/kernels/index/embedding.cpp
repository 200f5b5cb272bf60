#include "kernels/index/embedding.h"

#include "kernels/isa.h"
#include "kernels/partition.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
namespace {
// How often each row occurs.
int64_t scratch(const LaunchView& launch, int /*threads*/) {
  const EmbeddingBackward& how = launch.as<EmbeddingBackward>();
  return how.by_frequency ? how.length * int64_t{sizeof(int64_t)} : 0;
}
}  // namespace

Kernel kEmbeddingBackward =
    routine("embedding_backward", Kind::opaque, "wrr").with_scratch(scratch);
#endif

namespace {

// Counts the indices that lie in `rows`.
inline void count_rows(int64_t* times, const int64_t* index, int64_t count, const Range& rows) {
  for (int64_t i = rows.begin; i < rows.end; ++i) times[i] = 0;
  for (int64_t k = 0; k < count; ++k)
    if (index[k] >= rows.begin && index[k] < rows.end) ++times[index[k]];
}

template <class T>
void embedding_backward(const Task& task) {
  const EmbeddingBackward& how = arguments<EmbeddingBackward>(task);
  const int64_t inner = how.inner;
  T* const out = static_cast<T*>(task.data[0]);
  const T* grad = static_cast<const T*>(task.data[1]);
  const auto* const index = static_cast<const int64_t*>(task.data[2]);
  auto* const times = static_cast<int64_t*>(task.scratch);
  const Range rows = share(how.length, 1, task.rank, task.size);
  if (rows.begin == rows.end) return;
  __builtin_memset(out + rows.begin * inner, 0, (rows.end - rows.begin) * inner * sizeof(T));
  if (how.by_frequency) count_rows(times, index, how.count, rows);
  for (int64_t k = 0; k < how.count; ++k, grad += inner) {
    const int64_t row = index[k];
    if (row < rows.begin || row >= rows.end || row == how.padding) continue;
    T* const to = out + row * inner;
    const T scale = how.by_frequency ? T(1) / static_cast<T>(times[row]) : T(1);
#pragma omp simd
    for (int64_t j = 0; j < inner; ++j) to[j] += grad[j] * scale;
  }
}

}  // namespace

void STEEP_FILL(index_embedding)() {
  set_routine<float>(kEmbeddingBackward, embedding_backward<float>);
  set_routine<double>(kEmbeddingBackward, embedding_backward<double>);
}

}  // namespace steep::kernels
