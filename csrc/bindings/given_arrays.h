// NumPy arrays among the arguments of a compiled function count as tensors on their memory. While a
// call is recorded, what makes a tensor of one gives that which stands for the argument, so that a
// replay reads the array of its own call.
#pragma once

#include <utility>
#include <vector>

#include "bindings/python.h"
#include "tensor/tensor.h"

namespace steep::bindings {

// The tensors that the arrays of one call count as.
class ArrayTensors {
 public:
  // Slices of one array share its memory, as views of one tensor do. Undefined for all but arrays
  // whose memory a tensor can share.
  Tensor tensor_of(PyObject* array);

 private:
  std::vector<std::pair<Owned, Tensor>> known_;
};

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
