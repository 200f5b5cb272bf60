// Operators, which call the operation's C++ function directly: no name is looked up, no argument
// parsed.
#include "bindings/calls/convert.h"
#include "bindings/calls/entries.h"
#include "bindings/programs/numbers.h"
#include "bindings/tensor/from_python.h"
#include "bindings/tensor/slots.h"
#include "bindings/tensor/tensor_type.h"
#include "ops/ops.h"

namespace steep::bindings {

using ops::TensorOrNumber;

namespace {

Tensor add_operands(const TensorOrNumber& x, const TensorOrNumber& other) {
  return ops::add(x, other, 1);
}
Tensor sub_operands(const TensorOrNumber& x, const TensorOrNumber& other) {
  return ops::sub(x, other, 1);
}
Tensor mul_operands(const TensorOrNumber& x, const TensorOrNumber& other) {
  return ops::mul(x, other);
}
Tensor div_operands(const TensorOrNumber& x, const TensorOrNumber& other) {
  return ops::div(x, other);
}

using Binary = Tensor (*)(const TensorOrNumber&, const TensorOrNumber&);

// An array operand is treated as a tensor of its values.
bool read_side(PyObject* object, TensorOrNumber& operand) {
  return read_operand(object, operand) || read_ndarray(object, operand.tensor);
}

// `commutes`: a number on the left changes places with the tensor, as PyTorch's does; then the
// tensor's node is the first that the result's node leads to.
template <Binary function, bool commutes = false>
PyObject* binary(PyObject* x, PyObject* other) {
  return guarded([&]() -> PyObject* {
    TensorOrNumber left, right;
    if (!read_side(x, left) || !read_side(other, right)) Py_RETURN_NOTIMPLEMENTED;
    if (commutes && !is_tensor(x)) return wrap(function(right, left));
    return wrap(function(left, right));
  });
}

PyObject* power(PyObject* x, PyObject* exponent, PyObject* modulus) {
  if (modulus != Py_None) Py_RETURN_NOTIMPLEMENTED;
  return binary<&ops::pow>(x, exponent);
}

bool read_matrix(PyObject* object, Tensor& x) {
  if (!is_tensor(object)) return read_ndarray(object, x);
  x = tensor_of(object);
  return true;
}

PyObject* matrix_product(PyObject* x, PyObject* other) {
  return guarded([&]() -> PyObject* {
    Tensor left, right;
    if (!read_matrix(x, left) || !read_matrix(other, right)) Py_RETURN_NOTIMPLEMENTED;
    return wrap(ops::matmul(left, right));
  });
}

template <Tensor (*function)(const Tensor&)>
PyObject* unary(PyObject* x) {
  return guarded([&] { return wrap(function(tensor_of(x))); });
}

PyObject* positive(PyObject* x) { return new_reference(x); }

// x += other is x.add_(other) if the registry has that method (looked up once); else x becomes the
// operator's result.
struct InPlace {
  const char* name;
  const Entry* entry = nullptr;
  bool looked = false;
};
enum Method {
  kAdd,
  kSub,
  kMul,
  kDiv,
  kFloorDivide,
  kRemainder,
  kAnd,
  kOr,
  kXor,
  kPow,
  kLeft,
  kRight
};
InPlace in_place_methods[] = {{"add_"},
                              {"sub_"},
                              {"mul_"},
                              {"div_"},
                              {"floor_divide_"},
                              {"remainder_"},
                              {"bitwise_and_"},
                              {"bitwise_or_"},
                              {"bitwise_xor_"},
                              {"pow_"},
                              {"bitwise_left_shift_"},
                              {"bitwise_right_shift_"}};

PyObject* invoke_on(const Entry& entry, PyObject* x, PyObject* other) {
  PyObject* const args[] = {x, other};
  return invoke(entry, args, 2, nullptr);
}

template <Method method, Binary function>
PyObject* in_place(PyObject* x, PyObject* other) {
  InPlace& found = in_place_methods[method];
  if (!std::exchange(found.looked, true)) found.entry = find_method(found.name);
  return guarded([&]() -> PyObject* {
    if (Tensor array; found.entry && read_ndarray(other, array)) {
      const Owned taken(wrap(std::move(array)));
      return invoke_on(*found.entry, x, taken.get());
    }
    if (found.entry) return invoke_on(*found.entry, x, other);
    TensorOrNumber right;
    if (!read_side(other, right)) Py_RETURN_NOTIMPLEMENTED;
    return wrap(ops::assign(found.name, tensor_of(x), function({tensor_of(x), {}}, right)));
  });
}

PyObject* in_place_power(PyObject* x, PyObject* exponent, PyObject*) {
  return in_place<kPow, &ops::pow>(x, exponent);
}

PyObject* compare(PyObject* x, PyObject* other, int operation) {
  switch (operation) {
    case Py_EQ:
      return binary<&ops::eq>(x, other);
    case Py_NE:
      return binary<&ops::ne>(x, other);
    case Py_LT:
      return binary<&ops::lt>(x, other);
    case Py_LE:
      return binary<&ops::le>(x, other);
    case Py_GT:
      return binary<&ops::gt>(x, other);
    default:
      return binary<&ops::ge>(x, other);
  }
}

// ---- one element as a Python number ----

int as_bool(PyObject* self) {
  return guarded_number([&]() -> int {
    const Tensor& x = tensor_of(self);
    if (x.numel() != 1) {
      throw Error(
          ErrorKind::runtime,
          join("Boolean value of Tensor with ", x.numel() ? "more than one value" : "no values",
               " is ambiguous; got shape ", to_string(x.shape()), ": use .any() or .all()"));
    }
    return ops::item(x).to_bool();
  });
}

// The only element, for what Python converts; of several, its own class of error.
Number single(PyObject* self) {
  const Tensor& x = tensor_of(self);
  if (x.numel() != 1) {
    throw Error(ErrorKind::value,
                join("only one element tensors can be converted to Python scalars; got shape ",
                     to_string(x.shape()), ": index it first, or use tolist()"));
  }
  return ops::item(x);
}

PyObject* as_int(PyObject* self) {
  return guarded([&]() -> PyObject* {
    const Tensor& x = tensor_of(self);
    PyObject* const returned = is_floating(x.dtype()) ? nullptr : returned_number(x, false);
    if (returned) return returned;
    const Number number = single(self);
    // As Python's int(): truncates, and refuses nan and infinity.
    return number.is_floating() ? PyLong_FromDouble(number.to_double())
                                : PyLong_FromLongLong(number.to_int());
  });
}

PyObject* as_float(PyObject* self) {
  return guarded([&] {
    if (PyObject* const number = returned_number(tensor_of(self), true)) return number;
    return PyFloat_FromDouble(single(self).to_double());
  });
}

PyObject* as_index(PyObject* self) {
  return guarded([&]() -> PyObject* {
    const Tensor& x = tensor_of(self);
    if (x.numel() != 1 || is_floating(x.dtype())) {
      throw Error(
          ErrorKind::type,
          join("only integer tensors of a single element can be converted to an index, got ",
               name(x.dtype()), " of shape ", to_string(x.shape())));
    }
    return PyLong_FromLongLong(ops::item(x).to_int());
  });
}

}  // namespace

void add_number_slots(std::vector<PyType_Slot>& slots) {
  slots.insert(slots.end(),
               {
                   {Py_nb_add, slot(binary<&add_operands, true>)},
                   {Py_nb_subtract, slot(binary<&sub_operands>)},
                   {Py_nb_multiply, slot(binary<&mul_operands, true>)},
                   {Py_nb_true_divide, slot(binary<&div_operands>)},
                   {Py_nb_floor_divide, slot(binary<&ops::floor_divide>)},
                   {Py_nb_remainder, slot(binary<&ops::remainder>)},
                   {Py_nb_and, slot(binary<&ops::bitwise_and>)},
                   {Py_nb_or, slot(binary<&ops::bitwise_or>)},
                   {Py_nb_xor, slot(binary<&ops::bitwise_xor>)},
                   {Py_nb_lshift, slot(binary<&ops::bitwise_left_shift>)},
                   {Py_nb_rshift, slot(binary<&ops::bitwise_right_shift>)},
                   {Py_nb_power, slot(power)},
                   {Py_nb_matrix_multiply, slot(matrix_product)},
                   {Py_nb_negative, slot(unary<&ops::neg>)},
                   {Py_nb_absolute, slot(unary<&ops::abs>)},
                   {Py_nb_invert, slot(unary<&ops::bitwise_not>)},
                   {Py_nb_positive, slot(positive)},
                   {Py_nb_inplace_add, slot(in_place<kAdd, &add_operands>)},
                   {Py_nb_inplace_subtract, slot(in_place<kSub, &sub_operands>)},
                   {Py_nb_inplace_multiply, slot(in_place<kMul, &mul_operands>)},
                   {Py_nb_inplace_true_divide, slot(in_place<kDiv, &div_operands>)},
                   {Py_nb_inplace_floor_divide, slot(in_place<kFloorDivide, &ops::floor_divide>)},
                   {Py_nb_inplace_remainder, slot(in_place<kRemainder, &ops::remainder>)},
                   {Py_nb_inplace_and, slot(in_place<kAnd, &ops::bitwise_and>)},
                   {Py_nb_inplace_or, slot(in_place<kOr, &ops::bitwise_or>)},
                   {Py_nb_inplace_xor, slot(in_place<kXor, &ops::bitwise_xor>)},
                   {Py_nb_inplace_lshift, slot(in_place<kLeft, &ops::bitwise_left_shift>)},
                   {Py_nb_inplace_rshift, slot(in_place<kRight, &ops::bitwise_right_shift>)},
                   {Py_nb_inplace_power, slot(in_place_power)},
                   {Py_tp_richcompare, slot(compare)},
                   {Py_nb_bool, slot(as_bool)},
                   {Py_nb_int, slot(as_int)},
                   {Py_nb_float, slot(as_float)},
                   {Py_nb_index, slot(as_index)},
               });
}

}  // namespace steep::bindings
