// Numbers that a recorded function reads out of tensors (x.item(), float(x)) to return them.
//
// One of which its code makes no other use is no reading of a value: a replay reads it anew when it
// ends. Whether that is so the listener says (compiler/_returned.py).
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

  // Of tuples: a number, the tensor it was read from, and the version that its memory had.
  PyObject* list() const { return list_.get(); }

 private:
  const Owned list_;
  NumbersRead* const before_;
};

// The element of x as such a number, of the type that item() gives or as a float; null where it is
// none: x is then read as always. Truths are none: there are but two of them.
PyObject* returned_number(const Tensor& x, bool as_float);

// A new float or int, which gets its value later: before anyone has seen it.
PyObject* number_to_be(bool whole);
void set_number(PyObject* number, const Number& value);

}  // namespace steep::bindings
