// Cells: places outside a function that it has read, each with what was there.
#pragma once

#include <cstdint>

#include "bindings/python.h"
#include "tensor/tensor.h"

namespace steep::bindings {

// Whether two objects are one, or equal numbers, strings or tuples of such: what a function that
// reads the one would make of the other as well. Runs no code of a user's.
bool same_value(PyObject* a, PyObject* b);

// One cell. Which fields mean what is said beside each kind.
struct Cell {
  enum class Kind : uint8_t {
    variable,  // holder: a cell of a closure; value: its contents
    item,      // holder: a dict; key; value
    dict,      // holder: a dict; value: a tuple of its keys and values in turn
    sequence,  // holder: a list or a deque; value: a tuple of its items
    set,       // holder: a set; value: a tuple of its items, in its own order
    type,      // holder: a type; key: a name; value: what the type or one of its bases has there
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
  Owned value;  // none: nothing is there
  // Of a tensor, for a quick look: parts of its value, and how often it had been given other memory
  // when all of that was last found to hold.
  uint64_t state = 0, node = 0;
  mutable uint32_t swaps = 0;

  bool holds() const;
};

// Null is the value of a place where nothing is.
Cell make_cell(Cell::Kind kind, PyObject* holder, PyObject* key, PyObject* value);
Cell::Kind kind_of_cell(PyObject* number);
// From a tuple (kind, holder, key, value); `absent` stands for nothing.
Cell cell_of(PyObject* item);

// A cell of that kind alone: for lists that hold no other.
bool tensor_holds(const Cell& cell);
bool instance_holds(const Cell& cell);

// Which memory a tensor has and how it lies there, whether it requires a gradient and has hooks, and
// which node made it, as a number (a new reference). Its lowest bit says whether it has hooks.
PyObject* state_of(const Tensor& x);
bool is_in_state(const Tensor& x, PyObject* state);
// Whether the recording of this thread made the memory that it has.
bool is_made(const Tensor& x);

// What a type or one of its bases has under a name, borrowed; null for nothing.
PyObject* found_in_type(PyObject* type, PyObject* name);

// What stands for "nothing is there" among the values of cells.
PyObject* absent();

}  // namespace steep::bindings
