#include "bindings/programs/location.h"

#include "bindings/programs/cells.h"
#include "bindings/tensor/tensor_type.h"

namespace steep::bindings {

namespace {

// As for a list, without an index from the end: then nothing is there.
bool is_inside(PyObject* deque, Py_ssize_t i) { return i >= 0 && i < PyObject_Size(deque); }

}  // namespace

bool Location::is_valid() const {
  return PyDict_Check(holder_) || (PySequence_Check(holder_) && PyLong_Check(key_)) ||
         PyCell_Check(holder_) || PyType_Check(holder_) || Py_TYPE(key_) == &PyMemberDescr_Type ||
         is_tensor(holder_);
}

Owned Location::get() const {
  PyObject* found = nullptr;
  if (PyDict_Check(holder_)) {
    found = PyDict_GetItemWithError(holder_, key_);
    if (!found && PyErr_Occurred()) return Owned();
  } else if (PyList_Check(holder_)) {
    const Py_ssize_t i = PyLong_AsSsize_t(key_);
    found = i >= 0 && i < PyList_GET_SIZE(holder_) ? PyList_GET_ITEM(holder_, i) : nullptr;
  } else if (PyLong_Check(key_)) {
    const Py_ssize_t i = PyLong_AsSsize_t(key_);
    return is_inside(holder_, i) ? Owned(PySequence_GetItem(holder_, i)) : Owned();
  } else if (PyCell_Check(holder_)) {
    found = PyCell_GET(holder_);
  } else if (PyType_Check(holder_)) {
    found = found_in_type(holder_, key_);
  } else if (key_ == Py_None) {
    found = holder_;
  } else {
    auto* const type = reinterpret_cast<PyObject*>(Py_TYPE(holder_));
    PyObject* const value = Py_TYPE(key_)->tp_descr_get(key_, holder_, type);
    if (!value && PyErr_ExceptionMatches(PyExc_AttributeError)) PyErr_Clear();
    return value ? Owned(value) : Owned();
  }
  return found ? Owned::borrow(found) : Owned();
}

bool Location::set(PyObject* value) const {
  if (PyDict_Check(holder_)) return PyDict_SetItem(holder_, key_, value) == 0;
  if (PyList_Check(holder_)) {
    const Py_ssize_t i = PyLong_AsSsize_t(key_);
    if (i == -1 && PyErr_Occurred()) return false;
    if (i < 0 || i >= PyList_GET_SIZE(holder_)) return true;
    return PyList_SetItem(holder_, i, new_reference(value)) == 0;
  }
  if (PyLong_Check(key_)) {
    const Py_ssize_t i = PyLong_AsSsize_t(key_);
    return !is_inside(holder_, i) || PySequence_SetItem(holder_, i, value) == 0;
  }
  if (PyCell_Check(holder_)) return PyCell_Set(holder_, value) == 0;
  if (PyType_Check(holder_)) return PyType_Type.tp_setattro(holder_, key_, value) == 0;
  if (key_ == Py_None) return PyObject_SetAttrString(holder_, "data", value) == 0;
  return Py_TYPE(key_)->tp_descr_set(key_, holder_, value) == 0;
}

bool are_locations(PyObject* places) {
  if (!PyTuple_CheckExact(places)) return false;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(places); ++i) {
    PyObject* const location = PyTuple_GET_ITEM(places, i);
    if (!PyTuple_CheckExact(location) || PyTuple_GET_SIZE(location) != 2 ||
        !Location(location).is_valid())
      return false;
  }
  return true;
}

}  // namespace steep::bindings
