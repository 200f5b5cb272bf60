"""Tensors as NumPy arrays, for statistics that no operation of the engine takes part in."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from steep._core import Tensor

__all__ = ["SAMPLE", "Array", "array", "entropy", "is_finite", "norm", "rms", "sample", "short"]

Array = np.ndarray[Any, Any]

# So many elements of a tensor are enough for a share or a root mean square to 1 %.
SAMPLE = 16384


def array(tensor: Tensor) -> Array:
    """The tensor's memory as an array; nothing is recorded, copied or written."""
    result: Array = tensor.detach().numpy()
    return result


def sample(values: Array, size: int = SAMPLE) -> Array:
    """A copy of evenly spaced elements, flat: the same places each time."""
    flat = values.reshape(-1)
    return np.array(flat[:: max(1, flat.size // size)])


def is_finite(values: Array) -> bool:
    """Whether no element is infinite or NaN."""
    if values.dtype.kind != "f" or values.size == 0:
        return True
    with np.errstate(all="ignore"):
        # Almost always decided by one sum; it may overflow though all elements are finite.
        return bool(np.isfinite(values.sum())) or bool(np.isfinite(values).all())


def norm(values: Array) -> float:
    """The Euclidean norm; not infinite where only its square would be."""
    flat = values.reshape(-1)
    with np.errstate(all="ignore"):
        squared = float(np.dot(flat, flat))
        if math.isfinite(squared) and squared > 1e-30:
            return math.sqrt(squared)
        return float(np.linalg.norm(flat.astype(np.float64)))


def rms(values: Array) -> float:
    """The root mean square."""
    return norm(values) / math.sqrt(max(1, values.size))


def entropy(counts: Array) -> float:
    """Of the shares that counts have, in nats."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def short(value: float) -> str:
    """A number in three digits."""
    return f"{value:.3g}"
