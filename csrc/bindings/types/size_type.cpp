// steep.Size: what Tensor.shape gives.
#include "bindings/calls/convert.h"
#include "bindings/types/dtype_type.h"
#include "tensor/sizes.h"

namespace steep::bindings {

namespace {

PyTypeObject* size_type = nullptr;

PyObject* as_size(Owned tuple) {
  return PyObject_CallOneArg(reinterpret_cast<PyObject*>(size_type), tuple.get());
}

PyObject* size_repr(PyObject* self) {
  return guarded([&] {
    const Owned items(PySequence_List(self));
    return PyUnicode_FromFormat("steep.Size(%R)", items.get());
  });
}

PyObject* size_numel(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    int64_t product = 1;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self); ++i) {
      product = checked_multiply(product, read_long(PyTuple_GET_ITEM(self, i)));
    }
    return PyLong_FromLongLong(product);
  });
}

// Slices and sums of sizes are sizes; single items are ints.
PyObject* size_subscript(PyObject* self, PyObject* key) {
  return guarded([&]() -> PyObject* {
    Owned item(PyTuple_Type.tp_as_mapping->mp_subscript(self, key));
    return PySlice_Check(key) ? as_size(std::move(item)) : item.release();
  });
}
PyObject* size_concat(PyObject* self, PyObject* other) {
  return guarded(
      [&] { return as_size(Owned(PyTuple_Type.tp_as_sequence->sq_concat(self, other))); });
}

PyObject* size_reduce(PyObject* self, PyObject*) {
  return guarded([&] {
    const Owned items(PyTuple_GetSlice(self, 0, PyTuple_GET_SIZE(self)));
    return Py_BuildValue("O(O)", size_type, items.get());
  });
}

PyMethodDef methods[] = {
    {"numel", size_numel, METH_NOARGS, "The product of the sizes: how many elements there are."},
    {"__reduce__", size_reduce, METH_NOARGS, "Pickled as a tuple."},
    {nullptr, nullptr, 0, nullptr}};
PyType_Slot slots[] = {
    {Py_tp_repr, slot(size_repr)},
    {Py_mp_subscript, slot(size_subscript)},
    {Py_sq_concat, slot(size_concat)},
    {Py_tp_methods, methods},
    {Py_tp_doc, const_cast<char*>("The sizes of a tensor's dimensions: a tuple of ints.")},
    {0, nullptr}};
PyType_Spec spec = {"steep.Size", 0, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};

}  // namespace

PyObject* wrap_size(const Dims& shape) {
  Owned size(size_type->tp_alloc(size_type, shape.size()));
  for (int i = 0; i < shape.size(); ++i)
    PyTuple_SET_ITEM(size.get(), i, checked(PyLong_FromLongLong(shape[i])));
  return size.release();
}

void add_size_type(PyObject* module) {
  size_type = make_type(spec, reinterpret_cast<PyObject*>(&PyTuple_Type));
  checked(PyModule_AddObjectRef(module, "Size", reinterpret_cast<PyObject*>(size_type)));
}

}  // namespace steep::bindings
