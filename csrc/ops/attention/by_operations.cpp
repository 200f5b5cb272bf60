// Attention in differentiable operations.
#include "ops/attention/attention.h"
#include "ops/elementwise/elementwise.h"
#include "ops/random/random.h"
#include "ops/reduce/reduce.h"
#include "ops/reduce/softmax.h"
#include "tensor/shape.h"

namespace steep::ops {

namespace {

Tensor mT(const Tensor& x) { return transpose(x, -2, -1); }

// Heads of a query that share one of keys and values stand in a dimension of their own, along which
// those are repeated.
Tensor grouped_query(const Tensor& q, const Tensor& k, const AttentionSettings& how) {
  if (!how.grouped) return q;
  Dims shape = q.shape();
  const int heads = q.dim() - 3;
  const int64_t shared = k.size(k.dim() - 3);
  shape[heads] = shared;
  shape.insert(heads + 1, q.size(heads) / shared);
  return reshape(q, shape);
}
Tensor grouped_key(const Tensor& x, const AttentionSettings& how) {
  return how.grouped ? unsqueeze(x, -3) : x;
}

Tensor lower_triangle(int64_t rows, int64_t cols) {
  const Tensor out = empty({rows, cols}, DType::boolean);
  uint8_t* at = out.data<uint8_t>();
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < cols; ++j) *at++ = j <= i;
  return out;
}

// Softmax of the scores, 0 along rows of which everything is masked. q and k are grouped already.
Tensor probabilities(const Tensor& q, const Tensor& k, const Tensor& mask,
                     const AttentionSettings& how) {
  constexpr double kNever = -std::numeric_limits<double>::infinity();
  Tensor scores = mul(matmul(q, mT(k)), Number(how.scale));
  Tensor with = mask;
  if (how.causal) with = lower_triangle(q.size(q.dim() - 2), k.size(k.dim() - 2));
  if (!with.defined()) return softmax(scores, -1, std::nullopt);
  if (how.grouped && with.dim() > 2) {
    // The mask's heads fall apart as the query's do.
    Dims shape = with.shape();
    const int heads = with.dim() - 3;
    const int64_t shared = k.size(k.dim() - 4);
    const bool each = shape[heads] != 1;
    shape.insert(heads + 1, each ? shape[heads] / shared : 1);
    shape[heads] = each ? shared : 1;
    with = reshape(with, shape);
  }
  scores = with.dtype() == DType::boolean ? where(with, scores, Number(kNever)) : add(scores, with);
  const Tensor none = all(eq({scores, {}}, {{}, kNever}), Dims{-1}, true);
  const Tensor p = softmax(where(logical_not(none), scores, Number(0.0)), -1, std::nullopt);
  return where(logical_not(none), p, Number(0.0));
}

Dims ungrouped(const Tensor& x, const AttentionSettings& how) {
  Dims shape = x.shape();
  if (!how.grouped) return shape;
  const int heads = x.dim() - 4;
  shape[heads] *= shape[heads + 1];
  shape.erase(heads + 1);
  return shape;
}

}  // namespace

Tensor attention_by_operations(const Tensor& q, const Tensor& k, const Tensor& v,
                               const Tensor& mask, const AttentionSettings& how) {
  const Tensor p = probabilities(grouped_query(q, k, how), grouped_key(k, how), mask, how);
  const Tensor out = matmul(dropout(p, how.dropout, true, false), grouped_key(v, how));
  return how.grouped ? reshape(out, ungrouped(out, how)) : out;
}

void attention_backward_by_operations(const Tensor& out_grad, const Tensor& q, const Tensor& k,
                                      const Tensor& v, const Tensor& mask,
                                      const AttentionSettings& how, const bool (&wanted)[3],
                                      Tensor (&grads)[3]) {
  const Tensor query = grouped_query(q, k, how), key = grouped_key(k, how);
  const Tensor value = grouped_key(v, how), grad = grouped_query(out_grad, k, how);
  const Tensor p = probabilities(query, key, mask, how);
  const Tensor dp = matmul(grad, mT(value));
  const Tensor ds = mul(p, sub(dp, sum(mul(dp, p), Dims{-1}, true, std::nullopt)));
  // Over the heads that share it; what was broadcast beside them the tape sums.
  const auto shared = [&](const Tensor& x) {
    return how.grouped ? sum(x, Dims{-3}, false, std::nullopt) : x;
  };
  if (wanted[0]) {
    const Tensor dq = mul(matmul(ds, key), Number(how.scale));
    grads[0] = reshape(dq, ungrouped(dq, how));
  }
  if (wanted[1]) grads[1] = shared(mul(matmul(mT(ds), query), Number(how.scale)));
  if (wanted[2]) grads[2] = shared(matmul(mT(p), grad));
}

}  // namespace steep::ops
