#include "bindings/programs/numbers.h"

#include "bindings/programs/frames.h"
#include "bindings/tensor/tensor_type.h"
#include "ops/ops.h"
#include "program/record/recorder.h"

namespace steep::bindings {

namespace {
thread_local NumbersRead* t_numbers = nullptr;
}  // namespace

NumbersRead::NumbersRead() : list_(PyList_New(0)), before_(std::exchange(t_numbers, this)) {}
NumbersRead::~NumbersRead() { t_numbers = before_; }

PyObject* returned_number(const Tensor& x, bool as_float) {
  const bool whole = !as_float && !is_floating(x.dtype());
  if (x.numel() != 1 || (whole && x.dtype() == DType::boolean) || !reads_result(whole))
    return nullptr;
  Owned number(
      number_to_be(whole));  // a new object, so that its identity tells it: small ints are shared
  set_number(number.get(), ops::only_element(x));
  const Owned source(wrap(alias(x)));
  note_result(number.get(), source.get());
  return number.release();
}

bool reads_result(bool whole) {
  return t_numbers && program::Recorder::active() && only_returns(whole);
}

void note_result(PyObject* read, PyObject* source) {
  const Owned writes(PyLong_FromUnsignedLong(tensor_of(source)->storage->writes()));
  const Owned known(PyTuple_Pack(3, read, source, writes.get()));
  checked(PyList_Append(t_numbers->list(), known.get()));
}

namespace {

// The object was made with room for all digits.
void set_int(PyObject* object, int64_t value) {
  auto* const number = reinterpret_cast<PyLongObject*>(object);
#if PY_VERSION_HEX >= 0x030C0000
  digit* const digits = number->long_value.ob_digit;
#else
  digit* const digits = number->ob_digit;
#endif
  uint64_t rest = value < 0 ? -static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  Py_ssize_t count = 0;
  for (; rest; rest >>= PyLong_SHIFT) digits[count++] = static_cast<digit>(rest & PyLong_MASK);
#if PY_VERSION_HEX >= 0x030C0000
  constexpr uintptr_t kPositive = 0, kZero = 1, kNegative = 2;
  if (!count) digits[0] = 0;
  number->long_value.lv_tag = static_cast<uintptr_t>(count) << 3 | (value < 0 ? kNegative
                                                                    : count   ? kPositive
                                                                              : kZero);
#else
  Py_SET_SIZE(number, value < 0 ? -count : count);
#endif
}

}  // namespace

PyObject* number_to_be(bool whole) {
  return checked(whole ? PyLong_FromLongLong(INT64_MIN) : PyFloat_FromDouble(0));
}

void set_number(PyObject* number, const Number& value) {
  if (PyFloat_CheckExact(number)) {
    reinterpret_cast<PyFloatObject*>(number)->ob_fval = value.to_double();
  } else {
    set_int(number, value.to_int());
  }
}

}  // namespace steep::bindings
