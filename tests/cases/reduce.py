"""Reductions and running sums."""

from __future__ import annotations

from typing import Any

import numpy as np

from cases.bench import MATRIX, timed
from cases.extreme import GRADIENT, OVERFLOW, Accepted, Extreme, huge, special
from cases.fused import Fused, steps_of_a_wide_mean
from cases.row import ALL, NUMBERS, Arr, Call, Counts, Row, arr, bad, call
from steep import _core

INDEX = "its result is an index"
BOOLEAN = "its result is boolean"
_LARGE = Call((Arr((617, 513)),), {"dim": 1})
_WHOLE = Call((Arr((317_001,)),))
_TIMED = call(MATRIX)
_ROWS = (Extreme(rows=True),)
ALONG = (Extreme(rows=True, more=(0,)),)


def over_dims(domain: str = "real", **more: Any) -> tuple[Call, ...]:
    """All ways of naming dimensions."""
    x, y = arr(2, 3, 4, domain=domain), arr(3, 5, domain=domain)
    return (
        call(y, **more),
        call(x, 1, **more),
        call(x, (0, -1), keepdim=True, **more),
        call(x, [1, 2], **more),
        call(x, (0, 2), **more),
        call(x, -3, keepdim=True, **more),
        call(arr(domain=domain), **more),
        call(arr(domain=domain), 0, **more),
        call(arr(1, 6, 1, domain=domain), (0, 2), **more),
        call(arr(67, 35, domain=domain), 0, **more),
    )


_wrong_dim = bad(IndexError, "Dimension out of range", arr(2, 3), 2)
_twice = bad(RuntimeError, "appears multiple times", arr(2, 3), (0, -2))
_empty = (call(arr(0, 3)), call(arr(0, 3), 0), call(arr(0, 3), 1))
# For any and all, unlike for sums, an empty list of dims names none.
_of_each = (call(arr(2, 3, domain="below3"), ()), call(arr(2, domain="below3"), (), keepdim=True))
_f64 = np.dtype("float64")

SUMS = {
    "sum": Row(
        (*over_dims(), *_empty, call(arr(3, 2), dtype=_f64), call(arr(2, 3), ())),
        "sum",
        ALL,
        bad=(_wrong_dim, _twice),
        large=_LARGE,
        bench=_TIMED,
        kernels=("sum",),
        counts=Counts(launches=1, saved=0, saved_bytes=0, backward=0),
        reduces="dims",
        extremes=_ROWS,
    ),
    "mean": Row(
        (*over_dims(), *_empty),
        "mean",
        bad=(
            _wrong_dim,
            _twice,
            bad(RuntimeError, "mean: expected a floating-point dtype", arr(2, dtype="int64")),
        ),
        large=_LARGE,
        eager="writes to a tensor that the function makes",  # of no elements
        bench=_TIMED,
        counts=Counts(launches=2, saved=0, saved_bytes=0, backward=1),
        reduces="dims",
        extremes=_ROWS,
    ),
    "prod": Row(
        (
            call(arr(3, 5, domain="beyond")),
            call(arr(2, 3, 4), 1),
            call(arr(2, 3, 4), -1, True),
            call(arr(6, domain="below3")),
            call(arr()),
            call(arr(0, 3)),
            call(arr(0, 3), 0),
            call(arr(4, 1), 1, dtype=_f64),
        ),
        "prod",
        ALL,
        bad=(_wrong_dim,),
        large=Call((Arr((617, 513), "unit"),), {"dim": 1}),
        bench=_TIMED,
        kernels=("prod",),
        rough=8.0,
        reason="a product of n factors has n roundings",
        reduces="dim",
        extremes=_ROWS,
        accepted=(Accepted("the product of the others, as IEEE has it", special, GRADIENT),),
    ),
    "cumsum": Row(
        (
            call(arr(3, 5), 0),
            call(arr(2, 3, 4), -2),
            call(arr(), 0),
            call(arr(0, 3), 1),
            call(arr(300), 0),
        ),
        "cumsum",
        ALL,
        bad=(_wrong_dim,),
        large=Call((Arr((617, 513)), 1)),
        kernels=("cumsum",),
        bench=call(MATRIX, 1),
        reduces="dim",
        extremes=ALONG,
    ),
    "any": Row(
        (*over_dims("below3"), *_empty, *_of_each),
        "any",
        ALL,
        BOOLEAN,
        bad=(_wrong_dim, _twice),
        large=_LARGE,
        bench=_TIMED,
        kernels=("any",),
        reduces="dims",
    ),
    "all": Row(
        (*over_dims("below3"), *_empty, *_of_each),
        "all",
        ALL,
        BOOLEAN,
        bad=(_wrong_dim, _twice),
        large=_LARGE,
        bench=_TIMED,
        kernels=("all",),
        reduces="dims",
    ),
}


