// What scaled dot-product attention is made of.
#pragma once

#include "ops/ops.h"

namespace steep::ops {

// The arguments beside the tensors.
struct AttentionSettings {
  double dropout;
  bool causal;
  double scale;
  bool grouped;  // several heads of the query may share one of key and value
};

// Refuses what does not fit together; returns the shape of the result.
Dims attention_shape(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask,
                     const AttentionSettings& how);

// The same in differentiable operations, with all scores in memory: what draws a mask, and what
// gradients of gradients, or of masks, go through.
Tensor attention_by_operations(const Tensor& q, const Tensor& k, const Tensor& v,
                               const Tensor& mask, const AttentionSettings& how);
// Its gradients by q, k and v, differentiable themselves, of those that are wanted.
void attention_backward_by_operations(const Tensor& grad, const Tensor& q, const Tensor& k,
                                      const Tensor& v, const Tensor& mask,
                                      const AttentionSettings& how, const bool (&wanted)[3],
                                      Tensor (&grads)[3]);

}  // namespace steep::ops
