// Calls in PyTorch's first order of arguments, with the numbers before the tensors.
#pragma once

#include "bindings/calls/bind.h"

namespace steep::bindings {

// The call in today's order, with the numbers as keywords.
class Reordered {
 public:
  // Empty if the operation has no such form, or the arguments are not in its order. Warns once for
  // each operation.
  Reordered(const Entry& entry, const CallArguments& call);

  explicit operator bool() const { return bool(keywords_); }
  CallArguments call() const { return {args_, tensors_, keywords_.get()}; }

 private:
  static constexpr int kMost = 5;  // addmm(beta, input, alpha, mat1, mat2)

  PyObject* args_[kMost] = {};
  Py_ssize_t tensors_ = 0;
  Owned keywords_;
};

}  // namespace steep::bindings
