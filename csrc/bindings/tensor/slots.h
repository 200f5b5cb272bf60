// The parts that the Tensor type is put together from, one file each.
#pragma once

#include <vector>

#include "bindings/python.h"

namespace steep::bindings {

// from_python.cpp: Tensor(...)
PyObject* tensor_new(PyTypeObject* type, PyObject* arguments, PyObject* keywords);

// methods.cpp and attributes.cpp: methods and attributes that are not in the registry
PyMethodDef* tensor_methods();
PyGetSetDef* tensor_attributes();

void add_number_slots(std::vector<PyType_Slot>& slots);  // number_slots.cpp
void add_index_slots(std::vector<PyType_Slot>& slots);   // indexing.cpp
void add_buffer_slots(std::vector<PyType_Slot>& slots);  // to_python.cpp
void add_text_slots(std::vector<PyType_Slot>& slots);    // to_python.cpp

}  // namespace steep::bindings
