// The registry's operations as Python callables.
#pragma once

#include <string>
#include <vector>

#include "bindings/calls/signature.h"

namespace steep::bindings {

struct Overload {
  const ops::Op* op;
  Signature signature;
  PyTypeObject* named = nullptr;  // the type of the pair it returns
  std::string shown;              // the signature for messages, with out if the entry takes it
  bool composite = false;         // its result's node is shown by its name
};

// All overloads of one name, as a function or as a method.
struct Entry {
  std::string name;
  bool method = false;
  bool takes_out = false;  // a function of PyTorch's that writes into out=
  bool draws = false;      // random numbers, or a mask of them
  std::vector<Overload> overloads;
  mutable bool warned = false;  // of a deprecated order of arguments
};

// Calls the first overload that takes these arguments (keywords follow the positional ones, as in
// vectorcall). Raises a TypeError that shows what was wrong where none does.
PyObject* invoke(const Entry& entry, PyObject* const* args, Py_ssize_t positional,
                 PyObject* keywords);

// Puts every operation where its entry says: into the module, onto Tensor. Call once, after
// add_tensor_type().
void add_entries(PyObject* module);

// The method of that name, for slots without a function of their own; null if the registry has
// none.
const Entry* find_method(const char* name);

}  // namespace steep::bindings
