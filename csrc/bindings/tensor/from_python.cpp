#include "bindings/tensor/from_python.h"

#include <cstring>
#include <vector>

#include "bindings/calls/arguments.h"
#include "bindings/calls/convert.h"
#include "bindings/calls/intercept.h"
#include "bindings/programs/given_arrays.h"
#include "bindings/tensor/slots.h"
#include "bindings/tensor/tensor_type.h"
#include "ops/ops.h"
#include "program/record/recorder.h"
#include "tape/history.h"

namespace steep::bindings {

namespace {

bool is_plain_number(PyObject* object) {
  return PyFloat_CheckExact(object) || PyLong_CheckExact(object) || PyBool_Check(object);
}

bool is_sequence(PyObject* object) {
  if (PyList_Check(object) || PyTuple_Check(object)) return true;
  return PySequence_Check(object) && !PyUnicode_Check(object) && !PyBytes_Check(object) &&
         !PyType_Check(object) && !is_tensor(object) && !is_array_like(object);
}

// Writes numbers, one after the other, into memory of one dtype.
class Writer {
 public:
  Writer(char* out, DType dtype) : out_(out), dtype_(dtype) {}

  // False if the object is not a number.
  bool write(PyObject* object) {
    return visit(dtype_, [&](auto type) {
      if constexpr (type.is_floating) {
        double value;
        if (!read_real(object, value)) return false;
        put(type, value);
      } else {
        Number number;
        if (!read_number(object, number)) return false;
        put_whole(type, number);
      }
      return true;
    });
  }

  void write(const Number& number) {
    visit(dtype_, [&](auto type) {
      if constexpr (type.is_floating) {
        put(type, number.to_double());
      } else {
        put_whole(type, number);
      }
    });
  }

  void write_block(const Tensor& block) {
    const size_t bytes = static_cast<size_t>(block.numel() * element_size(dtype_));
    if (bytes) std::memcpy(out_, block.data<char>(), bytes);
    out_ += bytes;
  }

 private:
  static bool read_real(PyObject* object, double& value) {
    if (PyFloat_Check(object)) {
      value = PyFloat_AS_DOUBLE(object);
      return true;
    }
    if (PyLong_Check(object)) {
      value = PyLong_AsDouble(object);
      if (value == -1 && PyErr_Occurred()) throw PythonError();
      return true;
    }
    Number number;
    if (!read_number(object, number)) return false;
    value = number.to_double();
    return true;
  }

  template <class Described, class AnyValue>
  void put(Described type, AnyValue value) {
    type.store(out_, static_cast<ElementOf<Described>>(value));
    out_ += type.size;
  }

  template <class Described>
  void put_whole(Described type, const Number& number) {
    if (!number.fits(type)) {
      throw Error(ErrorKind::runtime,
                  join("tensor: value ", to_string(number), " cannot be converted to type ",
                       type.name, " without overflow; choose another dtype"));
    }
    put(type, number.as_element(type).to_int());
  }

  char* out_;
  const DType dtype_;
};

// Reads a nested sequence: its shape from the first items, its dtype from all, then the values.
class SequenceReader {
 public:
  explicit SequenceReader(const char* op) : op_(op) {}
  Tensor read(PyObject* data, std::optional<DType> dtype) {
    measure(data);
    if (!dtype) {
      infer(data);
      dtype = found_ ? kind_ : default_dtype();
    }
    const Tensor out = empty(shape_, *dtype);
    program::note_filled(*out->storage);
    Writer writer(out.data<char>(), *dtype);
    fill(data, 0, writer, *dtype);
    return out;
  }

 private:
  void measure(PyObject* data);
  void infer(PyObject* data, int level = 0);
  void fill(PyObject* data, int level, Writer& writer, DType dtype);
  void fill_block(const Tensor& block, int level, Writer& writer, DType dtype) const;
  void merge(DType dtype) {
    kind_ = found_ ? promote(kind_, dtype) : dtype;
    found_ = true;
  }
  [[noreturn]] void refuse(ErrorKind kind, const std::string& expected,
                           const std::string& got) const {
    fail(kind, op_, join(expected, path_.empty() ? "" : " at position " + to_string(path_)), got);
  }

