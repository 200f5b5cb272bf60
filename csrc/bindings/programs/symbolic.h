// Numbers that change from call to call, in a recording and before a replay.
//
// While a function is recorded, objects of two classes of Python's (compiler/_symbolic.py) stand in
// for such numbers: they note what is computed of them, and which operations take them. A program
// is then given these numbers before each replay.
#pragma once

#include <vector>

#include "bindings/python.h"
#include "program/replay/replay.h"

namespace steep::bindings {

// Their classes, once Python has said which they are.
extern PyTypeObject *g_symbolic_float, *g_symbolic_int;

inline bool is_symbolic(PyObject* object) {
  return Py_TYPE(object) == g_symbolic_float || Py_TYPE(object) == g_symbolic_int;
}
// The number it stands for, with a note that an operation takes it. A new reference.
PyObject* value_of_symbolic(PyObject* object);
// Notes which operation that was, and as which parameter.
void name_taken(PyObject* object, const char* operation, const char* parameter);
// Stands for any int or float in what guards compare.
PyObject* any_number();

// How the numbers of a program are computed, and what of them is kept for the next call.
class NumberSource {
 public:
  // Of (evaluate, places): evaluate(given) returns None where a replay would not do what the
  // function does, else a tuple of three tuples: floats, one for each slot of the program; what the
  // places, a tuple of (holder, key), get once it has run; and numbers of the result.
  explicit NumberSource(PyObject* pair);

  // `given`: the call's own numbers; `answer`: what evaluate has made of them. False where the
  // program must not run.
  bool give(program::Program& program, PyObject* given, Owned& answer) const;
  // Runs no code of Python's but that of keys of a user's class: otherwise an interrupt finds all of
  // it done, or the replay not begun.
  void write_back(PyObject* answer) const;
  int traverse(visitproc visit, void* arg) const;

 private:
  Owned evaluate_, places_;
};

void add_symbolic(PyObject* module);

}  // namespace steep::bindings
