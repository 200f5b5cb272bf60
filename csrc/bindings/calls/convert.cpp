#include "bindings/calls/convert.h"

#include <cstring>

#include "bindings/host/runtime.h"
#include "bindings/programs/symbolic.h"
#include "bindings/tensor/tensor_type.h"
#include "bindings/types/dtype_type.h"
#include "bindings/types/format_type.h"
#include "ops/ops.h"
#include "tape/history.h"

namespace steep::bindings {

using ops::AnyValue;

bool is_scalar_like(PyObject* object) {
  const PyTypeObject* type = Py_TYPE(object);
  const PyNumberMethods* number = type->tp_as_number;
  if (!number || !(number->nb_index || number->nb_float)) return false;
  if (type->tp_as_sequence && type->tp_as_sequence->sq_length) return false;
  return !(type->tp_as_mapping && type->tp_as_mapping->mp_length) && !is_tensor(object);
}

namespace {

bool is_numpy_bool(PyObject* object) {
  const char* name = type_name(object);
  return !std::strcmp(name, "numpy.bool") || !std::strcmp(name, "numpy.bool_");
}

bool read_truth(PyObject* object) {
  const int truth = PyObject_IsTrue(object);
  checked(truth);
  return truth;
}

double read_double(PyObject* object) {
  const double value = PyFloat_AsDouble(object);
  if (value != -1 || !PyErr_Occurred()) return value;
  if (!PyLong_CheckExact(object) || !PyErr_ExceptionMatches(PyExc_OverflowError))
    throw PythonError();
  PyErr_Clear();
  throw Unnamed(ErrorKind::overflow, join("expected a number that a float64 can hold, got ",
                                          digits_of(object), "; pass a smaller one"));
}

bool read_sequence(PyObject* object, Dims& dims) {
  // Lists and tuples (so Size as well) are read in place; PySequence_Fast copies other sequences.
  if (!PyList_Check(object) && !PyTuple_Check(object) && !PyRange_Check(object)) return false;
  const Items items("sizes", object);
  dims.reserve(static_cast<int>(items.size()));
  for (Py_ssize_t i = 0; i < items.size(); ++i) {
    int64_t value;
    if (!read_int(items[i].get(), value)) return false;
    dims.push_back(value);
  }
  return true;
}

bool read_tensors(PyObject* object, Tensors& tensors) {
  if (!PyList_Check(object) && !PyTuple_Check(object)) return false;
  PyObject** items = PySequence_Fast_ITEMS(object);
  const Py_ssize_t count = PySequence_Fast_GET_SIZE(object);
  tensors.reserve(static_cast<int>(count));
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (!is_tensor(items[i])) return false;
    tensors.push_back(tensor_of(items[i]));
  }
  return true;
}

// A 0-d tensor may stand for a number where its gradient cannot be meant.
bool is_plain_0d(PyObject* object) {
  return is_tensor(object) && tensor_of(object).dim() == 0 &&
         !tape::requires_grad(tensor_of(object));
}

bool convert_scalar(Accepts wanted, PyObject* object, AnyValue& value) {
  if (wanted & (accepts::number | accepts::floating) && is_plain_0d(object)) {
    value = AnyValue::of(ops::item(tensor_of(object)));
    return true;
  }
  Number number;
  int64_t integer;
  if (wanted & accepts::number && read_number(object, number)) {
    value = AnyValue::of(number);
  } else if (wanted & accepts::boolean && (PyBool_Check(object) || is_numpy_bool(object))) {
    value = AnyValue::of(Number(read_truth(object)));
  } else if (wanted & accepts::integer && read_int(object, integer)) {
    value = AnyValue::of(Number(integer));
  } else if (wanted & accepts::floating && PyLong_CheckExact(object)) {
    value = AnyValue::of(Number(read_double(object)));
  } else if (wanted & accepts::floating && read_number(object, number)) {
    value = AnyValue::of(Number(number.to_double()));
  } else {
    return false;
  }
  return true;
}

PyObject* wrap_tensors(Tensors& tensors, PyTypeObject* named) {
  Owned tuple(named ? PyStructSequence_New(named) : PyTuple_New(tensors.size()));
  for (int i = 0; i < tensors.size(); ++i) {
    PyObject* item = wrap(std::move(tensors[i]));
    if (named) {
      PyStructSequence_SET_ITEM(tuple.get(), i, item);
    } else {
      PyTuple_SET_ITEM(tuple.get(), i, item);
    }
  }
  return tuple.release();
}

}  // namespace

// Python is slow to print very long numbers, or refuses to. Uses the methods of int itself, which a
// subclass may override.
std::string digits_of(PyObject* number) {
  constexpr int64_t kMostBits = 132;  // 40 digits
  auto* const type = reinterpret_cast<PyObject*>(&PyLong_Type);
  const Owned bits(PyObject_CallMethod(type, "bit_length", "O", number));
  if (PyLong_AsLongLong(bits.get()) > kMostBits) return "one of many digits";
  return utf8(Owned(PyLong_Type.tp_repr(number)).get());
}

