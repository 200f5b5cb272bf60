// Numbers and arrays that a recorded function takes out of tensors (x.item(), float(x), x.numpy()) to
// return them.
//
// One of which its code makes no other use is no reading of a value: a replay reads a number anew when
// it ends, and makes an array of the memory of its own result. Whether that is so the listener says
// (compiler/_returned.py).
#pragma once

#include "bindings/python.h"
#include "tensor/tensor.h"

namespace steep::bindings {

// Those of this thread, as long as it lives.
class NumbersRead {
 public:
  NumbersRead();
  ~NumbersRead();
  NumbersRead(const NumbersRead&) = delete;
  NumbersRead& operator=(const NumbersRead&) = delete;

  // Of tuples: a number or array, the tensor it was read from, and the version that its memory had.
  PyObject* list() const { return list_.get(); }

 private:
  const Owned list_;
  NumbersRead* const before_;
};

// The element of x as such a number, of the type that item() gives or as a float; null where it is
// none: x is then read as always. Truths are none: there are but two of them.
PyObject* returned_number(const Tensor& x, bool as_float);

// A NumPy array on the memory of a tensor that requires no gradient (a new reference); of one that is
// only returned a recording, if there is one, is told. bindings/tensor/to_python.cpp
PyObject* array_of(const Tensor& x);
// Whether this is a recording, and what code is about to read is only returned.
bool reads_result();
// Says so of what was read from a tensor.
void note_result(PyObject* read, PyObject* source);

// A new float or int, which gets its value later: before anyone has seen it.
PyObject* number_to_be(bool whole);
void set_number(PyObject* number, const Number& value);

}  // namespace steep::bindings
