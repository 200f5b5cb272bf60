// Tells a recording which Python code runs.
#pragma once

#include "bindings/python.h"

namespace steep::bindings {

void add_frames(PyObject* module);  // adds follow

}  // namespace steep::bindings
