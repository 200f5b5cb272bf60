// NumPy arrays among the arguments of a compiled function count as tensors on their memory. While a
// call is recorded, what makes a tensor of one gives that which stands for the argument, so that a
// replay reads the array of its own call.
#pragma once

#include <vector>

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

  Tensor tensor_for(PyObject* array) const;  // undefined for none of them
  bool is_first_view(PyObject* array);       // to be asked once for each view

 private:
  const Owned pairs_;
  GivenArrays* const before_;
  std::vector<PyObject*> shared_;  // arrays that views were made of
};

// The tensor that stands for an array, to be read; undefined for any other object.
Tensor given_tensor(PyObject* array);
// A view of it, to be kept: the first time only. A second tensor on one memory would have a version of
// its own.
Tensor given_view(PyObject* array);
// Says to the recording, if there is one, that the values of such an array are read into Python.
void note_array_read(PyObject* array);

}  // namespace steep::bindings
