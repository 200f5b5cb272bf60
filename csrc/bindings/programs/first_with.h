// Finds which tensors of a call are the same, or share memory.
#pragma once

#include <cstdint>
#include <vector>

#include "tensor/tensor.h"

namespace steep::bindings {

inline const void* storage_of(const Tensor& x) { return x->storage.get(); }
inline const void* self_of(const Tensor& x) { return x.impl(); }

// Finds the first of a call's tensors with the same `of`, an address, by hashing it.
template <const void* (*of)(const Tensor&)>
class FirstWith {
 public:
  explicit FirstWith(const Tensors& tensors) : tensors_(tensors) {}

  // For a tensor that is about to be appended; -1 if none before it has the same.
  int find(const Tensor& x) {
    const void* const wanted = of(x);
    const int count = tensors_.size();
    if (count < kFew) {
      for (int i = 0; i < count; ++i)
        if (of(tensors_[i]) == wanted) return i;
      return -1;
    }
    if (2 * static_cast<size_t>(count) >= slots_.size()) grow();
    int& slot = slot_of(wanted);
    if (slot >= 0) return slot;
    slot = count;
    return -1;
  }

 private:
  static constexpr int kFew = 16;  // fewer than this are searched one by one, which is faster

  void grow() {
    slots_.assign(8 * static_cast<size_t>(tensors_.size()), -1);
    for (int i = 0; i < tensors_.size(); ++i) {
      int& slot = slot_of(of(tensors_[i]));
      if (slot < 0) slot = i;
    }
  }
  // The slot that has it, or where it belongs. If another thread has given a tensor other memory
  // meanwhile, it is not found.
  int& slot_of(const void* wanted) {
    size_t at = (reinterpret_cast<uintptr_t>(wanted) >> 4) * 0x9e3779b97f4a7c15u % slots_.size();
    for (; slots_[at] >= 0 && of(tensors_[slots_[at]]) != wanted; ++at)
      if (at + 1 == slots_.size()) at = static_cast<size_t>(-1);
    return slots_[at];
  }

  const Tensors& tensors_;
  std::vector<int> slots_;
};

}  // namespace steep::bindings
