// What the reductions share: which dimensions go, how x is laid out for a kernel, and how a
// gradient comes back.
#pragma once

#include "kernels/reduce/reduce.h"
#include "ops/elementwise/elementwise.h"

namespace steep::ops {

// A reduction's effect on a shape.
struct Reduction {
  uint64_t reduced = 0;  // bit d: dimension d goes, or is kept with size 1
  uint64_t dropped = 0;  // bit d: the output's shape is without dimension d
  Dims dims;             // those that are reduced
  Dims whole;            // x's shape
  Dims kept;             // the same with 1 where a dimension goes
  Dims shape;            // the output's
  int64_t n = 1;         // how many elements make one result

  bool goes(int64_t dim) const { return reduced >> dim & 1; }
  bool drops(int64_t dim) const { return dropped >> dim & 1; }
};

// No dims, or an empty list of them, means all.
Reduction plan_reduction(const char* op, const Tensor& x, const std::optional<Dims>& dim,
                         bool keepdim);
inline Reduction plan_reduction(const char* op, const Tensor& x, int64_t dim, bool keepdim) {
  return plan_reduction(op, x, Dims{dim}, keepdim);
}

// x as [outer, n, inner] in row-major memory.
using kernels::Extent;

// x itself where the reduced dimensions are neighbours in row-major memory, else a copy with them
// moved last. Results come out row-major in both cases. Unrecorded.
Tensor reduced_last(const Tensor& x, const Reduction& plan, Extent& extent);

// Reduces by a kernel that may be applied to one run of dimensions after another (a sum, a
// maximum), without a copy of a dense x. The output has dtype `out` and x's order of memory.
// Unrecorded.
Tensor reduce_runs(const Kernel& kernel, const Tensor& x, const Reduction& plan, DType out);

// Sum and mean without a graph, of floating x.
Tensor plain_sum(const Tensor& x, const Reduction& plan);
Tensor plain_mean(const Tensor& x, const Reduction& plan);

// A tensor of the output's shape, repeated over x's. Differentiable.
Tensor spread(const Tensor& grad, const Dims& kept, const Dims& whole);

// int64 0, 1, ..., n - 1 along `dim` of `rank` dimensions, the others of size 1.
Tensor positions(int64_t n, int dim, int rank);

// reduce.cpp
// Refuses a sum or product in a dtype that no gradient can follow, where one is wanted.
void check_total_type(const char* op, const Tensor& x, DType type);
void record_mean(const Tensor& out, const Tensor& x, const Reduction& plan);
Tensor mean(const Tensor& x, std::optional<Dims> dim, bool keepdim, std::optional<DType> dtype);
Tensor prod(const Tensor& x, std::optional<DType> dtype);
Tensor prod_dim(const Tensor& x, int64_t dim, bool keepdim, std::optional<DType> dtype);
Tensor all(const Tensor& x, std::optional<Dims> dim, bool keepdim);

// cumulate.cpp
Tensor cumsum(const Tensor& x, int64_t dim, std::optional<DType> dtype);

// statistics.cpp
Tensor var(const Tensor& x, std::optional<Dims> dim, std::optional<Number> correction,
           bool keepdim);
Tensor stddev(const Tensor& x, std::optional<Dims> dim, std::optional<Number> correction,
              bool keepdim);
std::tuple<Tensor, Tensor> var_mean(const Tensor& x, std::optional<Dims> dim,
                                    std::optional<Number> correction, bool keepdim);
std::tuple<Tensor, Tensor> std_mean(const Tensor& x, std::optional<Dims> dim,
                                    std::optional<Number> correction, bool keepdim);
Tensor logsumexp(const Tensor& x, const Dims& dim, bool keepdim);
// x in the dtype that its norm is computed in.
Tensor norm_operand(const Tensor& x, std::optional<DType> dtype);
Tensor norm(const Tensor& x, std::optional<Number> p, std::optional<Dims> dim, bool keepdim,
            std::optional<DType> dtype);

// extremes.cpp
Tensor max(const Tensor& x);
Tensor min(const Tensor& x);
std::tuple<Tensor, Tensor> max_dim(const Tensor& x, int64_t dim, bool keepdim);
std::tuple<Tensor, Tensor> min_dim(const Tensor& x, int64_t dim, bool keepdim);
Tensor amax(const Tensor& x, std::optional<Dims> dim, bool keepdim);
Tensor amin(const Tensor& x, std::optional<Dims> dim, bool keepdim);
Tensor argmax(const Tensor& x, std::optional<int64_t> dim, bool keepdim);
Tensor argmin(const Tensor& x, std::optional<int64_t> dim, bool keepdim);

}  // namespace steep::ops
