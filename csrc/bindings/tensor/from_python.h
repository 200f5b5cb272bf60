// Tensors from Python data: numbers, nested sequences, and objects that export a buffer.
#pragma once

#include <optional>

#include "bindings/python.h"
#include "tensor/tensor.h"

namespace steep::bindings {

// A new tensor with a copy of `data`. Without a dtype it is inferred: bool, int64 or the default
// floating dtype from Python's numbers, its own from an array or a tensor. `op` is named in
// messages.
Tensor tensor_from(const char* op, PyObject* data, std::optional<DType> dtype);

// Whether the object's data come as one block: it exports a buffer or has __array__, and is not str
// or bytes.
bool is_array_like(PyObject* object);
// A copy of an array's data in the array's own dtype.
Tensor copy_array(const char* op, PyObject* array);
// A copy of an operand's data, if it is a NumPy array of a dtype that tensors have. Arrays of other
// dtypes, and of subclasses that do arithmetic of their own, are left to NumPy: false.
bool read_ndarray(PyObject* object, Tensor& x);
// The array's own memory, kept alive by the tensor. Refuses read-only arrays and negative strides.
Tensor share_array(const char* op, PyObject* array);
// The same; undefined where share_array would throw.
Tensor share_if_possible(const char* op, PyObject* array);

// The same for an ndarray itself; undefined for all other objects. Raises only interrupts and
// MemoryError.
Tensor tensor_of_ndarray(PyObject* object);

// Adds tensor, as_tensor and from_numpy.
void add_constructors(PyObject* module);

}  // namespace steep::bindings
