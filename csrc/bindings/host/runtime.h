// Generators, threads, memory, counters and recordings, for Python.
#pragma once

#include "bindings/python.h"
#include "program/record/recorder.h"
#include "tensor/generator.h"

namespace steep::bindings {

// bindings/types/generator_type.cpp
// The generator in a steep.Generator; null if the object is not one.
Generator* generator_of(PyObject* object);
// A steep.Generator of it, a new object.
PyObject* generator_of_python(const std::shared_ptr<Generator>& generator);
void seed_from(Generator& generator, PyObject* seed);
PyObject* seed_anew(Generator& generator);  // returns the seed
PyObject* state_of(Generator& generator);
void set_state(const char* op, Generator& generator, PyObject* state);
void add_generator_type(PyObject* module);

// bindings/programs/recorder_type.cpp
// The recorder in a steep.Recorder; throws for other objects.
program::Recorder& recorder_of(const char* op, PyObject* object);
void add_recorder_type(PyObject* module);

void add_random(PyObject* module);   // random.cpp
void add_runtime(PyObject* module);  // runtime.cpp

}  // namespace steep::bindings
