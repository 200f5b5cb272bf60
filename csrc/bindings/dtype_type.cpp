#include "bindings/dtype_type.h"

#include <cstring>

namespace steep::bindings {

namespace {

constexpr int kDTypes = 6;

struct DTypeObject {
  PyObject_HEAD
  DType dtype;
};

PyTypeObject* dtype_type = nullptr;
PyTypeObject* device_type = nullptr;
PyObject* dtypes[kDTypes] = {};
PyObject* cpu = nullptr;

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
  return PyBool_FromLong(own_dtype(self) != DType::uint8 && own_dtype(self) != DType::boolean);
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
  for (int i = 0; i < kDTypes; ++i) {
    dtypes[i] = checked(dtype_type->tp_alloc(dtype_type, 0));
    reinterpret_cast<DTypeObject*>(dtypes[i])->dtype = static_cast<DType>(i);
    checked(PyModule_AddObjectRef(module, name(static_cast<DType>(i)), dtypes[i]));
  }
  constexpr std::pair<const char*, DType> kAliases[] = {{"float", DType::float32},
                                                        {"double", DType::float64},
                                                        {"long", DType::int64},
                                                        {"int", DType::int32}};
  for (const auto& [alias, dtype] : kAliases)
    checked(PyModule_AddObjectRef(module, alias, dtypes[static_cast<int>(dtype)]));
}

// ---- device ----

bool names_cpu(PyObject* text) {
  const char* name = utf8(text);
  return !std::strcmp(name, "cpu") || !std::strcmp(name, "cpu:0");
}

PyObject* device_new(PyTypeObject*, PyObject* arguments, PyObject* keywords) {
  return guarded([&]() -> PyObject* {
    static const char* names[] = {"device", "index", nullptr};
    PyObject *device, *index = Py_None;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "O|O:device", const_cast<char**>(names),
                                     &device, &index))
      return nullptr;
    check_device("device", device);
    return new_reference(cpu);
  });
}

PyObject* device_repr(PyObject*) { return PyUnicode_FromString("device(type='cpu')"); }
PyObject* device_str(PyObject*) { return PyUnicode_FromString("cpu"); }
Py_hash_t device_hash(PyObject*) { return 0x637075; }
PyObject* device_compare(PyObject*, PyObject* other, int operation) {
  return guarded([&]() -> PyObject* {
    if (!is_device(other) || (operation != Py_EQ && operation != Py_NE)) Py_RETURN_NOTIMPLEMENTED;
    const bool same = !PyUnicode_Check(other) || names_cpu(other);
    return PyBool_FromLong(same == (operation == Py_EQ));
  });
}
PyObject* device_kind(PyObject*, void*) { return PyUnicode_FromString("cpu"); }
PyObject* device_index(PyObject*, void*) { Py_RETURN_NONE; }
PyObject* device_reduce(PyObject*, PyObject*) { return Py_BuildValue("O(s)", device_type, "cpu"); }

PyGetSetDef device_attributes[] = {{"type", device_kind, nullptr, "Always 'cpu'.", nullptr},
                                   {"index", device_index, nullptr, "Always None.", nullptr},
                                   {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyMethodDef device_methods[] = {{"__reduce__", device_reduce, METH_NOARGS, "Pickled by name."},
                                {nullptr, nullptr, 0, nullptr}};
PyType_Slot device_slots[] = {
    {Py_tp_new, slot(device_new)},
    {Py_tp_repr, slot(device_repr)},
    {Py_tp_str, slot(device_str)},
    {Py_tp_hash, slot(device_hash)},
    {Py_tp_richcompare, slot(device_compare)},
    {Py_tp_getset, device_attributes},
    {Py_tp_methods, device_methods},
    {Py_tp_doc, const_cast<char*>("Where a tensor lives: always the CPU.")},
    {0, nullptr}};
PyType_Spec device_spec = {"steep.device", sizeof(PyObject), 0, Py_TPFLAGS_DEFAULT, device_slots};

}  // namespace

PyObject* wrap(DType dtype) { return new_reference(dtypes[static_cast<int>(dtype)]); }

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

PyObject* cpu_device() { return new_reference(cpu); }

bool is_device(PyObject* object) {
  return Py_TYPE(object) == device_type || PyUnicode_Check(object);
}

void check_device(const char* op, PyObject* object) {
  if (object == Py_None || Py_TYPE(object) == device_type) return;
  if (!PyUnicode_Check(object))
    fail(ErrorKind::type, op, "a device or its name", type_name(object),
         "leave device out, or write 'cpu'");
  if (!names_cpu(object)) {
    fail(ErrorKind::runtime, op, "device 'cpu', the only one there is",
         join("'", utf8(object), "'"), "leave device out, or write 'cpu'");
  }
}

void add_size_type(PyObject* module);  // size_type.cpp

void add_description_types(PyObject* module) {
  add_dtypes(module);
  device_type = make_type(device_spec);
  cpu = checked(device_type->tp_alloc(device_type, 0));
  checked(PyModule_AddObjectRef(module, "device", reinterpret_cast<PyObject*>(device_type)));
  add_size_type(module);
}

}  // namespace steep::bindings
