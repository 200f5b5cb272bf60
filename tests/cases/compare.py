"""Comparisons, truths, bits and choices."""

from __future__ import annotations

from typing import Any

import numpy as np

from cases.bench import MATRIX
from cases.elementwise import BOOLEAN, LARGE, binary, unary
from cases.extreme import Extreme
from cases.row import ALL, FLOATS, INTEGERS, NUMBERS, Arr, Call, Counts, Row, arr, bad, call


def _comparison(name: str) -> Row:
    more = (call(arr(7, domain="below3"), 1), call(arr(5), 0.25))
    return binary(name, "below3", "below3", *more, dtypes=ALL, gradient=BOOLEAN)


def _bitwise(name: str) -> Row:
    wrong = bad(NotImplementedError, f"{name}: expected integer or bool operands", arr(2), arr(2))
    more = (call(arr(2, 3), 3), call(5, arr(2, 3)))
    return binary(
        name,
        "real",
        "real",
        *more,
        dtypes=(*INTEGERS, "bool"),
        gradient="integers have none",
        bad=(wrong,),
        refused="int64",
        special=False,
        kernels=(name,),
    )


def _shift(name: str) -> Row:
    more = (call(arr(2, 3), 3), call(5, arr(2, 3)), call(arr(4), 200), call(arr(4), -1))
    return binary(
        name,
        "real",
        "real",
        *more,
        dtypes=INTEGERS,
        gradient="integers have none",
        bad=(
            bad(NotImplementedError, f"{name}: expected integer operands", arr(2), arr(2)),
            bad(NotImplementedError, "got bool", *[arr(2, dtype="bool")] * 2),
        ),
        refused="int64",
        special=False,
        kernels=(name,),
    )


