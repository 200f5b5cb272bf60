// One recurrent layer in one direction.
#pragma once

#include "kernels/recurrent/recurrent.h"
#include "ops/elementwise/elementwise.h"

namespace steep::ops {

// A layer's tensors; h, c, the biases and the projection's weight may be undefined.
struct RecurrentTensors {
  Tensor x;     // [rows of all steps, input]
  Tensor h, c;  // [batch, state], [batch, hidden]
  Tensor w_ih, w_hh, b_ih, b_hh, w_hr;
};

// How they go together; sizes: the rows of each step.
struct RecurrentPlan {
  kernels::Recurrent how;
  Dims sizes;
};

// The results [rows, state], the last h, and the last c of an LSTM, in differentiable operations:
// for derivatives of higher order.
Tensors recurrent_by_steps(const RecurrentTensors& of, const RecurrentPlan& plan);

}  // namespace steep::ops
