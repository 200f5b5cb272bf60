#pragma once

#include "bindings/python.h"

namespace steep::bindings {

// One level more of what is nested, of which there are not endlessly many: then RecursionError, with
// what was being done, as in " while comparing tuples".
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
