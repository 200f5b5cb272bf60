// Sums, means, products, any and all over any dimensions; what undoes broadcasting.
#include "ops/reduce/reduce.h"

#include <algorithm>

#include "ops/registry.h"

namespace steep::ops {

namespace {

// Sums and products of integers and bools are int64, unless another dtype is asked for.
DType total_type(const Tensor& x, std::optional<DType> dtype) {
  return dtype.value_or(is_floating(x.dtype()) ? x.dtype() : DType::int64);
}

// x in the dtype that a sum or product adds up in: the small types are counted in int64.
Tensor summand(const Tensor& x, DType type) {
  const tape::GradMode off(false);
  return to(x, counted_in(type));
}

}  // namespace

void check_total_type(const char* op, const Tensor& x, DType type) {
  if (is_floating(type) || !wanted(x)) return;
  fail(ErrorKind::runtime, op, "a floating-point dtype for a tensor that requires grad", name(type),
       "detach() the tensor first");
}

Tensor sum(const Tensor& x, std::optional<Dims> dim, bool keepdim, std::optional<DType> dtype) {
  const DType type = total_type(x, dtype);
  check_total_type("sum", x, type);
  const Reduction plan = plan_reduction("sum", x, dim, keepdim);
  const Tensor out = to(plain_sum(summand(x, type), plan), type);
  if (wanted(x)) {
    record(dim ? "SumBackward1" : "sum", out, {x},
           tape::lasting([kept = plan.kept, whole = plan.whole](const Tensor& grad, Grads& grads) {
             grads[0] = spread(grad, kept, whole);
           }));
  }
  return out;
}

void record_mean(const Tensor& out, const Tensor& x, const Reduction& plan) {
  const int64_t n = std::max<int64_t>(plan.n, 1);  // a mean of nothing passes nothing on
  const bool whole = plan.dims.size() == plan.whole.size();
  record(whole ? "mean" : "MeanBackward1", out, {x},
         tape::lasting([kept = plan.kept, whole = plan.whole, n](const Tensor& grad, Grads& grads) {
           grads[0] = spread(div(grad, Number(n)), kept, whole);
         }));
}

Tensor mean(const Tensor& x, std::optional<Dims> dim, bool keepdim, std::optional<DType> dtype) {
  const DType type = dtype.value_or(x.dtype());
  if (!is_floating(type)) {
    fail(ErrorKind::runtime, "mean", "a floating-point dtype", name(type),
         "convert with .float() first, or pass dtype=steep.float32");
  }
  const Reduction plan = plan_reduction("mean", x, dim, keepdim);
  const Tensor out = plain_mean(summand(x, type), plan);
  if (wanted(x)) record_mean(out, x, plan);
  return out;
}

namespace {

// For each element of a row of x [m, n] the product of all the others, without a division, so that
// zeros are right and so are the derivatives: products of pairs on the way up, and the sibling's
// product multiplied in on the way down.
Tensor product_of_others(const Tensor& x) {
  const int64_t m = x.size(0), n = x.size(1);
  if (n == 1) return full({m, 1}, 1, x.dtype());
  const int64_t half = (n + 1) / 2;
  const Tensor even = n % 2 ? cat({x, full({m, 1}, 1, x.dtype())}, 1) : x;
  const Tensor pairs = reshape(even, {m, half, 2});
  const Tensor left = select(pairs, 2, 0), right = select(pairs, 2, 1);
  const Tensor above = product_of_others(mul(left, right));
  const Tensor both = cat({unsqueeze(mul(above, right), 2), unsqueeze(mul(above, left), 2)}, 2);
  return narrow(reshape(both, {m, 2 * half}), 1, 0, n);
}

Tensor prod_over(const Tensor& x, const std::optional<Dims>& dim, bool keepdim,
                 std::optional<DType> dtype) {
  const DType type = total_type(x, dtype);
  check_total_type("prod", x, type);
  const Reduction plan = plan_reduction("prod", x, dim, keepdim);
  const Tensor terms = summand(x, type);
  const Tensor out = to(reduce_runs(kernels::kProd, terms, plan, terms.dtype()), type);
  if (wanted(x)) {
    record(dim ? "ProdBackward1" : "prod", out, {x},
           [x = Saved(x), plan](const Tensor& grad, Grads& grads) {
             const Tensor terms = to(x.get(), grad.dtype());
             if (terms.numel() == 0) {
               grads[0] = terms;
             } else if (plan.dims.size() == plan.whole.size()) {
               grads[0] = mul(reshape(product_of_others(reshape(terms, {1, plan.n})), plan.whole),
                              spread(grad, plan.kept, plan.whole));
             } else {
               const int64_t dim = plan.dims[0];
               const Tensor last = transpose(terms, dim, -1);
               const Tensor others = reshape(
                   product_of_others(reshape(last, {last.numel() / plan.n, plan.n})), last.shape());
               grads[0] = mul(transpose(others, dim, -1), spread(grad, plan.kept, plan.whole));
             }
           });
  }
  return out;
}

// Unlike sums, PyTorch's any and all take an empty list of dims to mean none.
Tensor truth(const Kernel& kernel, const Tensor& x, const std::optional<Dims>& dim, bool keepdim) {
  const tape::GradMode off(false);
  const Tensor out =
      dim && dim->empty()
          ? ne({x, {}}, {{}, 0})
          : reduce_runs(kernel, x, plan_reduction(kernel.name, x, dim, keepdim), DType::boolean);
  return x.dtype() == DType::uint8 ? to(out, DType::uint8) : out;  // as PyTorch has it
}

}  // namespace

Tensor prod(const Tensor& x, std::optional<DType> dtype) {
  return prod_over(x, std::nullopt, false, dtype);
}
Tensor prod_dim(const Tensor& x, int64_t dim, bool keepdim, std::optional<DType> dtype) {
  return prod_over(x, Dims{dim}, keepdim, dtype);
}
Tensor any(const Tensor& x, std::optional<Dims> dim, bool keepdim) {
  return truth(kernels::kAny, x, dim, keepdim);
}
Tensor all(const Tensor& x, std::optional<Dims> dim, bool keepdim) {
  return truth(kernels::kAll, x, dim, keepdim);
}

Tensor sum_to(const Tensor& x, const Dims& shape, DType dtype) {
  if (x.shape() == shape) return to(x, dtype);
  if (count(shape) == x.numel()) return to(reshape(x, shape), dtype);
  const int lead = x.dim() - shape.size();
  Dims dims;
  for (int d = 0; d < x.dim(); ++d)
    if (d < lead || shape[d - lead] != x.size(d)) dims.push_back(d);
  Reduction plan = plan_reduction("sum_to", x, dims, true);
  plan.dropped = (uint64_t{1} << lead) - 1;
  plan.shape = shape;
  const Tensor out = plain_sum(x, plan);
  if (wanted(x)) {
    record("sum_to", out, {x},
           tape::lasting([kept = plan.kept, whole = plan.whole](const Tensor& grad, Grads& grads) {
             grads[0] = spread(grad, kept, whole);
           }));
  }
  return to(out, dtype);
}

}  // namespace steep::ops
