// Whether modules still compute what a shortcut stands for. A sequence asks at every call, hence in
// C++.
#include "bindings/calls/functions.h"

namespace steep::bindings {

namespace {

PyObject *forward_name, *hooks_name;

// A value of a dict (borrowed); null if there is none.
PyObject* find(PyObject* dict, PyObject* key) {
  PyObject* const value = PyDict_GetItemWithError(dict, key);
  if (!value && PyErr_Occurred()) throw PythonError();
  return value;
}

// Whether a call of the module is a call of `forward`, which its own class defines.
bool is_plain(PyObject* module, PyObject* type, PyObject* forward) {
  if (reinterpret_cast<PyObject*>(Py_TYPE(module)) != type) return false;
  if (find(Py_TYPE(module)->tp_dict, forward_name) != forward) return false;
  const Owned members(PyObject_GenericGetDict(module, nullptr));
  return find(members.get(), hooks_name) == Py_None && !find(members.get(), forward_name);
}

PyObject* are_plain(PyObject*, PyObject* modules) {
  return guarded([&]() -> PyObject* {
    const Py_ssize_t count = PyTuple_Check(modules) ? PyTuple_GET_SIZE(modules) : -1;
    if (count < 0 || count % 3 != 0)
      raise(PyExc_TypeError, "are_plain: expected a tuple of module, class and forward, repeated");
    for (Py_ssize_t i = 0; i < count; i += 3) {
      if (!is_plain(PyTuple_GET_ITEM(modules, i), PyTuple_GET_ITEM(modules, i + 1),
                    PyTuple_GET_ITEM(modules, i + 2)))
        Py_RETURN_FALSE;
    }
    Py_RETURN_TRUE;
  });
}

PyMethodDef functions[] = {
    {"are_plain", are_plain, METH_O,
     "Whether modules, each followed by its class and that class's forward, have no hooks and no "
     "other forward."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

void add_forwards(PyObject* module) {
  forward_name = checked(PyUnicode_InternFromString("forward"));
  hooks_name = checked(PyUnicode_InternFromString("_hooks"));
  checked(PyModule_AddFunctions(module, functions));
}

}  // namespace steep::bindings
