// Embedding: rows of a table picked by numbers.
#include "ops/index/embedding.h"

#include "kernels/index/embedding.h"
#include "kernels/index/index.h"
#include "ops/elementwise/elementwise.h"
#include "ops/index/index.h"
#include "ops/reduce/reduce.h"
#include "ops/registry.h"

namespace steep::ops {

namespace {

struct RowNumbers {
  const char* op;
  int64_t n, rows;
};
// Operands: index int64[n].
void look_at_rows(const kernels::Task& task) {
  const auto& [op, n, rows] = kernels::arguments<RowNumbers>(task);
  const int64_t* index = static_cast<const int64_t*>(task.data[0]);
  const uint64_t bound = static_cast<uint64_t>(rows);
  bool bad = false;
  for (int64_t i = 0; i < n; ++i) bad |= static_cast<uint64_t>(index[i]) >= bound;
  if (!bad) return;
  int64_t at = 0;
  while (static_cast<uint64_t>(index[at]) < bound) ++at;
  throw Error(ErrorKind::index,
              join(op, ": index out of range: expected numbers in [0, ", rows, "), got ", index[at],
                   " at position ", at, "; number what is looked up from 0, or give the table ",
                   "more rows"));
}
constexpr Kernel kCheckRows =
    program::checking("check_rows", "r", program::routines_for<int64_t>(look_at_rows));

IndexedRows rows_of(const Tensor& weight) {
  return {1, weight.size(0), weight.size(1), {}, {weight.size(1)}, weight.shape()};
}

// One over how often each number occurs, as a column beside them.
Tensor rarity(const Tensor& index, int64_t rows, DType dtype) {
  const Tensor flat = reshape(index, {-1});
  const IndexedRows column{1, rows, 1, {}, {}, {rows}};
  const Tensor times = add_rows(full(flat.shape(), 1, dtype), flat, column);
  return unsqueeze(reciprocal(pick_rows(times, index, column)), -1);
}

// The gradient of weight, from that of the picked rows. It is linear, so that its own gradient
// picks rows again; kernels read 0 at index -1.
Tensor add_embeddings(const Tensor& grad, const Tensor& index, const Dims& shape,
                      const TableGradient& how) {
  const Tensor out = empty(shape, grad.dtype());
  {
    const tape::GradMode off(false);
    program::launch(kernels::kEmbeddingBackward, grad.dtype(), {out, contiguous(grad), index},
                    kernels::EmbeddingBackward{shape[0], shape[1], index.numel(), how.padding,
                                               how.by_frequency});
  }
  if (wanted(grad)) {
    record("embedding_backward", out, {grad},
           [index = Saved(index), how](const Tensor& by_table, Grads& grads) {
             Tensor at = index.get();
             if (how.padding >= 0)
               at = where(eq({at, {}}, {{}, how.padding}), TensorOrNumber{{}, -1},
                          TensorOrNumber{at, {}});
             Tensor picked = pick_rows(by_table, at, rows_of(by_table));
             if (how.by_frequency)
               picked = mul(picked, rarity(index.get(), by_table.size(0), by_table.dtype()));
             grads[0] = picked;
           });
  }
  return out;
}

}  // namespace

Tensor checked_rows(const char* op, const Tensor& index, const Tensor& weight) {
  if (weight.dim() != 2)
    fail(ErrorKind::runtime, op, "'weight' must be 2-D, (rows, columns)",
         to_string(weight.shape()));
  if (!is_integer(index.dtype()))
    fail(ErrorKind::runtime, op, "numbers of rows of dtype int64, int32 or uint8",
         name(index.dtype()), "convert them with .long()");
  const Tensor rows = contiguous(to(index, DType::int64));
  program::launch(kCheckRows, DType::int64, {rows}, RowNumbers{op, rows.numel(), weight.size(0)});
  return rows;
}

int64_t checked_padding(const char* op, std::optional<int64_t> padding_idx, const Tensor& weight) {
  if (!padding_idx || weight.dim() != 2) return -1;
  const int64_t rows = weight.size(0);
  if (*padding_idx < -rows || *padding_idx >= rows)
    fail(ErrorKind::value, op, "padding_idx must be within num_embeddings",
         join(*padding_idx, " and ", rows, " rows"));
  return *padding_idx < 0 ? *padding_idx + rows : *padding_idx;
}

void limit_rows(const char* op, const Tensor& weight, const Tensor& index, double max_norm,
                double norm_type) {
  const tape::GradMode off(false);
  tape::check_writable(op, weight);
  const IndexedRows table = rows_of(weight);
  const Tensor picked = pick_rows(weight, reshape(index, {-1}), table);
  const Tensor length = norm(picked, Number(norm_type), Dims{1}, true, std::nullopt);
  const Tensor scale = div({{}, max_norm}, {add(length, Number(1e-7)), {}});
  const Tensor shorter = mul(picked, where(gt({length, {}}, {{}, max_norm}), scale, Number(1.0)));
  if (!weight.is_contiguous()) {
    assign(op, weight, put_rows(weight, reshape(index, {-1}), shorter, table));
  } else {
    program::launch(kernels::kIndexPut, weight.dtype(), {weight, shorter, index},
                    kernels::Selection{1, weight.size(0), weight.size(1), index.numel()});
  }
  weight->bump(op);
}

Tensor pick_embeddings(const Tensor& weight, const Tensor& index, const TableGradient& how) {
  Tensor out;
  {
    const tape::GradMode off(false);
    out = pick_rows(weight, index, rows_of(weight));
  }
  if (wanted(weight)) {
    record("embedding", out, {weight},
           [index = Saved(index), shape = weight.shape(), how](const Tensor& grad, Grads& grads) {
             grads[0] = add_embeddings(grad, index.get(), shape, how);
           });
  }
  return out;
}

namespace {

Tensor embedding(const Tensor& input, const Tensor& weight, std::optional<int64_t> padding_idx,
                 std::optional<double> max_norm, double norm_type, bool scale_grad_by_freq,
                 bool /*sparse*/) {
  constexpr const char* kOp = "embedding";
  const int64_t padding = checked_padding(kOp, padding_idx, weight);
  const Tensor index = checked_rows(kOp, input, weight);
  if (max_norm) limit_rows(kOp, weight, index, *max_norm, norm_type);
  return pick_embeddings(weight, index, {padding, scale_grad_by_freq});
}

void register_embedding(Registry& registry) {
  registry.add<&embedding>(
      "embedding", kFunctional,
      "(input: Tensor, weight: Tensor, padding_idx: int | None = None, max_norm: float | None = "
      "None, norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False) -> "
      "Tensor",
      R"(Rows of a table: out[..., :] = weight[input[...], :].

Shapes: input (*) of int64 or int32, weight (rows, columns), out (*, columns). The gradient of
weight adds up those of the rows in the order of input. Row padding_idx gets none (-1 is the last
one). With max_norm, rows of weight that are picked and whose norm of order norm_type is larger are
first scaled down to it, in place. scale_grad_by_freq divides a row's gradient by how often it is
picked. The gradient is a dense tensor, whatever sparse says.

Raises IndexError for the first number that is no row of weight, with its position; RuntimeError for
a weight of other than two dimensions and numbers that are no integers; ValueError for a padding_idx
outside of the table.

>>> table = steep.tensor([[1.0, 2.0], [3.0, 4.0]])
>>> steep.nn.functional.embedding(steep.tensor([1, 1, 0]), table)
tensor([[3., 4.],
        [3., 4.],
        [1., 2.]])
)");
}

const Registration registered("indexing", register_embedding);

}  // namespace

}  // namespace steep::ops
