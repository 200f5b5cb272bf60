// How a reduction is laid out: from any dimensions of any strides to runs of [outer, n, inner].
#include "kernels/create/iota.h"
#include "ops/reduce/reduce.h"
#include "tensor/shape.h"

namespace steep::ops {

namespace {

constexpr int kMaxRank = 64;  // of a reduced tensor: its dimensions are the bits of a word

// Neighbouring dimensions of memory that all go, or all stay.
struct Run {
  int64_t size;
  bool goes;
};
using Runs = SmallVector<Run, 6>;

Runs runs_of(const Dims& order, const Dims& shape, const Reduction& plan) {
  Runs runs;
  bool any_goes = false;
  for (int64_t d : order) {
    if (shape[d] == 1) continue;
    const bool goes = plan.goes(d);
    any_goes |= goes;
    if (!runs.empty() && runs.back().goes == goes) {
      runs.back().size *= shape[d];
    } else {
      runs.push_back({shape[d], goes});
    }
  }
  if (!any_goes) runs.push_back({1, true});
  return runs;
}

Extent extent_at(const Runs& runs, int at) {
  Extent extent;
  for (int i = 0; i < at; ++i) extent.outer *= runs[i].size;
  extent.n = runs[at].size;
  // What went behind it has been reduced before.
  for (int i = at + 1; i < runs.size(); ++i)
    if (!runs[i].goes) extent.inner *= runs[i].size;
  return extent;
}

Dims rising(int rank) {
  Dims order;
  for (int d = 0; d < rank; ++d) order.push_back(d);
  return order;
}

Tensor output_in_order(const Dims& order, bool row_major, const Reduction& plan, DType dtype) {
  if (row_major) return empty(plan.shape, dtype);
  Dims strides(plan.kept.size(), 1);
  int64_t step = 1;
  for (int i = order.size() - 1; i >= 0; --i) {
    strides[order[i]] = step;
    step *= plan.kept[order[i]];
  }
  Dims left;
  for (int d = 0; d < plan.kept.size(); ++d)
    if (!plan.drops(d)) left.push_back(strides[d]);
  return empty_strided(plan.shape, left, dtype);
}

}  // namespace

Reduction plan_reduction(const char* op, const Tensor& x, const std::optional<Dims>& dim,
                         bool keepdim) {
  Reduction plan;
  const int rank = x.dim();
  if (rank > kMaxRank) {
    fail(ErrorKind::runtime, op, join("a tensor of at most ", kMaxRank, " dimensions"), join(rank),
         "reshape it first");
  }
  plan.whole = plan.kept = x.shape();
  if (dim && !dim->empty()) {
    plan.dims = wrap_dims(op, *dim, rank);
    if (rank == 0) plan.dims.clear();
  } else {
    plan.dims = rising(rank);
  }
  for (int64_t d : plan.dims) {
    plan.reduced |= uint64_t{1} << d;
    plan.n *= x.size(static_cast<int>(d));
    plan.kept[d] = 1;
  }
  plan.dropped = keepdim ? 0 : plan.reduced;
  for (int d = 0; d < rank; ++d)
    if (!plan.drops(d)) plan.shape.push_back(plan.kept[d]);
  return plan;
}

Tensor reduced_last(const Tensor& x, const Reduction& plan, Extent& extent) {
  if (x.is_contiguous()) {
    const Runs runs = runs_of(rising(x.dim()), x.shape(), plan);
    int at = -1, going = 0;
    for (int i = 0; i < runs.size(); ++i) {
      if (!runs[i].goes) continue;
      at = i;
      ++going;
    }
    if (going == 1) {
      extent = extent_at(runs, at);
      return x;
    }
  }
  Dims order;
  for (int d = 0; d < x.dim(); ++d)
    if (!plan.goes(d)) order.push_back(d);
  for (int64_t d : plan.dims) order.push_back(d);
  const tape::GradMode off(false);
  const Tensor moved = contiguous(permute(x, order));
  extent = {count(plan.shape), plan.n, 1};
  return moved;
}

Tensor reduce_runs(const Kernel& kernel, const Tensor& x, const Reduction& plan, DType dtype) {
  const tape::GradMode off(false);
  Tensor stage = x.is_contiguous() || is_dense(x.shape(), x.strides()) ? x : contiguous(x);
  const bool row_major = stage.is_contiguous();
  const Dims order = row_major ? rising(x.dim()) : order_by_stride(x.shape(), stage.strides());
  const Tensor out = output_in_order(order, row_major, plan, dtype);
  if (out.numel() == 0) return out;
  const Runs runs = runs_of(order, x.shape(), plan);
  int first = 0;
  while (!runs[first].goes) ++first;
  for (int i = runs.size() - 1; i >= first; --i) {
    if (!runs[i].goes) continue;
    const Extent extent = extent_at(runs, i);
    const Tensor into = i == first ? out : empty({extent.outer * extent.inner}, dtype);
    program::launch(kernel, stage.dtype(), {into, stage}, extent);
    stage = into;
  }
  return out;
}

Tensor plain_sum(const Tensor& x, const Reduction& plan) {
  return reduce_runs(kernels::kSum, x, plan, x.dtype());
}

Tensor plain_mean(const Tensor& x, const Reduction& plan) {
  const Tensor out = plain_sum(x, plan);
  program::launch(kernels::kDiv, x.dtype(), {out, out, Number(plan.n)});
  return out;
}

Tensor spread(const Tensor& grad, const Dims& kept, const Dims& whole) {
  if (grad.shape() == whole) return grad;
  if (tape::grad_enabled()) return expand(grad.shape() == kept ? grad : reshape(grad, kept), whole);
  // The same strided view without the bookkeeping of one: sizes other than 1 correspond in order.
  Dims strides(whole.size(), 0);
  int from = 0;
  for (int d = 0; d < whole.size(); ++d) {
    if (kept[d] == 1) continue;
    while (grad.size(from) == 1) ++from;
    strides[d] = grad.strides()[from++];
  }
  return alias(grad, whole, strides, grad->offset);
}

Tensor positions(int64_t n, int dim, int rank) {
  Dims shape(rank, 1);
  if (rank > 0) shape[dim] = n;
  const Tensor out = empty(shape, DType::int64);
  program::launch(kernels::kIota, DType::int64, {out},
                  kernels::Iota{n, program::integer(0), program::integer(1)});
  return out;
}

}  // namespace steep::ops
