#include "bindings/tensor/strided.h"

#include <cstring>

namespace steep::bindings {

char* pack(const StridedMemory& memory, int dim, const char* from, char* out) {
  const auto item = static_cast<size_t>(memory.item);
  if (dim == memory.shape.size()) {
    std::memcpy(out, from, item);
    return out + item;
  }
  const int64_t size = memory.shape[dim], stride = memory.strides[dim];
  const bool indirect = memory.is_indirect(dim);
  if (dim == memory.shape.size() - 1 && stride == memory.item && !indirect) {
    std::memcpy(out, from, static_cast<size_t>(size) * item);
    return out + static_cast<size_t>(size) * item;
  }
  for (int64_t i = 0; i < size; ++i) {
    const char* at = from + i * stride;
    if (indirect) at = *reinterpret_cast<const char* const*>(at) + memory.suboffsets[dim];
    out = pack(memory, dim + 1, at, out);
  }
  return out;
}

}  // namespace steep::bindings
