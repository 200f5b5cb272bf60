"""Augmentations of the values, for arrays of every shape: tables, series, images."""

from __future__ import annotations

import math
from array import array
from typing import Any

from steep.data.augmentation._checks import finite, fitting, image, parts, probability, values
from steep.data.augmentation._moments import moments
from steep.data.augmentation.base import Augmentation, Shape, Step

__all__ = [
    "GaussianNoise",
    "Jitter",
    "Normalize",
    "RandomBrightness",
    "RandomContrast",
    "RandomScale",
    "ToFloat",
]


class ToFloat(Augmentation):
    """Make float32 of the values; bytes (uint8), as pixels are, are brought to [0, 1].

    Args:
        scale: factor for all values. Default: 1/255 for uint8, 1 for all else.

    Raises:
        ValueError: if `scale` is not a finite number.

    Example:
        >>> import steep
        >>> steep.data.ToFloat()(steep.tensor([[0, 255]], dtype=steep.uint8)).tolist()
        [[0.0, 1.0]]
    """

    def __init__(self, scale: float | None = None) -> None:
        self.scale = None if scale is None else finite("ToFloat", "scale", scale)

    def step(self, shape: Shape, integer: bool) -> Step:
        """As `Augmentation.step`."""
        scale = self.scale if self.scale is not None else 1 / 255 if integer else 1.0
        return Step(
            "affine", parts(shape), shape, first=array("d", [0]), second=array("d", [scale])
        )


class Normalize(Augmentation):
    """``(x - mean) / std``, for each column of a table, or each channel of images and series.

    Args:
        mean: one number, one per column ``(F,)`` or channel ``(C,)``, or of the samples' shape. In
            the units of what comes in: pixels of uint8 lie in 0 to 255 unless `ToFloat` is before.
        std: the same, above 0.

    Raises:
        ValueError: if they are not finite or `std` not above 0, or do not fit the array.

    Example:
        >>> import steep
        >>> normalize = steep.data.Normalize(mean=[1.0, 10.0], std=[1.0, 5.0])
        >>> normalize(steep.tensor([[3.0, 20.0]])).tolist()
        [[2.0, 2.0]]
    """

    def __init__(self, mean: Any, std: Any) -> None:
        self._mean = values("Normalize", "mean", mean)
        numbers, shape = values("Normalize", "std", std)
        if not all(number > 0 for number in numbers):
            raise ValueError(f"Normalize: expected std to be above 0, got {std!r}")
        self._scale = array("d", [1 / number for number in numbers]), shape

    @classmethod
    def of(cls, x: Any, each: bool = True) -> Normalize:
        """One that gives an array the mean 0 and the standard deviation 1; constants become 0.

        Mapped files are read a piece at a time, and never held as a whole.

        Args:
            x: array or tensor ``(N, *)``: the training part. Bytes are measured as they are.
            each: for each column or channel, the second axis (default), or one for all values.

        Raises:
            ValueError: if there is no value, or one is not finite.

        Example:
            >>> import steep
            >>> normalize = steep.data.Normalize.of(steep.tensor([[1.0, 5.0], [3.0, 9.0]]))
            >>> normalize(steep.tensor([[3.0, 7.0]])).tolist()
            [[1.0, 0.0]]
        """
        mean, std = moments(x, each and len(x.shape) > 1)
        return cls(mean, std)

    def step(self, shape: Shape, integer: bool) -> Step:
        """As `Augmentation.step`."""
        shift = fitting("Normalize", "mean", self._mean, shape)
        scale = fitting("Normalize", "std", self._scale, shape)
        count = max(len(shift), len(scale))
        return Step(
            "affine", parts(shape), shape, first=_spread(shift, count), second=_spread(scale, count)
        )


def _spread(numbers: array[float], count: int) -> array[float]:
    """As many numbers: each as often as it stands for one of the others."""
    times = count // len(numbers)
    return array("d", [number for number in numbers for _ in range(times)])


class GaussianNoise(Augmentation):
    """Add normally distributed noise to each value.

    Args:
        std: standard deviation: one number, one per column ``(F,)`` or channel ``(C,)``, or of the
            samples' shape. Default: 0.1, which suits standardised values.
        p: how probably a sample is changed. Default: 1.

    Raises:
        ValueError: if `std` is negative or does not fit the array, or `p` is no probability.

    Example:
        >>> import steep
        >>> x = steep.data.GaussianNoise(0.5)(steep.zeros(1000, 4))
        >>> 0.4 < x.std().item() < 0.6
        True
    """

    _kind = "normal"
    _what = "std"

    def __init__(self, std: Any = 0.1, p: float = 1.0) -> None:
        name = type(self).__name__
        self._amount = values(name, self._what, std)
        if min(self._amount[0]) < 0:
            raise ValueError(f"{name}: expected {self._what} to be at least 0, got {std!r}")
        self.p = probability(name, p)

    def step(self, shape: Shape, integer: bool) -> Step:
        """As `Augmentation.step`."""
        amount = fitting(type(self).__name__, self._what, self._amount, shape)
        return Step(self._kind, parts(shape), shape, self.p, first=amount)


