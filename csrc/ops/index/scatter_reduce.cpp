// scatter_reduce: sums, products, means and extremes of what goes to one place.
#include "kernels/index/scatter.h"

#include "ops/elementwise/compare.h"
#include "ops/elementwise/elementwise.h"
#include "ops/index/scatter.h"
#include "ops/registry.h"
#include "tensor/shape.h"

namespace steep::ops {

namespace {

Tensor gathered(const Tensor& x, const Scattered& like) {
  return gather(x, like.dim, like.index, false);
}

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
  return scattered("scatter_reduce", of.target, of.dim, of.index,
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
  Tensor out = scattered_by(kernels::kScatterProd, of);
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
  Tensor out = scattered_by(kernel, of);
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
                                    : scattered("scatter_reduce", full(x.shape(), 1, type), of.dim,
                                                of.index, full(of.index.shape(), 0, type));
  const Tensor count = scatter_add(start, of.dim, of.index, ones);
  const Tensor total = scatter_add(x, of.dim, of.index, of.source);
  return is_floating(type) ? div(total, count) : floor_divide({total, {}}, {count, {}});
}

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

}  // namespace

Tensor scatter_reduce(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src,
                      const std::string& reduce, bool include_self) {
  const Way way = way_of("scatter_reduce", reduce);
  wrap_dim("scatter_reduce", dim, x.dim());
  if (x.dtype() == DType::boolean) return of_truths(x, dim, index, src, way, include_self);
  if (index.numel() == 0) return clone(x);
  Scattered of = checked_scatter("scatter_reduce", x, dim, index, src);
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

namespace {

constexpr const char* kReduce =
    "(input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = "
    "True) -> Tensor";

void register_scatter_reduce(Registry& registry) {
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

const Registration registered("indexing", register_scatter_reduce);

}  // namespace

}  // namespace steep::ops
