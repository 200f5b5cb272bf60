// Counts references to an object. Reference counts are read here alone: there is no other way to
// tell whether something else holds a list, a tuple or a function, because these have no weak
// references, and their destruction cannot be observed.
//
// Counts are relative to one that is measured when the module is loaded. An interpreter that counts
// in another way is noticed then, and compiled functions run eagerly.
#pragma once

#include "bindings/python.h"

namespace steep::bindings {

// The measured count of an object with one reference.
extern Py_ssize_t g_count_of_one;

// The number of references to an object; very large for immortal objects. The interpreter may use
// an object on its stack without a reference, so the answer is about what objects hold, not about
// what code is using.
inline Py_ssize_t references_to(PyObject* object) { return Py_REFCNT(object) - g_count_of_one + 1; }

// Adds `references` and `counts_references`.
void add_references(PyObject* module);

}  // namespace steep::bindings
