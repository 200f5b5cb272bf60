// Batch normalisation: statistics of a channel over the batch in training, running ones in
// evaluation.
#include "ops/elementwise/activation.h"
#include "ops/norm/planes.h"
#include "ops/registry.h"

namespace steep::ops {

namespace {

PlaneSets channels_of(const Tensor& x, double eps) {
  PlaneSets how{x.size(0), x.size(1), 1, 1, x.size(1), eps};
  for (int d = 2; d < x.dim(); ++d) how.length *= x.size(d);
  return how;
}

void check_batch_norm(const Tensor& x, const Tensor& running_mean, const Tensor& running_var,
                      const Tensor& weight, const Tensor& bias, bool training) {
  if (x.dim() < 2) {
    fail(ErrorKind::runtime, "batch_norm", "an input of shape [N, C, *]",
         join("one of shape ", to_string(x.shape())), "a single sample is x.unsqueeze(0)");
  }
  const int64_t channels = x.size(1);
  if (training && channels > 0 && x.numel() == channels) {
    throw Error(ErrorKind::value,
                join("batch_norm: Expected more than 1 value per channel when training, got input "
                     "size ",
                     to_string(x.shape()),
                     "; use larger batches, or eval(); a last batch of one sample is left out by "
                     "DataLoader(..., drop_last=True)"));
  }
  if (!training && (!running_mean.defined() || !running_var.defined())) {
    throw Error(ErrorKind::runtime,
                join("batch_norm: ", running_mean.defined() ? "running_var" : "running_mean",
                     " must be defined in evaluation mode"));
  }
  if (running_mean.defined() != running_var.defined()) {
    throw Error(ErrorKind::value,
                "batch_norm: running_mean and running_var must either both be None or neither be "
                "None");
  }
  need_floating("batch_norm", x);
  check_channels("batch_norm", "running_mean", x, running_mean, channels);
  check_channels("batch_norm", "running_var", x, running_var, channels);
  check_channels("batch_norm", "weight", x, weight, channels);
  check_channels("batch_norm", "bias", x, bias, channels);
}

Tensor batch_norm(const Tensor& input, const Tensor& running_mean, const Tensor& running_var,
                  const Tensor& weight, const Tensor& bias, bool training, double momentum,
                  double eps) {
  if (input.dim() == 1 && input.numel() == 0) {  // nothing to normalise: PyTorch gives it back
    need_floating("batch_norm", input);
    return clone(input);
  }
  check_batch_norm(input, running_mean, running_var, weight, bias, training);
  const PlaneSets how = channels_of(input, eps);
  if (!training)
    return plane_norm_fixed("batch_norm", input, running_mean, running_var, weight, bias, how);
  return plane_norm("batch_norm", input, weight, bias, how,
                    {running_mean, running_var, {}, momentum});
}

Tensor batch_norm_counted(const Tensor& input, const Tensor& running_mean,
                          const Tensor& running_var, const Tensor& count, const Tensor& weight,
                          const Tensor& bias, std::optional<double> momentum, double eps) {
  check_batch_norm(input, running_mean, running_var, weight, bias, true);
  if (count.dtype() != DType::int64 || count.numel() != 1) {
    fail(ErrorKind::runtime, "batch_norm", "num_batches_tracked as one int64 number",
         join(name(count.dtype()), " of shape ", to_string(count.shape())));
  }
  return plane_norm("batch_norm", input, weight, bias, channels_of(input, eps),
                    {running_mean, running_var, count, momentum});
}

void register_batch_norm(Registry& registry) {
  registry.add<&batch_norm>(
      "batch_norm", kFunctional,
      "(input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | "
      "None = None, bias: Tensor | None = None, training: bool = False, momentum: float = 0.1, "
      "eps: float = 1e-05) -> Tensor",
      R"(Batch normalisation (Ioffe and Szegedy): (x - mean) / sqrt(var + eps) * weight + bias.

In training, mean and var, the biased variance, are those of each channel over the batch; running
statistics, if given, become running + momentum * (new - running), of the unbiased variance, in
place. In evaluation mean and var are the running ones. (Batch Normalization, 2015.) Shape: input
(N, C, *), kept; the others hold C numbers.

Raises ValueError for a single value per channel in training, and for one running statistic without
the other; RuntimeError for no running statistics in evaluation, other numbers of channels and other
dtypes; NotImplementedError for integers.

>>> x = steep.tensor([[1.0, 0.0], [3.0, 4.0]])
>>> steep.nn.functional.batch_norm(x, None, None, training=True, eps=0.0)
tensor([[-1., -1.],
        [ 1.,  1.]])
)");
  registry.add<&batch_norm_counted>(
      "batch_norm_counted", kInternal,
      "(input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, count: Tensor, "
      "weight: Tensor | None, bias: Tensor | None, momentum: float | None, eps: float) -> Tensor",
      R"(batch_norm in training that also adds 1 to count, of which the momentum is 1 / count if None.

Shapes as of batch_norm; count is one int64 number.

>>> count = steep.tensor(0)
>>> x = steep.tensor([[1.0], [3.0]])
>>> out = steep._core.batch_norm_counted(x, None, None, count, None, None, None, 0.0)
>>> count
tensor(1)
)");
}

const Registration registered("normalisation", register_batch_norm);

}  // namespace

}  // namespace steep::ops
