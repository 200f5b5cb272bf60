"""Augmentations of images ``(N, C, H, W)`` or ``(N, H, W)``, and shifts of series in time."""

from __future__ import annotations

import math
from collections.abc import Sequence

from steep.data._augment import MODES
from steep.data.augmentation._checks import finite, image, probability, series
from steep.data.augmentation.base import Augmentation, Shape, Step

__all__ = [
    "RandomCrop",
    "RandomErasing",
    "RandomFlip",
    "RandomRotation",
    "RandomShift",
    "TimeShift",
]


def _two(name: str, what: str, value: int | Sequence[int], least: int) -> tuple[int, int]:
    """One whole number for both axes, or two."""
    pair = tuple(value) if isinstance(value, Sequence) else (value, value)
    kinds = all(isinstance(n, int) and not isinstance(n, bool) for n in pair)
    if len(pair) != 2 or not kinds or not least <= min(pair) <= max(pair) < 2**31:
        raise ValueError(
            f"{name}: expected {what} to be one or two whole numbers of at least {least}, below "
            f"2**31, got {value!r}"
        )
    return pair[0], pair[1]


def _mode(name: str, mode: str) -> int:
    if mode not in MODES:
        raise ValueError(f"{name}: expected mode to be one of {', '.join(MODES)}, got {mode!r}")
    return MODES[mode]


class RandomShift(Augmentation):
    """Move an image by up to so many pixels along each axis.

    Args:
        distance: greatest distance in pixels; two numbers are for height and width.
        mode: what comes in at the edges, as in `numpy.pad`: ``"constant"`` (default), ``"edge"``,
            ``"wrap"`` or ``"reflect"``.
        fill: the constant. Default: 0.
        p: how probably an image is moved. Default: 1.

    Raises:
        ValueError: if an argument is out of range, or the array does not hold images.

    Example:
        >>> import steep
        >>> moved = steep.data.RandomShift(2)(steep.ones(8, 3, 28, 28))
        >>> tuple(moved.shape)
        (8, 3, 28, 28)
    """

    def __init__(
        self,
        distance: int | Sequence[int],
        mode: str = "constant",
        fill: float = 0.0,
        p: float = 1.0,
    ) -> None:
        self.distance = _two("RandomShift", "distance", distance, 0)
        self._mode = _mode("RandomShift", mode)
        self.fill = finite("RandomShift", "fill", fill)
        self.p = probability("RandomShift", p)

    def step(self, shape: Shape, integer: bool) -> Step:
        """As `Augmentation.step`."""
        sizes = image("RandomShift", shape)
        down, across = self.distance
        window = (sizes[1], sizes[2], -down, down, -across, across, self._mode)
        return Step("window", sizes, shape, self.p, (self.fill,), window)


class RandomCrop(Augmentation):
    """Cut a piece of one size out of an image, at a random place.

    Args:
        size: height and width of the piece; one number is for both.
        padding: pixels added at each edge first; two numbers are for height and width. Default: 0.
        mode, fill: what they hold, as for `RandomShift`.

    Raises:
        ValueError: if an argument is out of range, the array does not hold images, or these are
            smaller than the piece.

    Example:
        >>> import steep
        >>> crop = steep.data.RandomCrop(32, padding=4)
        >>> tuple(crop(steep.rand(8, 3, 32, 32)).shape)
        (8, 3, 32, 32)
    """

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] = 0,
        mode: str = "constant",
        fill: float = 0.0,
    ) -> None:
        self.size = _two("RandomCrop", "size", size, 1)
        self.padding = _two("RandomCrop", "padding", padding, 0)
        self._mode = _mode("RandomCrop", mode)
        self.fill = finite("RandomCrop", "fill", fill)

    def step(self, shape: Shape, integer: bool) -> Step:
        """As `Augmentation.step`."""
        sizes = image("RandomCrop", shape)
        bounds: list[int] = []
        for size, extent, padding in zip(self.size, sizes[1:], self.padding, strict=True):
            if size > extent + 2 * padding:
                raise ValueError(
                    f"RandomCrop: expected images of at least {self.size} with padding "
                    f"{self.padding}, got {sizes[1:]}; make size smaller or padding larger"
                )
            bounds += [-padding, extent + padding - size]
        window = (*self.size, *bounds, self._mode)
        return Step("window", sizes, (*shape[:-2], *self.size), 1.0, (self.fill,), window)


class RandomFlip(Augmentation):
    """Mirror an image left to right, or along another axis.

    Args:
        p: how probably. Default: 0.5.
        axis: -1 (default) is the width, -2 the height; counted from the end.

    Raises:
        ValueError: if an argument is out of range, or the samples do not have the axis.

    Example:
        >>> import steep
        >>> steep.data.RandomFlip(p=1.0)(steep.tensor([[[1.0, 2.0, 3.0]]])).tolist()
        [[[3.0, 2.0, 1.0]]]
    """

    def __init__(self, p: float = 0.5, axis: int = -1) -> None:
        self.p = probability("RandomFlip", p)
        if not isinstance(axis, int) or isinstance(axis, bool) or axis >= 0:
            raise ValueError(f"RandomFlip: expected axis to be -1, -2, ..., got {axis!r}")
        self.axis = axis

    def step(self, shape: Shape, integer: bool) -> Step:
        """As `Augmentation.step`."""
        if len(shape) < -self.axis:
            raise ValueError(
                f"RandomFlip: expected samples with at least {-self.axis} axes for axis="
                f"{self.axis}, got samples of shape {shape}; images are (N, C, H, W) or (N, H, W)"
            )
        at = len(shape) + self.axis
        axes = (math.prod(shape[:at]), shape[at], math.prod(shape[at + 1 :]))
        return Step("flip", axes, shape, self.p, whole=axes)


