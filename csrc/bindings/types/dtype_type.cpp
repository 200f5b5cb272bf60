#include "bindings/types/dtype_type.h"

#include "bindings/types/format_type.h"

namespace steep::bindings {

namespace {

struct DTypeObject {
  PyObject_HEAD
  DType dtype;
};

PyTypeObject* dtype_type = nullptr;
ByType<PyObject*> dtypes;

DType own_dtype(PyObject* self) { return reinterpret_cast<DTypeObject*>(self)->dtype; }

// ---- dtype ----

PyObject* dtype_repr(PyObject* self) {
  return PyUnicode_FromFormat("steep.%s", name(own_dtype(self)));
}

PyObject* dtype_reduce(PyObject* self, PyObject*) {
  return PyUnicode_FromString(name(own_dtype(self)));
}

PyObject* dtype_is_floating(PyObject* self, void*) {
  return PyBool_FromLong(is_floating(own_dtype(self)));
}
PyObject* dtype_is_complex(PyObject*, void*) { Py_RETURN_FALSE; }
PyObject* dtype_is_signed(PyObject* self, void*) {
  return PyBool_FromLong(visit(own_dtype(self), [](auto type) { return type.is_signed; }));
}
PyObject* dtype_itemsize(PyObject* self, void*) {
  return PyLong_FromLongLong(element_size(own_dtype(self)));
}

PyGetSetDef dtype_attributes[] = {
    {"is_floating_point", dtype_is_floating, nullptr, "Whether it is float32 or float64.", nullptr},
    {"is_complex", dtype_is_complex, nullptr, "Always False.", nullptr},
    {"is_signed", dtype_is_signed, nullptr, "Whether it holds negative numbers.", nullptr},
    {"itemsize", dtype_itemsize, nullptr, "Bytes of one element.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyMethodDef dtype_methods[] = {{"__reduce__", dtype_reduce, METH_NOARGS, "Pickled by name."},
                               {nullptr, nullptr, 0, nullptr}};
PyType_Slot dtype_slots[] = {{Py_tp_repr, slot(dtype_repr)},
                             {Py_tp_getset, dtype_attributes},
                             {Py_tp_methods, dtype_methods},
                             {Py_tp_doc, const_cast<char*>("The type of a tensor's elements.")},
                             {0, nullptr}};
PyType_Spec dtype_spec = {"steep.dtype", sizeof(DTypeObject), 0,
                          Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, dtype_slots};

void add_dtypes(PyObject* module) {
  dtype_type = make_type(dtype_spec);
  checked(PyModule_AddObjectRef(module, "dtype", reinterpret_cast<PyObject*>(dtype_type)));
  for_each_type([module](DType dtype) {
    PyObject* const object = checked(dtype_type->tp_alloc(dtype_type, 0));
    reinterpret_cast<DTypeObject*>(object)->dtype = dtype;
    dtypes[dtype] = object;
    checked(PyModule_AddObjectRef(module, name(dtype), object));
  });
  constexpr std::pair<const char*, DType> kAliases[] = {{"float", DType::float32},
                                                        {"double", DType::float64},
                                                        {"long", DType::int64},
                                                        {"int", DType::int32}};
  for (const auto& [alias, dtype] : kAliases)
    checked(PyModule_AddObjectRef(module, alias, dtypes[dtype]));
}

}  // namespace

PyObject* wrap(DType dtype) { return new_reference(dtypes[dtype]); }

bool is_dtype(PyObject* object) {
  return Py_TYPE(object) == dtype_type || object == reinterpret_cast<PyObject*>(&PyFloat_Type) ||
         object == reinterpret_cast<PyObject*>(&PyLong_Type) ||
         object == reinterpret_cast<PyObject*>(&PyBool_Type);
}

DType dtype_of(PyObject* object) {
  if (Py_TYPE(object) == dtype_type) return own_dtype(object);
  if (object == reinterpret_cast<PyObject*>(&PyFloat_Type)) return DType::float64;
  return object == reinterpret_cast<PyObject*>(&PyLong_Type) ? DType::int64 : DType::boolean;
}

void add_device_type(PyObject* module);  // device_type.cpp
void add_size_type(PyObject* module);    // size_type.cpp

void add_description_types(PyObject* module) {
  add_dtypes(module);
  add_device_type(module);
  add_format_types(module);
  add_size_type(module);
}

}  // namespace steep::bindings