class Jitter(GaussianNoise):
    """Move each value by an amount distributed evenly between ``-width`` and `width`.

    Of a column that was rounded, half the last place makes the values as spread as they were.

    Args:
        width: one number, one per column or channel, or of the samples' shape. Default: 0.05.
        p: how probably a sample is changed. Default: 1.

    Raises:
        ValueError: as `GaussianNoise`.

    Example:
        >>> import steep
        >>> x = steep.data.Jitter(0.5)(steep.zeros(1000))
        >>> 0.4 < x.abs().max().item() <= 0.5
        True
    """

    _kind = "uniform"
    _what = "width"

    def __init__(self, width: Any = 0.05, p: float = 1.0) -> None:
        super().__init__(width, p)


class RandomScale(Augmentation):
    """Multiply a sample by a factor distributed normally around 1 (Um et al., ICMI 2017).

    Series ``(N, C, L)`` and images have one factor per channel, rows ``(N, L)`` one for all.

    Args:
        std: standard deviation of the factor: one number, or one per channel. Default: 0.1.
        p: how probably a sample is changed. Default: 1.

    Raises:
        ValueError: as `GaussianNoise`.

    Example:
        >>> import steep
        >>> x = steep.data.RandomScale(0.1)(steep.ones(3, 5))
        >>> (x == x[:, :1]).all().item()
        True
    """

    def __init__(self, std: Any = 0.1, p: float = 1.0) -> None:
        self._std = values("RandomScale", "std", std)
        if min(self._std[0]) < 0:
            raise ValueError(f"RandomScale: expected std to be at least 0, got {std!r}")
        self.p = probability("RandomScale", p)

    def step(self, shape: Shape, integer: bool) -> Step:
        """As `Augmentation.step`."""
        channels = shape[0] if len(shape) > 1 else 1
        std = self._std[0]
        if len(std) not in (1, channels):
            raise ValueError(
                f"RandomScale: expected std to be one number or {channels} (one per channel of "
                f"samples of shape {shape}), got {len(std)}"
            )
        return Step("gain", parts(shape), shape, self.p, first=_spread(std, channels))


class RandomBrightness(Augmentation):
    """Multiply an image by a factor drawn evenly from ``1 - amount`` to ``1 + amount``.

    Args:
        amount: at least 0. Default: 0.2.
        clip: least and greatest value afterwards, ``(0, 1)`` say. Default: no bounds.
        p: how probably an image is changed. Default: 1.

    Raises:
        ValueError: if an argument is out of range, or the array does not hold images.

    Example:
        >>> import steep
        >>> x = steep.data.RandomBrightness(0.5, clip=(0, 1))(steep.full((4, 2, 2), 0.9))
        >>> 0.4 < x.min().item() and x.max().item() <= 1
        True
    """

    _kind = "brightness"

    def __init__(
        self, amount: float = 0.2, clip: tuple[float, float] | None = None, p: float = 1.0
    ) -> None:
        name = type(self).__name__
        self.amount = finite(name, "amount", amount, 0)
        if clip is not None and not (len(clip) == 2 and clip[0] < clip[1]):
            raise ValueError(f"{name}: expected clip to be (low, high) with low < high, got {clip}")
        self.clip = clip
        self.p = probability(name, p)

    def step(self, shape: Shape, integer: bool) -> Step:
        """As `Augmentation.step`."""
        sizes = image(type(self).__name__, shape)
        low, high = self.clip or (-math.inf, math.inf)
        least = max(0.0, 1 - self.amount)
        return Step(self._kind, sizes, shape, self.p, (least, 1 + self.amount, low, high))


class RandomContrast(RandomBrightness):
    """Spread an image's values about their mean, by a factor as that of `RandomBrightness`.

    Args:
        amount, clip, p: as for `RandomBrightness`.

    Example:
        >>> import steep
        >>> x = steep.data.RandomContrast(0.5)(steep.tensor([[[1.0, 3.0]]]))
        >>> x.mean().item()
        2.0
    """

    _kind = "contrast"
