"""What a row says of infinities, NaN, zeros, subnormals and the largest numbers.

tools/extremes.py compares values and gradients there with PyTorch's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

VALUE, GRADIENT = ("value",), ("gradient",)


@dataclass(frozen=True)
class Extreme:
    """One function of tensors, of steep and of torch alike.

    Attributes:
        label: What sets it apart from the row's others.
        inputs: How many tensors it takes.
        rows: They are rows of three numbers; else single ones, in all combinations.
        more: What follows them, and `settings` by name.
        call: ``call(function, library, *tensors)``, where it takes them in another way.
    """

    label: str = ""
    inputs: int = 1
    rows: bool = False
    more: tuple[Any, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    call: Callable[..., Any] | None = None


@dataclass(frozen=True)
class Accepted:
    """A difference that is meant: where `when(inputs)` holds for the numbers that went in.

    Attributes:
        label: That of the only `Extreme` it is accepted of; empty: of all.
    """

    reason: str
    when: Callable[..., bool] = lambda *numbers: True
    what: tuple[str, ...] = ("value", "gradient")
    label: str = ""


def huge(*numbers: float) -> bool:
    """Squares or sums of these leave the dtype."""
    return any(abs(n) > 1e18 for n in numbers)


def special(*numbers: float) -> bool:
    """Products of these give nan in one order and not in another."""
    return not all(math.isfinite(n) for n in numbers) or sum(n == 0 for n in numbers) > 1


OVERFLOW = (
    Accepted("a sum of squares that leaves the dtype; PyTorch adds in float64 or by means", huge),
)
EXACT = (
    Accepted(
        "the exact result; PyTorch's goes by way of a quotient that overflows",
        lambda x, y: 0 < abs(y) < 1e-37 or huge(x),
    ),
)
