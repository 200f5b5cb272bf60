"""Random arrays, and tensors that hold them in unusual memory."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np

import steep
from cases.row import ALL, SPECIAL, Array

Layout = Callable[[Array], Any]


def whole(array: Array) -> Any:
    return steep.from_numpy(np.ascontiguousarray(array).copy().reshape(array.shape))


def reversed_order(array: Array) -> Any:
    """Column-major memory."""
    return whole(array.T).permute(*range(array.ndim)[::-1]) if array.ndim else whole(array)


def gapped(array: Array) -> Any:
    """Every other element of larger memory."""
    if array.ndim == 0:
        return whole(np.stack([array, array]))[1]
    if array.ndim > 6:
        return whole(array)
    wide = np.zeros([2 * n + 1 for n in array.shape], array.dtype)
    inside = (slice(1, None, 2),) * array.ndim
    wide[inside] = array
    return whole(wide)[inside]


def window_of_a_window(array: Array) -> Any:
    flat = np.concatenate([np.zeros(3), array.ravel(), np.ones(2)]).astype(array.dtype)
    return whole(flat)[1:-1][2 : 2 + array.size].view(array.shape)


def borrowed(array: Array) -> Any:
    """NumPy's memory, with strides of its own."""
    return steep.from_numpy(np.array(array, order="F"))


def from_the_end(array: Array) -> Any:
    """Ends where its memory ends: a read beyond it is a read beyond the block."""
    spare = np.zeros(17, array.dtype)
    return whole(np.concatenate([spare, array.ravel()]))[17:].view(array.shape)


def fits(array: Array) -> bool:
    """Whether a tensor can hold the array, and is of a size to be laid out."""
    return array.dtype.name in ALL and array.dtype.isnative and array.size < 100_000


LAYOUTS: list[Layout] = [whole, reversed_order, gapped, window_of_a_window, borrowed, from_the_end]


def shape(chance: random.Random) -> tuple[int, ...]:
    kind = chance.random()
    if kind < 0.05:
        return (1,) * chance.choice([6, 12, 24])
    if kind < 0.1:
        return (chance.choice([63, 64, 65, 1000, 4097]),)
    return tuple(chance.choice([0, 1, 1, 2, 2, 3, 3, 5, 17]) for _ in range(chance.randrange(5)))


def array(chance: random.Random, dtype: str | None = None) -> Array:
    kind = np.dtype(dtype or chance.choice(["float32", "float32", "float64", *ALL]))
    rng = np.random.default_rng(chance.randrange(1 << 30))
    numbers: Any = rng.normal(size=shape(chance)) * chance.choice([0.1, 1, 3, 100])
    if kind.kind == "b":
        return np.asarray(numbers > 0)
    if kind.kind == "u":
        return np.asarray(np.abs(numbers)).astype(kind)
    if kind.kind == "f" and chance.random() < 0.2:
        numbers = np.resize(SPECIAL, numbers.shape)
    with np.errstate(all="ignore"):
        return np.asarray(numbers).astype(kind)


def tensor(chance: random.Random, dtype: str | None = None) -> Any:
    """A random tensor; floats require a gradient now and then, and may have a history."""
    x = chance.choice(LAYOUTS)(array(chance, dtype))
    if x.dtype.is_floating_point and chance.random() < 0.5:
        x = x.detach().requires_grad_()
        if chance.random() < 0.3:
            x = x * 1
    if x.dim() and chance.random() < 0.05:
        x = x[:1].expand(*x.shape) if x.shape[0] else x
    return x
