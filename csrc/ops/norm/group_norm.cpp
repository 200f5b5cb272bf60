// Group and instance normalisation: statistics of channels of one sample.
#include "ops/elementwise/activation.h"
#include "ops/norm/planes.h"
#include "ops/reduce/reduce.h"
#include "ops/registry.h"
#include "ops/shape/strided_view.h"

namespace steep::ops {

namespace {

int64_t length_of(const Tensor& x) {
  int64_t length = 1;
  for (int d = 2; d < x.dim(); ++d) length *= x.size(d);
  return length;
}

// ---- groups ----

void check_vector(const char* what, const Tensor& x, const Tensor& values) {
  if (values.defined() && values.shape() != Dims{x.size(1)}) {
    throw Error(ErrorKind::runtime,
                join("group_norm: Expected ", what,
                     " to be a vector of size equal to the number of channels in input, but got ",
                     what, " of shape ", to_string(values.shape()), " and input of shape ",
                     to_string(x.shape())));
  }
  check_channels("group_norm", what, x, values, x.size(1));
}

void check_group_norm(const Tensor& x, int64_t groups, const Tensor& weight, const Tensor& bias) {
  if (x.dim() < 2) {
    throw Error(
        ErrorKind::runtime,
        join("group_norm: Expected at least 2 dimensions for input tensor but received ", x.dim()));
  }
  if (groups < 1) {
    throw Error(ErrorKind::runtime,
                join("group_norm: Expected num groups to be greater than 0, got ", groups));
  }
  if (x.size(1) % groups != 0) {
    throw Error(ErrorKind::runtime,
                join("group_norm: Expected number of channels in input to be divisible by "
                     "num_groups, but got input of shape ",
                     to_string(x.shape()), " and num_groups=", groups));
  }
  if (x.numel() > 0 && x.numel() == groups) {
    throw Error(ErrorKind::value,
                join("group_norm: Expected more than 1 value per channel when training, got input "
                     "size ",
                     to_string(x.shape()), " and num_groups=", groups));
  }
  need_floating("group_norm", x);
  check_vector("weight", x, weight);
  check_vector("bias", x, bias);
}

// Where channels have one element each, a group is a row of as many numbers, and what a plane costs
// would be paid for each: normalised as a row, and then scaled and shifted.
Tensor group_norm_of_features(const Tensor& x, int64_t groups, const Tensor& weight,
                              const Tensor& bias, double eps) {
  const int64_t channels = x.size(1), each = channels / groups;
  Dims over(x.dim(), 1);
  over[1] = channels;
  Tensor y = layer_norm(reshape(x, {x.size(0) * groups, each}), {each}, {}, {}, eps);
  y = reshape(y, x.shape());
  if (weight.defined()) y = mul(y, reshape(weight, over));
  return bias.defined() ? add(y, reshape(bias, over)) : y;
}

Tensor group_norm(const Tensor& input, int64_t num_groups, const Tensor& weight, const Tensor& bias,
                  double eps) {
  check_group_norm(input, num_groups, weight, bias);
  const int64_t channels = input.size(1);
  if (length_of(input) == 1 && channels > num_groups)
    return group_norm_of_features(input, num_groups, weight, bias, eps);
  return plane_norm(
      "group_norm", input, weight, bias,
      {1, input.size(0) * num_groups, channels / num_groups, length_of(input), channels, eps}, {});
}

// ---- instances ----

void check_instance_norm(const Tensor& x, const Tensor& running_mean, const Tensor& running_var,
                         const Tensor& weight, const Tensor& bias, bool use_input_stats) {
  if (x.dim() < 2) {
    fail(ErrorKind::runtime, "instance_norm", "an input of shape [N, C, *]",
         join("one of shape ", to_string(x.shape())), "a single sample is x.unsqueeze(0)");
  }
  if (use_input_stats && length_of(x) == 1) {
    throw Error(ErrorKind::value,
                join("instance_norm: Expected more than 1 spatial element when training, got input "
                     "size ",
                     to_string(x.shape())));
  }
  if (running_mean.defined() != running_var.defined() ||
      (!use_input_stats && !running_mean.defined())) {
    throw Error(ErrorKind::runtime,
                "instance_norm: Expected running_mean and running_var to be defined when "
                "use_input_stats is false");
  }
  need_floating("instance_norm", x);
  const int64_t channels = x.size(1);
  check_channels("instance_norm", "running_mean", x, running_mean, channels);
  check_channels("instance_norm", "running_var", x, running_var, channels);
  check_channels("instance_norm", "weight", x, weight, channels);
  check_channels("instance_norm", "bias", x, bias, channels);
}

// Running statistics as those of each instance, and back: the mean over the batch.
Tensor repeated(const Tensor& running, int64_t times) {
  const int64_t channels = running.numel();
  return reshape(clone(expand(reshape(running, {1, channels}), {times, channels})),
                 {times * channels});
}
void take_mean(const Tensor& running, const Tensor& each, int64_t times) {
  const int64_t channels = running.numel();
  const Tensor over = mean(reshape(each, {times, channels}), Dims{0}, false, std::nullopt);
  assign("instance_norm", running, reshape(over, running.shape()));
}

Tensor instance_norm(const Tensor& input, const Tensor& running_mean, const Tensor& running_var,
                     const Tensor& weight, const Tensor& bias, bool use_input_stats,
                     double momentum, double eps) {
  check_instance_norm(input, running_mean, running_var, weight, bias, use_input_stats);
  const int64_t batch = input.size(0), channels = input.size(1), length = length_of(input);
  if (!use_input_stats) {
    return plane_norm_fixed("instance_norm", input, running_mean, running_var, weight, bias,
                            {batch, channels, 1, length, channels, eps});
  }
  const PlaneSets how{1, batch * channels, 1, length, channels, eps};
  if (!running_mean.defined() || input.numel() == 0)
    return plane_norm("instance_norm", input, weight, bias, how, {});
  RunningStatistics each;
  {
    const tape::GradMode off(false);
    tape::check_writable("instance_norm", running_mean);
    tape::check_writable("instance_norm", running_var);
    each = {repeated(running_mean, batch), repeated(running_var, batch), {}, momentum};
  }
  const Tensor out = plane_norm("instance_norm", input, weight, bias, how, each);
  const tape::GradMode off(false);
  take_mean(running_mean, each.mean, batch);
  take_mean(running_var, each.var, batch);
  return out;
}

void register_group_norm(Registry& registry) {
  registry.add<&group_norm>(
      "group_norm", kFunction | kFunctional,
      "(input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, "
      "eps: float = 1e-05) -> Tensor",
      R"(Group normalisation (Wu and He): (x - mean) / sqrt(var + eps) * weight + bias.

mean and var, the biased variance, are those of each sample's groups of C / num_groups neighbouring
channels ("Group Normalization", 2018). Shape: input (N, C, *), kept; weight and bias (C).

Raises RuntimeError where num_groups does not divide C, and for a weight or bias of another shape or
dtype; ValueError for a single value in all; NotImplementedError for integers.

>>> x = steep.tensor([[1.0, 3.0, 0.0, 400.0]])
>>> steep.nn.functional.group_norm(x, 2, eps=0.0)
tensor([[-1.,  1., -1.,  1.]])
)");
  registry.add<&instance_norm>(
      "instance_norm", kFunctional,
      "(input: Tensor, running_mean: Tensor | None = None, running_var: Tensor | None = None, "
      "weight: Tensor | None = None, bias: Tensor | None = None, use_input_stats: bool = True, "
      "momentum: float = 0.1, eps: float = 1e-05) -> Tensor",
      R"(Instance normalisation (Ulyanov et al.): (x - mean) / sqrt(var + eps) * weight + bias.

mean and var, the biased variance, are those of each channel of each sample, or the running ones
without use_input_stats; with it running statistics, if given, become running + momentum * (new -
running), where new is the mean over the batch, of the unbiased variance ("Instance Normalization",
2016). Shape: input (N, C, *), kept; the others hold C numbers.

Raises ValueError for a single element per channel, RuntimeError for running statistics that are
needed and missing, other numbers of channels and other dtypes; NotImplementedError for integers.

>>> x = steep.tensor([[[1.0, 3.0], [0.0, 400.0]]])
>>> steep.nn.functional.instance_norm(x, eps=0.0)
tensor([[[-1.,  1.],
         [-1.,  1.]]])
)");
}

const Registration registered("normalisation", register_group_norm);

}  // namespace

}  // namespace steep::ops
