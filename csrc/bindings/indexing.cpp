// x[...]: a Python subscript as an Index, and the container protocol around it.
#include "bindings/convert.h"
#include "bindings/entries.h"
#include "bindings/from_python.h"
#include "bindings/slots.h"
#include "bindings/tensor_type.h"
#include "ops/ops.h"
#include "tape/history.h"

namespace steep::bindings {

using ops::Index;
using ops::IndexItem;

namespace {

IndexItem tensor_item(Tensor tensor) {
  IndexItem item;
  item.kind = IndexItem::Kind::tensor;
  // As in PyTorch, bytes are an old spelling of a mask and never numbers of elements.
  const bool mask = tensor.dtype() == DType::uint8;
  item.tensor = mask ? ops::to(tensor, DType::boolean) : std::move(tensor);
  return item;
}

// One bound of a slice. Bounds beyond 64 bits are taken as the largest number of their sign, as
// Python does.
bool read_bound(PyObject* bound, int64_t& value) {
  if (bound == Py_None) return false;
  if (!PyIndex_Check(bound))
    raise(PyExc_TypeError, join("slice indices must be integers or None, got ", type_name(bound)));
  value = PyNumber_AsSsize_t(bound, nullptr);
  if (value == -1 && PyErr_Occurred()) throw PythonError();
  return true;
}

IndexItem slice_item(PyObject* object) {
  const auto* slice = reinterpret_cast<PySliceObject*>(object);
  IndexItem item;
  item.kind = IndexItem::Kind::slice;
  item.has_start = read_bound(slice->start, item.start);
  item.has_stop = read_bound(slice->stop, item.stop);
  read_bound(slice->step, item.step);
  if (item.step < 1)
    raise(PyExc_ValueError,
          join("step must be greater than zero, got ", item.step, "; use flip() to reverse"));
  return item;
}

Tensor bool_scalar(bool value) {
  const Tensor x = empty({}, DType::boolean);
  *x.data<uint8_t>() = value;
  return x;
}

IndexItem read_item(PyObject* object) {
  IndexItem item;
  if (PyLong_CheckExact(object)) {
    item.start = read_long(object);
    return item;
  }
  if (PySlice_Check(object)) return slice_item(object);
  if (is_tensor(object)) return tensor_item(tensor_of(object));
  if (PyBool_Check(object)) return tensor_item(bool_scalar(object == Py_True));
  if (object == Py_None || object == Py_Ellipsis) {
    item.kind = object == Py_None ? IndexItem::Kind::new_axis : IndexItem::Kind::ellipsis;
    return item;
  }
  if (PyList_Check(object) || PyTuple_Check(object) || PyRange_Check(object)) {
    // An empty list selects nothing: indices, though it would be floats as data.
    const Py_ssize_t length = PyObject_Size(object);
    if (length < 0) throw PythonError();
    const bool empty_list = length == 0;
    return tensor_item(tensor_from("index", object,
                                   empty_list ? std::optional<DType>(DType::int64) : std::nullopt));
  }
  if (read_int(object, item.start)) return item;  // NumPy's integers
  if (is_array_like(object)) return tensor_item(copy_array("index", object));
  raise(PyExc_IndexError, join("only integers, slices (`:`), ellipsis (`...`), None and integer or "
                               "bool tensors are valid "
                               "indices (got ",
                               type_name(object), ")"));
}

Index read_index(PyObject* key) {
  Index index;
  if (!PyTuple_Check(key)) {
    index.push_back(read_item(key));
    return index;
  }
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(key); ++i)
    index.push_back(read_item(PyTuple_GET_ITEM(key, i)));
  return index;
}

PyObject* subscript(PyObject* self, PyObject* key) {
  return guarded([&] { return wrap(ops::get_item(tensor_of(self), read_index(key))); });
}

int assign_subscript(PyObject* self, PyObject* key, PyObject* value) {
  return guarded_number([&]() -> int {
    if (!value)
      raise(PyExc_TypeError, "a Tensor's elements cannot be deleted; select those to keep");
    const Tensor& x = tensor_of(self);
    ops::TensorOrNumber source;
    if (!read_operand(value, source)) source.tensor = tensor_from("__setitem__", value, x.dtype());
    ops::set_item(x, read_index(key), source);
    return 0;
  });
}

Py_ssize_t length(PyObject* self) {
  return guarded_number([&]() -> Py_ssize_t {
    if (tensor_of(self).dim() == 0) raise(PyExc_TypeError, "len() of a 0-d tensor");
    return tensor_of(self).size(0);
  });
}

PyObject* iterate(PyObject* self) {
  return guarded([&] {
    const Tensor& x = tensor_of(self);
    if (x.dim() == 0) raise(PyExc_TypeError, "iteration over a 0-d tensor");
    static const Entry* unbind = find_method("unbind");
    const Owned rows(invoke(*unbind, &self, 1, nullptr));
    return PyObject_GetIter(rows.get());
  });
}

int contains(PyObject* self, PyObject* element) {
  return guarded_number([&]() -> int {
    ops::TensorOrNumber operand;
    if (!read_operand(element, operand))
      raise(PyExc_RuntimeError,
            join("Tensor.__contains__: expected a Tensor or a number, got ", type_name(element)));
    const tape::GradMode off(false);
    const Tensor equal = ops::eq({tensor_of(self), {}}, operand);
    return ops::item(ops::sum(equal, std::nullopt, false, std::nullopt)).to_bool();
  });
}

}  // namespace

void add_index_slots(std::vector<PyType_Slot>& slots) {
  slots.insert(slots.end(), {{Py_mp_subscript, slot(subscript)},
                             {Py_mp_ass_subscript, slot(assign_subscript)},
                             {Py_mp_length, slot(length)},
                             {Py_sq_contains, slot(contains)},
                             {Py_tp_iter, slot(iterate)}});
}

}  // namespace steep::bindings
