// Generators, threads, memory, counters and recordings, for Python.
#pragma once

#include "bindings/python.h"
#include "runtime/random.h"

namespace steep::bindings {

// The generator inside a steep.Generator; null where the object is none.
runtime::Generator* generator_of(PyObject* object);

void add_random(PyObject* module);   // random.cpp
void add_runtime(PyObject* module);  // runtime.cpp

}  // namespace steep::bindings
