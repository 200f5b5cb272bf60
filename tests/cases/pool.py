"""Pooling: means and norms of windows, and all of it as one table."""

from __future__ import annotations

from typing import Any

from cases.adaptive_pool import ADAPTIVE
from cases.layer import Layer, Made, Misused
from cases.max_pool import INVERSES, MAXIMA
from cases.row import Arr, Bad, Call, Row, arr, bad, call
from cases.windows import BENCH, LARGE, ROUGH, padded, refused

_POWERS: dict[str, Any] = {"rough": 16.0, "reason": "sums of powers, and a root of them"}


def _means(axes: int, *calls: Call, made: tuple[Made, ...], more: tuple[Bad, ...] = ()) -> Row:
    op = f"avg_pool{axes}d"
    integers = Arr((1, 2, *(5,) * axes), dtype="int32")
    return Row(
        calls,
        op,
        ("float32", "float64", "int64"),
        bad=(
            *refused(axes, op),
            *padded(axes),
            bad(NotImplementedError, f'"{op}" not implemented for', integers, 2),
            *more,
        ),
        large=Call((Arr(LARGE[axes]), 3), {"stride": 2, "padding": 1}),
        bench=Call((Arr(BENCH[axes]), 2)),
        kernels=("average_pool", "average_pool_back"),
        layer=Layer(
            f"AvgPool{axes}d",
            made,
            misused=(Misused(call(2), (arr(5),), RuntimeError, f"Expected {axes + 1}D or"),),
            bench=Made(call(2), (Arr(BENCH[axes]),), ""),
            **ROUGH,
        ),
        **ROUGH,
    )


_divisor = bad(RuntimeError, "divisor must be not zero", arr(1, 4, 4), 2, divisor_override=0)
_divisors = bad(RuntimeError, "divisor must be not zero", arr(1, 4, 4, 4), 2, divisor_override=0)

MEANS = {
    "avg_pool1d": _means(
        1,
        call(arr(2, 3, 8), 2),
        call(arr(3, 9), 2),
        call(arr(2, 2, 9), 3, 2, 1),
        call(arr(2, 2, 9), 3, 2, 1, False, False),
        call(arr(2, 2, 10), 4, 3, 2, True),
        call(arr(2, 2, 10), 4, 3, 2, True, False),
        call(arr(2, 7), 7),
        call(arr(2, 40), 5, stride=1),
        call(arr(0, 2, 5), 2),
        made=(
            Made(
                call(2),
                (arr(2, 3, 6),),
                "AvgPool1d(kernel_size=(2,), stride=(2,), padding=(0,))",
            ),
            Made(
                call(3, 2, 1, True, False),
                (arr(3, 8),),
                "AvgPool1d(kernel_size=(3,), stride=(2,), padding=(1,))",
            ),
        ),
    ),
    "avg_pool2d": _means(
        2,
        call(arr(1, 3, 4), 2, 1),
        call(arr(2, 3, 4, 6), 2),
        call(arr(3, 5, 7), 2),
        call(arr(2, 2, 5, 7), 3, 2, 1),
        call(arr(2, 2, 5, 7), 3, 2, 1, count_include_pad=False),
        call(arr(1, 2, 7, 9), (2, 3), (2, 1), (1, 0)),
        call(arr(1, 2, 7, 9), (2, 3), 2, 1, True, divisor_override=5),
        call(arr(1, 2, 7, 9), (2, 3), 2, 1, True),
        call(arr(1, 2, 7, 9), 3, divisor_override=-2),
        call(arr(2, 3, 6, 7), (6, 7)),
        call(arr(2, 2, 3, 70), 2),
        call(arr(0, 2, 4, 4), 2),
        made=(
            Made(
                call((2, 3), 2),
                (arr(2, 3, 6, 5),),
                "AvgPool2d(kernel_size=(2, 3), stride=2, padding=0)",
            ),
            Made(
                call(2, divisor_override=3),
                (arr(3, 8, 2),),
                "AvgPool2d(kernel_size=2, stride=2, padding=0)",
            ),
        ),
        more=(_divisor,),
    ),
    "avg_pool3d": _means(
        3,
        call(arr(1, 2, 2, 3), 2, 1),
        call(arr(1, 2, 2, 2, 3), (1, 2, 2)),
        call(arr(2, 2, 2, 4, 6), 2),
        call(arr(2, 3, 4, 5), 2, 1),
        call(arr(1, 2, 5, 4, 5), (3, 2, 3), 2, 1),
        call(arr(1, 2, 5, 4, 5), (3, 2, 3), 2, 1, True, False),
        call(arr(1, 1, 3, 4, 5), (2, 4, 5), divisor_override=7),
        made=(
            Made(
                call(2, padding=1),
                (arr(1, 2, 3, 4, 5),),
                "AvgPool3d(kernel_size=2, stride=2, padding=1)",
            ),
        ),
        more=(_divisors,),
    ),
}


def _norms(axes: int, *calls: Call) -> Row:
    op = f"lp_pool{axes}d"
    x = Arr((1, 2, *(5,) * axes), "positive")
    return Row(
        calls,
        op,
        bad=(
            bad(RuntimeError, "Output size is too small", x, 2, 6),
            bad(ValueError, "norm_type other than 0", x, 0, 2),
            bad(NotImplementedError, "not implemented for", Arr(x.shape, dtype="int64"), 2, 2),
        ),
        bench=Call((Arr(BENCH[axes], "distribution"), 2, 2)),
        layer=Layer(
            f"LPPool{axes}d",
            (
                Made(
                    call(2, 3),
                    (x,),
                    f"LPPool{axes}d(norm_type=2, kernel_size=3, stride=None, ceil_mode=False)",
                ),
                Made(
                    call(1.5, 2, stride=3, ceil_mode=True),
                    (x,),
                    f"LPPool{axes}d(norm_type=1.5, kernel_size=2, stride=3, ceil_mode=True)",
                ),
            ),
            **_POWERS,
        ),
        **_POWERS,
    )


_some, _few = arr(2, 3, 7, domain="positive"), arr(1, 2, 5, domain="positive")

NORMS_OF_WINDOWS = {
    "lp_pool1d": _norms(
        1,
        call(_few, 2, 3, 1),
        call(_some, 2, 3),
        call(_some, 3, 2, 1, True),
        call(_some, 1.0, (2,), (3,)),
    ),
    "lp_pool2d": _norms(
        2,
        call(_few, 3, (1, 2)),
        call(_some, 2, 3),
        call(_some, 2.5, (1, 2), stride=1, ceil_mode=True),
    ),
    "lp_pool3d": _norms(3, call(arr(1, 2, 3, 4, domain="positive"), 2, 2, 1)),
}

POOLING = {**MAXIMA, **INVERSES, **MEANS, **NORMS_OF_WINDOWS, **ADAPTIVE}
