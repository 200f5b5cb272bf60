// Cells: what a function reads from outside itself, such as a global variable or an attribute, each
// with the value that was found.
#pragma once

#include <cstdint>

#include "bindings/python.h"
#include "tensor/tensor.h"

namespace steep::bindings {

// Whether a function could not tell two objects apart: they are the same object, or equal numbers,
// strings or tuples of these. Runs no user code.
bool same_value(PyObject* a, PyObject* b);

// What the fields mean is said beside each kind.
struct Cell {
  enum class Kind : uint8_t {
    variable,  // holder: a cell of a closure; value: its contents
    item,      // holder: a dict; key; value
    dict,      // holder: a dict; value: a tuple of key, value, key, value, ...
    sequence,  // holder: a list or a deque; value: a tuple of its items
    set,       // holder: a set; value: a tuple of its items, in its own order
    type,      // holder: a type; key: a name; value: what the type or one of its bases has under it
    slot,      // holder: an object; key: a descriptor of __slots__; value
    function,  // holder: a function; value: a tuple of its code, defaults and keyword defaults
    array,     // holder: a buffer; key: a tuple of its format and sizes; value: its bytes
    tensor,    // holder: a tensor; value: what state_of() says of it
    instance,  // holder: an object; value: its class, and the dict of its attributes or None
    hooks,     // holder: a tensor; value: what hooks_of() says of it
  };
  static constexpr int kKinds = 12;

  Kind kind;
  Owned holder;
  Owned key;
  Owned value;  // empty: nothing is there
  // For a tensor, a short cut: parts of the value, and the tensor's count of swapped memory when
  // the whole value was last found to hold.
  uint64_t state = 0, node = 0;
  mutable uint32_t swaps = 0;

  bool holds() const;
};

// A null value means that nothing is there.
Cell make_cell(Cell::Kind kind, PyObject* holder, PyObject* key, PyObject* value);
Cell::Kind kind_of_cell(PyObject* number);
// From a tuple (kind, holder, key, value), in which the value `absent` means that nothing is there.
Cell cell_of(PyObject* item);

// holds() for a cell known to be of that kind.
bool tensor_holds(const Cell& cell);
bool instance_holds(const Cell& cell);

// Encodes as bytes (a new reference): which memory a tensor has, its geometry there, whether it
// requires a gradient, whether it has hooks (the lowest bit of the first byte), and which node made
// it.
PyObject* state_of(const Tensor& x);
bool is_in_state(const Tensor& x, PyObject* state);
// Whether its memory was made during this thread's recording.
bool is_made(const Tensor& x);

// What a type or one of its bases has under a name (borrowed); null if there is nothing.
PyObject* found_in_type(PyObject* type, PyObject* name);

// The value that means "nothing is there" in tuples that describe cells.
PyObject* absent();
// The value of a cell, or of a part of one, in which anything may be, or nothing.
PyObject* anything();

}  // namespace steep::bindings
