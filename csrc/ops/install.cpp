#include "ops/install.h"

#include "ops/ops.h"
#include "ops/shape/strided_view.h"
#include "tape/history.h"

namespace steep::ops {

namespace {
Tensor plain_add(const Tensor& x, const Tensor& other) { return add(x, other); }
void add_into(const Tensor& x, const Tensor& other) { add_(x, {other, {}}, 1); }
Tensor filled(const Dims& shape, DType dtype, double value) { return full(shape, value, dtype); }
Tensor strided(const Tensor& x, const Dims& shape, const Dims& strides, int64_t offset) {
  return as_strided(x, shape, strides, offset);
}
}  // namespace

void install() { tape::primitives = {plain_add, add_into, sum_to, filled, clone, strided}; }

}  // namespace steep::ops
