// Numbers that change from call to call, in a recording and before a replay.
//
// While a function is recorded, objects of two Python classes (compiler/_symbolic.py) stand in for
// such numbers: they note what is computed from them, and which operations take them. The program
// is then given these numbers before each replay.
#pragma once

#include <vector>

#include "bindings/python.h"
#include "program/replay/replay.h"

namespace steep::bindings {

// The two classes; null until Python has set them.
extern PyTypeObject *g_symbolic_float, *g_symbolic_int;

inline bool is_symbolic(PyObject* object) {
  return Py_TYPE(object) == g_symbolic_float || Py_TYPE(object) == g_symbolic_int;
}
// The number it stands for (a new reference), noting that an operation takes it.
PyObject* value_of_symbolic(PyObject* object);
// Notes which operation that was, and as which parameter.
void name_taken(PyObject* object, const char* operation, const char* parameter);
// An object that guards take to be equal to any int or float.
PyObject* any_number();

// How the numbers of a program are computed, and which are written back for the next call.
class NumberSource {
 public:
  // From (evaluate, locations), where locations is a tuple of (holder, key). evaluate(given)
  // returns None if a replay would not do what the function does; else three tuples: a float for
  // each number input of the program; the values that the locations get after the run; and the
  // numbers in the result.
  explicit NumberSource(PyObject* pair);

  // `given`: the call's own numbers; `answer` receives what evaluate returns. False if the program
  // must not run.
  bool give(program::Program& program, PyObject* given, Owned& answer) const;
  // Runs no Python code, except that of dict keys of a user's class: so an interrupt finds either
  // all of it done or the replay not begun.
  void write_back(PyObject* answer) const;
  int traverse(visitproc visit, void* arg) const;

 private:
  Owned evaluate_, places_;
};

void add_symbolic(PyObject* module);

}  // namespace steep::bindings
