// The one element of a tensor as a number.
#include "ops/ops.h"
#include "program/record/recorder.h"

namespace steep::ops {

Number item(const Tensor& x) {
  const Number value = only_element(x);
  program::refuse_recording(
      "it reads a value into Python (item); return the tensor, or the number itself (return "
      "x.item()), and use it outside");
  return value;
}

Number only_element(const Tensor& x) {
  if (x.numel() != 1)
    throw Error(ErrorKind::runtime,
                join("item: a Tensor with ", x.numel(),
                     " elements cannot be converted to Scalar; index it first, or use tolist()"));
  return number_at(x.data<void>(), x.dtype());
}

}  // namespace steep::ops
