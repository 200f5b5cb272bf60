"""Training samples mixed in pairs, and their targets with them."""

from __future__ import annotations

import math

from steep._core import (
    Generator,
    Tensor,
    arange,
    float64,
    no_grad,
    one_hot,
    rand,
    randperm,
    tensor,
    where,
)

__all__ = ["cutmix", "mixup", "sample_beta"]


@no_grad()
def sample_beta(alpha: float, generator: Generator | None = None) -> Tensor:
    """A draw from the symmetric distribution Beta(alpha, alpha), a 0-d float64 tensor.

    With u and v uniform, ``t = sqrt(u ** (-1 / alpha) - 1) * cos(2 pi v)`` is a draw of Student's
    t, up to its scale (Bailey, 1994), and ``(1 + t / sqrt(1 + t ** 2)) / 2`` one of Beta (Devroye,
    1996). Nothing is rejected, so it always takes two random numbers, and replays draw anew.

    Args:
        alpha: parameter of the distribution, above 0; 1 makes it uniform.
        generator: source of the draws; the default one if ``None``.

    Raises:
        ValueError: if `alpha` is not above 0.

    Example:
        >>> import steep
        >>> 0 <= steep.train.sample_beta(0.2).item() <= 1
        True
    """
    if not 0 < alpha < math.inf:
        raise ValueError(f"sample_beta: expected alpha to be above 0, got {alpha}")
    u, v = rand(2, dtype=float64, generator=generator).unbind()
    cosine = (2 * math.pi * v).cos()
    # 1 / t ** 2, which overflows to infinity where it may, and is never 0 / 0.
    inverse = 1 / (((1 - u) ** (-1 / alpha) - 1) * cosine * cosine)
    return (1 + cosine.sign() / (1 + inverse).sqrt()) / 2


def mixup(
    x: Tensor,
    target: Tensor,
    alpha: float = 0.2,
    num_classes: int | None = None,
    generator: Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Mix each sample of a batch with another one (Zhang et al., ICLR 2018).

    With r from Beta(alpha, alpha), one for the batch, and x' and t' in a random order::

        x = r * x + (1 - r) * x';  t = r * t + (1 - r) * t'

    A compiled function can hold it: replays draw anew.

    Args:
        x: inputs ``(N, *)``, of floating dtype.
        target: classes ``(N,)``, of an integer dtype, or targets of floating dtype ``(N, *)``, such
            as probabilities of classes.
        alpha: how strongly samples are mixed. Default: 0.2.
        num_classes: how many classes there are; needed with an integer `target`.
        generator: source of the draws; the default one if ``None``.

    Returns:
        The mixed inputs, and the mixed targets, probabilities of classes ``(N, num_classes)``
        where classes were given; `cross_entropy` takes them.

    Raises:
        ValueError: if `alpha` is not above 0, the lengths differ, a dtype is another, or the number
            of classes is missing.

    Example:
        >>> import steep
        >>> x, y = steep.rand(4, 3), steep.tensor([0, 1, 2, 1])
        >>> x, y = steep.train.mixup(x, y, num_classes=3)
        >>> tuple(x.shape), y.sum(1).tolist()
        ((4, 3), [1.0, 1.0, 1.0, 1.0])
    """
    soft = _soft("mixup", x, target, num_classes)
    share = sample_beta(alpha, generator)
    order = randperm(x.shape[0], generator=generator)
    return _blend(x, x[order], share), _blend(soft, soft[order], share)


def cutmix(
    x: Tensor,
    target: Tensor,
    alpha: float = 1.0,
    num_classes: int | None = None,
    generator: Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Paste a box of another sample into each one of a batch (Yun et al., ICCV 2019).

    With r from Beta(alpha, alpha), a box of about ``1 - r`` of an image lies around a uniform
    place, cut off at the edges. Targets are mixed by the share of the image that is left. The box
    is the same for all of the batch; the others come in a random order.

    A compiled function can hold it: replays draw anew.

    Args:
        x: inputs ``(N, C, *)`` with at least one axis after the channels: sequences, images or
            volumes.
        target, num_classes, generator: as for `mixup`.
        alpha: 1, the default, makes all sizes equally likely.

    Returns:
        As `mixup`.

    Raises:
        ValueError: as `mixup`, and if `x` has fewer than three dimensions.

    Example:
        >>> import steep
        >>> x, y = steep.rand(4, 3, 8, 8), steep.tensor([0, 1, 2, 1])
        >>> x, y = steep.train.cutmix(x, y, num_classes=3)
        >>> tuple(x.shape), tuple(y.shape)
        ((4, 3, 8, 8), (4, 3))
    """
    soft = _soft("cutmix", x, target, num_classes)
    if x.dim() < 3:
        raise ValueError(
            f"cutmix: expected an input (N, C, *) with axes to cut, got shape {tuple(x.shape)}"
        )
    sizes = [int(n) for n in x.shape[2:]]
    part = (1 - sample_beta(alpha, generator)) ** (1 / len(sizes))  # of each axis
    places = rand(len(sizes), dtype=float64, generator=generator).unbind()
    order = randperm(x.shape[0], generator=generator)
    inside = tensor(True)
    for axis, (size, place) in enumerate(zip(sizes, places, strict=True)):
        length, centre = (part * size).floor(), (place * size).floor()
        begin = centre - (length / 2).floor()
        at = arange(size, dtype=float64)
        within = (at >= begin) & (at < begin + length)
        within = within.reshape([-1] + [1] * (len(sizes) - 1 - axis))
        inside = inside & within
    share = 1 - inside.double().mean()
    return where(inside, x[order], x), _blend(soft, soft[order], share)


def _blend(one: Tensor, other: Tensor, share: Tensor) -> Tensor:
    share = share.to(one.dtype)
    return share * one + (1 - share) * other


def _soft(op: str, x: Tensor, target: Tensor, num_classes: int | None) -> Tensor:
    """The targets in floating dtype; checks the arguments."""
    if not x.is_floating_point():
        raise ValueError(f"{op}: expected inputs of floating dtype, got {x.dtype}; use .float()")
    if x.dim() < 1 or target.dim() < 1 or x.shape[0] != target.shape[0]:
        raise ValueError(
            f"{op}: expected as many targets as inputs, got shapes {tuple(x.shape)} and "
            f"{tuple(target.shape)}"
        )
    if target.is_floating_point():
        return target
    if num_classes is None:
        raise ValueError(
            f"{op}: expected num_classes with targets of {target.dtype}: mixed targets are "
            "probabilities of classes"
        )
    if target.dim() != 1:
        raise ValueError(
            f"{op}: expected classes of shape (N,), got {tuple(target.shape)}; make probabilities "
            "of them first"
        )
    return one_hot(target.long(), num_classes).to(x.dtype)
