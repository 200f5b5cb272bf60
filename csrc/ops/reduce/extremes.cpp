// Greatest and least values, and where they are.
#include <cstring>

#include "ops/elementwise/compare.h"
#include "ops/reduce/reduce.h"
#include "ops/registry.h"

namespace steep::ops {

namespace {

// The maximum's side of this file, or the minimum's.
struct Side {
  const char* name;  // of the whole tensor, and along a dimension
  const char* over;  // over any dimensions
  const char* position;
  const Kernel *value, *place;
};

constexpr Side kMax{"max", "amax", "argmax", &kernels::kMax, &kernels::kArgmax};
constexpr Side kMin{"min", "amin", "argmin", &kernels::kMin, &kernels::kArgmin};

// Nothing has no extreme.
void check_elements(const char* op, const Reduction& plan, bool all, ErrorKind kind) {
  if (plan.n > 0) return;
  if (all)
    throw Error(
        kind,
        join(op, ": Expected reduction dim to be specified for input.numel() == 0, got shape ",
             to_string(plan.whole), ". Specify the reduction dim with the 'dim' argument."));
  for (int64_t d : plan.dims) {
    if (plan.whole[d] == 0) {
      throw Error(ErrorKind::index,
                  join(op, ": Expected reduction dim ", d, " to have non-zero size, got shape ",
                       to_string(plan.whole)));
    }
  }
}

// Elements equal to the extreme share its gradient evenly. Where the extreme is NaN nothing equals
// it and the shares are NaN, unless NaNs are said to tie.
Tensor shared_evenly(const Tensor& grad, const Tensor& x, const Tensor& out, const Reduction& plan,
                     bool nans_tie) {
  const Tensor best = spread(out, plan.kept, plan.whole);
  Tensor ties = eq({x, {}}, {best, {}});
  if (nans_tie) ties = logical_or(ties, logical_and(isnan(x), isnan(best)));
  ties = to(ties, grad.dtype());
  const Tensor count = sum(ties, plan.dims, true, std::nullopt);
  return mul(spread(grad, plan.kept, plan.whole), div(ties, count));
}

// That of max(x), where max(x, dim) has the first name.
const char* name_of_node(const char* op) {
  if (!std::strcmp(op, "max")) return "MaxBackward1";
  return std::strcmp(op, "min") ? op : "MinBackward1";
}

Tensor most(const Side& side, const char* op, const Tensor& x, const std::optional<Dims>& dim,
            bool keepdim, bool nans_tie) {
  const Reduction plan = plan_reduction(op, x, dim, keepdim);
  check_elements(op, plan, !dim || dim->empty(), ErrorKind::runtime);
  const Tensor out = reduce_runs(*side.value, x, plan, x.dtype());
  if (wanted(x)) {
    record(
        name_of_node(op), out, {x},
        [x = Saved(x), out = Saved::output(out), plan, nans_tie](const Tensor& grad, Grads& grads) {
          grads[0] = shared_evenly(grad, x.get(), out.get(), plan, nans_tie);
        });
  }
  return out;
}

std::tuple<Tensor, Tensor> most_along(const Side& side, const Tensor& x, int64_t along,
                                      bool keepdim) {
  const Reduction plan = plan_reduction(side.name, x, along, keepdim);
  check_elements(side.name, plan, false, ErrorKind::index);
  const Tensor values = empty(plan.shape, x.dtype()), indices = empty(plan.shape, DType::int64);
  if (values.numel() > 0) {
    Extent extent;
    // Bools from outside may hold other bytes than 0 and 1, which would win over 1.
    const Tensor ordered = x.dtype() == DType::boolean ? ne({x, {}}, {{}, Number(false)}) : x;
    const Tensor rows = reduced_last(ordered, plan, extent);
    program::launch(*side.value, x.dtype(), {values, rows}, extent);
    program::launch(*side.place, x.dtype(), {indices, rows}, extent);
  }
  if (wanted(x)) {
    record(
        side.name, values, {x},
        [indices = Saved(indices), kept = plan.kept, whole = plan.whole,
         dim = plan.dims.empty() ? 0 : plan.dims[0], n = plan.n](const Tensor& grad, Grads& grads) {
          const Tensor at = positions(n, static_cast<int>(dim), whole.size());
          const Tensor chosen = eq({at, {}}, {reshape(indices.get(), kept), {}});
          grads[0] = where(chosen, reshape(grad, kept), Number(0.0));
        });
  }
  return {values, indices};
}

Tensor place(const Side& side, const Tensor& x, std::optional<int64_t> dim, bool keepdim) {
  if (x.dtype() == DType::boolean)
    fail(ErrorKind::runtime, side.position, "a tensor of numbers", "bool",
         "convert with .int() first");
  const Reduction plan = plan_reduction(
      side.position, x, dim ? std::optional<Dims>(Dims{*dim}) : std::nullopt, keepdim);
  check_elements(side.position, plan, !dim, ErrorKind::index);
  const Tensor out = empty(plan.shape, DType::int64);
  if (out.numel() == 0) return out;
  Extent extent;
  const Tensor rows = reduced_last(x, plan, extent);
  program::launch(*side.place, x.dtype(), {out, rows}, extent);
  return out;
}

}  // namespace

Tensor max(const Tensor& x) { return most(kMax, kMax.name, x, std::nullopt, false, true); }
Tensor min(const Tensor& x) { return most(kMin, kMin.name, x, std::nullopt, false, true); }
Tensor amax(const Tensor& x, std::optional<Dims> dim, bool keepdim) {
  return most(kMax, kMax.over, x, dim, keepdim, false);
}
Tensor amin(const Tensor& x, std::optional<Dims> dim, bool keepdim) {
  return most(kMin, kMin.over, x, dim, keepdim, false);
}
std::tuple<Tensor, Tensor> max_dim(const Tensor& x, int64_t dim, bool keepdim) {
  return most_along(kMax, x, dim, keepdim);
}
std::tuple<Tensor, Tensor> min_dim(const Tensor& x, int64_t dim, bool keepdim) {
  return most_along(kMin, x, dim, keepdim);
}
Tensor argmax(const Tensor& x, std::optional<int64_t> dim, bool keepdim) {
  return place(kMax, x, dim, keepdim);
}
Tensor argmin(const Tensor& x, std::optional<int64_t> dim, bool keepdim) {
  return place(kMin, x, dim, keepdim);
}

}  // namespace steep::ops