int64_t read_long(PyObject* object) {
  const long long value = PyLong_AsLongLong(object);
  if (value != -1 || !PyErr_Occurred()) return value;
  if (!PyErr_ExceptionMatches(PyExc_OverflowError)) throw PythonError();
  PyErr_Clear();
  throw Unnamed(ErrorKind::overflow, join("expected an int that fits into 64 bits, got ",
                                          digits_of(object), "; pass a float where one will do"));
}

bool read_number(PyObject* object, Number& number) {
  if (PyFloat_Check(object)) {
    number = Number(PyFloat_AS_DOUBLE(object));
  } else if (PyBool_Check(object)) {
    number = Number(object == Py_True);
  } else if (PyLong_Check(object)) {
    number = Number(read_long(object));
  } else if (is_numpy_bool(object)) {
    number = Number(read_truth(object));
  } else if (is_symbolic(object)) {
    return read_number(Owned(value_of_symbolic(object)).get(), number);
  } else if (!is_scalar_like(object)) {
    return false;
  } else if (PyIndex_Check(object)) {
    number = Number(read_long(Owned(PyNumber_Index(object)).get()));
  } else {
    number = Number(read_double(object));
  }
  return true;
}

bool read_operand(PyObject* object, ops::TensorOrNumber& operand) {
  if (!is_tensor(object)) return read_number(object, operand.number);
  operand.tensor = tensor_of(object);
  return true;
}

bool read_int(PyObject* object, int64_t& value) {
  if (PyLong_CheckExact(object)) {
    value = read_long(object);
    return true;
  }
  if (PyBool_Check(object) || PyFloat_Check(object)) return false;
  const bool whole_tensor =
      is_tensor(object) && tensor_of(object).dim() == 0 && is_integer(tensor_of(object).dtype());
  if (!PyLong_Check(object) && !whole_tensor && !(is_scalar_like(object) && PyIndex_Check(object)))
    return false;
  value = read_long(Owned(PyNumber_Index(object)).get());
  return true;
}

bool read_dims(PyObject* object, Dims& dims) {
  int64_t single;
  if (!read_int(object, single)) return read_sequence(object, dims);
  dims.push_back(single);
  return true;
}

bool convert(Accepts wanted, PyObject* object, AnyValue& value) {
  if (wanted & accepts::tensor && is_tensor(object)) {
    value.kind = AnyValue::Kind::tensor;
    value.tensor = tensor_of(object);
    return true;
  }
  if (object == Py_None) return wanted & accepts::none;
  constexpr Accepts kScalars =
      accepts::number | accepts::boolean | accepts::integer | accepts::floating;
  if (wanted & kScalars && convert_scalar(wanted, object, value)) return true;
  if (wanted & accepts::dims && read_dims(object, value.dims)) {
    value.kind = AnyValue::Kind::dims;
    return true;
  }
  if (wanted & accepts::tensors) {
    value = AnyValue::of(Tensors());
    return read_tensors(object, *value.tensors);
  }
  if (wanted & accepts::dtype && is_dtype(object)) {
    value = AnyValue::of(dtype_of(object));
    return true;
  }
  if (wanted & accepts::generator) {
    value.kind = AnyValue::Kind::generator;
    value.generator = generator_of(object);
    return value.generator != nullptr;
  }
  if (wanted & accepts::memory_format && is_memory_format(object)) {
    value.take(memory_format_name(object));
    return true;
  }
  if (wanted & accepts::text && PyUnicode_Check(object)) {
    value.take(utf8(object));
    return true;
  }
  return false;
}

PyObject* wrap(const Number& number) {
  if (number.is_floating()) return PyFloat_FromDouble(number.to_double());
  if (number.kind() == Number::Kind::boolean) return PyBool_FromLong(number.to_bool());
  return PyLong_FromLongLong(number.to_int());
}

PyObject* wrap_result(AnyValue& value, PyTypeObject* named) {
  switch (value.kind) {
    case AnyValue::Kind::tensor:
      return wrap(std::move(value.tensor));
    case AnyValue::Kind::generator:
    case AnyValue::Kind::none:
      Py_RETURN_NONE;
    case AnyValue::Kind::tensors:
      return wrap_tensors(*value.tensors, named);
    case AnyValue::Kind::boolean:
    case AnyValue::Kind::integer:
    case AnyValue::Kind::floating:
      return wrap(value.number);
    case AnyValue::Kind::dims:
      return wrap_size(value.dims);
    case AnyValue::Kind::dtype:
      return wrap(value.dtype);
    case AnyValue::Kind::text:
      return PyUnicode_FromString(value.text->c_str());
  }
  Py_UNREACHABLE();
}

}  // namespace steep::bindings