  const char* op_;
  Dims shape_;
  Dims path_;  // where we are
  DType kind_ = DType::boolean;
  bool found_ = false;
};

void SequenceReader::measure(PyObject* data) {
  Owned held = Owned::borrow(data);
  while (is_sequence(held.get())) {
    const Py_ssize_t length = PySequence_Size(held.get());
    checked(static_cast<int>(length < 0 ? -1 : 0));
    shape_.push_back(length);
    if (length == 0) return;
    if (shape_.size() > 64)
      fail(ErrorKind::value, op_, "at most 64 dimensions", "a sequence nested deeper");
    held = Owned(PySequence_GetItem(held.get(), 0));
  }
  PyObject* last = held.get();
  if (is_plain_number(last) || is_tensor(last) || !is_array_like(last)) return;
  const Tensor block = copy_array(op_, last);
  for (int64_t size : block.shape()) shape_.push_back(size);
}

void SequenceReader::infer(PyObject* data, int level) {
  if (PyFloat_CheckExact(data)) return merge(default_dtype());
  if (PyBool_Check(data)) return merge(DType::boolean);
  if (PyLong_Check(data)) return merge(DType::int64);
  if (is_tensor(data)) return merge(tensor_of(data).dtype());
  if (is_sequence(data)) {
    if (level == shape_.size()) return;  // deeper than the first item is: fill() refuses it
    const Items items(op_, data);
    for (Py_ssize_t i = 0; i < items.size(); ++i) infer(items[i].get(), level + 1);
    return;
  }
  if (is_array_like(data)) return merge(copy_array(op_, data).dtype());
  if (Number number; read_number(data, number)) return merge(number.dtype());
  if (PyUnicode_Check(data) || PyBytes_Check(data)) return;  // fill() refuses it
  fail(ErrorKind::runtime, op_, "numbers", type_name(data),
       join("Could not infer dtype of ", type_name(data)));
}

void SequenceReader::fill(PyObject* data, int level, Writer& writer, DType dtype) {
  if (level == shape_.size() && writer.write(data)) return;
  if (is_tensor(data)) {
    if (level != shape_.size() || tensor_of(data).numel() != 1) {
      fail(ErrorKind::value, op_, "tensors of one element inside of a sequence",
           join("one of shape ", to_string(tensor_of(data).shape())),
           "join tensors with steep.stack or steep.cat");
    }
    return writer.write(ops::item(tensor_of(data)));
  }
  if (!is_plain_number(data) && is_array_like(data))
    return fill_block(copy_array(op_, data), level, writer, dtype);
  const bool sequence = is_sequence(data);
  if (level == shape_.size()) {
    if (sequence) refuse(ErrorKind::value, "a number", join("a sequence (", type_name(data), ")"));
    refuse(ErrorKind::type, "a number", type_name(data));
  }
  const std::string expected = join("a sequence of length ", shape_[level]);
  if (!sequence)
    refuse(is_plain_number(data) ? ErrorKind::value : ErrorKind::type, expected, type_name(data));
  const Items items(op_, data);
  if (items.size() != shape_[level])
    refuse(ErrorKind::value, expected, join("length ", items.size()));
  path_.push_back(0);
  for (Py_ssize_t i = 0; i < items.size(); ++i) {
    path_.back() = i;
    fill(items[i].get(), level + 1, writer, dtype);
  }
  path_.pop_back();
}

void SequenceReader::fill_block(const Tensor& block, int level, Writer& writer, DType dtype) const {
  const Dims expected(shape_.begin() + level, shape_.end());
  if (block.shape() != expected) {
    refuse(ErrorKind::value, join("an array of shape ", to_string(expected)),
           to_string(block.shape()));
  }
  writer.write_block(ops::to(block, dtype));
}

PyObject* finish(Tensor out, bool requires_grad) {
  if (requires_grad) tape::set_requires_grad(out, true);
  return wrap(std::move(out));
}

PyObject* make_tensor(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  return guarded([&] {
    static constexpr ArgumentNames kNames = {
        "tensor", 1, 1, {"data", "dtype", "device", "requires_grad", "pin_memory"}};
    const Arguments arguments(kNames, args, count, keywords);
    arguments.device(2);
    arguments.pin_memory(4);
    return finish(tensor_from("tensor", arguments[0], arguments.dtype(1)),
                  arguments.flag(3, false));
  });
}

PyObject* as_tensor(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  return guarded([&] {
    static constexpr ArgumentNames kNames = {"as_tensor", 1, 3, {"data", "dtype", "device"}};
    const Arguments arguments(kNames, args, count, keywords);
    arguments.device(2);
    PyObject* data = arguments[0];
    const std::optional<DType> dtype = arguments.dtype(1);
    if (is_batched(data))
      return dtype ? PyObject_CallMethod(data, "to", "O", arguments[1]) : new_reference(data);
    const Tensor given = given_tensor(data);
    if (given.defined() && dtype && *dtype != given.dtype()) return wrap(ops::to(given, *dtype));
    const Tensor x = is_tensor(data) ? tensor_of(data) : share_if_possible("as_tensor", data);
    if (!x.defined()) return wrap(tensor_from("as_tensor", data, dtype));
    return wrap(dtype ? ops::to(x, *dtype) : x);
  });
}

PyObject* from_numpy(PyObject*, PyObject* array) {
  return guarded([&] { return wrap(share_array("from_numpy", array)); });
}

PyMethodDef functions[] = {
    {"tensor", as_method(make_tensor), METH_FASTCALL | METH_KEYWORDS,
     R"(tensor(data, *, dtype=None, device=None, requires_grad=False) -> Tensor

A new tensor with a copy of `data`.

Args:
    data: a number, a nested sequence of them, an array, or a tensor.
    dtype: of the result. Default: bool, int64 or the default floating dtype as Python's numbers
        have it; an array's or a tensor's own.
    device: None or 'cpu'.
    requires_grad: whether the result records its gradient. Default: False.

Raises:
    ValueError: if a nested sequence is ragged; the text says where.
    TypeError: if `data` holds something that is no number.

Example:
    >>> import steep
    >>> steep.tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]]))"},
    {"as_tensor", as_method(as_tensor), METH_FASTCALL | METH_KEYWORDS,
     R"(as_tensor(data, dtype=None, device=None) -> Tensor

`data` as a tensor: without a copy where it is one already, or an array whose memory can be shared.

Args:
    data: as for `tensor`.
    dtype: of the result; another one than that of `data` needs a copy.
    device: None or 'cpu'.

Example:
    >>> import steep
    >>> x = steep.ones(2)
    >>> steep.as_tensor(x) is x
    True)"},
    {"from_numpy", from_numpy, METH_O,
     R"(from_numpy(array) -> Tensor

A tensor on the memory of `array`: what is written to one is seen in the other.

Args:
    array: a writable array of float32, float64, int64, int32, uint8 or bool, without negative
        strides. One of int8, int16 or uint16 is copied to int32, one of float16 to float32.

Raises:
    TypeError: if it is no array, or of another dtype.
    ValueError: if it is read-only or has negative strides; pass array.copy() then.

Example:
    >>> import numpy as np
    >>> import steep
    >>> steep.from_numpy(np.arange(3.0))
    tensor([0., 1., 2.], dtype=steep.float64))"},
    {nullptr, nullptr, 0, nullptr}};

