// NumPy arrays among the arguments of a call that is recorded: what makes a tensor of one gives that
// which stands for the argument, so that a replay reads the array of its own call.
#pragma once

#include "bindings/python.h"
#include "tensor/tensor.h"

namespace steep::bindings {

// Known to this thread while it lives.
class GivenArrays {
 public:
  // A list of tuples (array, tensor on its memory), which is held.
  explicit GivenArrays(PyObject* pairs);
  ~GivenArrays();
  GivenArrays(const GivenArrays&) = delete;
  GivenArrays& operator=(const GivenArrays&) = delete;

 private:
  const Owned pairs_;
  PyObject* const before_;
};

// The tensor that stands for an array; undefined for any other object.
Tensor given_tensor(PyObject* array);
// Says to the recording, if there is one, that the values of such an array are read into Python.
void note_array_read(PyObject* array);

}  // namespace steep::bindings
