// Picking, adding and putting rows: the differentiable core of indexing by tensors.
#include <cstring>

#include "kernels/index/index.h"
#include "ops/elementwise/elementwise.h"
#include "ops/index/index.h"
#include "ops/shape/strided_view.h"
#include "tensor/shape.h"

namespace steep::ops {

namespace {

// Followed by the sizes.
struct LinearIndex {
  const char* op;  // "" in a subscript
  int64_t n;
  int64_t first;  // dimension
  int64_t count;  // of dimensions
  int64_t bounds;
};
// Operands: out int64[n], then one int64[n] for each size.
void combine_indices(const kernels::Task& task) {
  const LinearIndex& how = kernels::arguments<LinearIndex>(task);
  const int64_t n = how.n, count = how.count;
  const auto bounds = static_cast<Bounds>(how.bounds);
  const bool from_end = bounds == Bounds::from_end;
  const int64_t* sizes = kernels::sizes_after<LinearIndex>(task);
  int64_t* out = static_cast<int64_t*>(task.data[0]);
  for (int64_t i = 0; i < n; ++i) {
    int64_t place = 0;
    for (int64_t d = 0; d < count; ++d) {
      const int64_t given = static_cast<const int64_t*>(task.data[1 + d])[i];
      if (given < (from_end ? -sizes[d] : 0) || given >= sizes[d]) {
        throw Error(
            bounds == Bounds::runtime_error ? ErrorKind::runtime : ErrorKind::index,
            join(how.op, *how.op ? ": " : "", "index ", given, " is out of bounds for dimension ",
                 how.first + d, " with size ", sizes[d]));
      }
      place = place * sizes[d] + (given < 0 ? given + sizes[d] : given);
    }
    out[i] = place;
  }
}
constexpr Kernel kCombine =
    program::checking("linear_index", "wr", program::routines_for<int64_t>(combine_indices));

Dims picked_shape(const Tensor& index, const IndexedRows& rows) {
  Dims shape = rows.before;
  for (int64_t size : index.shape()) shape.push_back(size);
  for (int64_t size : rows.after) shape.push_back(size);
  return shape;
}

}  // namespace

Tensor linear_index(const char* op, const Tensors& indices, const Dims& sizes, int first,
                    Bounds bounds) {
  const Tensor out = empty(indices[0].shape(), DType::int64);
  Tensors kept;
  SmallVector<program::Operand, 4> operands{out};
  for (const Tensor& index : indices) {
    kept.push_back(contiguous(to(index, DType::int64)));
    operands.push_back(kept.back());
  }
  const program::ArgumentWords words = program::words_of(
      LinearIndex{op, out.numel(), first, sizes.size(), static_cast<int64_t>(bounds)}, sizes);
  program::launch(program::Call{&kCombine, DType::int64, operands.data(), operands.size(),
                                words.data(), words.size()});
  return out;
}

Tensor pick_rows(const Tensor& x, const Tensor& index, const IndexedRows& rows) {
  Tensor out = empty(picked_shape(index, rows), x.dtype());
  {
    const tape::GradMode off(false);
    program::launch(kernels::kIndexSelect, x.dtype(), {out, contiguous(x), index},
                    kernels::Selection{rows.outer, rows.length, rows.inner, index.numel()});
  }
  if (wanted(x)) {
    record("index", out, {x}, [index = Saved(index), rows](const Tensor& grad, Grads& grads) {
      grads[0] = add_rows(grad, index.get(), rows);
    });
  }
  return out;
}

Tensor add_rows(const Tensor& x, const Tensor& index, const IndexedRows& rows) {
  Tensor out = full(rows.whole, 0, x.dtype());
  {
    const tape::GradMode off(false);
    program::launch(kernels::kIndexAdd, x.dtype(), {out, contiguous(x), index},
                    kernels::Selection{rows.outer, rows.length, rows.inner, index.numel()});
  }
  if (wanted(x)) {
    record("index_add", out, {x}, [index = Saved(index), rows](const Tensor& grad, Grads& grads) {
      grads[0] = pick_rows(grad, index.get(), rows);
    });
  }
  return out;
}

Tensor put_rows(const Tensor& x, const Tensor& index, const Tensor& value,
                const IndexedRows& rows) {
  Tensor out = empty(x.shape(), x.dtype());
  {
    const tape::GradMode off(false);
    copy_memory(out, x);
    program::launch(kernels::kIndexPut, x.dtype(), {out, contiguous(value), index},
                    kernels::Selection{rows.outer, rows.length, rows.inner, index.numel()});
  }
  if (wanted(x, value)) {
    record("index_put", out, {x, value},
           [index = Saved(index), rows](const Tensor& grad, Grads& grads) {
             if (grads.wanted(0))
               grads[0] = put_rows(grad, index.get(),
                                   full(picked_shape(index.get(), rows), 0, grad.dtype()), rows);
             if (grads.wanted(1)) grads[1] = pick_rows(grad, index.get(), rows);
           });
  }
  return out;
}

}  // namespace steep::ops
