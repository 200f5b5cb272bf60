// How many references there are to an object. Here alone is a reference count read: whether
// somebody else has kept a list, a tuple or a function cannot be told in another way, for these
// have no weak references and do not note their end.
//
// What counts are relative to is measured as the module is loaded: an interpreter that counts in
// another way is noticed, and compiled functions then run eagerly.
#pragma once

#include "bindings/python.h"

namespace steep::bindings {

// The count of an object to which there is one reference, as measured.
extern Py_ssize_t g_count_of_one;

// All references, held by whomever; of objects that never end, a great many. The interpreter may
// use an object on its stack without one: ask of what objects hold, not of what code is using.
inline Py_ssize_t references_to(PyObject* object) { return Py_REFCNT(object) - g_count_of_one + 1; }

// Adds `references` and `counts_references`.
void add_references(PyObject* module);

}  // namespace steep::bindings
