// steep.Tensor, a CPython heap type around a Tensor. A tensor has at most one Python object at a
// time, to which it points weakly, so wrapping the same tensor twice gives the same object.
#pragma once

#include "bindings/python.h"
#include "tensor/tensor.h"

namespace steep::bindings {

struct TensorObject {
  PyObject_HEAD
  PyObject* weakrefs;
  Tensor tensor;
};

extern PyTypeObject* tensor_type;

// Makes the type and puts it into the module. Methods of the registry are added by add_entries().
void add_tensor_type(PyObject* module);

inline bool is_tensor(PyObject* object) {
  return Py_TYPE(object) == tensor_type || PyType_IsSubtype(Py_TYPE(object), tensor_type);
}
inline const Tensor& tensor_of(PyObject* object) {
  return reinterpret_cast<TensorObject*>(object)->tensor;
}

// Gives x the memory of another tensor, with its shape and dtype, as x.data = from does.
void take_memory(const Tensor& x, const Tensor& from);

// The Python object of a tensor (a new reference); None if the tensor is undefined.
PyObject* wrap(Tensor tensor);
// An object of `type`, Tensor or a subclass of it, for a tensor that has none.
PyObject* wrap_as(PyTypeObject* type, Tensor tensor);

}  // namespace steep::bindings
