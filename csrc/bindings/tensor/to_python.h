// Methods that give a tensor's values to Python.
#pragma once

#include "bindings/python.h"

namespace steep::bindings {

PyObject* tensor_tolist(PyObject* self, PyObject*);
PyObject* tensor_item(PyObject* self, PyObject*);
PyObject* tensor_numpy(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords);
PyObject* tensor_array(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords);
PyObject* tensor_array_wrap(PyObject* self, PyObject* const* args, Py_ssize_t count);
PyObject* tensor_format(PyObject* self, PyObject* specification);

}  // namespace steep::bindings
