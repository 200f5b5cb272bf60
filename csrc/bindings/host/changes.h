// Changes to several objects that belong together, made in one call.
#pragma once

#include <vector>

#include "bindings/python.h"

namespace steep::bindings {

// Adds take_steps, clear_gradients, copy_values, replace_tensors, set_requires_grad and
// call_with_grad; add_items adds set_items, same_objects, state_matches and call_with_item.
void add_changes(PyObject* module);

void add_items(PyObject* module);

// Assignments to dicts, all or none.
class Assignments {
 public:
  Assignments() = default;
  ~Assignments();  // undoes the assignments, unless keep() was called
  Assignments(const Assignments&) = delete;
  Assignments& operator=(const Assignments&) = delete;

  // From a list of (dict, key, value), or (dict, key) to delete a key.
  void assign(PyObject* entries);
  void keep() { kept_ = true; }

 private:
  struct Made {
    Owned dict, key, old;  // old: null if the key was not there
  };
  struct Snapshot {
    Owned dict, before;
  };
  void assign_one(PyObject* entry);
  std::vector<Made> made_;
  std::vector<Snapshot> snapshots_;
  bool kept_ = false;
};

}  // namespace steep::bindings
