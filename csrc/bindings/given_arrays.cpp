#include "bindings/given_arrays.h"

#include "bindings/from_python.h"
#include "bindings/tensor_type.h"
#include "program/recorder.h"

namespace steep::bindings {

namespace {
thread_local PyObject* t_pairs = nullptr;  // borrowed from whoever has put it there
}  // namespace

Tensor ArrayTensors::tensor_of(PyObject* array) {
  for (const auto& [known, tensor] : known_)
    if (known.get() == array) return tensor;
  Tensor x;
  const Owned owner = owner_of_ndarray(array);
  if (owner.get() != array)
    if (const Tensor whole = tensor_of(owner.get()); whole.defined())
      x = part_of_ndarray(array, whole);
  if (!x.defined()) x = tensor_of_ndarray(array);
  if (x.defined()) known_.emplace_back(Owned::borrow(array), x);
  return x;
}

GivenArrays::GivenArrays(PyObject* pairs)
    : pairs_(Owned::borrow(pairs)), before_(std::exchange(t_pairs, pairs)) {
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(pairs); ++i) {
    PyObject* const pair = PyList_GET_ITEM(pairs, i);
    if (PyTuple_CheckExact(pair) && PyTuple_GET_SIZE(pair) == 2 &&
        is_tensor(PyTuple_GET_ITEM(pair, 1)))
      continue;
    t_pairs = before_;
    raise(PyExc_TypeError, "expected a list of tuples (array, tensor)");
  }
}

GivenArrays::~GivenArrays() { t_pairs = before_; }

Tensor given_tensor(PyObject* array) {
  if (!t_pairs || !program::Recorder::active()) return Tensor();
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(t_pairs); ++i) {
    PyObject* const pair = PyList_GET_ITEM(t_pairs, i);
    if (PyTuple_GET_ITEM(pair, 0) == array) return tensor_of(PyTuple_GET_ITEM(pair, 1));
  }
  return Tensor();
}

void note_array_read(PyObject* array) {
  if (given_tensor(array).defined())
    program::refuse_recording(
        "it reads the values of an array that is an argument; make a tensor of it first "
        "(steep.as_tensor)");
}

}  // namespace steep::bindings
