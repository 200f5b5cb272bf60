#include "kernels/order/search.h"

#include "kernels/isa.h"
#include "kernels/partition.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
namespace {
Cost cost(const LaunchView& launch) {
  const SearchedRows& of = launch.as<SearchedRows>();
  return {40.0 * static_cast<double>(of.rows) * static_cast<double>(of.m), launch.bytes};
}
}  // namespace

Kernel kSearchsorted = routine("searchsorted", Kind::opaque, "wrrr").with_cost(cost);
#endif

namespace {

// How many of the row's elements come before the value. A nan comes after all of them.
template <class T>
int64_t places_before(const T* row, const int64_t* order, int64_t n, T value, bool right) {
  int64_t first = 0, left = n;
  while (left > 0) {
    const int64_t half = left / 2, middle = first + half;
    const T at = row[order ? order[middle] : middle];
    const bool before = right ? !(at > value) : !(at >= value);
    first = before ? middle + 1 : first;
    left = before ? left - half - 1 : half;
  }
  return first;
}

template <class T>
void search(const Task& task) {
  const SearchedRows& of = arguments<SearchedRows>(task);
  auto* out = static_cast<int64_t*>(task.data[0]);
  const T* sorted = static_cast<const T*>(task.data[1]);
  const T* values = static_cast<const T*>(task.data[2]);
  const auto* order = static_cast<const int64_t*>(task.data[3]);
  const Range mine = share(of.rows * of.m, 64, task.rank, task.size);
  for (int64_t i = mine.begin; i < mine.end; ++i) {
    const int64_t row = of.one_row ? 0 : i / of.m * of.n;
    out[i] =
        places_before(sorted + row, order ? order + row : nullptr, of.n, values[i], of.right != 0);
  }
}

}  // namespace

void STEEP_FILL(order_search)() {
  set_routine<float>(kSearchsorted, search<float>);
  set_routine<double>(kSearchsorted, search<double>);
  set_routine<int64_t>(kSearchsorted, search<int64_t>);
  set_routine<int32_t>(kSearchsorted, search<int32_t>);
  set_routine<uint8_t>(kSearchsorted, search<uint8_t>);
}

}  // namespace steep::kernels
