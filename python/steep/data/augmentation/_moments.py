"""Means and deviations of arrays that need not fit into memory."""

from __future__ import annotations

import math
from typing import Any

from steep._core import Tensor

__all__ = ["moments"]

_PIECE = 1 << 20  # values that are float64 at a time


def moments(x: Any, each: bool) -> tuple[Any, Any]:
    """Mean and standard deviation along the second axis, or of all values; 1 for constants.

    Pieces are joined by the update of Chan, Golub and LeVeque (1979), which loses nothing where the
    mean is large beside the deviation.
    """
    import numpy

    rows = x.detach().numpy() if isinstance(x, Tensor) else x
    if 0 in rows.shape or not rows.shape:
        raise ValueError(f"Normalize.of: expected values, got an array of shape {rows.shape}")
    channels = rows.shape[1] if each else 1
    count, mean, squares = 0, numpy.zeros(channels), numpy.zeros(channels)
    step = max(1, _PIECE // math.prod(rows.shape[1:]))
    for start in range(0, len(rows), step):
        piece = numpy.asarray(rows[start : start + step], numpy.float64)
        piece = piece.reshape(len(piece), channels, -1)
        if not numpy.isfinite(piece).all():
            raise ValueError(
                f"Normalize.of: expected finite values, got nan or infinity in rows {start} to "
                f"{start + len(piece)}; drop or fill them first"
            )
        own = piece.mean((0, 2))
        size = piece.shape[0] * piece.shape[2]
        apart = own - mean
        squares += ((piece - own[:, None]) ** 2).sum((0, 2))
        squares += apart**2 * (count * size / (count + size))
        mean += apart * (size / (count + size))
        count += size
    std = numpy.sqrt(squares / count)
    # The mean of equal values may be off by a rounding, which would make a deviation of it.
    constant = std <= 1e-12 * numpy.abs(mean)
    return mean, numpy.where(constant, 1.0, std)
