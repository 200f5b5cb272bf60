// _core.StandIn: the base class of objects that stand in for numbers while a function is recorded.
// Their destruction can be observed, which shows which of them something still holds.
#pragma once

#include "bindings/python.h"

namespace steep::bindings {

// Adds the type, and `drop_unheld`.
void add_stand_in(PyObject* module);

}  // namespace steep::bindings
