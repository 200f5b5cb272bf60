// Scattering along a dimension: written, or added to what is there.
#include "kernels/index/scatter.h"

#include "ops/elementwise/compare.h"
#include "ops/elementwise/elementwise.h"
#include "ops/index/scatter.h"
#include "ops/reduce/reduce.h"
#include "ops/registry.h"
#include "ops/shape/strided_view.h"
#include "tensor/shape.h"

namespace steep::ops {

namespace {

Tensor vector_of(const Tensor& x) { return x.dim() == 0 ? reshape(x, {1}) : x; }

Tensor corner(const Tensor& x, const Tensor& index, int dim) {
  Tensor out = x;
  for (int d = 0; d < x.dim(); ++d)
    if (d != dim && index.size(d) < x.size(d)) out = narrow(out, d, 0, index.size(d));
  return out;
}

void check_dtypes(const char* op, const Tensor& x, const Tensor& index, const Tensor& src) {
  if (index.dtype() != DType::int64 && index.dtype() != DType::int32)
    fail(ErrorKind::runtime, op, "an int64 or int32 index", name(index.dtype()),
         "convert it with .long()");
  if (src.dtype() != x.dtype())
    fail(ErrorKind::runtime, op, join("src of the input's dtype ", name(x.dtype())),
         name(src.dtype()), "convert it with .to(dtype)");
}

}  // namespace

Scattered checked_scatter(const char* op, const Tensor& x, int64_t dim, const Tensor& index,
                          const Tensor& src) {
  const int at = wrap_dim(op, dim, x.dim());
  check_dtypes(op, x, index, src);
  const Tensor target = vector_of(x), places = vector_of(index), from = vector_of(src);
  bool fits = places.dim() == target.dim() && from.dim() == target.dim();
  for (int d = 0; fits && d < target.dim(); ++d)
    fits = places.size(d) <= from.size(d) && (d == at || places.size(d) <= target.size(d));
  if (!fits)
    throw Error(ErrorKind::runtime,
                join(op,
                     ": expected an index of the input's rank, no larger than src, nor than the "
                     "input beside dimension ",
                     at, ", got index ", to_string(index.shape()), ", src ", to_string(src.shape()),
                     ", input ", to_string(x.shape())));
  const Tensor checked_places =
      linear_index(op, {places}, {target.size(at)}, at, Bounds::runtime_error);
  return {target, checked_places, corner(from, places, -1), at};
}

namespace {

Extent extent_of(const Tensor& x, int dim) {
  Extent extent;
  for (int d = 0; d < x.dim(); ++d)
    (d < dim ? extent.outer : d > dim ? extent.inner : extent.n) *= x.size(d);
  return extent;
}

// A copy of x with source combined into it, unrecorded. x and index agree beside dim.
Tensor combined_part(const Kernel& kernel, const Tensor& x, int dim, const Tensor& index,
                     const Tensor& source) {
  const tape::GradMode off(false);
  const Tensor out = empty(x.shape(), x.dtype());
  copy_memory(out, x);
  const Extent extent = extent_of(x, dim);
  program::launch(kernel, x.dtype(), {out, contiguous(source), index},
                  kernels::Selection{extent.outer, extent.n, extent.inner, index.size(dim)});
  return out;
}

}  // namespace

// The kernel gets what the index covers beside dim; the rest of x stays.
Tensor scattered_by(const Kernel& kernel, const Scattered& of) {
  const tape::GradMode off(false);
  const Tensor part = corner(of.target, of.index, of.dim);
  const Tensor out = combined_part(kernel, part, of.dim, of.index, of.source);
  if (part.same(of.target)) return out;
  const Tensor whole = empty(of.target.shape(), of.target.dtype());
  copy_memory(whole, of.target);
  copy_memory(corner(whole, of.index, of.dim), out);
  return whole;
}

Tensor scattered(const char* op, const Tensor& x, int64_t dim, const Tensor& index,
                 const Tensor& src) {
  if (index.numel() == 0) return clone(x);
  const Scattered of = checked_scatter(op, x, dim, index, src);
  Tensor out = scattered_by(kernels::kScatter, of);
  if (wanted(of.target, of.source)) {
    record("scatter", out, {of.target, of.source},
           [index = Saved(of.index), dim = of.dim](const Tensor& grad, Grads& grads) {
             const Tensor places = index.get();
             if (grads.wanted(0))
               grads[0] =
                   scattered("scatter", grad, dim, places, full(places.shape(), 0, grad.dtype()));
             if (grads.wanted(1)) grads[1] = gather(grad, dim, places, false);
           });
  }
  return reshape(out, x.shape());
}

namespace {

// src as a tensor of x's dtype and the index's shape.
Tensor source_of(const char* op, const Tensor& x, const Tensor& index, const Number& value) {
  check_fits(op, value, x.dtype());
  return full(index.shape(), value.as_element(x.dtype()), x.dtype());
}

// Adds in place of x what has been checked, where no graph has to know and no memory is shared.
bool goes_straight(const char* op, const Tensor& x, const Tensor& index, const Tensor& src) {
  tape::check_writable(op, x);
  return !wanted(x, src) && x.is_contiguous() && src->storage != x->storage &&
         index->storage != x->storage && src.dtype() == x.dtype();
}

// Combines into x itself; false where the index does not cover it beside dim.
bool combined_in_place(const char* op, const Kernel& kernel, const Tensor& x, int64_t dim,
                       const Tensor& index, const Tensor& src) {
  if (index.numel() == 0 || !goes_straight(op, x, index, src)) return false;
  const Scattered of = checked_scatter(op, x, dim, index, src);
  if (!corner(of.target, of.index, of.dim).same(of.target)) return false;
  const Extent extent = extent_of(of.target, of.dim);
  program::launch(kernel, x.dtype(), {x, contiguous(of.source), of.index},
                  kernels::Selection{extent.outer, extent.n, extent.inner, of.index.size(of.dim)});
  x->bump(op);
  return true;
}

}  // namespace

Tensor scatter_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src) {
  wrap_dim("scatter_add", dim, x.dim());
  check_dtypes("scatter_add", x, index, src);
  if (index.numel() == 0) return clone(x);
  const Scattered of = checked_scatter("scatter_add", x, dim, index, src);
  Tensor out = scattered_by(kernels::kScatterAdd, of);
  if (wanted(of.target, of.source)) {
    record("scatter_add", out, {of.target, of.source},
           [index = Saved(of.index), dim = of.dim](const Tensor& grad, Grads& grads) {
             if (grads.wanted(0)) grads[0] = grad;
             if (grads.wanted(1)) grads[1] = gather(grad, dim, index.get(), false);
           });
  }
  return reshape(out, x.shape());
}

