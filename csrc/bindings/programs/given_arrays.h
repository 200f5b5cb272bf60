// NumPy arrays among the arguments of a compiled function count as tensors on their memory. While a
// call is recorded, from_numpy and the like return the tensor that stands for the argument, so that
// a replay reads the array of its own call.
#pragma once

#include <vector>

#include "bindings/python.h"
#include "tensor/tensor.h"

namespace steep::bindings {

// In effect on this thread as long as it exists.
class GivenArrays {
 public:
  // From a list of tuples (array, tensor on its memory), which it holds.
  explicit GivenArrays(PyObject* pairs);
  ~GivenArrays();
  GivenArrays(const GivenArrays&) = delete;
  GivenArrays& operator=(const GivenArrays&) = delete;

  Tensor tensor_for(PyObject* array) const;  // undefined for any other array
  bool is_first_view(PyObject* array);       // true once for each array

 private:
  const Owned pairs_;
  GivenArrays* const before_;
  std::vector<PyObject*> shared_;  // arrays that views were made of
};

// The tensor that stands for an array, for reading; undefined for any other object.
Tensor given_tensor(PyObject* array);
// A view of it that may be kept; only the first time, because a second tensor on the same memory
// would count its versions separately.
Tensor given_view(PyObject* array);
// Refuses the recording, if there is one, because Python reads the values of such an array.
void note_array_read(PyObject* array);

}  // namespace steep::bindings
