// Picking, adding and putting rows: the differentiable core of indexing by tensors.
#include "kernels/index/index.h"
#include "ops/elementwise/elementwise.h"
#include "ops/index/index.h"
#include "ops/shape/strided_view.h"
#include "tensor/shape.h"

namespace steep::ops {

namespace {

Dims picked_shape(const Tensor& index, const IndexedRows& rows) {
  Dims shape = rows.before;
  for (int64_t size : index.shape()) shape.push_back(size);
  for (int64_t size : rows.after) shape.push_back(size);
  return shape;
}

}  // namespace

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
