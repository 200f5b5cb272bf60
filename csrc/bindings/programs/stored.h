// What a function stores anew at every call, such as `self.hidden = hidden`: a program takes what is
// there like an argument, and a replay stores new objects at its end.
#pragma once

#include <string>

#include "bindings/programs/call_key.h"

namespace steep::bindings {

class StoredPlaces {
 public:
  // From (places, key, written): a tuple of (holder, key), as Location takes it; the key of the
  // calls that the program is for, which ends with what the places hold; and a tuple of the indices
  // of those that get something else.
  explicit StoredPlaces(PyObject* made);

  // Adds what the places hold to the key of a call. Returns it as a tuple; empty if the program is
  // for something else.
  Owned read(CallKey& key, PyObject* namespaces) const;
  // Whether that is still there.
  bool hold(PyObject* contents) const;
  // `results`: a tuple of the call's result, and of what the places get. The caller holds what was
  // there, because its end may run code.
  void write(PyObject* results) const;
  int traverse(visitproc visit, void* arg) const;

 private:
  Owned places_, written_;
  std::string key_;
};

}  // namespace steep::bindings
