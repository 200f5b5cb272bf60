"""Random numbers of further distributions, and tensors that are filled with them."""

from __future__ import annotations

from math import log, pi
from typing import Any

from steep._core import Generator, Tensor, empty, float64, from_numpy, no_grad, randint

__all__ = ["binomial", "cauchy_", "geometric_", "log_normal_", "poisson"]


def _draws(generator: Generator | None) -> Any:
    """NumPy's generator, seeded by one number of steep's."""
    import numpy as np

    seed = randint(0, 2**62, (1,), generator=generator).item()
    return np.random.Generator(np.random.Philox(seed))


def _uniform(like: Tensor, generator: Generator | None) -> Tensor:
    """From 0 to 1, in double precision, as PyTorch draws for these distributions."""
    return empty(like.shape, dtype=float64).uniform_(generator=generator)


def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Numbers of Poisson's distributions: how often what happens at this rate happens.

    Args:
        input: the rates, float32 or float64, at least 0; any shape.
        generator: where the numbers come from. Default: the default one.

    Returns:
        The input's shape and dtype.

    Raises:
        RuntimeError: For negative rates and nan, and for other dtypes.

    Example:
        >>> import steep
        >>> steep.poisson(steep.zeros(2))
        tensor([0., 0.])
    """
    if not input.is_floating_point() or not bool((input >= 0).all()):
        raise RuntimeError(
            f"poisson: expected rates of at least 0 in float32 or float64, got {input.dtype}"
            + ("" if not input.is_floating_point() else f" down to {input.min().item()}")
        )
    import numpy as np

    drawn = _draws(generator).poisson(input.detach().numpy())
    return from_numpy(np.asarray(drawn).astype(np.float64)).to(input.dtype)


def binomial(count: Tensor, prob: Tensor, generator: Generator | None = None) -> Tensor:
    """Numbers of binomial distributions: how many of `count` happen, each with `prob`.

    Args:
        count: how many, at least 0, of a floating dtype.
        prob: from 0 to 1, of the same dtype and a shape that broadcasts.
        generator: where the numbers come from. Default: the default one.

    Raises:
        RuntimeError: For numbers outside of these, and other dtypes.

    Example:
        >>> import steep
        >>> steep.binomial(steep.tensor([5.0, 3.0]), steep.tensor([1.0, 0.0]))
        tensor([5., 0.])
    """
    fits = count.is_floating_point() and count.dtype == prob.dtype
    if not fits or not bool(((prob >= 0) & (prob <= 1)).all() & (count >= 0).all()):
        raise RuntimeError(
            "binomial: expected counts of at least 0 and probabilities from 0 to 1, of one "
            f"floating dtype, got {count.dtype} and {prob.dtype}"
        )
    import numpy as np

    drawn = _draws(generator).binomial(
        count.detach().numpy().astype(np.int64), prob.detach().numpy()
    )
    return from_numpy(np.asarray(drawn).astype(np.float64)).to(count.dtype)


def cauchy_(
    self: Tensor, median: float = 0, sigma: float = 1, *, generator: Generator | None = None
) -> Tensor:
    """Fill with numbers of Cauchy's distribution: median + sigma tan(pi (u - 1/2)).

    Raises:
        RuntimeError: For a `sigma` that is not above 0.

    Example:
        >>> import steep
        >>> steep.empty(3).cauchy_().shape
        steep.Size([3])
    """
    if sigma <= 0:
        raise RuntimeError(f"cauchy_: expected sigma above 0, got {sigma}")
    with no_grad():
        drawn = _uniform(self, generator)
        return self.copy_((drawn - 0.5).mul_(pi).tan_().mul_(sigma).add_(median))


def geometric_(self: Tensor, p: float, *, generator: Generator | None = None) -> Tensor:
    """Fill with how many trials it takes until one succeeds: ceil(log(u) / log(1 - p)).

    Args:
        p: with which each does, between 0 and 1.
        generator: where the numbers come from. Default: the default one.

    Raises:
        RuntimeError: For another `p`.

    Example:
        >>> import steep
        >>> bool((steep.empty(9).geometric_(0.5) >= 1).all())
        True
    """
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_: expected p between 0 and 1, got {p}")
    with no_grad():
        drawn = _uniform(self, generator)
        return self.copy_(drawn.log_().div_(log(1 - p)).ceil_().clamp_(min=1))


def log_normal_(
    self: Tensor, mean: float = 1, std: float = 2, *, generator: Generator | None = None
) -> Tensor:
    """Fill with numbers whose logarithms are those of a normal distribution.

    Raises:
        RuntimeError: For an `std` that is not above 0.

    Example:
        >>> import steep
        >>> bool((steep.empty(3).log_normal_() > 0).all())
        True
    """
    if std <= 0:
        raise RuntimeError(f"log_normal_: expected std above 0, got {std}")
    with no_grad():
        drawn = empty(self.shape, dtype=float64).normal_(mean, std, generator=generator)
        return self.copy_(drawn.exp_())
