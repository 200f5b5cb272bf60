// The programs of compiled functions, and what Python needs to make them.
#pragma once

#include "bindings/python.h"

namespace steep::bindings {

void add_program_table(PyObject* module);  // program_table.cpp
void add_programs(PyObject* module);       // programs.cpp

}  // namespace steep::bindings
