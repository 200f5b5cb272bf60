#include "bindings/types/format_type.h"

#include <cstring>

namespace steep::bindings {

namespace {

struct NamedObject {
  PyObject_HEAD
  const char* name;
};

PyTypeObject* layout_type = nullptr;
PyTypeObject* memory_format_type = nullptr;
PyObject* strided = nullptr;

const char* own_name(PyObject* self) { return reinterpret_cast<NamedObject*>(self)->name; }
PyObject* named_repr(PyObject* self) { return PyUnicode_FromFormat("steep.%s", own_name(self)); }
PyObject* named_reduce(PyObject* self, PyObject*) { return PyUnicode_FromString(own_name(self)); }

PyMethodDef named_methods[] = {{"__reduce__", named_reduce, METH_NOARGS, "Pickled by name."},
                               {nullptr, nullptr, 0, nullptr}};

PyTypeObject* make_named_type(const char* name, const char* doc) {
  PyType_Slot slots[] = {{Py_tp_repr, slot(named_repr)},
                         {Py_tp_methods, named_methods},
                         {Py_tp_doc, const_cast<char*>(doc)},
                         {0, nullptr}};
  PyType_Spec spec = {name, sizeof(NamedObject), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  return make_type(spec);
}

PyObject* add_named(PyObject* module, PyTypeObject* type, const char* name) {
  PyObject* object = checked(type->tp_alloc(type, 0));
  reinterpret_cast<NamedObject*>(object)->name = name;
  checked(PyModule_AddObjectRef(module, name, object));
  return object;
}

}  // namespace

void add_format_types(PyObject* module) {
  layout_type = make_named_type("steep.layout", "How a tensor holds its elements.");
  memory_format_type =
      make_named_type("steep.memory_format", "The order of a tensor's elements in memory.");
  checked(PyModule_AddObjectRef(module, "layout", reinterpret_cast<PyObject*>(layout_type)));
  checked(PyModule_AddObjectRef(module, "memory_format",
                                reinterpret_cast<PyObject*>(memory_format_type)));
  strided = add_named(module, layout_type, "strided");
  for (const char* name : {"sparse_coo", "sparse_csr"}) add_named(module, layout_type, name);
  for (const char* name :
       {"preserve_format", "contiguous_format", "channels_last", "channels_last_3d"})
    add_named(module, memory_format_type, name);
}

PyObject* strided_layout() { return new_reference(strided); }

void check_layout(const char* op, PyObject* object) {
  if (object == Py_None || object == strided) return;
  if (Py_TYPE(object) != layout_type)
    fail(ErrorKind::type, op, "a steep.layout", type_name(object), "leave layout out");
  fail(ErrorKind::runtime, op, "layout steep.strided, the only one there is",
       join("steep.", own_name(object)), "leave layout out");
}

bool is_memory_format(PyObject* object) { return Py_TYPE(object) == memory_format_type; }

const char* memory_format_name(PyObject* object) { return own_name(object); }

}  // namespace steep::bindings