// Tensor(2, 3) and Tensor(Size) give a shape, Tensor(x) and Tensor([[1, 2]]) data.
Tensor construct(PyObject* arguments) {
  const Py_ssize_t count = PyTuple_GET_SIZE(arguments);
  PyObject* first = count ? PyTuple_GET_ITEM(arguments, 0) : nullptr;
  if (count == 0) return empty({0}, default_dtype());
  if (count == 1 && is_tensor(first)) return alias(tensor_of(first));
  Dims shape;
  if (PyLong_Check(first) || (count == 1 && !std::strcmp(type_name(first), "steep.Size"))) {
    if (!read_dims(count == 1 ? first : arguments, shape))
      fail(ErrorKind::type, "Tensor", "sizes, which are ints", "something else",
           "use steep.tensor for data");
    return empty(shape, default_dtype());
  }
  if (count > 1)
    fail(ErrorKind::type, "Tensor", "one sequence of data, or sizes", join(count, " arguments"));
  return tensor_from("Tensor", first, default_dtype());
}

}  // namespace

Tensor tensor_from(const char* op, PyObject* data, std::optional<DType> dtype) {
  const tape::GradMode off(false);
  if (is_tensor(data)) {
    const Tensor x = ops::detach(tensor_of(data));
    return dtype && *dtype != x.dtype() ? ops::to(x, *dtype) : ops::clone(x);
  }
  if (!is_plain_number(data) && is_array_like(data)) {
    const Tensor given = given_tensor(data);
    const Tensor x = !given.defined()        ? copy_array(op, data)
                     : given.is_contiguous() ? ops::clone(given)
                                             : ops::contiguous(given);
    return dtype ? ops::to(x, *dtype) : x;
  }
  return SequenceReader(op).read(data, dtype);
}

PyObject* tensor_new(PyTypeObject* type, PyObject* arguments, PyObject* keywords) {
  return guarded([&]() -> PyObject* {
    if (keywords && PyDict_GET_SIZE(keywords) && type == tensor_type)
      fail(ErrorKind::type, "Tensor", "no keywords", "some",
           "steep.tensor takes dtype, device and requires_grad");
    return wrap_as(type, construct(arguments));
  });
}

void add_constructors(PyObject* module) { checked(PyModule_AddFunctions(module, functions)); }

}  // namespace steep::bindings
