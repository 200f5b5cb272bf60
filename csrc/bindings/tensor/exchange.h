#pragma once

#include "bindings/python.h"

namespace steep::bindings {

// exchange_keys(container, news): replaces some keys of a dict, or items of a set, and keeps their
// order; `news` maps the id of an object to its replacement. No Python code runs during the
// exchange: an interrupt finds either all of it done or nothing.
PyObject* exchange_keys(PyObject*, PyObject* const* args, Py_ssize_t count);

}  // namespace steep::bindings
