// Tells a recording which Python code runs, by way of the interpreter's profiler hook.
#pragma once

#include <cstdint>

#include "bindings/python.h"

namespace steep::bindings {

// Tells the listener of this thread's recording, if there is one, that a hook is about to be
// called: it could not see that, because the engine makes the call. `number` identifies a tensor's
// hook; 0 for other hooks.
void note_hook(PyObject* callable, uint64_t number);

// Whether the Python code that called does nothing with the result, which is an int or not, but
// return it; false where nothing is followed.
bool only_returns(bool whole);

void add_frames(PyObject* module);  // adds follow

}  // namespace steep::bindings
