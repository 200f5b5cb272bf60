#include "ops/recurrent/checks.h"

namespace steep::ops {

namespace {

using kernels::RecurrentCell;

constexpr const char* kOp = "recurrent_layer";

RecurrentCell cell_named(const std::string& name) {
  if (name == "rnn_tanh") return RecurrentCell::rnn_tanh;
  if (name == "rnn_relu") return RecurrentCell::rnn_relu;
  if (name == "lstm") return RecurrentCell::lstm;
  if (name == "gru") return RecurrentCell::gru;
  fail(ErrorKind::value, kOp, "cell to be 'rnn_tanh', 'rnn_relu', 'lstm' or 'gru'",
       "'" + name + "'");
}

void check_shape(const char* what, const Tensor& x, const Dims& shape) {
  if (x.defined() && x.shape() != shape)
    fail(ErrorKind::runtime, kOp, join(what, " of shape ", to_string(shape)), to_string(x.shape()));
}

void check_dtypes(const RecurrentTensors& of) {
  const DType dtype = of.x.dtype();
  if (!is_floating(dtype))
    fail(ErrorKind::not_implemented, kOp, "a floating-point input", name(dtype),
         "convert with .float() first");
  for (const Tensor* x : {&of.h, &of.c, &of.w_ih, &of.w_hh, &of.b_ih, &of.b_hh, &of.w_hr}) {
    if (x->defined() && x->dtype() != dtype)
      fail(ErrorKind::runtime, kOp, "input, states and parameters to have the same dtype",
           join(name(dtype), " and ", name(x->dtype())),
           "convert the input with .to(dtype), or the module");
  }
}

// The steps of packed sequences: each has as many rows as sequences are that long.
void check_sizes(const Tensor& x, const Dims& sizes) {
  int64_t rows = 0;
  for (int t = 0; t < sizes.size(); ++t) {
    if (sizes[t] < 1 || (t > 0 && sizes[t] > sizes[t - 1]))
      fail(ErrorKind::runtime, kOp, "batch_sizes that are positive and do not grow",
           to_string(sizes));
    rows += sizes[t];
  }
  if (rows != x.size(0))
    fail(ErrorKind::runtime, kOp,
         join("batch_sizes that add up to the input's ", x.size(0), " rows"),
         join(rows, " in all"));
}

}  // namespace

RecurrentPlan checked_plan(const RecurrentTensors& of, const std::string& cell, const Dims& sizes,
                           bool reverse) {
  RecurrentPlan plan{{}, sizes};
  kernels::Recurrent& how = plan.how;
  how.cell = cell_named(cell);
  how.reverse = reverse, how.packed = !sizes.empty();
  const bool lstm = how.cell == RecurrentCell::lstm;
  if (of.x.dim() != (how.packed ? 2 : 3))
    fail(ErrorKind::runtime, kOp,
         how.packed ? "packed rows of shape [rows, input]"
                    : "an input of shape [steps, batch, input]",
         to_string(of.x.shape()));
  check_dtypes(of);
  if (of.w_hh.dim() != 2)
    fail(ErrorKind::runtime, kOp, "weight_hh of two dimensions", to_string(of.w_hh.shape()));
  if (of.c.defined() && !lstm)
    fail(ErrorKind::runtime, kOp, "c0 for an LSTM alone", "c0 for cell '" + cell + "'");
  if (of.w_hr.defined() && !lstm)
    fail(ErrorKind::runtime, kOp, "weight_hr for an LSTM alone",
         "weight_hr for cell '" + cell + "'");
  const int64_t gates = kernels::gates_of(how.cell), inputs = of.x.size(of.x.dim() - 1);
  how.hidden = of.w_hh.size(0) / gates, how.state = of.w_hh.size(1);
  how.batch = how.packed ? sizes[0] : of.x.size(1);
  how.rows = how.packed ? of.x.size(0) : of.x.size(0) * of.x.size(1);
  how.steps = how.packed ? sizes.size() : of.x.size(0);
  if (how.steps == 0 || how.hidden == 0)
    fail(ErrorKind::runtime, kOp, "at least one step and one hidden unit",
         join(how.steps, " steps and ", how.hidden, " hidden units"));
  if (how.packed) {
    check_sizes(of.x, sizes);
  } else {
    plan.sizes = Dims(static_cast<int>(how.steps), how.batch);
  }
  if (!of.w_hr.defined()) how.state = how.hidden;
  if (of.w_hr.defined() && how.state >= how.hidden)
    fail(ErrorKind::runtime, kOp, join("a projection to fewer than ", how.hidden, " units"),
         join(how.state));
  check_shape("weight_ih", of.w_ih, {gates * how.hidden, inputs});
  check_shape("weight_hh", of.w_hh, {gates * how.hidden, how.state});
  check_shape("bias_ih", of.b_ih, {gates * how.hidden});
  check_shape("bias_hh", of.b_hh, {gates * how.hidden});
  check_shape("weight_hr", of.w_hr, {how.state, how.hidden});
  check_shape("h0", of.h, {how.batch, how.state});
  check_shape("c0", of.c, {how.batch, how.hidden});
  return plan;
}

}  // namespace steep::ops
