#include "bindings/programs/user_line.h"

#include <cstring>

#include "bindings/python.h"
// Must come after Python.h.
#include <frameobject.h>

namespace steep::bindings {

namespace {

bool is_of_steep(PyObject* frame) {
  const Owned names(PyObject_GetAttrString(frame, "f_globals"));
  PyObject* const name = PyDict_GetItemString(names.get(), "__name__");
  return name && PyUnicode_Check(name) && std::strncmp(utf8(name), "steep.", 6) == 0;
}

std::string location_of(PyObject* frame) {
  const Owned code(
      reinterpret_cast<PyObject*>(PyFrame_GetCode(reinterpret_cast<PyFrameObject*>(frame))));
  const Owned file(PyObject_GetAttrString(code.get(), "co_filename"));
  const int line = PyFrame_GetLineNumber(reinterpret_cast<PyFrameObject*>(frame));
  return join(utf8(file.get()), ":", line);
}

}  // namespace

std::string line_of_user() {
  if (!PyGILState_Check()) return "";
  const WithoutError none;
  try {
    PyFrameObject* const first = PyEval_GetFrame();
    if (!first) return "";
    Owned frame = Owned::borrow(reinterpret_cast<PyObject*>(first));
    for (;;) {
      if (!is_of_steep(frame.get())) return location_of(frame.get());
      PyFrameObject* const back = PyFrame_GetBack(reinterpret_cast<PyFrameObject*>(frame.get()));
      if (!back) break;
      frame = Owned(reinterpret_cast<PyObject*>(back));
    }
  } catch (const PythonError&) {
    PyErr_Clear();
  } catch (const std::bad_alloc&) {
  }
  return "";
}

}  // namespace steep::bindings
