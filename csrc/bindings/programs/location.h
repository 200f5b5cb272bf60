// Where something is kept that a replay reads, or writes when it ends.
#pragma once

#include "bindings/python.h"

namespace steep::bindings {

// An item of a dict, a list or a deque, the variable of a closure, a slot, an attribute of a class, or the
// memory of a tensor.
class Location {
 public:
  // A tuple that begins with the holder and the key.
  explicit Location(PyObject* entry)
      : holder_(PyTuple_GET_ITEM(entry, 0)), key_(PyTuple_GET_ITEM(entry, 1)) {}

  bool is_valid() const;
  // What is there; for the memory of a tensor, the tensor. Nothing where nothing is, and also, with
  // an exception set, where a key of a user's class has raised one.
  Owned get() const;
  // False, with an exception set, if it cannot be done.
  bool set(PyObject* value) const;

 private:
  PyObject *holder_, *key_;
};

// Whether it is a tuple of such tuples of two.
bool are_locations(PyObject* places);

}  // namespace steep::bindings
