// tril and triu: the elements on one side of a diagonal, zeros on the other.
#include <algorithm>

#include "kernels/create/triangle.h"
#include "ops/elementwise/elementwise.h"
#include "ops/registry.h"

namespace steep::ops {

namespace {

Tensor triangle(const char* op, const Tensor& x, int64_t diagonal, bool lower) {
  if (x.dim() < 2)
    throw Error(ErrorKind::runtime, join(op, ": input tensor must have at least 2 dimensions, got ",
                                         to_string(x.shape())));
  const int64_t rows = x.size(x.dim() - 2), columns = x.size(x.dim() - 1);
  // Beyond these, nothing changes any more.
  const int64_t at = std::clamp(diagonal, -rows, columns);
  const Tensor out = empty(x.shape(), x.dtype());
  if (out.numel() > 0) {
    const tape::GradMode off(false);
    program::launch(kernels::kTriangle, x.dtype(), {out, contiguous(x)},
                    kernels::Triangle{x.numel() / (rows * columns), rows, columns, at, lower});
  }
  if (wanted(x)) {
    record(op, out, {x}, tape::lasting([op, at, lower](const Tensor& grad, Grads& grads) {
             grads[0] = triangle(op, grad, at, lower);
           }));
  }
  return out;
}

Tensor tril(const Tensor& x, int64_t diagonal) { return triangle("tril", x, diagonal, true); }
Tensor triu(const Tensor& x, int64_t diagonal) { return triangle("triu", x, diagonal, false); }

void register_triangle(Registry& registry) {
  registry.add<&tril>("tril", kBoth | kOut, "(input: Tensor, diagonal: int = 0) -> Tensor",
                      R"(The lower triangle of matrices: zeros above the diagonal.

diagonal counts from the main one: 1 is the next above it, -1 the next below. Shape: (*, M, N), kept.
Raises RuntimeError for fewer than two dimensions.

>>> steep.tril(steep.ones(2, 3))
tensor([[1., 0., 0.],
        [1., 1., 0.]])
)");
  registry.add_inplace<&tril>("tril_", "(input: Tensor, diagonal: int = 0) -> Tensor",
                              "In-place form of tril.", "tril");
  registry.add_inplace<&triu>("triu_", "(input: Tensor, diagonal: int = 0) -> Tensor",
                              "In-place form of triu.", "triu");
  registry.add<&triu>("triu", kBoth | kOut, "(input: Tensor, diagonal: int = 0) -> Tensor",
                      R"(The upper triangle of matrices: zeros below the diagonal.

diagonal counts from the main one: 1 is the next above it, -1 the next below. Shape: (*, M, N), kept.
Raises RuntimeError for fewer than two dimensions.

>>> steep.triu(steep.ones(2, 3), 1)
tensor([[0., 1., 1.],
        [0., 0., 1.]])
)");
}

const Registration registered("triangles", register_triangle);

}  // namespace

}  // namespace steep::ops
