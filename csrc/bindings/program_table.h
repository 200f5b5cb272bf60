// The programs of compiled functions, and what Python needs to make them.
#pragma once

#include "bindings/python.h"

namespace steep::bindings {

void add_programs(PyObject* module);

}  // namespace steep::bindings
