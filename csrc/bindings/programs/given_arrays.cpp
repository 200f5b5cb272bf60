#include "bindings/programs/given_arrays.h"

#include <algorithm>

#include "bindings/tensor/tensor_type.h"
#include "program/record/recorder.h"

namespace steep::bindings {

namespace {
thread_local GivenArrays* t_given = nullptr;
}  // namespace

GivenArrays::GivenArrays(PyObject* pairs) : pairs_(Owned::borrow(pairs)), before_(t_given) {
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(pairs); ++i) {
    PyObject* const pair = PyList_GET_ITEM(pairs, i);
    if (!PyTuple_CheckExact(pair) || PyTuple_GET_SIZE(pair) != 2 ||
        !is_tensor(PyTuple_GET_ITEM(pair, 1)))
      raise(PyExc_TypeError, "expected a list of tuples (array, tensor)");
  }
  t_given = this;
}

GivenArrays::~GivenArrays() { t_given = before_; }

Tensor given_tensor(PyObject* array) {
  if (!t_given || !program::Recorder::active()) return Tensor();
  return t_given->tensor_for(array);
}

Tensor given_view(PyObject* array) {
  const Tensor x = given_tensor(array);
  return x.defined() && t_given->is_first_view(array) ? alias(x) : Tensor();
}

Tensor GivenArrays::tensor_for(PyObject* array) const {
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(pairs_.get()); ++i) {
    PyObject* const pair = PyList_GET_ITEM(pairs_.get(), i);
    if (PyTuple_GET_ITEM(pair, 0) == array) return tensor_of(PyTuple_GET_ITEM(pair, 1));
  }
  return Tensor();
}

bool GivenArrays::is_first_view(PyObject* array) {
  if (std::find(shared_.begin(), shared_.end(), array) != shared_.end()) return false;
  shared_.push_back(array);
  return true;
}

void note_array_read(PyObject* array) {
  if (given_tensor(array).defined())
    program::refuse_recording(
        "it reads the values of an array that is an argument; convert it to a tensor first "
        "(steep.as_tensor)");
}

}  // namespace steep::bindings
