// What attention refuses.
#include "ops/attention/attention.h"
#include "tensor/shape.h"

namespace steep::ops {

namespace {

constexpr const char* kOp = "scaled_dot_product_attention";

void check_types(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask) {
  if (q.dtype() != k.dtype() || q.dtype() != v.dtype())
    fail(ErrorKind::runtime, kOp, "query, key, and value to have the same dtype",
         join(name(q.dtype()), ", ", name(k.dtype()), " and ", name(v.dtype())),
         "convert them with .to(dtype)");
  if (!is_floating(q.dtype()))
    fail(ErrorKind::not_implemented, kOp, "floating-point tensors", name(q.dtype()),
         "convert with .float() first");
  if (q.dim() < 2 || k.dim() < 2 || v.dim() < 2)
    fail(ErrorKind::runtime, kOp, "query, key, and value to all be at least 2 dimensional",
         join(q.dim(), ", ", k.dim(), " and ", v.dim(), " dimensions"));
  if (mask.defined() && mask.dtype() != DType::boolean && mask.dtype() != DType::float32 &&
      mask.dtype() != q.dtype())
    fail(ErrorKind::runtime, kOp, "attn_mask dtype to be bool or float or to match query dtype",
         join(name(mask.dtype()), " beside ", name(q.dtype())));
}

void check_sizes(const Tensor& q, const Tensor& k, const Tensor& v) {
  if (q.size(q.dim() - 1) != k.size(k.dim() - 1))
    fail(ErrorKind::runtime, kOp, "query and key of the same last size",
         join(to_string(q.shape()), " and ", to_string(k.shape())));
  if (k.size(k.dim() - 2) != v.size(v.dim() - 2))
    fail(ErrorKind::runtime, kOp, "as many values as keys, at dimension -2",
         join(to_string(k.shape()), " and ", to_string(v.shape())));
}

void check_groups(const Tensor& q, const Tensor& k, const Tensor& v) {
  const bool has_heads = q.dim() > 2 && k.dim() > 2 && v.dim() > 2;
  const int64_t heads = has_heads ? q.size(q.dim() - 3) : 0;
  const int64_t shared = has_heads ? k.size(k.dim() - 3) : 0;
  if (!has_heads || shared == 0 || v.size(v.dim() - 3) != shared || heads % shared != 0)
    fail(ErrorKind::runtime, kOp,
         "with enable_gqa as many heads of key as of value, and a multiple of them of query, at "
         "dimension -3",
         join(to_string(q.shape()), ", ", to_string(k.shape()), " and ", to_string(v.shape())));
}

Dims leading(const Tensor& x, int beside) {
  return Dims(x.shape().begin(), x.shape().end() - beside);
}

}  // namespace

Dims attention_shape(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask,
                     const AttentionSettings& how) {
  if (!(how.dropout >= 0 && how.dropout <= 1))
    throw Error(ErrorKind::value, join(kOp, ": dropout probability has to be between 0 and 1, but ",
                                       "got ", how.dropout));
  check_types(q, k, v, mask);
  check_sizes(q, k, v);
  if (how.grouped) check_groups(q, k, v);
  if (mask.defined() && how.causal)
    throw Error(ErrorKind::runtime,
                join(kOp, ": Explicit attn_mask should not be set when is_causal=True"));
  const int own = how.grouped ? 3 : 2;
  Dims shape = broadcast_shapes(kOp, broadcast_shapes(kOp, leading(q, own), leading(k, own)),
                                leading(v, own));
  if (how.grouped) shape.push_back(q.size(q.dim() - 3));
  shape.push_back(q.size(q.dim() - 2));
  shape.push_back(k.size(k.dim() - 2));
  if (mask.defined() && !broadcasts_to(mask.shape(), shape))
    fail(ErrorKind::runtime, kOp, join("attn_mask that broadcasts to ", to_string(shape)),
         to_string(mask.shape()), "its last sizes are those of queries and keys");
  shape.back() = v.size(v.dim() - 1);
  return shape;
}

}  // namespace steep::ops
