// _core.StandIn: the base of the classes whose objects stand in for numbers while a function is
// recorded. Each can note its end, so that it can be told which of them somebody has kept.
#pragma once

#include "bindings/python.h"

namespace steep::bindings {

// Adds the type, and `drop_unheld`.
void add_stand_in(PyObject* module);

}  // namespace steep::bindings
