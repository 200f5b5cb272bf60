// Numbers and arrays that a recorded function takes out of tensors (x.item(), float(x), x.numpy())
// to return them.
//
// Where the code does nothing else with one, the function does not depend on its value: a replay
// reads the number at its end, and makes an array on the memory of its own result. The listener
// decides whether that is so (compiler/_returned.py).
#pragma once

#include "bindings/python.h"
#include "tensor/tensor.h"

namespace steep::bindings {

// Collects those of this thread as long as it exists.
class NumbersRead {
 public:
  NumbersRead();
  ~NumbersRead();
  NumbersRead(const NumbersRead&) = delete;
  NumbersRead& operator=(const NumbersRead&) = delete;

  // A list of tuples: the number or array, the tensor it was read from, and how often its
  // memory had been written to then.
  PyObject* list() const { return list_.get(); }

 private:
  const Owned list_;
  NumbersRead* const before_;
};

// The element of x as such a number, of the type that item() gives or as a float; null if it cannot
// be one, and is to be read as usual. A bool cannot: True and False are single objects, so that
// nothing tells which tensor one came from.
PyObject* returned_number(const Tensor& x, bool as_float);

// A NumPy array on the memory of a tensor that requires no gradient (a new reference), noted if it
// is only returned. In bindings/tensor/to_python.cpp.
PyObject* array_of(const Tensor& x);
// Whether this thread records, and the code only returns what it is about to read: an int or not.
bool reads_result(bool whole);
// Notes what was read from a tensor for that purpose.
void note_result(PyObject* read, PyObject* source);

// A new float or int that gets its value later, before any other code has seen it.
PyObject* number_to_be(bool whole);
void set_number(PyObject* number, const Number& value);

}  // namespace steep::bindings
