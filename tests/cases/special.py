"""Less common elementwise operations."""

from __future__ import annotations

import numpy as np

from cases.accuracy import Accuracy
from cases.bench import MATRIX
from cases.elementwise import BOOLEAN, LARGE, STEP, binary, singles, unary
from cases.row import ALL, FLOATS, NUMBERS, Arr, Call, Row, arr, bad, call

_int = arr(2, dtype="int64")
_UNEQUAL = bad(RuntimeError, "broadcast", arr(2, 3), arr(4), arr(4))
_bounds = (call(arr(2, 3), 0.05), call(arr(40), 1), call(arr(4, 3), arr(3)), call(arr(), 0))
_numbers = (call(arr(2, 3), 0.7), call(arr(2, 3), -2))

SPECIAL_FUNCTIONS = {
    "asinh": unary(
        "asinh", dtypes=ALL, accuracy=Accuracy(np.arcsinh, (-30, 30), 2.5, 2.5, odd=True)
    ),
    "acosh": Row(
        (call(arr(2, 3, domain="offset")), call(arr(0, 2)), call(arr(7, domain="offset"))),
        "acosh",
        FLOATS,
        large=Call((Arr(LARGE, "offset"),)),
        bench=call(MATRIX),
        kernels=("acosh",),
        accuracy=Accuracy(np.arccosh, (1, 30), 2.5, 2.5),
    ),
    "atanh": unary(
        "atanh",
        "unit",
        dtypes=ALL,
        accuracy=Accuracy(np.arctanh, (-1, 1), 2.5, 2.5, odd=True),
    ),
    "erfinv": unary("erfinv", "unit", dtypes=ALL),
    "sinc": Row(singles(), "sinc", ALL, bench=call(MATRIX)),
    "logit": Row(
        (
            call(arr(2, 3, domain="distribution")),
            call(arr(9), 0.1),
            call(arr(), 0.2),
            call(arr(0, 2)),
        ),
        "logit",
        FLOATS,
        bench=call(MATRIX),
        lenient="eps may be any number, as in PyTorch",
    ),
    "deg2rad": unary("deg2rad", dtypes=ALL),
    "rad2deg": unary("rad2deg", dtypes=ALL),
    "frac": unary(
        "frac",
        special=False,
        jumps="value",
        bad=(bad(NotImplementedError, "frac: expected a floating-point tensor", _int),),
    ),
    "positive": Row(
        singles(),
        "positive",
        NUMBERS,
        view=True,
        bench=call(MATRIX),
        eager="it returns one of its arguments itself",
        bad=(bad(RuntimeError, "positive: expected a tensor of numbers", arr(2, dtype="bool")),),
    ),
    **{
        name: unary(name, dtypes=ALL, gradient=BOOLEAN)
        for name in ("signbit", "isposinf", "isneginf")
    },
    "hypot": binary(
        "hypot",
        bad=(bad(NotImplementedError, "hypot: expected floating-point operands", _int, _int),),
    ),
    "logaddexp": binary(
        "logaddexp",
        bad=(bad(NotImplementedError, "logaddexp: expected floating", _int, _int),),
    ),
    "logaddexp2": binary(
        "logaddexp2",
        special=False,
        bad=(bad(NotImplementedError, "logaddexp2: expected floating", _int, _int),),
    ),
    "copysign": binary("copysign", "real", "real", *_numbers, dtypes=ALL, jumps="value"),
    "xlogy": binary("xlogy", "real", "positive", call(arr(2, 3), 0.7), dtypes=FLOATS),
    "fmax": binary("fmax", dtypes=ALL),
    "fmin": binary("fmin", dtypes=ALL),
    "rsub": binary(
        "rsub",
        "real",
        "real",
        call(arr(2, 3), 3),
        call(arr(2, 3), arr(3), alpha=2),
        dtypes=NUMBERS,
        special=False,
    ),
    "lerp": Row(
        (
            call(arr(2, 3), arr(2, 3), 0.25),
            call(arr(2, 3), arr(3), arr(2, 1)),
            call(arr(4), arr(4), 0.75),
            call(arr(), arr(), arr()),
            call(arr(0, 3), arr(3), 2),
        ),
        "lerp",
        large=Call((Arr(LARGE), Arr(LARGE), 0.3)),
        bench=call(MATRIX, MATRIX, 0.3),
        kernels=("lerp",),
        bad=(
            bad(RuntimeError, "lerp: expected shapes that broadcast", arr(2, 3), arr(4), 0.5),
            bad(NotImplementedError, "lerp: expected a floating-point tensor", _int, _int, 1),
            bad(RuntimeError, "in the input's dtype", arr(2), arr(2, dtype="int64"), 0.5),
        ),
    ),
    "addcmul": Row(
        (
            call(arr(2, 3), arr(2, 3), arr(2, 3)),
            call(arr(2, 3), arr(3), arr(2, 1), value=2),
            call(arr(), arr(), arr(), value=3),
            call(arr(0, 3), arr(3), arr(1)),
        ),
        "addcmul",
        NUMBERS,
        bench=call(MATRIX, MATRIX, MATRIX, value=0.5),
        bounded=("value",),
        bad=(_UNEQUAL,),
    ),
    "addcdiv": Row(
        (
            call(arr(2, 3), arr(2, 3), arr(2, 3, domain="beyond")),
            call(arr(2, 3), arr(3), arr(2, 1, domain="beyond"), value=2),
            call(arr(), arr(), arr(domain="beyond"), value=0.5),
        ),
        "addcdiv",
        bench=call(MATRIX, MATRIX, MATRIX, value=0.5),
        bounded=("value",),
        bad=(_UNEQUAL, bad(RuntimeError, "Integer division", arr(2), _int, _int)),
    ),
    "clamp_min": Row(
        _bounds,
        lambda x, low: np.maximum(x, low).astype(x.dtype),
        FLOATS,
        bench=call(MATRIX, 0.1),
        bad=(bad(RuntimeError, "broadcast", arr(2, 3), arr(4)),),
    ),
    "clamp_max": Row(
        _bounds,
        lambda x, high: np.minimum(x, high).astype(x.dtype),
        FLOATS,
        bench=call(MATRIX, 0.1),
        bad=(bad(RuntimeError, "broadcast", arr(2, 3), arr(4)),),
    ),
    "float_power": Row(
        (
            call(arr(2, 3, domain="positive"), arr(3)),
            call(arr(4, domain="positive"), 2),
            call(2, arr(3)),
            call(arr(domain="positive"), 0.5),
        ),
        "float_power",
        NUMBERS[:4],
        bench=call(MATRIX, 2),
        forms={"float_power_": Call((Arr(MATRIX.shape, dtype="float64"), 2))},
        bad=(
            bad(RuntimeError, "broadcast", arr(2, 3), arr(4)),
            bad(TypeError, "float_power: expected a tensor among the two", 2.0, 3.0),
        ),
    ),
    "nan_to_num": Row(
        (
            call(arr(2, 3), posinf=3.0),
            call(arr(4), 1.0, 2.0, -2.0),
            call(arr()),
        ),
        "nan_to_num",
        ALL,
        special=True,
        bench=call(MATRIX),
        lenient="any float may stand for what is none",
    ),
    "heaviside": Row(
        (call(arr(2, 3), arr(2, 3)), call(arr(8, domain="below2"), arr()), call(arr(0, 2), arr(2))),
        "heaviside",
        ALL[:4],
        STEP,
        bench=call(MATRIX, MATRIX),
        bad=(
            bad(RuntimeError, "one dtype", arr(2), _int),
            bad(RuntimeError, "broadcast", arr(2, 3), arr(4)),
        ),
    ),
}
