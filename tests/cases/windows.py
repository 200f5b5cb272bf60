"""What the rows of pooling share: how large what is timed is, and which windows are refused."""

from __future__ import annotations

from typing import Any

from cases.row import Arr, Bad, arr, bad

ROUGH: dict[str, Any] = {"rough": 4.0, "reason": "sums of the elements of windows"}
BENCH = {1: (16, 32, 256), 2: (8, 16, 32, 32), 3: (2, 8, 16, 16, 16)}
LARGE = {1: (37, 11, 611), 2: (13, 7, 61, 83), 3: (5, 5, 19, 21, 23)}


def refused(axes: int, op: str) -> tuple[Bad, ...]:
    """Windows that no pooling takes."""
    x = Arr((1, 2, *(5,) * axes))
    return (
        bad(RuntimeError, f"{op}: Expected {axes + 1}D or {axes + 2}D", arr(5), 2),
        bad(RuntimeError, "optional 0 dim batch size", Arr((1, 0, *(5,) * axes)), 2),
        bad(RuntimeError, "kernel_size should be greater than zero", x, 0),
        bad(RuntimeError, "stride should be greater than zero", x, 2, stride=0),
        bad(
            RuntimeError,
            f"stride must either be a single int, or a tuple of {axes}",
            x,
            2,
            (1,) * 5,
        ),
        bad(
            RuntimeError,
            f"kernel_size must either be a single int, or a tuple of {axes}",
            x,
            (2,) * 5,
        ),
        bad(RuntimeError, "of at most 2147483647 along each axis", x, 2**40),
        bad(RuntimeError, "Output size is too small", x, 6),
    )


def padded(axes: int) -> tuple[Bad, ...]:
    x = Arr((1, 2, *(5,) * axes))
    return (
        bad(RuntimeError, "pad must be non-negative", x, 2, padding=-1),
        bad(RuntimeError, "pad should be at most half of effective kernel size", x, 3, padding=2),
    )
