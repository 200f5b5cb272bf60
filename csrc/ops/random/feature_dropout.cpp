// Dropout of whole channels.
#include "ops/host.h"
#include "ops/random/alpha.h"
#include "ops/random/random.h"
#include "ops/registry.h"

namespace steep::ops {

namespace {

// One number for each channel, to be broadcast over x: [N, C, 1, ...], or where x is one sample
// [C, 1, ...].
Tensor channel_noise(const Tensor& x, bool batched, double keep, double value) {
  Dims shape(x.dim(), 1);
  for (int d = 0; d < (batched ? 2 : 1); ++d) shape[d] = x.size(d);
  return noise(shape, x.dtype(), keep, value);
}

void check_channels_of(const char* op, const Tensor& x, bool batched) {
  if (x.dim() < (batched ? 2 : 1)) {
    fail(ErrorKind::runtime, op, "an input of at least 2 dimensions",
         join("one of shape ", to_string(x.shape())), "dropout() takes any shape");
  }
  if (!is_floating(x.dtype())) {
    fail(ErrorKind::runtime, op, "a floating-point input",
         join(name(x.dtype()), ", whose scaled values can't be cast to it"),
         "convert with .float() first");
  }
}

Tensor drop_channels(const char* op, const Tensor& x, bool batched, double p, bool training,
                     bool inplace) {
  if (!training || p == 0 || x.numel() == 0) return x;
  check_channels_of(op, x, batched);
  const Tensor out =
      p == 1 ? mul(x, Number(0.0)) : mul(x, channel_noise(x, batched, 1 - p, 1 / (1 - p)));
  return inplace ? assign(op, x, out) : out;
}

Tensor dropout1d(const Tensor& x, double p, bool training, bool inplace) {
  check_probability("dropout1d", p);
  if (x.dim() != 2 && x.dim() != 3) {
    throw Error(ErrorKind::runtime,
                join("dropout1d: Expected 2D or 3D input, but received a ", x.dim(),
                     "D input. Note that dropout1d exists to provide channel-wise dropout on "
                     "inputs with 1 spatial dimension, a channel dimension, and an optional batch "
                     "dimension (i.e. 2D or 3D inputs)."));
  }
  return drop_channels("dropout1d", x, x.dim() == 3, p, training, inplace);
}

void warn_of_dimensions(const char* op, int got, const char* spatial, const char* right) {
  host.warn(join(op, ": Received a ", got, "-D input to ", op,
                 ", which is deprecated and will result in an error in a future release. To retain "
                 "the behavior and silence this warning, please use dropout instead. Note that ",
                 op, " exists to provide channel-wise dropout on inputs with ", spatial,
                 " spatial dimensions, a channel dimension, and an optional batch dimension (i.e. ",
                 right, " inputs)."));
}

Tensor dropout2d(const Tensor& x, double p, bool training, bool inplace) {
  check_probability("dropout2d", p);
  if (x.dim() == 3) {
    host.warn(
        "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout "
        "behavior is desired - input is interpreted as shape (N, C, L), where C is the channel "
        "dim. "
        "This behavior will change in a future release to interpret the input as one without a "
        "batch dimension, i.e. shape (C, H, W). To maintain the 1D channel-wise dropout behavior, "
        "please switch to using dropout1d instead.");
  } else if (x.dim() != 4) {
    warn_of_dimensions("dropout2d", x.dim(), "2", "3D or 4D");
  }
  return drop_channels("dropout2d", x, true, p, training, inplace);
}

Tensor dropout3d(const Tensor& x, double p, bool training, bool inplace) {
  check_probability("dropout3d", p);
  if (x.dim() != 4 && x.dim() != 5) warn_of_dimensions("dropout3d", x.dim(), "3", "4D or 5D");
  return drop_channels("dropout3d", x, x.dim() == 5, p, training, inplace);
}

Tensor feature_alpha_dropout(const Tensor& x, double p, bool training, bool inplace) {
  constexpr const char* kName = "feature_alpha_dropout";
  check_probability(kName, p);
  if (!training || p == 0 || x.numel() == 0) return x;
  check_channels_of(kName, x, true);
  Tensor out;
  if (p == 1) {
    out = mul(x, Number(0.0));
  } else {
    const AlphaScale by(p);
    const Tensor kept = channel_noise(x, true, 1 - p, by.scale);
    // The shift, and what stands for a channel that is dropped.
    const Tensor beside =
        add(mul(kept, Number(-by.dropped / by.scale)), Number(by.shift + by.dropped));
    out = add(mul(x, kept), beside);
  }
  return inplace ? assign(kName, x, out) : out;
}

constexpr const char* kSignature =
    "(input: Tensor, p: float = 0.5, training: bool | int = True, inplace: bool | int = False) -> "
    "Tensor";

void register_feature_dropout(Registry& registry) {
  registry.add<&dropout1d>(
      "dropout1d", kFunctional, kSignature,
      R"(Zeroes each channel with probability p and scales the rest by 1 / (1 - p).

Input itself unless training. Tompson et al., 2015. Shape: (N, C, L) or (C, L), kept. The mask is
drawn by Philox from the default generator's counter. Raises ValueError for p outside [0, 1],
RuntimeError for other dimensions and for integers.

>>> steep.nn.functional.dropout1d(steep.ones(2, 2), 0.5, training=False)
tensor([[1., 1.],
        [1., 1.]])
)");
  registry.add<&dropout2d>(
      "dropout2d", kFunctional, kSignature,
      R"(Zeroes each channel with probability p and scales the rest by 1 / (1 - p).

Input itself unless training. Tompson et al., 2015. Shape: (N, C, H, W), kept; as in PyTorch, 3
dimensions are taken as (N, C, L), with a warning. The mask is drawn by Philox from the default
generator's counter. Raises ValueError for p outside [0, 1], RuntimeError for fewer than 2
dimensions and for integers.

>>> steep.nn.functional.dropout2d(steep.ones(1, 1, 1, 2), 0.5, training=False)
tensor([[[[1., 1.]]]])
)");
  registry.add<&dropout3d>(
      "dropout3d", kFunctional, kSignature,
      R"(Zeroes each channel with probability p and scales the rest by 1 / (1 - p).

Input itself unless training. Tompson et al., 2015. Shape: (N, C, D, H, W) or (C, D, H, W), kept.
The mask is drawn by Philox from the default generator's counter. Raises ValueError for p outside
[0, 1], RuntimeError for integers.

>>> steep.nn.functional.dropout3d(steep.ones(1, 1, 1, 2), 0.5, training=False)
tensor([[[[1., 1.]]]])
)");
  registry.add<&feature_alpha_dropout>(
      "feature_alpha_dropout", kFunctional,
      "(input: Tensor, p: float = 0.5, training: bool | int = False, inplace: bool | int = False) "
      "-> Tensor",
      R"(alpha_dropout of whole channels: a channel is dropped, or kept, as one.

Input itself unless training. Shape: (N, C, *), kept. The mask is drawn by Philox from the default
generator's counter. Raises ValueError for p outside [0, 1], RuntimeError for fewer than 2
dimensions and for integers.

>>> steep.nn.functional.feature_alpha_dropout(steep.ones(1, 2), 0.5)
tensor([[1., 1.]])
)");
}

const Registration registered("random", register_feature_dropout);

}  // namespace

}  // namespace steep::ops
