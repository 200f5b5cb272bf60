// Scaled dot-product attention (Vaswani et al. 2017) without the matrix of its scores.
#include "ops/attention/attention.h"

#include <cmath>

#include "kernels/attention/attention.h"
#include "ops/elementwise/elementwise.h"
#include "ops/registry.h"
#include "tensor/shape.h"

namespace steep::ops {

namespace {

using kernels::HeadStrides;
using kernels::ScoreMask;

// Where the rows of [batch, head, row, element] lie.
HeadStrides strides_of(const Tensor& x) {
  const auto stride = [&](int d) { return x.size(d) > 1 ? x.strides()[d] : 0; };
  return {stride(0), stride(1), stride(2)};
}

// x with its leading dimensions expanded to `lead` and made two.
Tensor four_dimensional(const Tensor& x, const Dims& lead) {
  const int n = lead.size();
  const int64_t rows = x.size(x.dim() - 2), cols = x.size(x.dim() - 1);
  Dims shape = lead;
  shape.push_back(rows);
  shape.push_back(cols);
  const Tensor whole = x.shape() == shape ? x : expand(x, shape);
  if (n == 2) return whole;
  const int64_t heads = n > 0 ? lead[n - 1] : 1;
  int64_t batch = 1;
  for (int d = 0; d + 1 < n; ++d) batch *= lead[d];
  return reshape(whole, {batch, heads, rows, cols});
}

// The same with elements of a row side by side.
Tensor by_rows(const Tensor& x, const Dims& lead) {
  const Tensor out = four_dimensional(x, lead);
  return out.size(3) > 1 && out.strides()[3] != 1 ? contiguous(out) : out;
}

// Uninitialised [batch, heads, rows, size], batch, heads and rows in the order of memory that they
// have in `like`: heads that were split from rows can so be joined without a copy.
Tensor empty_heads(const Tensor& like, int64_t size) {
  Dims shape = like.shape(), strides(4, 1);
  shape[3] = size;
  int64_t step = size;
  const Dims order = order_by_stride(Dims(shape.begin(), shape.begin() + 3),
                                     Dims(like.strides().begin(), like.strides().begin() + 3));
  for (int i = 2; i >= 0; --i) {
    strides[static_cast<int>(order[i])] = step;
    step *= std::max<int64_t>(shape[static_cast<int>(order[i])], 1);
  }
  return empty_strided(shape, strides, like.dtype());
}

// The operands as the kernels want them.
struct Arranged {
  Tensor q, k, v, mask;
  kernels::Attention how;
};

Arranged arrange(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask,
                 const Dims& shape, const AttentionSettings& settings) {
  const Dims lead(shape.begin(), shape.end() - 2);
  Dims shared = lead;
  if (settings.grouped) shared.back() = k.size(k.dim() - 3);
  Arranged of{by_rows(q, lead), by_rows(k, shared), by_rows(v, shared), mask, {}};
  kernels::Attention& how = of.how;
  how.batch = of.q.size(0), how.heads = of.q.size(1), how.kv_heads = of.k.size(1);
  how.rows = of.q.size(2), how.cols = of.k.size(2);
  how.depth = of.q.size(3), how.width = of.v.size(3);
  how.q = strides_of(of.q), how.k = strides_of(of.k), how.v = strides_of(of.v);
  how.causal = settings.causal, how.scale = settings.scale;
  how.mask = ScoreMask::none;
  if (mask.defined()) {
    how.mask = mask.dtype() == DType::boolean ? ScoreMask::boolean : ScoreMask::added;
    Dims whole = lead;
    whole.push_back(how.rows);
    whole.push_back(how.cols);
    of.mask = four_dimensional(expand(mask, whole), lead);
    const HeadStrides strides = strides_of(of.mask);
    how.mask_batch = strides.batch, how.mask_head = strides.head, how.mask_row = strides.row;
    how.mask_col = how.cols > 1 ? of.mask.strides()[3] : 0;
  }
  return of;
}

void fused_backward(const Tensor& out_grad, const Tensor& q, const Tensor& k, const Tensor& v,
                    const Tensor& mask, const Tensor& out, const Tensor& ends,
                    const AttentionSettings& settings, Grads& grads) {
  Arranged of = arrange(q, k, v, mask, out.shape(), settings);
  const Dims lead(out.shape().begin(), out.shape().end() - 2);
  Dims shared = lead;
  if (settings.grouped) shared.back() = of.how.kv_heads;
  const Tensor result = by_rows(out, lead), grad = by_rows(out_grad, lead);
  of.how.out = strides_of(result);
  Tensor made[3];
  const Tensor* const like[3] = {&of.q, &of.k, &of.v};
  HeadStrides strides[3] = {};
  for (int i = 0; i < 3; ++i) {
    if (!grads.wanted(i)) continue;
    made[i] = empty_heads(*like[i], like[i]->size(3));
    strides[i] = strides_of(made[i]);
  }
  program::launch(
      kernels::kAttentionBackward, q.dtype(),
      {made[0], made[1], made[2], of.q, of.k, of.v, result, grad, ends, of.mask},
      kernels::AttentionBackward{strides[0], strides[1], strides[2], strides_of(grad), of.how});
  for (int i = 0; i < 3; ++i) {
    if (!made[i].defined()) continue;
    Dims shape = i == 0 ? lead : shared;
    shape.push_back(made[i].size(2));
    shape.push_back(made[i].size(3));
    grads[i] = made[i].shape() == shape ? made[i] : reshape(made[i], shape);
  }
}

void record_attention(const Tensor& out, const Tensor& ends, const Tensor& q, const Tensor& k,
                      const Tensor& v, const Tensor& mask, const AttentionSettings& how) {
  record("scaled_dot_product_attention", out, {q, k, v},
         [q = Saved(q), k = Saved(k), v = Saved(v), mask = Saved(mask), out = Saved::output(out),
          ends = Saved(ends), how](const Tensor& grad, Grads& grads) {
           if (tape::grad_enabled()) {
             const bool wanted[3] = {grads.wanted(0), grads.wanted(1), grads.wanted(2)};
             Tensor made[3];
             attention_backward_by_operations(grad, q.get(), k.get(), v.get(), mask.get(), how,
                                              wanted, made);
             for (int i = 0; i < 3; ++i)
               if (wanted[i]) grads[i] = made[i];
           } else {
             fused_backward(grad, q.get(), k.get(), v.get(), mask.get(), out.get(), ends.get(), how,
                            grads);
           }
         });
}

Tensor attend(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask,
              const Dims& shape, const AttentionSettings& settings) {
  Tensor out, ends;
  {
    const tape::GradMode off(false);
    Arranged of = arrange(q, k, v, mask, shape, settings);
    const Tensor result = empty_heads(of.q, of.how.width);
    of.how.out = strides_of(result);
    ends = empty({of.how.batch, of.how.heads, of.how.rows, 2}, q.dtype());
    program::launch(kernels::kAttention, q.dtype(), {result, ends, of.q, of.k, of.v, of.mask},
                    of.how);
    out = shape.size() == 4 ? result : alias(reshape(result, shape));
  }
  if (wanted(q, k, v)) record_attention(out, ends, q, k, v, mask, settings);
  return out;
}

Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const Tensor& attn_mask, double dropout_p, bool is_causal,
                                    std::optional<double> scale, bool enable_gqa) {
  AttentionSettings how{dropout_p, is_causal, 1, enable_gqa};
  const Dims shape = attention_shape(q, k, v, attn_mask, how);
  const int64_t depth = std::max<int64_t>(q.size(q.dim() - 1), 1);
  how.scale = scale ? *scale : 1 / std::sqrt(static_cast<double>(depth));
  Tensor mask = attn_mask;
  if (mask.defined() && mask.dtype() != DType::boolean) mask = to(mask, q.dtype());
  const bool nothing = count(shape) == 0 || k.size(k.dim() - 2) == 0;
  if (dropout_p > 0 || nothing || (mask.defined() && wanted(mask)))
    return attention_by_operations(q, k, v, mask, how);
  return attend(q, k, v, mask, shape, how);
}

void register_attention(Registry& registry) {
  registry.add<&scaled_dot_product_attention>(
      "scaled_dot_product_attention", kFunctional,
      "(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, dropout_p: "
      "float = 0.0, is_causal: bool = False, *, scale: float | None = None, enable_gqa: bool = "
      "False) -> Tensor",
      R"(Attention: out = softmax(scale * query @ key^T + mask) @ value (Vaswani et al., 2017).

Shapes: query (..., L, E), key (..., S, E), value (..., S, Ev), out (..., L, Ev); leading dimensions
broadcast. attn_mask broadcasts to (..., L, S): a bool one says which scores take part, another is
added to them; with is_causal, query i takes part in keys 0 to i alone. A query of which everything
is masked gives zeros. scale is 1 / sqrt(E) if None. dropout_p is the probability with which a weight
of the softmax becomes 0, in evaluation, too: pass 0 there. With enable_gqa, the H heads of query (at
dimension -3) share the Hk of key and value: head h takes that number h / (H / Hk).

Neither pass keeps the scores: memory grows with L + S, not with L * S (Dao et al., FlashAttention,
2022). The other way is taken for dropout, for a mask that wants a gradient, and for gradients of
gradients.

Raises RuntimeError for shapes and dtypes that do not fit, and for a mask beside is_causal;
ValueError for a probability outside of [0, 1].

>>> x = steep.tensor([[1.0, 0.0], [0.0, 1.0]])
>>> steep.nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True, scale=0.0)
tensor([[1.0000, 0.0000],
        [0.5000, 0.5000]])
)");
}

const Registration registered("attention", register_attention);

}  // namespace

}  // namespace steep::ops
