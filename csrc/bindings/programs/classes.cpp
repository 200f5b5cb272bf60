#include "bindings/programs/classes.h"

#include <cstring>

#include "bindings/calls/convert.h"

namespace steep::bindings {

bool is_plain(PyObject* object) {
  return object == Py_None || PyBool_Check(object) || PyLong_CheckExact(object) ||
         PyFloat_CheckExact(object) || PyUnicode_CheckExact(object) || PyBytes_CheckExact(object);
}

bool is_kind_of(PyObject* object, const char* name) {
  PyObject* const bases = Py_TYPE(object)->tp_mro;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(bases); ++i) {
    const auto* const base = reinterpret_cast<PyTypeObject*>(PyTuple_GET_ITEM(bases, i));
    if (!std::strcmp(base->tp_name, name)) return true;
  }
  return false;
}

bool has_slots(PyObject* object) {
  static PyObject* const slots = checked(PyUnicode_InternFromString("__slots__"));
  if (!_PyType_Lookup(Py_TYPE(object), slots)) return false;
  PyObject* const bases = Py_TYPE(object)->tp_mro;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(bases); ++i) {
    auto* const base = reinterpret_cast<PyTypeObject*>(PyTuple_GET_ITEM(bases, i));
    if (!PyType_HasFeature(base, Py_TPFLAGS_HEAPTYPE)) continue;
    PyObject* const names = reinterpret_cast<PyHeapTypeObject*>(base)->ht_slots;
    if (names && PyTuple_GET_SIZE(names) > 0) return true;
  }
  return false;
}

bool is_named_tuple(PyObject* object) {
  static PyObject* const fields = checked(PyUnicode_InternFromString("_fields"));
  return Py_TYPE(object)->tp_dictoffset == 0 && _PyType_Lookup(Py_TYPE(object), fields);
}

bool has_unseen_fields(PyObject* tuple) {
  static PyObject* const all = checked(PyUnicode_InternFromString("n_fields"));
  static PyObject* const items = checked(PyUnicode_InternFromString("n_sequence_fields"));
  PyObject* const fields = _PyType_Lookup(Py_TYPE(tuple), all);
  PyObject* const seen = _PyType_Lookup(Py_TYPE(tuple), items);
  if (!fields || !seen || !PyLong_CheckExact(fields) || !PyLong_CheckExact(seen)) return false;
  const int differ = PyObject_RichCompareBool(fields, seen, Py_NE);
  checked(differ);
  return differ;
}

bool is_plain_dict(PyObject* object) {
  const bool is_known = PyODict_CheckExact(object) ||
                        !std::strcmp(Py_TYPE(object)->tp_name, "collections.defaultdict");
  PyObject** const values = _PyObject_GetDictPtr(object);
  return is_known && (!values || !*values || PyDict_GET_SIZE(*values) == 0);
}

namespace {

bool is_in(PyObject* types, const PyTypeObject* type) {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(types); ++i)
    if (PyTuple_GET_ITEM(types, i) == reinterpret_cast<const PyObject*>(type)) return true;
  return false;
}

// Whether the instance has nothing besides attributes: a dataclass may also be a list, or an
// exception. A class that adds something has a larger basic size than its base.
bool holds_nothing_else(PyTypeObject* type, PyObject* namespaces) {
  while (type->tp_base && !is_in(namespaces, type)) {
    const PyTypeObject* const base = type->tp_base;
    const bool has_dict = type->tp_dictoffset > 0 && base->tp_dictoffset == 0;
    const bool has_weak = type->tp_weaklistoffset > 0 && base->tp_weaklistoffset == 0;
    const auto known = static_cast<Py_ssize_t>(sizeof(PyObject*)) * (has_dict + has_weak);
    if (type->tp_itemsize != 0 || type->tp_basicsize != base->tp_basicsize + known) return false;
    type = type->tp_base;
  }
  return true;
}

}  // namespace

bool is_plain_scalar(PyObject* object) {
  const char* const name = type_name(object);
  return std::strcmp(name, "numpy.timedelta64") && std::strcmp(name, "numpy.datetime64") &&
         !PyType_HasFeature(Py_TYPE(object), Py_TPFLAGS_HEAPTYPE) && is_scalar_like(object);
}

bool holds_objects(PyObject* dtype) {
  const Owned answer(PyObject_GetAttrString(dtype, "hasobject"));
  const int truth = PyObject_IsTrue(answer.get());
  checked(truth);
  return truth;
}

bool is_made_of_attributes(PyObject* object, PyObject* namespaces) {
  static PyObject* const fields = checked(PyUnicode_InternFromString("__dataclass_fields__"));
  PyTypeObject* const type = Py_TYPE(object);
  if (!_PyType_Lookup(type, fields)) {
    const int answer = PyObject_IsSubclass(reinterpret_cast<PyObject*>(type), namespaces);
    checked(answer);
    if (!answer) return false;
  }
  return !has_slots(object) && _PyObject_GetDictPtr(object) && holds_nothing_else(type, namespaces);
}

}  // namespace steep::bindings
