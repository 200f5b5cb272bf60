// The arguments of a compiled function: what a program depends on, as bytes, and the tensors among
// them in order.
#pragma once

#include <string>

#include "bindings/python.h"
#include "tensor/tensor.h"

namespace steep::bindings {

struct CallKey {
  std::string bytes;
  Tensors inputs;
  PyObject* known = nullptr;  // a list, if wanted: the objects that count by who they are
};

// Reads positional and named arguments. Tensors count by shape, strides, dtype, requires_grad and
// shared memory; numbers, strings and None by value; instances of `by_identity` (a tuple of types)
// by who they are; tuples, lists and dicts by what they hold. Anything else is a TypeError that
// names the argument.
void read_call(PyObject* args, PyObject* kwargs, PyObject* by_identity, CallKey& key);

}  // namespace steep::bindings
