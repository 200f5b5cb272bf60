// What the two halves of Familiar ask of Python's objects.
#pragma once

#include "bindings/programs/familiar.h"
#include "bindings/tensor/tensor_type.h"

namespace steep::bindings {
namespace {

constexpr Py_ssize_t kMostItems = 16;  // of a dict or tuple

inline Owned id_of(const void* object) {
  return Owned(PyLong_FromVoidPtr(const_cast<void*>(object)));
}

inline bool in_dict(const Owned& dict, PyObject* key) {
  const int found = PyDict_Contains(dict.get(), key);
  checked(found);
  return found == 1;
}
inline bool in_set(const Owned& set, PyObject* key) {
  const int found = PySet_Contains(set.get(), key);
  checked(found);
  return found == 1;
}

// What a dict has under a name (borrowed); null if there is nothing.
inline PyObject* item_of(PyObject* dict, PyObject* name) {
  PyObject* const item = PyDict_GetItemWithError(dict, name);
  if (!item && PyErr_Occurred()) throw PythonError();
  return item;
}

inline bool has_weak_reference(PyObject* item) {
  return PyType_SUPPORTS_WEAKREFS(Py_TYPE(item)) && *PyObject_GET_WEAKREFS_LISTPTR(item);
}

// The dict of an object's attributes; empty if it cannot have one, None if it does not show it.
inline Owned attributes_of(PyObject* item) {
  if (Py_TYPE(item)->tp_dictoffset == 0) return Owned();
  static PyObject* const name = checked(PyUnicode_InternFromString("__dict__"));
  PyObject* const found = PyObject_GenericGetAttr(item, name);
  if (found) return Owned(found);
  if (!PyErr_ExceptionMatches(PyExc_AttributeError)) throw PythonError();
  PyErr_Clear();
  return Owned::borrow(Py_None);
}
inline bool are_none(const Owned& attributes) {
  return !attributes ||
         (PyDict_CheckExact(attributes.get()) && PyDict_GET_SIZE(attributes.get()) == 0);
}

// Adds something to be looked into to a traversal's list.
inline void push(PyObject* waiting, PyObject* item, PyObject* path, PyObject* holder,
                 PyObject* names) {
  const Owned one(PyTuple_Pack(4, item, path, holder, names));
  checked(PyList_Append(waiting, one.get()));
}

// A tuple of key, value, key, value, ... if all keys are strings; else empty.
inline Owned items_of(PyObject* dict) {
  Owned items(PyTuple_New(2 * PyDict_GET_SIZE(dict)));  // which may run code
  const Py_ssize_t size = PyTuple_GET_SIZE(items.get());
  if (2 * PyDict_GET_SIZE(dict) != size) return Owned();
  PyObject *key, *part;
  bool are_strings = true;
  for (Py_ssize_t at = 0, i = 0; PyDict_Next(dict, &at, &key, &part);) {
    are_strings = are_strings && PyUnicode_CheckExact(key);
    PyTuple_SET_ITEM(items.get(), i++, new_reference(key));
    PyTuple_SET_ITEM(items.get(), i++, new_reference(part));
  }
  return are_strings ? std::move(items) : Owned();
}

}  // namespace
}  // namespace steep::bindings