_INF = float("inf")
_mask = arr(2, 3, domain="mask", dtype="bool")
_WIDE_MASK = arr(*MATRIX.shape, domain="mask", dtype="bool")
COMPARE = {
    **{name: _shift(name) for name in ("bitwise_left_shift", "bitwise_right_shift")},
    **{name: _comparison(name) for name in ("eq", "ne", "lt", "le", "gt", "ge")},
    **{
        name: binary(name, "below3", "below3", dtypes=ALL, gradient=BOOLEAN)
        for name in ("logical_and", "logical_or", "logical_xor")
    },
    **{name: _bitwise(name) for name in ("bitwise_and", "bitwise_or", "bitwise_xor")},
    "logical_not": unary("logical_not", "below3", dtypes=ALL, gradient=BOOLEAN),
    "bitwise_not": unary(
        "bitwise_not",
        dtypes=(*INTEGERS, "bool"),
        gradient="integers have none",
        special=False,
        kernels=("bitwise_not",),
        bad=(bad(TypeError, "bitwise_not: expected an integer or bool tensor", arr(2)),),
    ),
    **{
        name: Row(
            (
                call(arr(2, 7, domain="special")),
                call(
                    arr(),
                ),
                call(arr(0, 2)),
            ),
            name,
            ALL,
            gradient=BOOLEAN,
            special=True,
            bench=call(MATRIX),
        )
        for name in ("isnan", "isinf", "isfinite")
    },
    "where": Row(
        (
            call(_mask, arr(2, 3), arr(2, 3)),
            call(_mask, arr(3), arr(2, 1)),
            call(_mask, arr(3), 2),
            call(_mask, 0.5, arr(2, 3)),
            call(arr(4, 1, 1, domain="mask", dtype="bool"), arr(2, 3), arr()),
            call(arr(0, 3, domain="mask", dtype="bool"), arr(3), arr(1)),
        ),
        "where",
        ALL,
        bad=(
            bad(RuntimeError, "where: expected a condition of dtype bool", arr(2), arr(2), arr(2)),
            bad(RuntimeError, "broadcast", _mask, arr(4), arr(2, 3)),
        ),
        large=Call((Arr(LARGE, "mask", "bool"), Arr(LARGE), Arr(LARGE))),
        bench=call(_WIDE_MASK, MATRIX, MATRIX),
        extremes=(Extreme(inputs=2, call=lambda function, m, x, y: function(x > y, x, y)),),
        kernels=("where",),
        counts=Counts(launches=1, saved=1, saved_bytes=6, backward=2),
    ),
    "maximum": binary("maximum", "real", "real", dtypes=ALL),
    "minimum": binary("minimum", "real", "real", dtypes=ALL),
    "clamp": Row(
        (
            call(arr(2, 3), -0.1, 0.1),
            call(arr(40), -1, 1),
            call(arr(20), max=1),
            call(arr(20), 0),
            call(arr(4, 3), arr(3), arr(4, 1)),
            call(arr(4, 3), arr()),
            call(arr(), 0, 1),
            call(arr(0, 3), 0, 1),
        ),
        "clamp",
        NUMBERS,
        bad=(
            bad(RuntimeError, "At least one of 'min' or 'max' must not be None", arr(2)),
            bad(RuntimeError, "broadcast", arr(2, 3), arr(4)),
        ),
        large=Call((Arr(LARGE), -1.0, 1.0)),
        bench=call(MATRIX, 0.1, 0.2),
        extremes=(
            *(
                Extreme(f"{low}, {high}", more=(low, high))
                for low, high in ((-1.0, 2.0), (-_INF, 1.0), (0.0, _INF), (2.0, -1.0))
            ),
            Extreme("tensors", 3),
        ),
        kernels=("clamp",),
    ),
    "masked_fill": Row(
        (
            call(arr(2, 3), _mask, 2),
            call(arr(2, 3), arr(3, domain="mask", dtype="bool"), arr()),
            call(arr(0, 3), arr(3, domain="mask", dtype="bool"), 0),
            call(arr(), arr(domain="mask", dtype="bool"), 1),
        ),
        "masked_fill",
        ALL,
        bench=call(MATRIX, _WIDE_MASK, 0.0),
        bad=(
            bad(RuntimeError, "masked_fill: expected a mask of dtype bool", arr(2), arr(2), 0),
            bad(
                RuntimeError,
                "masked_fill: value nan cannot be converted to type int64",
                arr(3, dtype="int64"),
                arr(3, dtype="bool"),
                float("nan"),
            ),
            bad(RuntimeError, "0-dimensional value", arr(2), arr(2, dtype="bool"), arr(1)),
            bad(RuntimeError, "masked_fill: expected shapes", arr(2), arr(3, dtype="bool"), 0),
        ),
    ),
}


def _isclose(x: Any, other: Any, **tolerances: Any) -> Any:
    return np.isclose(x, other, **tolerances)


NEAR = {
    "equal": Row(
        (
            call(arr(2, 3), arr(2, 3)),
            call(arr(3, domain="below1"), arr(3, domain="below1")),
            call(arr(2), arr(3)),
            call(arr(), arr()),
        ),
        np.array_equal,
        ALL,
        BOOLEAN,
        bench=call(MATRIX, MATRIX),
        lenient="two tensors of any shapes and dtypes are equal or not",
    ),
    "isclose": Row(
        (
            call(arr(2, 3), arr(2, 3)),
            call(arr(7, domain="below3"), arr(7, domain="below3")),
            call(arr(40), arr(40), rtol=0.5, atol=0.01),
            call(arr(14, domain="special"), arr(14, domain="special"), equal_nan=True),
            call(arr(14, domain="special"), arr(1)),
            call(arr(0), arr(0)),
        ),
        _isclose,
        FLOATS,
        BOOLEAN,
        bench=call(MATRIX, MATRIX),
        bad=(
            bad(RuntimeError, "isclose", arr(2), arr(2, dtype="int64")),
            bad(RuntimeError, "isclose", arr(2), arr(2), rtol=-1.0),
            bad(RuntimeError, "isclose: expected tol", arr(2), arr(2), rtol=float("nan")),
            bad(RuntimeError, "isclose: expected tol", arr(2), arr(2), atol=float("nan")),
        ),
    ),
}
