// The arguments of a compiled function: what a program depends on, as bytes, and the tensors among
// them in order.
#pragma once

#include <string>

#include "bindings/python.h"
#include "tape/history.h"
#include "tensor/tensor.h"

namespace steep::bindings {

struct CallKey {
  std::string bytes;
  Tensors inputs;
  bool has_objects = false;  // whether anything counts by who it is
  // Lists, if wanted: what counts by who it is, and the containers that count by what they hold.
  PyObject* known = nullptr;
  PyObject* opened = nullptr;
};

// Reads positional and named arguments. Tensors count by shape, strides, dtype, requires_grad,
// hooks and shared memory; numbers, strings and None by value; tuples, lists, dicts, slices,
// dataclasses and instances of `namespaces` (a tuple of types) by what they hold; anything else by
// who it is.
void read_call(PyObject* args, PyObject* kwargs, PyObject* namespaces, CallKey& key);

inline bool has_hooks(const Tensor& x) {
  const tape::History* const h = tape::history(x);
  return h && ((h->hooks && !h->hooks->empty()) || (h->post_hooks && !h->post_hooks->empty()) ||
               (h->grad_fn && !h->grad_fn->hooks.empty()));
}

}  // namespace steep::bindings
