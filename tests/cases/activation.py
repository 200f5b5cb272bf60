"""Activation functions."""

from __future__ import annotations

from cases.elementwise import large, saved_input, singles, unary
from cases.row import NUMBERS, Bad, Row, arr, bad, call


def _floats_only(name: str) -> tuple[Bad, ...]:
    return (bad(NotImplementedError, f'"{name}" not implemented for', arr(2, dtype="int64")),)


ACTIVATIONS = {
    "relu": unary(
        "relu",
        dtypes=NUMBERS,
        bad=(bad(RuntimeError, "relu: Boolean inputs not supported", arr(2, dtype="bool")),),
        counts=saved_input(1),
    ),
    "leaky_relu": Row(
        (*singles(), call(arr(9), 0.3), call(arr(9), negative_slope=-0.2)),
        "leaky_relu",
        bad=_floats_only("leaky_relu"),
        special=True,
        large=large("real"),
        counts=saved_input(1),
    ),
    "elu": Row(
        (*singles(), call(arr(9), 0.7)),
        "elu",
        bad=_floats_only("elu"),
        special=True,
        large=large("real"),
    ),
    "silu": unary("silu", bad=_floats_only("silu"), special=False),
    "gelu": Row(
        (*singles(), call(arr(9), approximate="tanh")),
        "gelu",
        bad=(
            *_floats_only("gelu"),
            bad(RuntimeError, "approximate argument must be either none or tanh", arr(2), "fast"),
        ),
        large=large("real"),
    ),
    "softplus": Row(
        (*singles(), call(arr(9), 2.0, 0.5)),
        "softplus",
        bad=_floats_only("softplus"),
        special=True,
        large=large("real"),
    ),
}
