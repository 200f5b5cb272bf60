// Small functions on tensors and dtypes, and the registry as data.
#pragma once

#include "bindings/python.h"

namespace steep::bindings {

void add_functions(PyObject* module);

}  // namespace steep::bindings
