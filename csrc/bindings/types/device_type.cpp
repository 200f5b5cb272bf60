// steep.device: any PyTorch device can be named and printed, but tensors are on the CPU.
#include <cstring>

#include "bindings/calls/convert.h"
#include "bindings/types/dtype_type.h"

namespace steep::bindings {

namespace {

constexpr const char* kKinds[] = {
    "cpu",  "cuda", "ipu", "xpu",  "mkldnn", "opengl", "opencl", "ideep", "hip",  "ve",
    "fpga", "maia", "xla", "lazy", "vulkan", "mps",    "meta",   "hpu",   "mtia", "privateuseone"};

struct DeviceName {
  const char* kind = kKinds[0];
  int64_t index = -1;  // -1: none given
};
bool operator==(const DeviceName& a, const DeviceName& b) {
  return a.kind == b.kind && a.index == b.index;
}

struct DeviceObject {
  PyObject_HEAD
  DeviceName name;
};

PyTypeObject* device_type = nullptr;
PyObject* cpu = nullptr;

const DeviceName& own_name(PyObject* self) { return reinterpret_cast<DeviceObject*>(self)->name; }

std::string spelled(const DeviceName& name) {
  return name.index < 0 ? name.kind : join(name.kind, ":", name.index);
}

// Parses "cuda" or "cuda:1"; false if it does not name a device.
bool parse(const char* text, DeviceName& name) {
  const char* colon = std::strchr(text, ':');
  const size_t length = colon ? static_cast<size_t>(colon - text) : std::strlen(text);
  name.kind = nullptr;
  for (const char* kind : kKinds)
    if (std::strlen(kind) == length && !std::strncmp(kind, text, length)) name.kind = kind;
  if (!name.kind || !colon) return name.kind;
  const char* digits = colon + 1;
  const size_t count = std::strlen(digits);
  if (count == 0 || count > 4 || std::strspn(digits, "0123456789") != count) return false;
  if (count > 1 && digits[0] == '0') return false;
  name.index = std::strtol(digits, nullptr, 10);
  return true;
}

DeviceName name_of(const char* op, PyObject* object) {
  if (Py_TYPE(object) == device_type) return own_name(object);
  if (!PyUnicode_Check(object))
    fail(ErrorKind::type, op, "a device or its name", type_name(object),
         "leave device out, or write 'cpu'");
  DeviceName name;
  if (!parse(utf8(object), name))
    fail(ErrorKind::runtime, op, "the name of a device, such as 'cpu'",
         join("'", utf8(object), "'"), "leave device out, or write 'cpu'");
  return name;
}

PyObject* make_device(const DeviceName& name) {
  PyObject* made = checked(device_type->tp_alloc(device_type, 0));
  reinterpret_cast<DeviceObject*>(made)->name = name;
  return made;
}

PyObject* device_new(PyTypeObject*, PyObject* arguments, PyObject* keywords) {
  return guarded([&]() -> PyObject* {
    PyObject *device = nullptr, *index = Py_None;
    static const char* names[] = {"device", "index", nullptr};
    static const char* by_type[] = {"type", "index", nullptr};
    const bool typed = keywords && PyDict_GetItemString(keywords, "type");
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "O|O:device",
                                     const_cast<char**>(typed ? by_type : names), &device, &index))
      return nullptr;
    DeviceName name = name_of("device", device);
    if (index == Py_None) return make_device(name);
    int64_t number;
    if (!read_int(index, number))
      fail(ErrorKind::type, "device", "an index that is an int", type_name(index));
    if (name.index >= 0 || number < 0)
      fail(ErrorKind::runtime, "device", "one index, not negative",
           join(spelled(name), " and ", number), "write device('cuda', 1) or device('cuda:1')");
    name.index = number;
    return make_device(name);
  });
}

PyObject* device_repr(PyObject* self) {
  const DeviceName& name = own_name(self);
  if (name.index < 0) return PyUnicode_FromFormat("device(type='%s')", name.kind);
  return PyUnicode_FromFormat("device(type='%s', index=%lld)", name.kind,
                              static_cast<long long>(name.index));
}
PyObject* device_str(PyObject* self) {
  return PyUnicode_FromString(spelled(own_name(self)).c_str());
}
Py_hash_t device_hash(PyObject* self) {
  const DeviceName& name = own_name(self);
  Py_hash_t hash = name.index + 1;
  for (const char* c = name.kind; *c; ++c) hash = hash * 31 + *c;
  return hash;
}

// A string compares like the device that it names.
PyObject* device_compare(PyObject* self, PyObject* other, int operation) {
  return guarded([&]() -> PyObject* {
    const bool comparable = Py_TYPE(other) == device_type || PyUnicode_Check(other);
    if (!comparable || (operation != Py_EQ && operation != Py_NE)) Py_RETURN_NOTIMPLEMENTED;
    DeviceName name;
    const bool named =
        PyUnicode_Check(other) ? parse(utf8(other), name) : (name = own_name(other), true);
    return PyBool_FromLong((named && name == own_name(self)) == (operation == Py_EQ));
  });
}

PyObject* device_kind(PyObject* self, void*) { return PyUnicode_FromString(own_name(self).kind); }
PyObject* device_index(PyObject* self, void*) {
  if (own_name(self).index < 0) Py_RETURN_NONE;
  return PyLong_FromLongLong(own_name(self).index);
}
PyObject* device_reduce(PyObject* self, PyObject*) {
  return Py_BuildValue("O(s)", device_type, spelled(own_name(self)).c_str());
}

PyGetSetDef device_attributes[] = {
    {"type", device_kind, nullptr, "The kind of device, such as 'cpu'.", nullptr},
    {"index", device_index, nullptr, "The device's index, or None.", nullptr},
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
    {Py_tp_doc, const_cast<char*>("Where a tensor lives: always the CPU, whatever can be named.")},
    {0, nullptr}};
PyType_Spec device_spec = {"steep.device", sizeof(DeviceObject), 0, Py_TPFLAGS_DEFAULT,
                           device_slots};

}  // namespace

PyObject* cpu_device() { return new_reference(cpu); }

void check_device(const char* op, PyObject* object) {
  if (object == Py_None || object == cpu) return;
  const DeviceName name = name_of(op, object);
  if (name.kind != kKinds[0])
    fail(ErrorKind::runtime, op, "device 'cpu', the only one there is",
         join("'", spelled(name), "'"), "leave device out, or write 'cpu'");
}

void add_device_type(PyObject* module) {
  device_type = make_type(device_spec);
  cpu = make_device(DeviceName());
  checked(PyModule_AddObjectRef(module, "device", reinterpret_cast<PyObject*>(device_type)));
}

}  // namespace steep::bindings
