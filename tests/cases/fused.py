"""What a row says of its fused kernels; tests/test_fused_kernels.py has them beside formulas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cases.row import Array

ROWS = 24  # of the first argument


def lost_nothing(x: Array) -> float:
    return 1.0


@dataclass(frozen=True)
class Fused:
    """One call of a fused operation; its formula is the row's reference, in float64.

    Attributes:
        kernels: The kernels that it and its gradient must have launched.
        more: The arguments after the first, which is scaled and shifted; floats take the dtype that
            is tested.
        settings: Keyword arguments.
        label: What sets it apart from the row's others.
        size: How many numbers are in a row of the first argument.
        furthest: The greatest offset over scale asked for, by dtype: beyond it the formula in
            float64 has no digits left either.
        cancels: Its gradient is a difference of numbers of the size of the gradient that came.
        lost: How many times the tolerance, for this first argument; `reason` says why.
    """

    kernels: tuple[str, ...]
    more: tuple[Any, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    label: str = ""
    size: int = 11
    furthest: dict[str, float] = field(default_factory=dict)
    cancels: bool = False
    lost: Callable[[Array], float] = lost_nothing
    reason: str = ""


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def classes(c: int, ignored: bool = False) -> Array:
    """A class of `c` for each row; with `ignored`, none for some."""
    target = rng(1).integers(0, c, ROWS)
    if ignored:
        target[::5] = -100
    return target


def positive(*shape: int) -> Array:
    return rng(2).random(shape) + 0.5


def steps_of_the_mean(x: Array) -> float:
    """The mean of a row is a number of x's dtype, and a step of it may be wide for the spread."""
    spread = x.astype(np.float64).std(1).min()
    return float(1 + np.abs(x).max() / spread) if spread else 1.0


def steps_of_a_wide_mean(x: Array) -> float:
    return 1.0 if x.dtype == np.float32 else steps_of_the_mean(x)
