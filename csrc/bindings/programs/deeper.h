#pragma once

#include "bindings/python.h"

namespace steep::bindings {

// One more level of recursion into nested objects. Where there are too many, RecursionError says
// what was being done: " while comparing tuples".
class Deeper {
 public:
  explicit Deeper(const char* doing) {
    if (Py_EnterRecursiveCall(doing)) throw PythonError();
  }
  ~Deeper() { Py_LeaveRecursiveCall(); }
  Deeper(const Deeper&) = delete;
  Deeper& operator=(const Deeper&) = delete;
};

}  // namespace steep::bindings
