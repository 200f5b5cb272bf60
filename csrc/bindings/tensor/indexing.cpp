// x[...]: a Python subscript as an Index, and the container protocol around it.
#include "bindings/calls/convert.h"
#include "bindings/calls/entries.h"
#include "bindings/calls/intercept.h"
#include "bindings/tensor/from_python.h"
#include "bindings/tensor/slots.h"
#include "bindings/tensor/tensor_type.h"
#include "ops/ops.h"
#include "program/record/recorder.h"
#include "tape/history.h"

namespace steep::bindings {

using ops::Index;
using ops::IndexItem;

namespace {

IndexItem tensor_item(Tensor tensor) {
  IndexItem item;
  const bool integers = tensor.dtype() == DType::int64 || tensor.dtype() == DType::int32;
  if (integers && tensor.dim() == 0) {
    // As in PyTorch, a 0-d integer tensor counts as its number: it makes a view, and is not an
    // index tensor.
    program::refuse_recording(
        "it indexes by the value of a 0-d tensor; use index_select, with the index reshaped to "
        "(1,)");
    item.start = ops::item(tensor).to_int();
    return item;
  }
  item.kind = IndexItem::Kind::tensor;
  // As in PyTorch, a uint8 tensor is an old form of a mask, and never has indices.
  const bool mask = tensor.dtype() == DType::uint8;
  item.tensor = mask ? ops::to(tensor, DType::boolean) : std::move(tensor);
  return item;
}

// One bound of a slice. As in Python, bounds beyond 64 bits count as the largest number of their
// sign.
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

int64_t read_place(PyObject* number) {
  int overflow;
  const long long place = PyLong_AsLongLongAndOverflow(number, &overflow);
  if (overflow)
    raise(PyExc_ValueError, "index: expected integers of at most 64 bits, got a larger one");
  return place;
}

// A sequence's numbers as indices: floats are truncated as by tensor(..., dtype=int64), and an
// empty sequence, which would be floats as data, selects nothing. Masks stay masks.
Tensor places_from(PyObject* sequence) {
  const Tensor numbers = is_array_like(sequence) ? copy_array("index", sequence)
                                                 : tensor_from("index", sequence, std::nullopt);
  const bool mask = numbers.dtype() == DType::boolean || numbers.dtype() == DType::uint8;
  return mask ? numbers : ops::to(numbers, DType::int64);
}

IndexItem read_item(PyObject* object) {
  IndexItem item;
  if (PyLong_CheckExact(object)) {
    item.start = read_place(object);
    return item;
  }
  if (PySlice_Check(object)) return slice_item(object);
  if (is_tensor(object)) return tensor_item(tensor_of(object));
  if (PyBool_Check(object)) return tensor_item(bool_scalar(object == Py_True));
  if (object == Py_None || object == Py_Ellipsis) {
    item.kind = object == Py_None ? IndexItem::Kind::new_axis : IndexItem::Kind::ellipsis;
    return item;
  }
  if (read_int(object, item.start)) return item;  // such as NumPy's integers
  if (PyUnicode_Check(object) || PyBytes_Check(object))
    raise(PyExc_TypeError, join("index: expected numbers of elements, got ", type_name(object),
                                "; a Tensor has no names to be indexed by"));
  if (PySequence_Check(object)) return tensor_item(places_from(object));  // arrays as well
  raise(PyExc_IndexError, join("only integers, slices (`:`), ellipsis (`...`), None and integer or "
                               "bool tensors are valid "
                               "indices (got ",
                               type_name(object), ")"));
}

// Whether a sequence that is not a tuple is treated as one: PyTorch's rule, formerly NumPy's. It is
// short, and holds something that an array of numbers could not.
bool stands_for_tuple(PyObject* key) {
  if (is_tensor(key) || !PySequence_Check(key) || is_array_like(key) || PyRange_Check(key))
    return false;
  constexpr Py_ssize_t kShort = 32;
  const Py_ssize_t count = PySequence_Size(key);
  if (count < 0) throw PythonError();
  for (Py_ssize_t i = 0; i < count && count < kShort; ++i) {
    const Owned held(PySequence_GetItem(key, i));
    PyObject* item = held.get();
    if (item == Py_None || item == Py_Ellipsis || PySlice_Check(item) || is_tensor(item) ||
        PySequence_Check(item))
      return true;
  }
  return false;
}

Index read_index(PyObject* key) {
  Index index;
  if (!PyTuple_Check(key) && !stands_for_tuple(key)) {
    index.push_back(read_item(key));
    return index;
  }
  const Owned items(PySequence_Tuple(key));  // a tuple, which cannot change meanwhile
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(items.get()); ++i)
    index.push_back(read_item(PyTuple_GET_ITEM(items.get(), i)));
  return index;
}

PyObject* subscript(PyObject* self, PyObject* key) {
  return guarded([&] {
    if (call_handler)
      if (PyObject* const taken = intercept_subscript(self, key, nullptr)) return taken;
    return wrap(ops::get_item(tensor_of(self), read_index(key)));
  });
}

int assign_subscript(PyObject* self, PyObject* key, PyObject* value) {
  return guarded_number([&]() -> int {
    if (!value)
      raise(PyExc_TypeError, "a Tensor's elements cannot be deleted; select those to keep");
    if (call_handler) {
      if (PyObject* const taken = intercept_subscript(self, key, value)) {
        Py_DECREF(taken);
        return 0;
      }
    }
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
