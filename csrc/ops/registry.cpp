#include "ops/registry.h"

#include "ops/install.h"
#include "ops/ops.h"
#include "ops/shape/window.h"
#include "program/record/recorder.h"
#include "tape/history.h"

namespace steep::ops {

const Registry& registry() {
  // Never destroyed: a thread may call an operation while the process ends.
  static const auto* const instance = [] {
    auto* const made = new Registry();
    Registry& all = *made;
    register_arithmetic(all);
    register_math(all);
    register_compare(all);
    register_activation(all);
    register_create(all);
    register_inplace(all);
    register_view(all);
    register_join(all);
    register_index(all);
    register_reduce(all);
    register_matmul(all);
    register_linear(all);
    register_softmax(all);
    register_loss(all);
    register_norm(all);
    register_random(all);
    register_range(all);
    register_optim(all);
    register_peak(all);
    return made;
  }();
  return *instance;
}

namespace {
Tensor plain_add(const Tensor& x, const Tensor& other) { return add(x, other); }
void add_into(const Tensor& x, const Tensor& other) { add_(x, {other, {}}, 1); }
Tensor filled(const Dims& shape, DType dtype, double value) { return full(shape, value, dtype); }
Tensor strided(const Tensor& x, const Dims& shape, const Dims& strides, int64_t offset) {
  return as_strided(x, shape, strides, offset);
}
}  // namespace

void install() { tape::primitives = {plain_add, add_into, sum_to, filled, clone, strided}; }

Number item(const Tensor& x) {
  const Number value = only_element(x);
  program::refuse_recording(
      "it reads a value into Python (item); return the tensor, or the very number (return "
      "x.item()), "
      "and use it outside");
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