class RandomRotation(Augmentation):
    """Turn an image about its centre; values between pixels are interpolated bilinearly.

    Args:
        degrees: the angle is drawn evenly from ``-degrees`` to `degrees`, or from the two given;
            counter-clockwise.
        fill: value of what comes in from outside. Default: 0.
        p: how probably. Default: 1.

    Raises:
        ValueError: if an argument is out of range, or the array does not hold images.

    Example:
        >>> import steep
        >>> quarter = steep.data.RandomRotation((90, 90))
        >>> quarter(steep.tensor([[[1.0, 2.0], [3.0, 4.0]]])).round().tolist()
        [[[2.0, 4.0], [1.0, 3.0]]]
    """

    def __init__(self, degrees: float | Sequence[float], fill: float = 0.0, p: float = 1.0) -> None:
        name = "RandomRotation"
        if isinstance(degrees, Sequence) and len(degrees) == 2:
            low, high = (finite(name, "degrees", angle) for angle in degrees)
        else:
            high = finite(name, "degrees", degrees, 0)
            low = -high
        if low > high:
            raise ValueError(f"{name}: expected degrees in ascending order, got {degrees}")
        self.degrees = (low, high)
        self.fill = finite(name, "fill", fill)
        self.p = probability(name, p)

    def step(self, shape: Shape, integer: bool) -> Step:
        """As `Augmentation.step`."""
        sizes = image("RandomRotation", shape)
        low, high = map(math.radians, self.degrees)
        return Step("rotate", sizes, shape, self.p, (low, high, self.fill))


class RandomErasing(Augmentation):
    """Fill a random box of an image with one value (Zhong et al., AAAI 2020).

    Args:
        p: how probably. Default: 0.5.
        scale: least and greatest share of the area. Default: (0.02, 0.33).
        ratio: least and greatest ratio of height to width. Default: (0.3, 3.3).
        fill: the value. Default: 0.

    Raises:
        ValueError: if an argument is out of range, or the array does not hold images.

    Example:
        >>> import steep
        >>> erased = steep.data.RandomErasing(p=1.0)(steep.ones(2, 3, 16, 16))
        >>> (erased == 0).any().item()
        True
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: tuple[float, float] = (0.02, 0.33),
        ratio: tuple[float, float] = (0.3, 3.3),
        fill: float = 0.0,
    ) -> None:
        self.p = probability("RandomErasing", p)
        for what, pair, most in (("scale", scale, 1.0), ("ratio", ratio, math.inf)):
            if len(pair) != 2 or not 0 < pair[0] <= pair[1] <= most or not math.isfinite(pair[1]):
                raise ValueError(
                    f"RandomErasing: expected {what} to be two numbers above 0 in ascending order"
                    f"{', of at most 1' if most == 1 else ''}, got {pair}"
                )
        self.scale, self.ratio = tuple(scale), tuple(ratio)
        self.fill = finite("RandomErasing", "fill", fill)

    def step(self, shape: Shape, integer: bool) -> Step:
        """As `Augmentation.step`."""
        sizes = image("RandomErasing", shape)
        reals = (*self.scale, *map(math.log, self.ratio), self.fill)
        return Step("erase", sizes, shape, self.p, reals)


class TimeShift(Augmentation):
    """Move a series ``(N, C, L)`` or ``(N, L)`` by up to so many steps, all channels alike.

    Args:
        distance: greatest number of steps, to either side.
        mode: what comes in at the ends, as for `RandomShift`. Default: ``"edge"``.
        fill: the constant of ``"constant"``. Default: 0.
        p: how probably a series is moved. Default: 1.

    Raises:
        ValueError: if an argument is out of range, or the array does not hold series.

    Example:
        >>> import steep
        >>> moved = steep.data.TimeShift(3, mode="wrap")(steep.arange(10.0).reshape(1, 10))
        >>> sorted(moved[0].tolist()) == list(range(10))
        True
    """

    def __init__(
        self, distance: int, mode: str = "edge", fill: float = 0.0, p: float = 1.0
    ) -> None:
        _, self.distance = _two("TimeShift", "distance", (0, distance), 0)
        self._mode = _mode("TimeShift", mode)
        self.fill = finite("TimeShift", "fill", fill)
        self.p = probability("TimeShift", p)

    def step(self, shape: Shape, integer: bool) -> Step:
        """As `Augmentation.step`."""
        sizes = series("TimeShift", shape)
        window = (1, sizes[2], 0, 0, -self.distance, self.distance, self._mode)
        return Step("window", sizes, shape, self.p, (self.fill,), window)