def _deviation(name: str, kernel: str = "") -> Row:
    more = (
        call(arr(5), 0, correction=0),
        call(arr(4, 5), (0, 1), correction=2),
        call(arr(4, 5), 1, correction=0.5, keepdim=True),
        call(arr(6, 5, domain="offset"), 0),
    )
    single = ((), (1, 6, 1))  # the calls that reduce one number, which has no deviation
    steady = tuple(c for c in over_dims() if c.args[0].shape not in single)
    return Row(
        (*steady, *more),
        name,
        bad=(
            _wrong_dim,
            bad(RuntimeError, f"{name}: expected a floating-point tensor", arr(2, dtype="int64")),
        ),
        large=_LARGE,
        bench=_TIMED,
        fused=tuple(
            Fused(
                ("wide_mean", kernel),
                (over,),
                label=f"of {size}, {over}",
                size=size,
                furthest={"float32": 1e5, "float64": 1e7},
                lost=steps_of_a_wide_mean,
                reason="there is nothing wider than float64 for the mean",
            )
            for size in (11, 70)
            for over in (0, 1, (0, 1))
            if kernel
        ),
        extremes=_ROWS if kernel else (),
        accepted=OVERFLOW if kernel else (),
        reduces="dims" if kernel else "",  # the pairs are made of the two
    )


STATISTICS = {
    "var": _deviation("var", "variance"),
    "std": _deviation("std", "deviation"),
    **{name: _deviation(name) for name in ("var_mean", "std_mean")},
    "logsumexp": Row(
        (
            call(arr(3, 5), 1),
            call(arr(2, 3, 4), (0, 2), keepdim=True),
            call(arr(), 0),
            call(arr(0, 3), 0),
            call(arr(3, 5, domain="spread"), 0),
        ),
        "logsumexp",
        NUMBERS,
        bad=(_wrong_dim, bad(RuntimeError, "at least one dim", arr(2, 3), ())),
        large=_LARGE,
        bench=call(MATRIX, 1),
        fused=tuple(
            Fused(("logsumexp",), (over,), label=f"of {size}, {over}", size=size)
            for size in (11, 70)
            for over in (0, 1, (0, 1))
        ),
        reduces="dims",
        extremes=ALONG,
        accepted=(Accepted("a softmax; PyTorch's exp(x - result) rounds", huge, GRADIENT),),
    ),
    "norm": Row(
        (
            call(arr(3, 5)),
            call(arr(2, 3, 4), 2, 1),
            call(arr(2, 3, 4), 1, (0, 2), keepdim=True),
            call(arr(2, 3), 3, 1),
            call(arr(2, 3), float("inf"), 1),
            call(arr(2, 3), -float("inf"), 0),
            call(arr(2, 3), 0, 1),
            call(arr()),
            call(arr(0, 3)),
        ),
        "norm",
        bad=(
            bad(IndexError, "Dimension out of range", arr(2, 3), 2, 2),
            bad(RuntimeError, "norm: expected a floating-point tensor", arr(2, dtype="int64")),
        ),
        large=Call((Arr((617, 513)), 2, 1)),
        bench=_TIMED,
        rough=4.0,
        reason="a root of a sum of powers",
        reduces="dims",
        extremes=(
            *_ROWS,
            *(
                Extreme(f"{p}", rows=True, more=(p,))
                for p in (1.0, 2.0, 3.0, 0.5, 0.0, np.inf, -np.inf)
            ),
        ),
        accepted=OVERFLOW,
    ),
    "named_norm": Row(
        (
            call(arr(3, 3), "nuc"),
            call(arr(2, 4), "nuc"),
            call(arr(4, 2), "nuc"),
            call(arr(2, 3, 4), "nuc", (0, 2)),
            call(arr(2, 3, 4), "nuc", (2, 1), keepdim=True),
            call(arr(1, 1), "nuc"),
            call(arr(0, 3), "nuc"),
            call(arr(2, 3), "fro"),
            call(arr(2, 3, 4), "fro", 1),
        ),
        "norm",
        function=_core.norm,
        bench=timed("norm", call(MATRIX, "nuc")),
        finite="a factorisation wants finite numbers",
        eager="NumPy computes in it",  # of NumPy's, which factorises
        bad=(
            bad(RuntimeError, "norm: expected two dimensions for 'nuc'", arr(3), "nuc"),
            bad(RuntimeError, "norm: expected two dimensions for 'nuc'", arr(2, 3), "nuc", 1),
            bad(RuntimeError, "norm: expected a floating", arr(2, 2, dtype="int64"), "nuc"),
            bad(RuntimeError, "finite numbers", np.array([[np.inf, 1.0], [0.0, 1.0]]), "nuc"),
            bad(RuntimeError, "'fro' or 'nuc', got 'max'", arr(2, 3), "max"),
            bad(IndexError, "Dimension out of range", arr(2, 3), "nuc", (0, 2)),
        ),
        rough=16.0,
        reason="a sum of singular values, by a factorisation",
    ),
}

