// Python callables as hooks of the tape.
#pragma once

#include <memory>

#include "bindings/python.h"
#include "tensor/tensor.h"

namespace steep::bindings {

// x.register_hook(callable): a new reference to a handle with remove().
PyObject* register_hook(const Tensor& x, PyObject* callable);

// For the collector: visits, or gives up, the callables that hang on the tensor itself.
int visit_hooks(const Tensor& x, visitproc visit, void* arg);
void drop_hooks(const Tensor& x);

// Adds the handle's type.
void add_hook_handle(PyObject* module);

}  // namespace steep::bindings
