// Recurrent layers: all steps of one layer in one direction, and the way back through them.
//
// The caller multiplies the inputs of all steps at once: gates = x W_ih^T + b_ih. What is left of
// a step is one product with the state before it, h, and the cell's own arithmetic:
//
//   RNN   h' = act(gates + h W_hh^T + b_hh), act: tanh or relu
//   LSTM  i, f, g, o = gates + h W_hh^T + b_hh, through sigmoid, sigmoid, tanh, sigmoid
//         c' = f c + i g      h' = o tanh(c')      (Hochreiter and Schmidhuber, 1997; Gers, 2000)
//   GRU   r, z = sigmoid(gates + h W_hh^T + b_hh)
//         n = tanh(gates + r (h W_hh^T + b_hh))      h' = n + z (h - n)        (Cho et al., 2014)
//
// With a projection (LSTM; Sak, Senior and Beaufays, 2014) h' = W_hr (o tanh(c')).
//
// Going back, the gradients before the gates' activations are left behind for all steps, and the
// caller multiplies them by inputs and states, each in one product.
//
// The sequences of a batch are independent of each other: ranks share them, and each goes through
// all steps by itself. Where there are fewer sequences than ranks, these share the hidden units,
// and wait for each other in each step. An element's products are added in order of k, one FMA
// each, then what it is added to, then the bias: by shape alone.
#pragma once

#include "kernels/kernel.h"

namespace steep::kernels {

enum class RecurrentCell : int64_t { rnn_tanh, rnn_relu, lstm, gru };

// The rows of all steps lie one after the other in the order of time: `batch` of them each, or
// where `packed` as many as the sizes say that follow, each at most as large as the one before.
struct Recurrent {
  RecurrentCell cell;
  int64_t steps, batch, hidden;
  int64_t state;  // the size of h: that of the projection, or hidden
  int64_t rows;   // of all steps together
  Flag reverse, packed;
};

// Recurrent.  Operands, all row-major, R = rows:
// out[R, state] (left out for an RNN, whose gates become it),
// previous[R, state] (h before each step) and kept[R, hidden] (LSTM: c before each step; GRU: its
// h W_hh^T + b_hh of n), which going back needs and may be left out,
// mixed[R, hidden] (o tanh(c'), of a projection), last_h[batch, state], last_c[batch, hidden]
// (LSTM), gates[R, gates * hidden]: the inputs' products, then the activated gates, w_hh[gates *
// hidden, state], b_hh or none, h0 and c0 (zeros where left out), w_hr or none.
extern Kernel kRecurrent;
enum RecurrentOperand {
  kRnnOut,
  kRnnPrevious,
  kRnnKept,
  kRnnMixed,
  kRnnLastH,
  kRnnLastC,
  kRnnGates,
  kRnnWeight,
  kRnnBias,
  kRnnH0,
  kRnnC0,
  kRnnProjection
};

// Recurrent.  Operands: grad_gates[R, gates * hidden], grad_hidden (GRU: that of h W_hh^T + b_hh,
// which differs in n), grad_h0, grad_c0 (LSTM), grad_state[R, state] (projection: that of h'),
// then grad_out, grad_last_h, grad_last_c (zeros where left out), gates, previous, kept, w_hh,
// w_hr.
extern Kernel kRecurrentBackward;
enum RecurrentBackwardOperand {
  kRnnGradGates,
  kRnnGradHidden,
  kRnnGradH0,
  kRnnGradC0,
  kRnnGradState,
  kRnnGradOut,
  kRnnGradLastH,
  kRnnGradLastC,
  kRnnGatesBack,
  kRnnPreviousBack,
  kRnnKeptBack,
  kRnnWeightBack,
  kRnnProjectionBack
};

namespace {
constexpr int64_t gates_of(RecurrentCell cell) {
  return cell == RecurrentCell::lstm ? 4 : cell == RecurrentCell::gru ? 3 : 1;
}
}  // namespace

}  // namespace steep::kernels