_no_elements = bad(RuntimeError, "numel() == 0", arr(0, 3))
_no_row = bad(IndexError, "to have non-zero size", arr(0, 3), 0)


def _whole_or_along(name: str) -> Row:
    return Row(
        (
            call(arr(3, 5)),
            call(arr(2, 3, 4), 1),
            call(arr(2, 3, 4), -1, True),
            call(arr(2, 3), dim=0, keepdim=True),
            call(arr()),
            call(arr(), 0),
            call(arr(2, 0, 3), 0),
            call(arr(7, domain="ties")),
            call(arr(3, 8, domain="ties"), 1),
        ),
        name,
        NUMBERS,
        bad=(_no_elements, _no_row, _wrong_dim),
        large=_LARGE,
        bench=_TIMED,
        kernels=(name,),
        reduces="dim",
        extremes=(
            *_ROWS,
            Extreme("dim", rows=True, call=lambda function, m, x: function(x, 0)[0]),
        ),
    )


def _extremes(name: str) -> Row:
    return Row(
        (*over_dims(), call(arr(2, 0, 3), 0), call(arr(3, 8, domain="ties"), 1)),
        name,
        ALL,
        bad=(_no_elements, _no_row, _wrong_dim, _twice),
        large=_LARGE,
        bench=_TIMED,
        reduces="dims",
        extremes=_ROWS,
    )


def _position(name: str) -> Row:
    return Row(
        (
            call(arr(3, 5)),
            call(arr(2, 3, 4), 1),
            call(arr(2, 3, 4), -1, True),
            call(arr(2, 3), keepdim=True),
            call(arr()),
            call(arr(), 0),
            call(arr(9, domain="ties")),
            call(arr(40, 3, domain="ties"), 0),
            call(arr(2, 0), 0),
        ),
        name,
        NUMBERS,
        INDEX,
        bad=(
            bad(IndexError, "numel() == 0", arr(0, 3)),
            _no_row,
            _wrong_dim,
            bad(RuntimeError, name, arr(2, dtype="bool")),
        ),
        large=_LARGE,
        bench=_TIMED,
        kernels=(name,),
        reduces="dim",
    )


EXTREMES = {
    "max": _whole_or_along("max"),
    "min": _whole_or_along("min"),
    "amax": _extremes("amax"),
    "amin": _extremes("amin"),
    "argmax": _position("argmax"),
    "argmin": _position("argmin"),
}
