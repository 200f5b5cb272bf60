#include "bindings/numbers.h"

#include "bindings/frames.h"
#include "bindings/tensor_type.h"
#include "ops/ops.h"
#include "program/recorder.h"

namespace steep::bindings {

namespace {
thread_local NumbersRead* t_numbers = nullptr;
}  // namespace

NumbersRead::NumbersRead() : list_(PyList_New(0)), before_(std::exchange(t_numbers, this)) {}
NumbersRead::~NumbersRead() { t_numbers = before_; }

PyObject* returned_number(const Tensor& x) {
  const program::Recorder* const recorder = program::Recorder::active();
  if (!t_numbers || !recorder || x.numel() != 1 || !is_floating(x.dtype()) ||
      x->storage->epoch() != recorder->epoch() || !only_returns())
    return nullptr;
  Owned number(PyFloat_FromDouble(ops::only_element(x).to_double()));
  const Owned source(wrap(alias(x)));
  const Owned version(PyLong_FromUnsignedLong(x->storage->version()));
  const Owned known(PyTuple_Pack(3, number.get(), source.get(), version.get()));
  checked(PyList_Append(t_numbers->list(), known.get()));
  return number.release();
}

}  // namespace steep::bindings
