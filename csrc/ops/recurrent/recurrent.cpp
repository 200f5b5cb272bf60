// One recurrent layer in one direction: the inputs' product, all steps in one kernel, one rule.
#include "ops/recurrent/recurrent.h"

#include "ops/product/matmul.h"
#include "ops/recurrent/checks.h"
#include "ops/registry.h"
#include "tape/backward.h"

namespace steep::ops {

namespace {

using kernels::RecurrentCell;
using program::Operand;
using program::words_of;

// What going back needs besides the operation's inputs.
struct Kept {
  Saved gates, previous, kept, mixed;
};

// What the rule has saved of the inputs; x has its own shape.
struct SavedInputs {
  Saved x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr;
};

Tensor rows_of(const Tensor& x, const kernels::Recurrent& how) {
  return reshape(x, {how.rows, x.size(x.dim() - 1)});
}

void launch(const program::Kernel& kernel, DType dtype, std::initializer_list<Operand> operands,
            const RecurrentPlan& plan) {
  if (plan.how.rows == 0) return;
  const program::ArgumentWords words = words_of(plan.how, plan.how.packed ? plan.sizes : Dims());
  program::launch(program::Call{&kernel, dtype, operands.begin(), static_cast<int>(operands.size()),
                                words.data(), words.size()});
}

Tensor contiguous_if(const Tensor& x) { return x.defined() ? contiguous(x) : x; }

// Each input as itself but for its history: what is computed from these leads back to them alone.
RecurrentTensors apart(const SavedInputs& saved) {
  const auto one = [](const Saved& x) {
    const Tensor value = x.get();
    return value.defined() ? view(value, value.shape()) : value;
  };
  const Tensor x = saved.x.get();
  return {view(x, x.shape()), one(saved.h),    one(saved.c),    one(saved.w_ih),
          one(saved.w_hh),    one(saved.b_ih), one(saved.b_hh), one(saved.w_hr)};
}

// The gradients by those of the layer taken step by step, which are recorded.
void backward_by_steps(const Tensor* grad, Grads& grads, const SavedInputs& saved,
                       const RecurrentPlan& plan) {
  RecurrentTensors of = apart(saved);
  const Tensor* const inputs[] = {&of.x,    &of.h,    &of.c,    &of.w_ih,
                                  &of.w_hh, &of.b_ih, &of.b_hh, &of.w_hr};
  Tensors wished, roots, weights;
  SmallVector<int, 8> places;
  for (int i = 0; i < 8; ++i) {
    if (!grads.wanted(i)) continue;
    wished.push_back(*inputs[i]);
    places.push_back(i);
  }
  RecurrentTensors rows = of;
  rows.x = rows_of(of.x, plan.how);
  const Tensors results = recurrent_by_steps(rows, plan);
  for (int i = 0; i < results.size(); ++i) {
    if (!grad[i].defined()) continue;
    roots.push_back(results[i]);
    weights.push_back(reshape(grad[i], results[i].shape()));
  }
  const Tensors found = tape::gradients(roots, weights, wished, {true, true});
  for (int i = 0; i < places.size(); ++i) grads[places[i]] = found[i];
}

void fused_backward(const Tensor* grad, Grads& grads, const SavedInputs& saved, const Kept& kept,
                    const RecurrentPlan& plan) {
  const kernels::Recurrent& how = plan.how;
  const bool gru = how.cell == RecurrentCell::gru, lstm = how.cell == RecurrentCell::lstm;
  const Tensor w_ih = saved.w_ih.get(), w_hh = saved.w_hh.get(), x = saved.x.get();
  const Tensor w_hr = saved.w_hr.get(), previous = kept.previous.get();
  const DType dtype = w_hh.dtype();
  const int64_t width = w_hh.size(0);
  const Tensor of_gates = empty({how.rows, width}, dtype);
  const Tensor of_hidden = gru ? empty({how.rows, width}, dtype) : of_gates;
  const Tensor of_h = empty({how.batch, how.state}, dtype);
  const Tensor of_c = lstm ? empty({how.batch, how.hidden}, dtype) : Tensor();
  const Tensor of_state = w_hr.defined() ? empty({how.rows, how.state}, dtype) : Tensor();
  launch(kernels::kRecurrentBackward, dtype,
         {of_gates, gru ? of_hidden : Tensor(), of_h, of_c, of_state, contiguous_if(grad[0]),
          contiguous_if(grad[1]), lstm ? contiguous_if(grad[2]) : Tensor(), kept.gates.get(),
          previous, kept.kept.get(), contiguous(w_hh), contiguous_if(w_hr)},
         plan);
  if (grads.wanted(0)) grads[0] = reshape(product(of_gates, w_ih), x.shape());
  if (grads.wanted(1)) grads[1] = of_h;
  if (grads.wanted(2)) grads[2] = of_c;
  if (grads.wanted(3)) grads[3] = product(t(of_gates), rows_of(x, how));
  if (grads.wanted(4)) grads[4] = product(t(of_hidden), previous);
  const auto over_rows = [](const Tensor& of) { return sum(of, Dims{0}, false, std::nullopt); };
  if (grads.wanted(5)) grads[5] = over_rows(of_gates);
  if (grads.wanted(6)) grads[6] = grads.wanted(5) && !gru ? grads[5] : over_rows(of_hidden);
  if (grads.wanted(7)) grads[7] = product(t(of_state), kept.mixed.get());
}

struct Made {
  Tensors results;
  Tensor gates, previous, kept, mixed;
};

// Runs the layer; what going back needs is made where `keeps`.
Made run(const RecurrentTensors& of, const RecurrentPlan& plan, bool keeps) {
  const kernels::Recurrent& how = plan.how;
  const bool lstm = how.cell == RecurrentCell::lstm, gru = how.cell == RecurrentCell::gru;
  const DType dtype = of.x.dtype();
  const auto made = [&](bool wished, int64_t size) {
    return wished ? empty({how.rows, size}, dtype) : Tensor();
  };
  Made out;
  out.gates = product(rows_of(of.x, how), t(of.w_ih), contiguous_if(of.b_ih));
  out.previous = made(keeps, how.state);
  out.kept = made(keeps && (lstm || gru), how.hidden);
  out.mixed = made(keeps && of.w_hr.defined(), how.hidden);
  const Tensor result = lstm || gru ? empty({how.rows, how.state}, dtype) : Tensor();
  const Tensor h = empty({how.batch, how.state}, dtype);
  const Tensor c = lstm ? empty({how.batch, how.hidden}, dtype) : Tensor();
  launch(kernels::kRecurrent, dtype,
         {result, out.previous, out.kept, out.mixed, h, c, out.gates, contiguous(of.w_hh),
          contiguous_if(of.b_hh), contiguous_if(of.h), contiguous_if(of.c), contiguous_if(of.w_hr)},
         plan);
  Dims shape{how.rows, how.state};
  if (of.x.dim() == 3) shape = {how.steps, how.batch, how.state};
  const Tensor& rows = result.defined() ? result : out.gates;
  out.results = {alias(rows, shape, contiguous_strides(shape), rows->offset), h};
  if (lstm) out.results.push_back(c);
  return out;
}

void record_recurrent(const RecurrentTensors& of, const RecurrentPlan& plan, const Made& made) {
  static constexpr const char* kNames[] = {"rnn_tanh", "rnn_relu", "lstm", "gru"};
  const bool plain = plan.how.cell != RecurrentCell::lstm && plan.how.cell != RecurrentCell::gru;
  const SavedInputs saved{Saved(of.x),    Saved(of.h),    Saved(of.c),    Saved(of.w_ih),
                          Saved(of.w_hh), Saved(of.b_ih), Saved(of.b_hh), Saved(of.w_hr)};
  // The gates of an RNN are its result.
  const Kept kept{plain ? Saved::output(made.results[0]) : Saved(made.gates), Saved(made.previous),
                  Saved(made.kept), Saved(made.mixed)};
  tape::record_many(kNames[static_cast<int64_t>(plan.how.cell)], made.results,
                    {of.x, of.h, of.c, of.w_ih, of.w_hh, of.b_ih, of.b_hh, of.w_hr},
                    [saved, kept, plan](const Tensor* grad, Grads& grads) {
                      if (tape::grad_enabled()) {
                        backward_by_steps(grad, grads, saved, plan);
                      } else {
                        fused_backward(grad, grads, saved, kept, plan);
                      }
                    });
}

bool any_wanted(const RecurrentTensors& of) {
  return wanted(of.x, of.w_ih, of.w_hh) || (of.h.defined() && wanted(of.h)) ||
         (of.c.defined() && wanted(of.c)) || (of.b_ih.defined() && wanted(of.b_ih)) ||
         (of.b_hh.defined() && wanted(of.b_hh)) || (of.w_hr.defined() && wanted(of.w_hr));
}

Tensors recurrent_layer(const Tensor& x, const Tensor& h, const Tensor& c, const Tensor& w_ih,
                        const Tensor& w_hh, const Tensor& b_ih, const Tensor& b_hh,
                        const Tensor& w_hr, const std::string& cell, const Dims& batch_sizes,
                        bool reverse) {
  const RecurrentTensors of{x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr};
  const RecurrentPlan plan = checked_plan(of, cell, batch_sizes, reverse);
  const bool keeps = any_wanted(of);
  Made made;
  {
    const tape::GradMode off(false);
    made = run(of, plan, keeps);
  }
  if (keeps) record_recurrent(of, plan, made);
  return made.results;
}

void register_recurrent(Registry& registry) {
  registry.add<&recurrent_layer>(
      "recurrent_layer", kInternal,
      "(input: Tensor, h0: Tensor | None, c0: Tensor | None, weight_ih: Tensor, weight_hh: Tensor, "
      "bias_ih: Tensor | None, bias_hh: Tensor | None, weight_hr: Tensor | None, cell: str, "
      "batch_sizes: Dims, reverse: bool) -> tuple[Tensor, ...]",
      R"(One layer of an RNN, LSTM or GRU in one direction: all steps in one kernel.

cell is 'rnn_tanh', 'rnn_relu', 'lstm' or 'gru'; steep.nn.RNN, LSTM and GRU have the formulas.
Shapes, with G = 1, 4 or 3 gates and P = H, or the size of a projection: input (T, N, I), or with
batch_sizes the rows (R, I) of packed sequences; h0 (N, P), c0 (N, H), zeros where left out;
weight_ih (G H, I), weight_hh (G H, P), biases (G H), weight_hr (P, H). Returns the results
(T, N, P) or (R, P), the last h and, of an LSTM, the last c. With reverse the steps are taken from
the last one back. Raises RuntimeError where shapes or dtypes do not fit, ValueError for another
cell, NotImplementedError for integers.

>>> x, w = steep.tensor([[[1.0]], [[-1.0]]]), steep.ones(1, 1)
>>> given = (x, None, None, w, w, None, None, None)
>>> out, last = steep._core.recurrent_layer(*given, "rnn_relu", (), False)
>>> out.flatten().tolist(), last.tolist()
([1.0, 0.0], [[0.0]])
)");
}

const Registration registered("recurrent", register_recurrent);

}  // namespace

}  // namespace steep::ops
