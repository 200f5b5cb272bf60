// In which order a new tensor lies in memory: like the one it is made after, row-major, or with the
// channels of images innermost.
#pragma once

#include "tensor/tensor.h"

namespace steep::ops {

// The name of one, as the binding has it.
using MemoryFormat = std::optional<std::string>;

inline bool is_row_major(const MemoryFormat& format) {
  return format && *format == "contiguous_format";
}
inline bool is_channels_last(const MemoryFormat& format) {
  return format && format->compare(0, 13, "channels_last") == 0;
}
// The same elements with their channels innermost; a copy only where it has to be, or must be.
// Refuses other numbers of dimensions than those of images.
Tensor channels_last(const char* op, const Tensor& x, const MemoryFormat& format, bool copies);

Tensor empty_in(const Dims& shape, DType dtype, const MemoryFormat& format);

inline Tensor empty_like(const Tensor& x, DType dtype, const MemoryFormat& format) {
  const bool is_given = is_row_major(format) || is_channels_last(format);
  return is_given ? empty_in(x.shape(), dtype, format) : steep::empty_like(x, dtype);
}

}  // namespace steep::ops
