// What operations ask of the language they are called from. The bindings set it at load.
#pragma once

#include "tensor/tensor.h"

namespace steep::ops {

struct Svd {
  Tensor u, s,
      vh;  // x = u diag(s) vh; of each matrix [m, n]: [m, k], [k], [k, n] with the lesser k
};

struct Host {
  void (*warn)(const std::string& text) = nullptr;  // the user; may throw where warnings are errors
  Svd (*svd)(const Tensor& matrices) = nullptr;     // of finite [..., m, n]
};
extern Host host;

}  // namespace steep::ops
