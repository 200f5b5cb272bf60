#pragma once

#include "bindings/python.h"

namespace steep::bindings {

// exchange_keys(container, news): puts others in place of some keys of a dict, or items of a set,
// and leaves their order; `news` is a dict of what comes in place of an object, by its id. No code
// of Python runs while they are exchanged: an interrupt finds all of it done or nothing.
PyObject* exchange_keys(PyObject*, PyObject* const* args, Py_ssize_t count);

}  // namespace steep::bindings
