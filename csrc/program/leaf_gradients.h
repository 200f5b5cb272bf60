// Where leaves keep their .grad: the tape's business, which a replay reaches by this interface.
#pragma once

#include <atomic>
#include <cstdint>

#include "tensor/tensor.h"

namespace steep::program {

class LeafGradients {
 public:
  // What .grad is; undefined for None.
  virtual const Tensor& find(const Tensor& leaf) const = 0;
  struct Field {
    Tensor* grad;
    std::atomic<uint32_t>* lock;  // guards it (tensor/word_lock.h)
  };
  // Of a leaf that gets what is needed to hold a gradient. This is where memory may be lacking.
  virtual Field field(const Tensor& leaf) const = 0;

 protected:
  ~LeafGradients() = default;
};

}  // namespace steep::program
