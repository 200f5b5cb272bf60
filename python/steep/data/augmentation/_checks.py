"""Checks of what augmentations are given, and of the rows they meet."""

from __future__ import annotations

import math
from array import array
from typing import Any

from steep._core import Tensor

__all__ = ["finite", "image", "parts", "probability", "series", "values"]

Shape = tuple[int, ...]
Sizes = tuple[int, int, int]


def finite(name: str, what: str, value: Any, low: float = -math.inf) -> float:
    """A finite number of at least `low`, or ValueError."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or number < low:
        least = "" if low == -math.inf else f" of at least {low:g}"
        raise ValueError(f"{name}: expected {what} to be a finite number{least}, got {value!r}")
    return number


def probability(name: str, value: Any) -> float:
    """A number in [0, 1], or ValueError."""
    number = finite(name, "p", value, 0)
    if number > 1:
        raise ValueError(f"{name}: expected p to be a probability in [0, 1], got {value!r}")
    return number


def image(name: str, shape: Shape) -> Sizes:
    """Planes, height and width of rows that are images, or ValueError."""
    if len(shape) not in (2, 3) or 0 in shape:
        got = "(N, " + ", ".join(map(str, shape)) + ")"
        raise ValueError(
            f"{name}: expected images (N, C, H, W) or (N, H, W), got an array {got}; reshape it to "
            "one of these first"
        )
    planes = shape[0] if len(shape) == 3 else 1
    return planes, shape[-2], shape[-1]


def series(name: str, shape: Shape) -> Sizes:
    """Channels, 1 and length of rows that are series, or ValueError."""
    if len(shape) not in (1, 2) or 0 in shape:
        got = "(N, " + ", ".join(map(str, shape)) + ")"
        raise ValueError(
            f"{name}: expected series (N, C, L) or (N, L), got an array {got}; reshape it to one "
            "of these first"
        )
    return (shape[0] if len(shape) == 2 else 1), 1, shape[-1]


def parts(shape: Shape) -> Sizes:
    """The sizes of rows of whatever shape: their first axis, and all that is behind it."""
    return (shape[0] if shape else 1), 1, math.prod(shape[1:])


def values(name: str, what: str, given: Any) -> tuple[array[float], Shape]:
    """A number or a nested sequence of numbers, an array or a tensor, as float64; its shape."""
    import numpy

    try:
        found = numpy.asarray(given.numpy() if isinstance(given, Tensor) else given, numpy.float64)
    except (TypeError, ValueError):
        found = numpy.asarray(math.nan)
    if not numpy.isfinite(found).all() or not found.size:
        raise ValueError(f"{name}: expected {what} to be finite numbers, got {given!r}")
    return array("d", found.ravel().tolist()), tuple(found.shape)


def fitting(name: str, what: str, given: tuple[array[float], Shape], shape: Shape) -> array[float]:
    """The values, checked to be one for all, one per column or channel, or one per element."""
    numbers, own = given
    own = () if len(numbers) == 1 else own
    trimmed = own
    while len(trimmed) > 1 and trimmed[-1] == 1:
        trimmed = trimmed[:-1]  # (C, 1, 1), as for broadcasting
    if own and own != shape and trimmed != shape[:1]:
        expected = f"one number, {shape[0]} (one per column or channel)" if shape else "one number"
        raise ValueError(
            f"{name}: expected {what} to be {expected} or of the samples' shape {shape}, got shape "
            f"{own}"
        )
    return numbers
