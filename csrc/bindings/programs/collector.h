// When the garbage collector runs by itself on a thread that records a function. It may do so at
// any allocation. The callbacks of others and the finalisers that it calls then are no part of the
// function, whatever they read or change. A function that calls gc.collect() wants all that.
#pragma once

#include "bindings/python.h"

namespace steep::bindings {

// Watches this thread's collections from now on. The first recording puts two callbacks around all
// others in gc.callbacks, where they stay.
void watch_collector();

// Whether it runs on this thread, which is watched.
bool collector_runs() noexcept;

// Tells of a C function that the recorded function calls, or that has returned to it.
void note_c_call(PyObject* function, bool begins) noexcept;

// Whether the end of every collection was seen, and none has begun before it.
bool saw_collections() noexcept;

void add_collector();

}  // namespace steep::bindings
