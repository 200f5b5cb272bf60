// Python objects as the registry's AnyValues, and back.
#pragma once

#include "bindings/python.h"
#include "ops/value.h"

namespace steep::bindings {

// What a parameter takes: the parts of its annotation, "Tensor | Number | None" being three bits.
using Accepts = uint16_t;
namespace accepts {
constexpr Accepts none = 1, tensor = 2, number = 4, integer = 8, floating = 16, boolean = 32,
                  text = 64, dims = 128, dtype = 256, tensors = 512, generator = 1024,
                  memory_format = 2048;
}  // namespace accepts

// Fills an empty Value. False: the object is none of what is accepted, and nothing has been raised.
// Throws PythonError where the object looked right but cannot be read (an int beyond 64 bits).
bool convert(Accepts wanted, PyObject* object, ops::AnyValue& value);

// A Python or NumPy number that is not a tensor; false for anything else.
bool read_number(PyObject* object, Number& number);
// A tensor or a number.
bool read_operand(PyObject* object, ops::TensorOrNumber& operand);
// An int's digits for a message, if there are not too many.
std::string digits_of(PyObject* number);
// Whether it is a number such as a NumPy scalar, and not a container (an array converts to int
// too).
bool is_scalar_like(PyObject* object);
// The value of a Python int; an Unnamed error of kind overflow for one beyond 64 bits.
int64_t read_long(PyObject* object);
// An integer of any kind except bool; false for anything else.
bool read_int(PyObject* object, int64_t& value);
// An int or a sequence of ints; false for anything else.
bool read_dims(PyObject* object, Dims& dims);

PyObject* wrap(const Number& number);
// A result as Python sees it; `named` is the type of a named pair, if the operation returns one.
PyObject* wrap_result(ops::AnyValue& value, PyTypeObject* named);

}  // namespace steep::bindings
