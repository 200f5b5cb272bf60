// Channels turned into places of an image, and back; channels in another order.
#include "ops/elementwise/elementwise.h"
#include "ops/registry.h"
#include "ops/shape/view.h"
#include "tensor/sizes.h"

namespace steep::ops {

namespace {

void check_image(const char* op, const char* what, const Tensor& x, int64_t factor) {
  if (x.dim() < 3)
    throw Error(ErrorKind::runtime, join(op,
                                         ": expects input to have at least 3 dimensions, but got "
                                         "input with ",
                                         x.dim(), " dimension(s)"));
  if (factor < 1)
    throw Error(ErrorKind::runtime, join(op, ": expects a positive ", what, ", but got ", factor));
}

// The dimensions in front of the image's three.
Dims front(const Tensor& x) {
  Dims shape;
  for (int d = 0; d < x.dim() - 3; ++d) shape.push_back(x.size(d));
  return shape;
}

Dims with(Dims front, std::initializer_list<int64_t> more) {
  for (int64_t value : more) front.push_back(value);
  return front;
}

// x [front..., a, b, c, d, e] as [front..., order...] of these, as a tensor of its own.
Tensor reordered(const Tensor& x, const Dims& split, const Dims& order, const Dims& shape) {
  const int lead = split.size() - order.size();
  Dims dims;
  for (int d = 0; d < lead; ++d) dims.push_back(d);
  for (int64_t d : order) dims.push_back(lead + d);
  const Tensor out = reshape(permute(reshape(x, split), dims), shape);
  return out->storage == x->storage ? clone(out) : out;
}

Tensor pixel_shuffle(const Tensor& x, int64_t factor) {
  constexpr const char* op = "pixel_shuffle";
  check_image(op, "upscale_factor", x, factor);
  const int64_t channels = x.size(x.dim() - 3), square = checked_multiply(factor, factor);
  const int64_t height = x.size(x.dim() - 2), width = x.size(x.dim() - 1);
  if (channels % square != 0)
    throw Error(ErrorKind::runtime,
                join(op,
                     ": expects its input's 'channel' dimension to be divisible by the square of "
                     "upscale_factor, but input.size(-3)=",
                     channels, " is not divisible by ", square));
  const Dims lead = front(x);
  return reordered(
      x, with(lead, {channels / square, factor, factor, height, width}), {0, 3, 1, 4, 2},
      with(lead,
           {channels / square, checked_multiply(height, factor), checked_multiply(width, factor)}));
}

Tensor pixel_unshuffle(const Tensor& x, int64_t factor) {
  constexpr const char* op = "pixel_unshuffle";
  check_image(op, "downscale_factor", x, factor);
  const int64_t channels = x.size(x.dim() - 3);
  const int64_t height = x.size(x.dim() - 2), width = x.size(x.dim() - 1);
  for (const bool high : {true, false}) {
    const int64_t size = high ? height : width;
    if (size % factor == 0) continue;
    throw Error(ErrorKind::runtime,
                join(op, ": expects ", high ? "height" : "width",
                     " to be divisible by downscale_factor, but input.size(", high ? -2 : -1,
                     ")=", size, " is not divisible by ", factor));
  }
  const int64_t grown = checked_multiply(channels, checked_multiply(factor, factor));
  const Dims lead = front(x);
  return reordered(x, with(lead, {channels, height / factor, factor, width / factor, factor}),
                   {0, 2, 4, 1, 3}, with(lead, {grown, height / factor, width / factor}));
}

Tensor channel_shuffle(const Tensor& x, int64_t groups) {
  constexpr const char* op = "channel_shuffle";
  if (x.dim() < 3)
    throw Error(
        ErrorKind::runtime,
        join(op, ": expects input with > 2 dims, but got input with sizes ", to_string(x.shape())));
  if (groups < 1)
    throw Error(
        ErrorKind::runtime,
        join(op, ": Number of groups to divide channels in must be positive. Value of groups: ",
             groups));
  const int64_t channels = x.size(1);
  if (channels % groups != 0)
    throw Error(ErrorKind::runtime,
                join(op, ": Number of channels must be divisible by groups. Got ", channels,
                     " channels and ", groups, " groups."));
  Dims split{x.size(0), groups, channels / groups};
  Dims order{0, 2, 1};
  for (int d = 2; d < x.dim(); ++d) {
    split.push_back(x.size(d));
    order.push_back(d + 1);
  }
  return reordered(x, split, order, x.shape());
}

void register_shuffle(Registry& registry) {
  registry.add<&pixel_shuffle>("pixel_shuffle", kFunction | kFunctional,
                               "(input: Tensor, upscale_factor: int) -> Tensor",
                               R"(Channels laid out as places: images r times as high and wide.

out[..., c, h * r + i, w * r + j] = input[..., c * r^2 + i * r + j, h, w], with r = upscale_factor (Shi
et al., 2016, "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel
Convolutional Neural Network"). Shapes: input (*, C * r^2, H, W), out (*, C, H * r, W * r). Raises
RuntimeError for fewer than three dimensions and for channels that r^2 does not divide.

>>> steep.nn.functional.pixel_shuffle(steep.arange(4).reshape(4, 1, 1), 2)
tensor([[[0, 1],
         [2, 3]]])
)");
  registry.add_module("pixel_shuffle", "pixelshuffle.PixelShuffle",
                      R"(Lay channels out as places; see `functional.pixel_shuffle`.

Args:
    upscale_factor: how many times as high and as wide images become.

Example:
    >>> import steep
    >>> tuple(steep.nn.PixelShuffle(3)(steep.zeros(1, 9, 4, 4)).shape)
    (1, 1, 12, 12)
)");
  registry.add<&pixel_unshuffle>("pixel_unshuffle", kFunction | kFunctional,
                                 "(input: Tensor, downscale_factor: int) -> Tensor",
                                 R"(Places laid out as channels: the inverse of pixel_shuffle.

Shapes: input (*, C, H * r, W * r), out (*, C * r^2, H, W), with r = downscale_factor. Raises
RuntimeError for fewer than three dimensions and for sizes that r does not divide.

>>> steep.nn.functional.pixel_unshuffle(steep.tensor([[[0, 1], [2, 3]]]), 2).flatten()
tensor([0, 1, 2, 3])
)");
  registry.add_module("pixel_unshuffle", "pixelshuffle.PixelUnshuffle",
                      R"(Lay places out as channels; see `functional.pixel_unshuffle`.

Args:
    downscale_factor: how many times as low and as narrow images become.

Example:
    >>> import steep
    >>> tuple(steep.nn.PixelUnshuffle(3)(steep.zeros(1, 1, 12, 12)).shape)
    (1, 9, 4, 4)
)");
  registry.add<&channel_shuffle>("channel_shuffle", kFunction | kFunctional,
                                 "(input: Tensor, groups: int) -> Tensor",
                                 R"(The channels of several groups, taken from each in turn.

out[:, k * groups + g] = input[:, g * (C / groups) + k] (Zhang et al., 2018, "ShuffleNet: An Extremely
Efficient Convolutional Neural Network for Mobile Devices"). Shape: input (N, C, *), kept. Raises
RuntimeError for fewer than three dimensions and for groups that do not divide C.

>>> steep.nn.functional.channel_shuffle(steep.arange(4).reshape(1, 4, 1), 2).flatten()
tensor([0, 2, 1, 3])
)");
  registry.add_module(
      "channel_shuffle", "channelshuffle.ChannelShuffle",
      R"(Take the channels of several groups in turn; see `functional.channel_shuffle`.

Args:
    groups: how many groups there are.

Example:
    >>> import steep
    >>> x = steep.arange(4.0).reshape(1, 4, 1)
    >>> steep.nn.ChannelShuffle(2)(x).flatten().tolist()
    [0.0, 2.0, 1.0, 3.0]
)");
}

const Registration registered("resampling", register_shuffle);

}  // namespace

}  // namespace steep::ops
