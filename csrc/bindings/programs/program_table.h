// The programs of compiled functions, and what Python needs to make them.
#pragma once

#include "bindings/python.h"

namespace steep::bindings {

struct Table;

bool is_program_table(PyObject* object);
Table& programs_of(PyObject* table);  // the table in a ProgramTable

void add_program_table(PyObject* module);  // program_table.cpp
void add_compiled_call(PyObject* module);  // compiled_call.cpp
void add_programs(PyObject* module);       // programs.cpp

}  // namespace steep::bindings
