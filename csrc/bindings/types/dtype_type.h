// steep.float32 and the other dtypes, steep.device, and steep.Size: the small types that describe a
// tensor.
#pragma once

#include "bindings/python.h"
#include "tensor/tensor.h"

namespace steep::bindings {

// Makes the types, puts them and the dtypes (with PyTorch's aliases) into the module.
void add_description_types(PyObject* module);

PyObject* wrap(DType dtype);  // a new reference
bool is_dtype(
    PyObject* object);  // one of ours, or Python's float, int or bool, which stand for one
DType dtype_of(PyObject* object);  // requires is_dtype

// The one device that tensors are on: a new reference.
PyObject* cpu_device();
// Throws for every device but the CPU; None stands for the CPU. `op` is named in messages.
void check_device(const char* op, PyObject* object);

// steep.Size, a tuple that knows its product.
PyObject* wrap_size(const Dims& shape);

}  // namespace steep::bindings
