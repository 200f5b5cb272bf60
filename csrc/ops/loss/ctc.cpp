// The loss of sequences of labels without an alignment (CTC).
#include "kernels/loss/ctc.h"

#include "ops/loss/loss.h"
#include "ops/reduce/reduce.h"
#include "ops/registry.h"

namespace steep::ops {

namespace {

constexpr const char* kOp = "ctc_loss";

// ---- what is looked at before the kernel trusts it: a launch, which a replay repeats ----

// Operands: targets, input_lengths[batch], target_lengths[batch].
void look_at_labels(const kernels::Task& task) {
  const kernels::Ctc& how = kernels::arguments<kernels::Ctc>(task);
  const int64_t* targets = static_cast<const int64_t*>(task.data[0]);
  const int64_t* lengths[] = {static_cast<const int64_t*>(task.data[1]),
                              static_cast<const int64_t*>(task.data[2])};
  const int64_t most[] = {how.steps, how.width < 0 ? how.labels : how.width};
  constexpr const char* kNames[] = {"input_lengths", "target_lengths"};
  int64_t all = 0;
  for (int64_t i = 0; i < 2 * how.batch; ++i) {
    const int64_t which = i / how.batch, length = lengths[which][i % how.batch];
    if (length < 0 || length > most[which])
      throw Error(ErrorKind::runtime,
                  join(kOp, ": Expected ", kNames[which], " to have value at ",
                       length < 0 ? "least 0" : join("most ", most[which]), ", but got value ",
                       length, " at position ", i % how.batch));
    if (which == 1) all += length;
  }
  if (how.width < 0 && all != how.labels)
    throw Error(ErrorKind::runtime,
                join(kOp, ": expected ", all, " labels in the targets of all samples, the sum of ",
                     "target_lengths, got ", how.labels));
  int64_t at = 0;
  for (int64_t n = 0; n < how.batch; ++n) {
    if (how.width >= 0) at = n * how.width;
    for (const int64_t end = at + lengths[1][n]; at < end; ++at) {
      if (targets[at] >= 0 && targets[at] < how.classes) continue;
      throw Error(ErrorKind::index,
                  join(kOp, ": Target ", targets[at], " is out of bounds: expected classes in [0, ",
                       how.classes, "), got ", targets[at], " in sample ", n));
    }
  }
}
constexpr Kernel kLook =
    program::checking("check_labels", "r", program::routines_for<int64_t>(look_at_labels));

// ---- arguments ----

struct CtcArguments {
  Tensor y, targets, input_lengths, target_lengths;
  kernels::Ctc how;
};

Tensor whole(const char* what, const Tensor& x, int64_t batch) {
  if (is_floating(x.dtype()) || x.dtype() == DType::boolean)
    fail(ErrorKind::runtime, kOp, join(what, " to be integral"), name(x.dtype()),
         "convert with .to(steep.int64)");
  if (batch >= 0 && x.numel() != batch)
    fail(ErrorKind::runtime, kOp, join(what, " to be of size batch_size = ", batch),
         to_string(x.shape()));
  const tape::GradMode off(false);
  return contiguous(to(x, DType::int64));
}

CtcArguments checked(const Tensor& log_probs, const Tensor& targets, const Tensor& input_lengths,
                     const Tensor& target_lengths, int64_t blank, bool zero_infinity) {
  if (!is_floating(log_probs.dtype()))
    fail(ErrorKind::not_implemented, kOp, "floating-point log_probs", name(log_probs.dtype()),
         "convert with .float() first");
  if (log_probs.dim() != 3 && log_probs.dim() != 2)
    fail(ErrorKind::runtime, kOp, "log_probs of shape (T, N, C) or (T, C)",
         to_string(log_probs.shape()));
  if (log_probs.numel() == 0)
    fail(ErrorKind::runtime, kOp, "log_probs that are not empty", to_string(log_probs.shape()));
  const bool batched = log_probs.dim() == 3;
  kernels::Ctc how{};
  how.steps = log_probs.size(0), how.batch = batched ? log_probs.size(1) : 1;
  how.classes = log_probs.size(log_probs.dim() - 1);
  how.blank = blank, how.zero_infinity = zero_infinity;
  how.width = targets.dim() == 2 ? targets.size(1) : -1, how.labels = targets.numel();
  if (blank < 0 || blank >= how.classes)
    throw Error(ErrorKind::runtime,
                join(kOp, ": blank must be in label range, expected one of [0, ", how.classes,
                     "), got ", blank));
  if (targets.dim() != 1 && (targets.dim() != 2 || targets.size(0) != how.batch))
    fail(ErrorKind::runtime, kOp,
         join("targets of shape (", how.batch, ", S), or (sum of target_lengths)"),
         to_string(targets.shape()));
  return {contiguous(log_probs), whole("targets", targets, -1),
          whole("input_lengths", input_lengths, how.batch),
          whole("target_lengths", target_lengths, how.batch), how};
}

// ---- the operation ----

// The losses of the samples.
Tensor losses_of(const CtcArguments& of) {
  const kernels::Ctc& how = of.how;
  const DType dtype = of.y.dtype();
  const bool keeps = wanted(of.y);
  const Tensor loss = empty({how.batch}, dtype);
  const Tensor alpha = keeps ? empty({kernels::ctc_room(how)}, dtype) : Tensor();
  program::launch(kLook, DType::int64, {of.targets, of.input_lengths, of.target_lengths}, how);
  program::launch(kernels::kCtc, dtype,
                  {loss, alpha, of.y, of.targets, of.input_lengths, of.target_lengths}, how);
  if (!keeps) return loss;
  record("ctc_loss", loss, {of.y},
         [y = Saved(of.y), targets = Saved(of.targets), inputs = Saved(of.input_lengths),
          labels = Saved(of.target_lengths), alpha = Saved(alpha), loss = Saved::output(loss),
          how](const Tensor& grad, Grads& grads) {
           if (tape::grad_enabled())
             throw Error(ErrorKind::runtime,
                         "ctc_loss: the derivative of its gradient is not implemented; take the "
                         "gradient without create_graph=True");
           const Tensor log_probs = y.get();
           const Tensor made = empty(log_probs.shape(), log_probs.dtype());
           program::launch(kernels::kCtcBackward, made.dtype(),
                           {made, contiguous(grad), loss.get(), alpha.get(), log_probs,
                            targets.get(), inputs.get(), labels.get()},
                           how);
           grads[0] = made;
         });
  return loss;
}

Tensor ctc_loss(const Tensor& log_probs, const Tensor& targets, const Tensor& input_lengths,
                const Tensor& target_lengths, int64_t blank, const std::string& reduction,
                bool zero_infinity) {
  const Reduce how = read_reduction(kOp, reduction, std::nullopt, std::nullopt);
  const CtcArguments of =
      checked(log_probs, targets, input_lengths, target_lengths, blank, zero_infinity);
  Tensor losses = losses_of(of);
  if (zero_infinity) {
    const double infinity = std::numeric_limits<double>::infinity();
    losses = where(eq({losses, {}}, {{}, infinity}), TensorOrNumber{{}, 0.0},
                   TensorOrNumber{losses, {}});
  }
  if (how == Reduce::mean) {
    const Tensor lengths = to(of.target_lengths, losses.dtype());
    losses = div(losses, at_least(lengths, 1));
  }
  if (log_probs.dim() == 2) losses = reshape(losses, {});
  return reduced(losses, how);
}

// Lengths given as numbers.
Tensor numbers(const Dims& lengths) {
  const Tensor out = empty({lengths.size()}, DType::int64);
  std::copy(lengths.begin(), lengths.end(), out.data<int64_t>());
  return out;
}

Tensor ctc_loss_of_numbers(const Tensor& log_probs, const Tensor& targets,
                           const Dims& input_lengths, const Dims& target_lengths, int64_t blank,
                           const std::string& reduction, bool zero_infinity) {
  return ctc_loss(log_probs, targets, numbers(input_lengths), numbers(target_lengths), blank,
                  reduction, zero_infinity);
}

void register_ctc(Registry& registry) {
  static constexpr const char* kDoc =
      R"(Connectionist temporal classification: how unlikely labels are whose places are not known.

Minus the logarithm of the probability of the targets, summed over all ways to spread them over the
steps with blanks between (Graves et al., 2006). Shapes: log_probs (T, N, C), logarithms of
probabilities as log_softmax gives them, or (T, C); targets (N, S), padded, or one after the other
(sum of target_lengths), of classes in [0, C) other than blank; lengths (N), tensors or tuples. The
mean is of the losses divided by the target's length; reduction 'sum' or 'none' (N). zero_infinity
takes samples without such a way, whose loss is infinite, for 0. As in PyTorch, the gradient is that
of what log_softmax was given, and cannot be differentiated. Raises RuntimeError for shapes and
lengths that do not fit, IndexError for labels outside [0, C), ValueError for another reduction.

>>> logs = steep.full((2, 1, 2), 0.5).log()
>>> F = steep.nn.functional
>>> F.ctc_loss(logs, steep.tensor([[1]]), (2,), (1,)).exp().item()  # 3 of 4 ways
1.3333333730697632
)";
  registry.add<&ctc_loss>(
      "ctc_loss", kFunctional,
      "(log_probs: Tensor, targets: Tensor, input_lengths: Tensor, target_lengths: Tensor, blank: "
      "int = 0, reduction: str = 'mean', zero_infinity: bool = False) -> Tensor",
      kDoc);
  registry.add<&ctc_loss_of_numbers>(
      "ctc_loss", kFunctional,
      "(log_probs: Tensor, targets: Tensor, input_lengths: Dims, target_lengths: Dims, blank: int "
      "= 0, reduction: str = 'mean', zero_infinity: bool = False) -> Tensor",
      kDoc);
  registry.add_module("ctc_loss", "loss.CTCLoss");
}

const Registration registered("loss", register_ctc);

}  // namespace

}  // namespace steep::ops
