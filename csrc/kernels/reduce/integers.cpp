// Reductions of integers, and whether any element, or every one, is nonzero, for all types: what is
// as quick in registers of 32 bytes as in wider ones.
#include "kernels/isa.h"
#include "kernels/reduce/reduce.h"
#include "kernels/reduce/routines.h"

namespace steep::kernels {
namespace {

// Whether an element is nonzero: any. With flip, whether one is zero, and the result is flipped
// back: all.
template <class T>
struct IsNonzero {
  using Value = uint8_t;
  static constexpr bool kInPlace = false;
  const T* x;
  uint8_t flip;
  uint8_t operator()(int64_t at, int64_t) const { return static_cast<uint8_t>(x[at] != 0) ^ flip; }
  uint8_t finish(uint8_t value) const { return value ^ flip; }
};

template <class T>
void any(const Task& task) {
  reduce<Or<uint8_t>, uint8_t>(task, IsNonzero<T>{static_cast<const T*>(task.data[1]), 0});
}

template <class T>
void all(const Task& task) {
  reduce<Or<uint8_t>, uint8_t>(task, IsNonzero<T>{static_cast<const T*>(task.data[1]), 1});
}

template <class T, class Stored = T>
void fill_truths() {
  set_routine<T>(kAny, any<Stored>);
  set_routine<T>(kAll, all<Stored>);
}

}  // namespace

void STEEP_FILL(reduce_integers)() {
  fill_sums<int64_t, uint64_t>();
  fill_sums<int32_t, uint32_t>();
  fill_extremes<int64_t>();
  fill_extremes<int32_t>();
  fill_extremes<uint8_t>();
  fill_extremes<bool, uint8_t>();
  fill_truths<float>();
  fill_truths<double>();
  fill_truths<int64_t>();
  fill_truths<int32_t>();
  fill_truths<uint8_t>();
  fill_truths<bool, uint8_t>();
}

}  // namespace steep::kernels
