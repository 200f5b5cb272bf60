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
  bool has_numbers = false;  // whether there are numbers that may be left open
  // A list, if numbers are to count by their type alone: it gets them, in order.
  PyObject* numbers = nullptr;
  int deepest = 16;  // containers in each other that are looked through for them
  // Lists, if wanted: what counts by who it is, and the containers that count by what they hold.
  PyObject* known = nullptr;
  PyObject* opened = nullptr;
  // Another, if wanted: tuples of each array that counts as a tensor, and that tensor.
  PyObject* arrays = nullptr;
};

// Of more numbers in the arguments only those are left open that are arguments themselves.
constexpr Py_ssize_t kMostNumbers = 1000;

// Reads positional and named arguments. Tensors count by shape, strides, dtype, requires_grad,
// hooks and shared memory; numbers, strings and None by value; tuples, lists, dicts, slices,
// dataclasses and instances of `namespaces` (a tuple of types) by what they hold; NumPy arrays that
// are arguments themselves as tensors on their memory; anything else by who it is. Numbers may be left open where they are arguments, or in a list, a tuple or a named one,
// or values in a dict, a dataclass or a namespace; where such a container comes twice, the second time
// it says only that it does.
void read_call(PyObject* args, PyObject* kwargs, PyObject* namespaces, CallKey& key);

// The same with numbers left open; returns a list of them, in order (a new reference). Which of very
// many they are, `key.deepest` tells.
PyObject* read_open_call(PyObject* args, PyObject* kwargs, PyObject* namespaces, CallKey& key);

inline bool has_hooks(const Tensor& x) {
  const tape::History* const h = tape::history(x);
  return h && ((h->hooks && !h->hooks->empty()) || (h->post_hooks && !h->post_hooks->empty()) ||
               (h->grad_fn && !h->grad_fn->hooks.empty()));
}

}  // namespace steep::bindings
