// Local response normalisation: division by the squares of neighbouring channels.
#include "ops/ops.h"
#include "ops/pool/pool.h"
#include "ops/registry.h"

namespace steep::ops {

namespace {

// The mean of the squares of `size` neighbouring channels, zeros beyond the ends: size / 2 of them
// before each, the rest behind.
Tensor mean_of_neighbours(const Tensor& squares, int64_t size, int64_t divisor) {
  const int64_t channels = squares.size(1), before = size / 2;
  const Tensor planes = reshape(squares, {squares.size(0), 1, channels, -1});
  const Windows windows = windows_of("local_response_norm", 2, planes,
                                     {{size, 1}, Dims{1, 1}, {before, 0}, {1, 1}, false});
  const Tensor means = average_windows(planes, windows, true, divisor);
  return reshape(narrow(means, 2, 0, channels), squares.shape());
}

Tensor local_response_norm(const Tensor& x, int64_t size, double alpha, double beta, double k) {
  if (x.dim() < 3) {
    throw Error(ErrorKind::value,
                join("local_response_norm: Expected 3D or higher dimensionality input (got ",
                     x.dim(), " dimensions)"));
  }
  if (size < 1)
    fail(ErrorKind::runtime, "local_response_norm", "a size greater than zero", join(size));
  if (!is_floating(x.dtype()) && x.dtype() != DType::int64) {
    fail(ErrorKind::not_implemented, "local_response_norm", "a floating-point or int64 input",
         name(x.dtype()), "convert with .float() first");
  }
  if (x.numel() == 0) return x;
  // Beyond all channels there is nothing to add; the mean stays one of `size`. That of integers is
  // rounded towards 0, as their average pooling is.
  const int64_t widest = 2 * x.size(1) + 1;
  const Tensor means = mean_of_neighbours(square(x), std::min(size, widest), size);
  const Tensor base = add(mul(means, Number(alpha)), Number(k));
  return div(x, pow({base, {}}, {{}, Number(beta)}));
}

void register_local_response(Registry& registry) {
  registry.add<&local_response_norm>(
      "local_response_norm", kFunctional,
      "(input: Tensor, size: int, alpha: float = 0.0001, beta: float = 0.75, k: float = 1.0) -> "
      "Tensor",
      R"(Local response normalisation: x / (k + alpha * mean(squares of size channels)) ** beta.

The channels are a channel's neighbours: size // 2 before it, itself and the rest behind, zeros
beyond the ends. Krizhevsky, Sutskever and Hinton, 2012; as in PyTorch, alpha is divided by size.
Shape: input (N, C, *) with at least 3 dimensions, kept.

Raises ValueError for fewer dimensions, RuntimeError for a size below 1, NotImplementedError for
other integers than int64, whose means are rounded towards 0.

>>> x = steep.tensor([[[1.0], [2.0], [2.0]]])
>>> steep.nn.functional.local_response_norm(x, 3, alpha=3.0, beta=1.0, k=0.0).flatten()
tensor([0.2000, 0.2222, 0.2500])
)");
  registry.add_module("local_response_norm", "normalization.LocalResponseNorm",
                      R"(Divide by the squares of neighbouring channels, to a power.

``x / (k + alpha * mean(squares of size channels)) ** beta``: of a channel, the ``size // 2``
before it and the rest behind. (Krizhevsky, Sutskever and Hinton, 2012.)

Shape: ``(N, C, *)`` with at least 3 dimensions, kept.

Args:
    size: how many neighbouring channels there are, itself included.
    alpha: factor of the mean of their squares. Default: 1e-4.
    beta: the power. Default: 0.75.
    k: what is added. Default: 1.

Example:
    >>> import steep
    >>> steep.nn.LocalResponseNorm(2)(steep.zeros(1, 3, 2)).shape
    steep.Size([1, 3, 2])
)",
                      nullptr, "{size}, alpha={alpha}, beta={beta}, k={k}");
}

const Registration registered("normalisation", register_local_response);

}  // namespace

}  // namespace steep::ops
