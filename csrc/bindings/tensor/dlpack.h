// Memory handed to other libraries and taken from them without a copy, by DLPack's capsules.
#pragma once

#include "bindings/python.h"

namespace steep::bindings {

// Tensor.__dlpack__ and __dlpack_device__.
PyObject* tensor_dlpack(PyObject* self, PyObject* const* args, Py_ssize_t count,
                        PyObject* keywords);
PyObject* tensor_dlpack_device(PyObject* self, PyObject*);

// Adds take_capsule, on which steep.from_dlpack is built.
void add_dlpack(PyObject* module);

}  // namespace steep::bindings
