// Tells a recording which Python code runs.
#pragma once

#include <cstdint>

#include "bindings/python.h"

namespace steep::bindings {

// Tells whoever follows this thread's recording, if anyone does, that a hook is about to be called:
// no code that is followed calls it, or names it. `number` is a tensor's hook's own, or 0.
void note_hook(PyObject* callable, uint64_t number);

// Whether the Python code that called, being followed, does nothing with what it gets but return it.
bool only_returns();

void add_frames(PyObject* module);  // adds follow

}  // namespace steep::bindings
