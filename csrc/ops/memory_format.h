// In which order a new tensor lies in memory: like the one it is made after, or row-major.
#pragma once

#include "tensor/tensor.h"

namespace steep::ops {

// "preserve_format" or "contiguous_format"; the binding has refused the others.
using MemoryFormat = std::optional<std::string>;

inline bool is_row_major(const MemoryFormat& format) {
  return format && *format == "contiguous_format";
}
inline Tensor empty_like(const Tensor& x, DType dtype, const MemoryFormat& format) {
  return is_row_major(format) ? empty(x.shape(), dtype) : steep::empty_like(x, dtype);
}

}  // namespace steep::ops
