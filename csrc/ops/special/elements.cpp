#include "ops/special/elements.h"

#include "tensor/shape.h"

namespace steep::ops {

Tensor of_elements(const Kernel& kernel, const Tensor& x, int64_t setting) {
  const tape::GradMode off(false);
  const Tensor dense = contiguous(to(x, floating_type(x.dtype())));
  const Tensor out = empty(x.shape(), dense.dtype());
  program::launch(kernel, out.dtype(), {out, dense}, Elements{out.numel(), setting});
  return out;
}

Tensor of_elements(const char* op, const Kernel& kernel,
                   std::initializer_list<TensorOrNumber> operands, DType type) {
  const tape::GradMode off(false);
  Dims shape;
  for (const TensorOrNumber& x : operands)
    if (x.is_tensor()) shape = broadcast_shapes(op, shape, x.tensor.shape());
  Tensor dense[3];
  int count = 0;
  for (const TensorOrNumber& x : operands) {
    const Tensor whole = x.is_tensor() ? to(x.tensor, type) : full({}, x.number, type);
    dense[count++] = contiguous(expand(whole, shape));
  }
  const Tensor out = empty(shape, type);
  const Elements how{out.numel(), 0};
  if (count == 2)
    program::launch(kernel, type, {out, dense[0], dense[1]}, how);
  else
    program::launch(kernel, type, {out, dense[0], dense[1], dense[2]}, how);
  return out;
}

}  // namespace steep::ops
