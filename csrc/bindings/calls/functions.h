// Small functions on tensors and dtypes, and the registry as data.
#pragma once

#include "bindings/python.h"

namespace steep::bindings {

void add_functions(PyObject* module);
void add_forwards(PyObject* module);  // forwards.cpp

}  // namespace steep::bindings
