// Access to the .grad of leaves, which the tape keeps: the interface by which replays reach it.
#pragma once

#include <atomic>
#include <cstdint>

#include "tensor/tensor.h"

namespace steep::program {

class LeafGradients {
 public:
  // The .grad of a leaf; undefined for None.
  virtual const Tensor& find(const Tensor& leaf) const = 0;
  struct Field {
    Tensor* grad;
    std::atomic<uint32_t>* lock;  // guards it (tensor/word_lock.h)
  };
  // The leaf's .grad itself, for which room is made if there is none. May run out of memory.
  virtual Field field(const Tensor& leaf) const = 0;

 protected:
  ~LeafGradients() = default;
};

}  // namespace steep::program
