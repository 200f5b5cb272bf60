// What a compiled function reads by name from outside: cells of its closure, and globals.
#pragma once

#include <memory>
#include <vector>

#include "bindings/python.h"

namespace steep::bindings {

// A cell, or an entry in a dict of globals. Another object there is another function.
struct OutsideName {
  Owned holder;
  Owned key;  // none for a cell
  Owned expected;

  // Globals may hold keys whose comparison runs code.
  bool holds() const {
    if (!key) return PyCell_GET(holder.get()) == expected.get();
    PyObject* const now = PyDict_GetItemWithError(holder.get(), key.get());
    if (!now && PyErr_Occurred()) throw PythonError();
    return now == expected.get();
  }
};
using OutsideNames = std::shared_ptr<const std::vector<OutsideName>>;

// Refuses what is no list.
inline void check_list(const char* what, PyObject* object) {
  if (!PyList_Check(object))
    raise(PyExc_TypeError, join(what, ": expected a list, got ", type_name(object)));
}

// Of a list of (cell, None, object) and (globals, name, object).
inline OutsideNames names_of(PyObject* list) {
  check_list("names", list);
  auto names = std::make_shared<std::vector<OutsideName>>();
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); ++i) {
    PyObject *holder, *key, *expected, *item = PyList_GET_ITEM(list, i);
    if (!PyTuple_Check(item)) raise(PyExc_TypeError, "names: expected a list of tuples");
    if (!PyArg_ParseTuple(item, "OOO", &holder, &key, &expected)) throw PythonError();
    if (key == Py_None ? !PyCell_Check(holder) : !PyDict_Check(holder))
      raise(PyExc_TypeError, join("names: expected a cell or a dict, got ", type_name(holder)));
    OutsideName name;
    name.holder = Owned::borrow(holder);
    if (key != Py_None) name.key = Owned::borrow(key);
    name.expected = Owned::borrow(expected);
    names->push_back(std::move(name));
  }
  return names;
}

}  // namespace steep::bindings
