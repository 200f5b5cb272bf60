#include "ops/elementwise/elementwise.h"

#include "tensor/shape.h"

namespace steep::ops {

DType result_type(const TensorOrNumber& x, const TensorOrNumber& other) {
  if (x.is_tensor() && other.is_tensor() && x.tensor.dtype() == other.tensor.dtype())
    return x.tensor.dtype();
  Promotion promotion;
  for (const TensorOrNumber* operand : {&x, &other}) {
    if (operand->is_tensor()) {
      promotion.add(operand->tensor.dtype(), operand->tensor.dim());
    } else {
      promotion.add(operand->number);
    }
  }
  return promotion.result();
}

DType result_type(const char* op, const TensorOrNumber& x, const TensorOrNumber& other) {
  if (!x.is_tensor() && !other.is_tensor())
    fail(ErrorKind::type, op, "at least one Tensor", "two numbers", "use Python's own operator");
  return result_type(x, other);
}

void check_fits(const char* op, const Number& number, DType dtype) {
  if (number.fits(dtype)) return;
  throw Error(ErrorKind::runtime,
              join(op, ": value ", to_string(number), " cannot be converted to type ", name(dtype),
                   " without overflow; take ", is_floating(dtype) ? "float64" : "a wider dtype"));
}

DType floating_type(DType dtype) { return is_floating(dtype) ? dtype : default_dtype(); }

Tensor output_for(const char* op, std::initializer_list<const Tensor*> operands, DType dtype) {
  const Tensor* first = nullptr;
  bool same = true;
  for (const Tensor* operand : operands) {
    if (!operand->defined()) continue;
    if (!first) {
      first = operand;
    } else {
      same &= operand->shape() == first->shape();
    }
  }
  if (same) return empty_like(*first, dtype);
  Dims shape = first->shape();
  for (const Tensor* operand : operands)
    if (operand->defined()) shape = broadcast_shapes(op, shape, operand->shape());
  for (const Tensor* operand : operands)
    if (operand->defined() && operand->shape() == shape) return empty_like(*operand, dtype);
  return empty(shape, dtype);
}

Tensor unary(const Kernel& kernel, const Tensor& x) {
  Tensor out = empty_like(x, x.dtype());
  program::launch(kernel, x.dtype(), {out, x});
  return out;
}

Tensor unary_predicate(const Kernel& kernel, const Tensor& x) {
  Tensor out = empty_like(x, DType::boolean);
  program::launch(kernel, x.dtype(), {out, x});
  return out;
}

namespace {
// The operand in the compute type; the cast, where one is needed, is a launch of its own and
// unrecorded: the gradient is brought back to the operand's dtype by the tape.
program::Operand operand_in(const TensorOrNumber& x, DType compute, Tensor& keeper) {
  if (!x.is_tensor()) return x.number.wrapped(compute);
  if (x.tensor.dtype() == compute) return x.tensor;
  const tape::GradMode off(false);
  keeper = to(x.tensor, compute);
  return keeper;
}

Tensor launch_binary(const Kernel& kernel, const TensorOrNumber& x, const TensorOrNumber& other,
                     DType compute, DType dtype) {
  Tensor out = output_for(kernel.name, {&x.tensor, &other.tensor}, dtype);
  Tensor keep_x, keep_other;
  const program::Operand a = operand_in(x, compute, keep_x),
                         b = operand_in(other, compute, keep_other);
  program::launch(kernel, compute, {out, a, b});
  return out;
}
}  // namespace

Tensor binary(const Kernel& kernel, const TensorOrNumber& x, const TensorOrNumber& other,
              DType compute, DType dtype) {
  if (!is_floating(compute)) {
    for (const TensorOrNumber* operand : {&x, &other})
      if (!operand->is_tensor()) check_fits(kernel.name, operand->number, compute);
  }
  return launch_binary(kernel, x, other, compute, dtype);
}

Tensor modular(const Kernel& kernel, const TensorOrNumber& x, const TensorOrNumber& other,
               DType type) {
  return launch_binary(kernel, x, other, type, type);
}

Tensor fused(const Kernel& kernel, const Tensor& x, const Tensor& other) {
  Tensor out = output_for(kernel.name, {&x, &other}, x.dtype());
  program::launch(kernel, x.dtype(), {out, x, other});
  return out;
}

Tensor fused(const Kernel& kernel, const Tensor& x, const Tensor& other, const Number& parameter) {
  Tensor out = output_for(kernel.name, {&x, &other}, x.dtype());
  program::launch(kernel, x.dtype(), {out, x, other, parameter});
  return out;
}

bool writes_directly(const char* op, const Tensor& x, const TensorOrNumber& other, DType type) {
  if (wanted(x, other.tensor) || type != x.dtype()) return false;
  if (!other.is_tensor()) {
    tape::check_writable(op, x);
    return true;
  }
  const Tensor& y = other.tensor;
  // Memory shared in part would be read after it was written.
  const bool apart =
      y->storage != x->storage ||
      (y->offset == x->offset && y.strides() == x.strides() && y.shape() == x.shape());
  if (!apart || y.dtype() != type || !broadcasts_to(y.shape(), x.shape())) return false;
  tape::check_writable(op, x);
  return true;
}

}  // namespace steep::ops