namespace {

Tensor scatter(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src) {
  wrap_dim("scatter", dim, x.dim());
  return scattered("scatter", x, dim, index, src);
}
Tensor scatter_value(const Tensor& x, int64_t dim, const Tensor& index, const Number& value) {
  wrap_dim("scatter", dim, x.dim());
  return scattered("scatter", x, dim, index, source_of("scatter", x, index, value));
}

Tensor scatter_(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src) {
  if (combined_in_place("scatter_", kernels::kScatter, x, dim, index, src)) return x;
  return assign("scatter_", x, scatter(wanted(x, src) ? clone(x) : x, dim, index, src));
}
Tensor scatter_add_(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src) {
  if (combined_in_place("scatter_add_", kernels::kScatterAdd, x, dim, index, src)) return x;
  return assign("scatter_add_", x, scatter_add(wanted(x, src) ? clone(x) : x, dim, index, src));
}

std::string way_called(const std::string& reduce) {
  if (reduce == "add") return "sum";
  if (reduce == "multiply") return "prod";
  fail(ErrorKind::runtime, "scatter", "reduce to be 'add' or 'multiply'", join("'", reduce, "'"));
}
Tensor scatter_way(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src,
                   const std::string& reduce) {
  return scatter_reduce(x, dim, index, src, way_called(reduce), true);
}
Tensor scatter_value_way(const Tensor& x, int64_t dim, const Tensor& index, const Number& value,
                         const std::string& reduce) {
  return scatter_reduce(x, dim, index, source_of("scatter", x, index, value), way_called(reduce),
                        true);
}

constexpr const char* kSrc = "(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor";
constexpr const char* kValue = "(input: Tensor, dim: int, index: Tensor, value: Number) -> Tensor";
constexpr const char* kSrcWay =
    "(input: Tensor, dim: int, index: Tensor, src: Tensor, *, reduce: str) -> Tensor";
constexpr const char* kValueWay =
    "(input: Tensor, dim: int, index: Tensor, value: Number, *, reduce: str) -> Tensor";
void register_scatter_add(Registry& registry) {
  registry.add<&scatter_add>(
      "scatter_add", kBoth | kOut,
      "(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor",
      R"(input with elements of src added along a dimension at the places of index, in its order.

Shape: input's. Raises RuntimeError when a number is out of bounds, and when shapes or dtypes do not fit.

>>> steep.scatter_add(steep.zeros(3), 0, steep.tensor([0, 2, 0]), steep.tensor([1.0, 2.0, 3.0]))
tensor([4., 0., 2.])
)");
  registry.add<&scatter_add_>("scatter_add_", kMethod, kSrc, "In-place form of scatter_add.",
                              "scatter_add");
}

void register_scatter(Registry& registry) {
  register_scatter_add(registry);
  registry.add<&scatter>(
      "scatter", kBoth | kOut, kSrc,
      R"(input with elements of src written along a dimension at the places of index.

For dim 1, out[i][index[i][j]] = src[i][j]; the last of several wins. src may be a number; reduce:
'add' or 'multiply' combines with what is there. Shape: input's; index is no larger than src, nor
than input beside dim. Raises RuntimeError for places out of bounds, and when shapes or dtypes do not
fit; IndexError for a dimension that does not exist.

>>> steep.scatter(steep.zeros(3), 0, steep.tensor([2, 0]), steep.tensor([1.0, 2.0]))
tensor([2., 0., 1.])
)");
  registry.add<&scatter_value>("scatter", kBoth | kOut, kValue,
                               "See scatter(input, dim, index, src).");
  registry.add<&scatter_way>("scatter", kBoth | kOut, kSrcWay,
                             "See scatter(input, dim, index, src).");
  registry.add<&scatter_value_way>("scatter", kBoth | kOut, kValueWay,
                                   "See scatter(input, dim, index, src).");
  registry.add<&scatter_>("scatter_", kMethod, kSrc, "In-place form of scatter.", "scatter");
  registry.add_inplace<&scatter_value>("scatter_", kValue, "In-place form of scatter.", "scatter");
  registry.add_inplace<&scatter_way>("scatter_", kSrcWay, "In-place form of scatter.", "scatter");
  registry.add_inplace<&scatter_value_way>("scatter_", kValueWay, "In-place form of scatter.",
                                           "scatter");
}

const Registration registered("indexing", register_scatter);

}  // namespace

}  // namespace steep::ops
