// Numbers that a recorded function reads out of tensors (x.item()).
//
// While it runs they are instances of a class of steep's own, a float whose every use tells the
// recording that a value was read. A number that was not used can be part of what the function
// returns: a replay reads it anew. When the recording ends they become plain floats.
#pragma once

#include "bindings/python.h"
#include "tensor/tensor.h"

namespace steep::bindings {

// On this thread as long as it lives.
class NumbersRead {
 public:
  NumbersRead();
  ~NumbersRead();
  NumbersRead(const NumbersRead&) = delete;
  NumbersRead& operator=(const NumbersRead&) = delete;

  // Of tuples: a number, the tensor it was read from, and the version that its memory had.
  PyObject* list() const { return list_.get(); }
  // From now on numbers are plain floats, whose reading is noted as it happens.
  void stop() { stopped_ = true; }
  bool stopped() const { return stopped_; }

 private:
  const Owned list_;
  NumbersRead* const before_;
  bool stopped_ = false;
};

// Whether a number was read that may still be unused.
bool has_numbers_read();
// The element of x as such a number; null where there is to be none: x is then read as always.
PyObject* new_number_read(const Tensor& x);
// A float of no subclass, for all that Python code can tell.
bool is_python_float(PyObject* object);
// Tells the recording if the object is such a number.
void note_if_number_read(PyObject* object);

void add_numbers_read(PyObject* module);  // adds NumberRead

}  // namespace steep::bindings
