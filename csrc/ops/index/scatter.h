// What scattering is made of: arguments that have been checked, written or combined by a kernel.
#pragma once

#include <string>

#include "ops/index/index.h"
#include "program/kernel.h"

namespace steep::ops {

// A call whose arguments have been checked: the part of x that the index covers beside dim, an
// int64 index, and a source of its shape.
struct Scattered {
  Tensor target, index, source;
  int dim;
};

Scattered checked_scatter(const char* op, const Tensor& x, int64_t dim, const Tensor& index,
                          const Tensor& src);

// A copy of the target with the source combined into it, unrecorded.
Tensor scattered_by(const Kernel& kernel, const Scattered& of);

// out = x, and src where the index says.
Tensor scattered(const char* op, const Tensor& x, int64_t dim, const Tensor& index,
                 const Tensor& src);

Tensor scatter_reduce(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src,
                      const std::string& reduce, bool include_self);

}  // namespace steep::ops
