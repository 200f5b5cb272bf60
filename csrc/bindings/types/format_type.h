// Layouts (steep.strided, ...) and memory formats (steep.preserve_format, ...). Memory is always
// strided here; the others can be named, printed and compared.
#pragma once

#include "bindings/python.h"

namespace steep::bindings {

// Makes the types layout and memory_format and puts their objects into the module.
void add_format_types(PyObject* module);

PyObject* strided_layout();  // a new reference
// Throws for every layout but strided; None stands for strided.
void check_layout(const char* op, PyObject* object);

bool is_memory_format(PyObject* object);
// "preserve_format", "contiguous_format", "channels_last" or "channels_last_3d".
const char* memory_format_name(PyObject* object);

}  // namespace steep::bindings
