// Scattering along a dimension: written, or combined with what is there.
#include "kernels/index/scatter.h"

#include "ops/elementwise/compare.h"
#include "ops/elementwise/elementwise.h"
#include "ops/index/index.h"
#include "ops/reduce/reduce.h"
#include "ops/registry.h"
#include "ops/shape/strided_view.h"
#include "tensor/shape.h"

namespace steep::ops {

namespace {

// A call whose arguments have been checked: the part of x that the index covers beside dim, an
// int64 index, and a source of its shape.
struct Scattered {
  Tensor target, index, source;
  int dim;
};

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

Scattered checked(const char* op, const Tensor& x, int64_t dim, const Tensor& index,
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

Extent extent_of(const Tensor& x, int dim) {
  Extent extent;
  for (int d = 0; d < x.dim(); ++d)
    (d < dim ? extent.outer : d > dim ? extent.inner : extent.n) *= x.size(d);
  return extent;
}

// A copy of x with source combined into it, unrecorded. x and index agree beside dim.
Tensor combined(const Kernel& kernel, const Tensor& x, int dim, const Tensor& index,
                const Tensor& source) {
  const tape::GradMode off(false);
  const Tensor out = empty(x.shape(), x.dtype());
  copy_memory(out, x);
  const Extent extent = extent_of(x, dim);
  program::launch(kernel, x.dtype(), {out, contiguous(source), index},
                  kernels::Selection{extent.outer, extent.n, extent.inner, index.size(dim)});
  return out;
}

// The same where x is larger than the index beside dim: the rest of x stays.
Tensor combined_corner(const Kernel& kernel, const Scattered& of) {
  const tape::GradMode off(false);
  const Tensor part = corner(of.target, of.index, of.dim);
  const Tensor out = combined(kernel, part, of.dim, of.index, of.source);
  if (part.same(of.target)) return out;
  const Tensor whole = empty(of.target.shape(), of.target.dtype());
  copy_memory(whole, of.target);
  copy_memory(corner(whole, of.index, of.dim), out);
  return whole;
}

Tensor gathered(const Tensor& x, const Scattered& like) {
  return gather(x, like.dim, like.index, false);
}

// out = x, and src where the index says.
Tensor put(const char* op, const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src) {
  if (index.numel() == 0) return clone(x);
  const Scattered of = checked(op, x, dim, index, src);
  Tensor out = combined_corner(kernels::kScatter, of);
  if (wanted(of.target, of.source)) {
    record("scatter", out, {of.target, of.source},
           [index = Saved(of.index), dim = of.dim](const Tensor& grad, Grads& grads) {
             const Tensor places = index.get();
             if (grads.wanted(0))
               grads[0] = put("scatter", grad, dim, places, full(places.shape(), 0, grad.dtype()));
             if (grads.wanted(1)) grads[1] = gather(grad, dim, places, false);
           });
  }
  return reshape(out, x.shape());
}

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
  const Scattered of = checked(op, x, dim, index, src);
  if (!corner(of.target, of.index, of.dim).same(of.target)) return false;
  const Extent extent = extent_of(of.target, of.dim);
  program::launch(kernel, x.dtype(), {x, contiguous(of.source), of.index},
                  kernels::Selection{extent.outer, extent.n, extent.inner, of.index.size(of.dim)});
  x->storage->bump(op);
  return true;
}

}  // namespace

Tensor scatter_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src) {
  wrap_dim("scatter_add", dim, x.dim());
  check_dtypes("scatter_add", x, index, src);
  if (index.numel() == 0) return clone(x);
  const Scattered of = checked("scatter_add", x, dim, index, src);
  Tensor out = combined_corner(kernels::kScatterAdd, of);
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

enum class Way : uint8_t { sum, prod, mean, amax, amin };

Way way_of(const char* op, const std::string& reduce) {
  constexpr std::pair<const char*, Way> kKnown[] = {{"sum", Way::sum},
                                                    {"prod", Way::prod},
                                                    {"mean", Way::mean},
                                                    {"amax", Way::amax},
                                                    {"amin", Way::amin}};
  for (const auto& [name, way] : kKnown)
    if (reduce == name) return way;
  fail(ErrorKind::runtime, op, "reduce to be one of sum, prod, mean, amax, amin",
       join("'", reduce, "'"));
}

// What leaves any number as it is when combined with it.
Number neutral(Way way, DType dtype) {
  switch (way) {
    case Way::prod:
      return 1;
    case Way::amax:
      return is_floating(dtype) ? Number(-__builtin_inf()) : Number(least(dtype));
    case Way::amin:
      return is_floating(dtype) ? Number(__builtin_inf()) : Number(most(dtype));
    default:
      return 0;
  }
}

// x without what stands at the places, where these hold `number` instead.
Tensor cleared(const Scattered& of, const Number& number) {
  return put("scatter_reduce", of.target, of.dim, of.index,
             full(of.index.shape(), number, of.target.dtype()));
}

Tensor product_into(const Scattered& of);

// A zero leaves its own slope alone: the product of the others, if it is the only one.
void product_slopes(const Scattered& of, const Tensor& out, const Tensor& grad, Grads& grads) {
  const Tensor none = full({}, 1, out.dtype());
  if (grads.wanted(0)) {
    const Tensor ones = where(eq({of.target, {}}, {{}, 0}), {none, {}}, {of.target, {}});
    grads[0] = mul(grad, div(product_into({ones, of.index, of.source, of.dim}), ones));
  }
  if (!grads.wanted(1)) return;
  const Tensor zero = eq({of.source, {}}, {{}, 0});
  const Tensor zeros =
      scatter_add(full(of.target.shape(), 0, out.dtype()), of.dim, of.index, to(zero, out.dtype()));
  const Tensor only = logical_and(zero, eq({gathered(zeros, of), {}}, {{}, 1}));
  const Tensor without = where(only, {none, {}}, {of.source, {}});
  const Tensor rest = product_into({of.target, of.index, without, of.dim});
  const Tensor divisor = where(zero, {none, {}}, {of.source, {}});
  const Tensor usual = div(gathered(mul(grad, out), of), divisor);
  grads[1] = where(only, {gathered(mul(grad, rest), of), {}}, {usual, {}});
}

Tensor product_into(const Scattered& of) {
  Tensor out = combined_corner(kernels::kScatterProd, of);
  if (wanted(of.target, of.source)) {
    record("scatter_reduce", out, {of.target, of.source},
           [x = Saved(of.target), index = Saved(of.index), source = Saved(of.source), dim = of.dim,
            out = Saved::output(out)](const Tensor& grad, Grads& grads) {
             product_slopes({x.get(), index.get(), source.get(), dim}, out.get(), grad, grads);
           });
  }
  return out;
}

// All that equal the extreme share its gradient.
Tensor extreme_of(const Scattered& of, const Kernel& kernel) {
  Tensor out = combined_corner(kernel, of);
  if (wanted(of.target, of.source)) {
    record("scatter_reduce", out, {of.target, of.source},
           [x = Saved(of.target), index = Saved(of.index), source = Saved(of.source), dim = of.dim,
            out = Saved::output(out)](const Tensor& grad, Grads& grads) {
             const Scattered of{x.get(), index.get(), source.get(), dim};
             const Tensor best = out.get();
             const Tensor own = to(eq({of.target, {}}, {best, {}}), grad.dtype());
             const Tensor theirs = to(eq({of.source, {}}, {gathered(best, of), {}}), grad.dtype());
             const Tensor sharers = scatter_add(own, of.dim, of.index, theirs);
             const Tensor each = div(grad, sharers);
             if (grads.wanted(0)) grads[0] = mul(each, own);
             if (grads.wanted(1)) grads[1] = mul(gathered(each, of), theirs);
           });
  }
  return out;
}

Tensor mean_into(const Scattered& of, const Tensor& x, bool include_self) {
  const DType type = x.dtype();
  const Tensor ones = full(of.index.shape(), 1, type);
  const Tensor start = include_self ? full(x.shape(), 1, type)
                                    : put("scatter_reduce", full(x.shape(), 1, type), of.dim,
                                          of.index, full(of.index.shape(), 0, type));
  const Tensor count = scatter_add(start, of.dim, of.index, ones);
  const Tensor total = scatter_add(x, of.dim, of.index, of.source);
  return is_floating(type) ? div(total, count) : floor_divide({total, {}}, {count, {}});
}

Tensor scatter_reduce(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src,
                      const std::string& reduce, bool include_self);

// A sum of bools is their or, a product their and.
Tensor of_truths(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src, Way way,
                 bool include_self) {
  if (src.dtype() != x.dtype() || way == Way::mean)
    fail(ErrorKind::runtime, "scatter_reduce", "a src of bools, and no mean of them",
         name(src.dtype()), "convert with .float() first");
  const char* as = way == Way::sum || way == Way::amax ? "amax" : "amin";
  const Tensor bytes =
      scatter_reduce(to(x, DType::uint8), dim, index, to(src, DType::uint8), as, include_self);
  return to(bytes, DType::boolean);
}

Tensor scatter_reduce(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src,
                      const std::string& reduce, bool include_self) {
  const Way way = way_of("scatter_reduce", reduce);
  wrap_dim("scatter_reduce", dim, x.dim());
  if (x.dtype() == DType::boolean) return of_truths(x, dim, index, src, way, include_self);
  if (index.numel() == 0) return clone(x);
  Scattered of = checked("scatter_reduce", x, dim, index, src);
  // The rarer ways have kernels for int64 alone of the integers.
  if (way != Way::sum && way != Way::mean && !is_floating(x.dtype()) && x.dtype() != DType::int64)
    return to(scatter_reduce(to(x, DType::int64), dim, index, to(src, DType::int64), reduce,
                             include_self),
              x.dtype());
  if (!include_self) of.target = cleared(of, neutral(way, x.dtype()));
  Tensor out;
  switch (way) {
    case Way::sum:
      out = scatter_add(of.target, of.dim, of.index, of.source);
      break;
    case Way::prod:
      out = product_into(of);
      break;
    case Way::mean:
      out = mean_into(of, of.target, include_self);
      break;
    default:
      out = extreme_of(of, way == Way::amax ? kernels::kScatterAmax : kernels::kScatterAmin);
  }
  return reshape(out, x.shape());
}

Tensor scatter(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src) {
  wrap_dim("scatter", dim, x.dim());
  return put("scatter", x, dim, index, src);
}
Tensor scatter_value(const Tensor& x, int64_t dim, const Tensor& index, const Number& value) {
  wrap_dim("scatter", dim, x.dim());
  return put("scatter", x, dim, index, source_of("scatter", x, index, value));
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
constexpr const char* kReduce =
    "(input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = "
    "True) -> Tensor";

void register_scatter_add(Registry& registry) {
  registry.add<&scatter_add>(
      "scatter_add", kBoth, "(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor",
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
  registry.add<&scatter_reduce>(
      "scatter_reduce", kBoth | kOut, kReduce,
      R"(input with elements of src combined along a dimension at the places of index.

reduce: 'sum', 'prod', 'mean', 'amax' or 'amin' of the elements that share a place, and of input's
own unless include_self is False. Shape: input's; index as in scatter. Raises RuntimeError for places
out of bounds, another reduce, and when shapes or dtypes do not fit.

>>> places = steep.tensor([0, 0, 1])
>>> steep.scatter_reduce(steep.zeros(2), 0, places, steep.tensor([1.0, 3.0, 5.0]), "mean",
...                      include_self=False)
tensor([2., 5.])
)");
  registry.add_inplace<&scatter_reduce>("scatter_reduce_", kReduce,
                                        "In-place form of scatter_reduce.", "scatter_reduce");
}

const Registration registered("indexing", register_scatter);

}  // namespace

}  // namespace steep::ops
