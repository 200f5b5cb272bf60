// Elements of another library's memory, wherever they lie in it.
#pragma once

#include "bindings/python.h"
#include "tensor/tensor.h"

namespace steep::bindings {

struct StridedMemory {
  const Dims& shape;
  const Dims& strides;  // in bytes
  int64_t item;         // bytes of an element
  // The buffer protocol's: what is not negative stands for a dimension of pointers. May be null.
  const Py_ssize_t* suboffsets = nullptr;

  bool is_indirect(int dim) const { return suboffsets && suboffsets[dim] >= 0; }
};

// Copies dimension `dim` and those inside it to consecutive memory at `out`; returns where it ends.
char* pack(const StridedMemory& memory, int dim, const char* from, char* out);

}  // namespace steep::bindings
