// The key of a call of a compiled function: what its program depends on in the arguments, as bytes,
// and the tensors among them, in order.
#pragma once

#include <string>

#include "bindings/python.h"
#include "tape/history.h"
#include "tensor/tensor.h"

namespace steep::bindings {

struct CallKey {
  std::string bytes;
  Tensors inputs;
  bool has_objects = false;  // whether an object counts by its identity
  bool has_numbers = false;  // whether there are numbers whose values the key may leave open
  // Where their values count: the first few that are arguments themselves, by where they are in the
  // bytes and by the tag that they have where they are left open; and whether there are others.
  struct Closed {
    size_t at;
    char tag;
  };
  static constexpr int kMostClosed = 4;
  Closed closed[kMostClosed];
  int closed_count = 0;
  bool has_other_numbers = false;
  void note_closed(bool is_argument, char tag) {
    const bool fits = is_argument && closed_count < kMostClosed;
    if (fits) closed[closed_count++] = {bytes.size(), tag};
    has_other_numbers |= !fits;
  }
  // A list, where numbers are to count by their type alone: it receives them, in order.
  PyObject* numbers = nullptr;
  int deepest = 16;  // how deeply nested containers are searched for them
  // Lists, or null: they receive what counts by its identity, and the containers that count by what
  // they hold.
  PyObject* known = nullptr;
  PyObject* opened = nullptr;
  // A list, or null: it receives a tuple for each array that counts as a tensor, (array, tensor).
  PyObject* arrays = nullptr;
};

// If the arguments hold more numbers than this, only those that are arguments themselves are left
// open.
constexpr Py_ssize_t kMostNumbers = 1000;

// Reads positional and named arguments. Tensors count by shape, strides, dtype, requires_grad,
// hooks and shared memory; numbers, strings and None by value; tuples, lists, dicts, slices,
// dataclasses and instances of `namespaces` (a tuple of types) by what they hold; NumPy arrays that
// are arguments themselves as tensors on their memory; anything else by its identity. Numbers may
// be left open where they are arguments, items of a list, a tuple or a named tuple, or values in a
// dict, a dataclass or a namespace. Where such a container is met a second time, the key notes only
// that.
void read_call(PyObject* args, PyObject* kwargs, PyObject* namespaces, CallKey& key);

// The same with numbers left open; returns a list of them, in order (a new reference). If there are
// too many, `key.deepest` becomes 0: only arguments themselves are left open.
PyObject* read_open_call(PyObject* args, PyObject* kwargs, PyObject* namespaces, CallKey& key);

// Adds what a tuple holds to a call that was read, as one more argument whose numbers count by their
// values. False if it contains itself, or is nested too deeply.
bool read_more(PyObject* parts, PyObject* namespaces, CallKey& key);

inline bool has_hooks(const Tensor& x) {
  const tape::History* const h = tape::history(x);
  return h &&
         ((h->hooks && !h->hooks->empty()) || (h->post_hooks && !h->post_hooks->empty()) ||
          (h->grad_fn && h->grad_fn->find_extras() && !h->grad_fn->find_extras()->hooks.empty()));
}

}  // namespace steep::bindings
