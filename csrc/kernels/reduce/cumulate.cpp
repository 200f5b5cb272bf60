#include "kernels/reduce/cumulate.h"

#include "kernels/isa.h"
#include "kernels/partition.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
namespace {
// Each element waits for the one before it.
Cost cost(const LaunchView& launch) {
  const Extent& of = launch.as<Cumulation>().extent;
  return {4.0 * static_cast<double>(of.outer) * static_cast<double>(of.n) *
              static_cast<double>(of.inner),
          launch.bytes};
}
}  // namespace

Kernel kCumsum = routine("cumsum", Kind::opaque, "wr").with_cost(cost);
#endif

namespace {

constexpr int64_t kColumns = 256;  // taken together, so that their totals stay in the cache

template <class T, class Total>
void along_row(T* out, const T* x, int64_t n, bool backwards) {
  Total total = 0;
  if (backwards) {
    for (int64_t i = n - 1; i >= 0; --i) out[i] = static_cast<T>(total += x[i]);
  } else {
    for (int64_t i = 0; i < n; ++i) out[i] = static_cast<T>(total += x[i]);
  }
}

template <class T, class Total>
void down_columns(T* out, const T* x, int64_t n, int64_t step, int64_t width) {
  Total total[kColumns];
  for (int64_t j = 0; j < width; ++j) total[j] = 0;
  for (int64_t i = 0; i < n; ++i, out += step, x += step)
    for (int64_t j = 0; j < width; ++j) out[j] = static_cast<T>(total[j] += x[j]);
}

// Integers are added unsigned, where wrapping is defined.
template <class T, class Total>
void cumsum(const Task& task) {
  const Cumulation& of = arguments<Cumulation>(task);
  const int64_t n = of.extent.n, inner = of.extent.inner;
  const bool backwards = of.backwards != 0;
  T* out = static_cast<T*>(task.data[0]);
  const T* x = static_cast<const T*>(task.data[1]);
  const int64_t strips = ceil_div(inner, kColumns);
  const Range mine = share(of.extent.outer * strips, 1, task.rank, task.size);
  for (int64_t piece = mine.begin; piece < mine.end; ++piece) {
    const int64_t begin = piece % strips * kColumns, row = piece / strips * n * inner;
    if (inner == 1) {
      along_row<T, Total>(out + row, x + row, n, backwards);
      continue;
    }
    const int64_t width = inner - begin < kColumns ? inner - begin : kColumns;
    const int64_t first = row + begin + (backwards ? (n - 1) * inner : 0);
    down_columns<T, Total>(out + first, x + first, n, backwards ? -inner : inner, width);
  }
}

}  // namespace

void STEEP_FILL(reduce_cumulate)() {
  set_routine<float>(kCumsum, cumsum<float, double>);
  set_routine<double>(kCumsum, cumsum<double, double>);
  set_routine<int64_t>(kCumsum, cumsum<uint64_t, uint64_t>);
  set_routine<int32_t>(kCumsum, cumsum<uint32_t, uint32_t>);
}

}  // namespace steep::kernels
