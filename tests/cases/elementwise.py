"""Arithmetic, functions of one number, copies."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from cases.accuracy import Accuracy
from cases.bench import MATRIX, timed
from cases.extreme import EXACT, GRADIENT, Accepted, Extreme
from cases.row import ALL, FLOATS, NUMBERS, Arr, Bad, Call, Counts, Row, arr, bad, call
from steep import _core

_SHAPES: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((2, 3), (2, 3)),
    ((2, 1, 3), (4, 1)),
    ((), (3,)),
    ((3,), ()),
    ((), ()),
    ((0, 3), (1,)),
]
LARGE = (260_003,)

STEP = "constant between its jumps: the gradient is zero"
BOOLEAN = "its result is boolean"


def pairs(x: str = "real", other: str = "real", *more: Call) -> tuple[Call, ...]:
    """Two operands in all ways of broadcasting, and whatever else."""
    both = (call(arr(*a, domain=x), arr(*b, domain=other)) for a, b in _SHAPES)
    return (*both, *more)


def singles(domain: str = "real") -> tuple[Call, ...]:
    return tuple(call(arr(*shape, domain=domain)) for shape in ((2, 3), (), (0, 2), (37,)))


def large(*domains: str) -> Call:
    return Call(tuple(Arr(LARGE, domain) for domain in domains))


def unary(reference: str, domain: str = "real", **fields: Any) -> Row:
    fields.setdefault("special", True)
    fields.setdefault("bench", call(MATRIX))
    return Row(singles(domain), reference, large=large(domain), **fields)


def binary(
    reference: str,
    x: str = "real",
    other: str = "real",
    *more: Call,
    refused: str = "float32",
    **fields: Any,
) -> Row:
    """Two operands; shapes that do not broadcast are refused in the dtype `refused`."""
    a, b = arr(2, 3, dtype=refused), arr(4, dtype=refused)
    unequal = bad(RuntimeError, f"{reference}: expected shapes that broadcast", a, b)
    fields.setdefault("special", True)
    fields.setdefault("bench", call(MATRIX, MATRIX))
    fields["bad"] = (unequal, *fields.get("bad", ()))
    return Row(pairs(x, other, *more), reference, large=large(x, other), **fields)


def _int_zero(op: str) -> Bad:
    zeros = arr(2, domain="below1", dtype="int64")
    return bad(RuntimeError, f"ZeroDivisionError: {op}", arr(2, dtype="int64"), zeros)


def saved_input(function: int) -> Counts:
    return Counts(launches=1, saved=1, saved_bytes=24, backward=function)


_scaled = (
    call(arr(2, 3), arr(3), alpha=2),
    call(arr(2, 3), 3),
    call(3, arr(2, 3)),
    call(arr(), arr(3), alpha=3),
)


def _power_of(base: float) -> Callable[..., Any]:
    return lambda function, library, x: function(base, x)


_numbers = (call(arr(2, 3), 3), call(3, arr(2, 3)), call(arr(3), 0.5))
_divisors = (call(arr(2, 3), 3), call(3, arr(2, 3, domain="beyond")), call(arr(3), -0.7))

ARITHMETIC = {
    "add": binary(
        "add",
        "real",
        "real",
        *_scaled,
        call(arr(2, 3), True),
        dtypes=ALL,
        kernels=("add_scaled",),
        bounded=("alpha",),
        counts=Counts(launches=1, saved=0, saved_bytes=0, backward=0),
        bad=(
            bad(
                RuntimeError,
                "add: expected an integral alpha",
                *[arr(2, dtype="int64")] * 2,
                alpha=0.5,
            ),
            bad(TypeError, "add", 1, 2),
        ),
    ),
    "sub": binary(
        "sub",
        "real",
        "real",
        *_scaled,
        dtypes=NUMBERS,
        bounded=("alpha",),
        counts=Counts(launches=1, saved=0, saved_bytes=0, backward=1),
        bad=(
            bad(RuntimeError, "sub: expected numbers, got two bool", *[arr(2, dtype="bool")] * 2),
        ),
    ),
    "mul": binary(
        "mul",
        "real",
        "real",
        *_numbers,
        dtypes=ALL,
        counts=Counts(launches=1, saved=2, saved_bytes=48, backward=2),
    ),
    "div": binary(
        "div",
        "real",
        "beyond",
        *_divisors,
        accepted=(
            Accepted(
                "grad / other overflows; one quotient serves both gradients, which spares a launch",
                lambda x, y: 0 < abs(y) < 1e-37,
                GRADIENT,
            ),
        ),
        dtypes=NUMBERS,
        counts=Counts(launches=1, saved=2, saved_bytes=48, backward=3),
    ),
    "div_rounded": Row(
        pairs(
            "real",
            "beyond",
            *(
                call(*given, rounding_mode=mode)
                for mode in ("trunc", "floor", None)
                for given in (
                    (arr(2, 3), arr(3, domain="beyond")),
                    (arr(37), arr(37, domain="beyond")),
                    (arr(2, 3), 3),
                    (7, arr(2, 3, domain="beyond")),
                    (arr(0, 3), arr(1, domain="beyond")),
                    (arr(), arr(3, domain="beyond")),
                )
            ),
        )[len(_SHAPES) :],
        "div",
        NUMBERS,
        function=_core.div,
        bench=timed("div", call(MATRIX, 0.3, rounding_mode="trunc")),
        bad=(
            bad(
                RuntimeError,
                "div: expected rounding_mode to be one of None, 'trunc', or 'floor', got 'up'",
                arr(2),
                arr(2),
                rounding_mode="up",
            ),
            *(
                bad(
                    RuntimeError,
                    "ZeroDivisionError",
                    arr(2, dtype="int64"),
                    arr(2, domain="below1", dtype="int64"),
                    rounding_mode=mode,
                )
                for mode in ("trunc", "floor")
            ),
            bad(TypeError, "rounding_mode", arr(2), arr(2), rounding_mode=1),
        ),
    ),
    "pow": binary(
        "pow",
        "positive",
        "real",
        call(arr(4), 3),
        call(arr(4), 2),
        call(arr(4), 0),
        call(arr(2, 2, domain="positive"), 0.5),
        call(2.5, arr(4)),
        dtypes=(*FLOATS, "int64", "int32"),
        extremes=(
            *(Extreme(f"{e}", more=(e,)) for e in (0.0, 0.5, 1.0, 2.0, 3.0, -1.0, -0.5)),
            *(Extreme(f"of {base}", call=_power_of(base)) for base in (2.0, 0.0)),
        ),
        accepted=(
            Accepted(
                "pow of C and IEEE; PyTorch takes sqrt", lambda x: x == -math.inf, label="0.5"
            ),
            Accepted(
                "pow of C and IEEE; PyTorch takes rsqrt", lambda x: x == -math.inf, label="-0.5"
            ),
        ),
        rough=8.0,
        reason="a power is the exponential of a logarithm times the exponent",
        bad=(
            bad(RuntimeError, "pow: expected a non-negative exponent", arr(2, dtype="int64"), -1),
        ),
        accuracy=Accuracy(np.power, None, 1.6, 1.6),
    ),
    "floor_divide": binary(
        "floor_divide",
        "real",
        "beyond",
        *_divisors,
        dtypes=NUMBERS,
        gradient=STEP + ", and PyTorch gives none",
        bad=(_int_zero("floor_divide"),),
        special=False,
        kernels=("floor_divide",),
    ),
    "remainder": binary(
        "remainder",
        "real",
        "beyond",
        *_divisors,
        dtypes=NUMBERS,
        bad=(_int_zero("remainder"),),
        special=False,
        kernels=("remainder",),
        jumps="gradient",  # by the divisor it is a whole number
        extremes=(Extreme(inputs=2),),
        accepted=EXACT,
    ),
    "fmod": binary(
        "fmod",
        "real",
        "beyond",
        *(c for c in _divisors if isinstance(c.args[0], Arr)),
        dtypes=NUMBERS,
        bad=(_int_zero("fmod"), bad(TypeError, "argument 'input'", 3, arr(2))),
        special=False,
        kernels=("fmod",),
        jumps="gradient",
        extremes=(Extreme(inputs=2),),
        accepted=EXACT,
    ),
    "neg": unary(
        "neg",
        dtypes=NUMBERS,
        bad=(bad(RuntimeError, "neg: expected a tensor of numbers", arr(2, dtype="bool")),),
        counts=Counts(launches=1, saved=0, saved_bytes=0, backward=1),
    ),
    "abs": unary("abs", dtypes=NUMBERS, counts=saved_input(2)),
    "sign": unary("sign", dtypes=ALL),
    "square": unary("square", dtypes=ALL, counts=saved_input(2)),
    "reciprocal": unary("reciprocal", "beyond", dtypes=NUMBERS, counts=saved_input(3)),
    "floor": unary("floor", dtypes=NUMBERS),
    "ceil": unary("ceil", dtypes=NUMBERS),
    "round": unary("round", dtypes=NUMBERS),
    "round_to": Row(
        tuple(
            call(arr(*shape), decimals=decimals)
            for shape in ((2, 3), (), (0, 2), (37,))
            for decimals in (0, 1, 3, -1)
        ),
        "round",
        function=_core.round,
        jumps="value",
        bench=timed("round", call(MATRIX, decimals=1)),
        bad=(
            bad(
                NotImplementedError,
                "round: expected a floating-point tensor where decimals is not 0",
                arr(2, dtype="int64"),
                decimals=1,
            ),
            bad(TypeError, "decimals", arr(2), decimals=0.5),
        ),
    ),
    "trunc": unary("trunc", dtypes=NUMBERS),
}


def _same(x: Any) -> Any:
    return np.array(x)


COPIES = {
    "clone": Row(
        singles(),
        _same,
        ALL,
        counts=Counts(1, 0, 0, 0),
        bench=call(MATRIX),
        kernels=("copy",),
    ),
    "contiguous": Row(
        singles(),
        _same,
        ALL,
        view=True,
        counts=Counts(0, 0, 0, 0),
        bench=call(MATRIX),
        eager="it returns one of its arguments itself",
    ),
}
