// The profiler's collector and the sites of launches, for steep.profiler.
#pragma once

#include "bindings/python.h"

namespace steep::bindings {

void add_profile(PyObject* module);

}  // namespace steep::bindings
