// Running sums along one dimension.
#include "kernels/reduce/cumulate.h"

#include "ops/reduce/reduce.h"
#include "ops/registry.h"
#include "tensor/shape.h"

namespace steep::ops {

namespace {

Tensor running_sum(const Tensor& input, int dim, bool backwards) {
  Tensor out;
  Extent extent;
  for (int d = 0; d < input.dim(); ++d)
    (d < dim ? extent.outer : d > dim ? extent.inner : extent.n) *= input.size(d);
  {
    const tape::GradMode off(false);
    const Tensor x = contiguous(input);
    out = empty(x.shape(), x.dtype());
    program::launch(kernels::kCumsum, x.dtype(), {out, x}, kernels::Cumulation{extent, backwards});
  }
  if (wanted(input)) {
    record("cumsum", out, {input},
           tape::lasting([dim, backwards](const Tensor& grad, Grads& grads) {
             grads[0] = running_sum(grad, dim, !backwards);
           }));
  }
  return out;
}

}  // namespace

Tensor cumsum(const Tensor& x, int64_t along, std::optional<DType> dtype) {
  const int dim = wrap_dim("cumsum", along, x.dim());
  const DType type = dtype.value_or(is_floating(x.dtype()) ? x.dtype() : DType::int64);
  check_total_type("cumsum", x, type);
  return to(running_sum(to(x, counted_in(type)), dim, false), type);
}

}  // namespace steep::ops
