// A recurrent layer step by step, in differentiable operations.
#include "ops/product/matmul.h"
#include "ops/recurrent/recurrent.h"

namespace steep::ops {

namespace {

using kernels::RecurrentCell;

Tensor rows_of_step(const Tensor& x, int64_t first, int64_t rows) {
  return narrow(x, 0, first, rows);
}

// Gate `gate` of those in the rows of x.
Tensor gate_of(const Tensor& x, int64_t gate, int64_t hidden) {
  return narrow(x, 1, gate * hidden, hidden);
}

struct State {
  Tensor h, c;
};

// The state after a step, from the inputs' part of the gates and the state before it.
State stepped(const RecurrentTensors& of, const kernels::Recurrent& how, const Tensor& gates,
              const State& before) {
  const Tensor other = linear(before.h, of.w_hh, of.b_hh);
  const int64_t hidden = how.hidden;
  if (how.cell == RecurrentCell::gru) {
    const Tensor both = add(narrow(gates, 1, 0, 2 * hidden), narrow(other, 1, 0, 2 * hidden));
    const Tensor r = sigmoid(gate_of(both, 0, hidden)), z = sigmoid(gate_of(both, 1, hidden));
    const Tensor n = tanh(add(gate_of(gates, 2, hidden), mul(r, gate_of(other, 2, hidden))));
    return {add(n, mul(z, sub(before.h, n))), {}};
  }
  const Tensor all = add(gates, other);
  if (how.cell != RecurrentCell::lstm)
    return {how.cell == RecurrentCell::rnn_relu ? relu(all) : tanh(all), {}};
  const Tensor i = sigmoid(gate_of(all, 0, hidden)), f = sigmoid(gate_of(all, 1, hidden));
  const Tensor g = tanh(gate_of(all, 2, hidden)), o = sigmoid(gate_of(all, 3, hidden));
  const Tensor c = add(mul(f, before.c), mul(i, g)), h = mul(o, tanh(c));
  return {of.w_hr.defined() ? linear(h, of.w_hr, {}) : h, c};
}

// The first rows of the state take what a step has made of them.
Tensor replaced(const Tensor& state, const Tensor& rows) {
  const int64_t done = rows.size(0), all = state.size(0);
  return done == all ? rows : cat({rows, narrow(state, 0, done, all - done)}, 0);
}

Tensor or_zeros(const Tensor& state, int64_t batch, int64_t size, DType dtype) {
  return state.defined() ? state : zeros({batch, size}, dtype);
}

}  // namespace

Tensors recurrent_by_steps(const RecurrentTensors& of, const RecurrentPlan& plan) {
  const kernels::Recurrent& how = plan.how;
  const DType dtype = of.x.dtype();
  const bool lstm = how.cell == RecurrentCell::lstm;
  const Tensor gates = linear(of.x, of.w_ih, of.b_ih);
  State state{or_zeros(of.h, how.batch, how.state, dtype), {}};
  if (lstm) state.c = or_zeros(of.c, how.batch, how.hidden, dtype);
  Tensors made;
  made.resize(plan.sizes.size());
  int64_t at = how.reverse ? how.rows : 0;
  for (int i = 0; i < plan.sizes.size(); ++i) {
    const int t = how.reverse ? plan.sizes.size() - 1 - i : i;
    const int64_t rows = plan.sizes[t];
    if (how.reverse) at -= rows;
    const State before{rows_of_step(state.h, 0, rows),
                       lstm ? rows_of_step(state.c, 0, rows) : Tensor()};
    const State after = stepped(of, how, rows_of_step(gates, at, rows), before);
    made[t] = after.h;
    state.h = replaced(state.h, after.h);
    if (lstm) state.c = replaced(state.c, after.c);
    if (!how.reverse) at += rows;
  }
  Tensors out{cat(made, 0), state.h};
  if (lstm) out.push_back(state.c);
  return out;
}

}  // namespace steep::ops
