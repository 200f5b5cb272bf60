"""Activation functions, and their layers."""

from __future__ import annotations

import math

from cases import accuracy
from cases.accuracy import Accuracy
from cases.bench import MATRIX
from cases.elementwise import large, saved_input, singles, unary
from cases.extreme import GRADIENT, Accepted, Extreme
from cases.fused import Fused
from cases.layer import Layer, Made
from cases.row import NUMBERS, Bad, Row, arr, bad, call

_x = (arr(3, 4),)


def _floats_only(name: str) -> tuple[Bad, ...]:
    return (bad(NotImplementedError, f'"{name}" not implemented for', arr(2, dtype="int64")),)


ACTIVATIONS = {
    "relu": unary(
        "relu",
        dtypes=NUMBERS,
        bad=(bad(RuntimeError, "relu: Boolean inputs not supported", arr(2, dtype="bool")),),
        counts=saved_input(1),
        fused=(Fused(("relu", "relu_backward")),),
        layer=Layer(
            "ReLU",
            (Made(call(), _x, "ReLU()"), Made(call(True), _x, "ReLU(inplace=True)")),
        ),
    ),
    "leaky_relu": Row(
        (*singles(), call(arr(9), 0.3), call(arr(9), negative_slope=-0.2)),
        "leaky_relu",
        bad=_floats_only("leaky_relu"),
        special=True,
        large=large("real"),
        bench=call(MATRIX, 0.1),
        counts=saved_input(1),
        bounded=("negative_slope",),
        extremes=(Extreme("-0.5", more=(-0.5,)),),
        fused=(Fused(("leaky_relu", "leaky_relu_backward")),),
        layer=Layer(
            "LeakyReLU",
            (
                Made(call(), _x, "LeakyReLU(negative_slope=0.01)"),
                Made(
                    call(0.1, True),
                    _x,
                    "LeakyReLU(negative_slope=0.1, inplace=True)",
                ),
            ),
        ),
    ),
    "elu": Row(
        (*singles(), call(arr(9), 0.7)),
        "elu",
        bad=_floats_only("elu"),
        special=True,
        large=large("real"),
        bounded=("alpha",),
        extremes=(Extreme("2", more=(2.0,)),),
        accepted=(
            Accepted(
                "made from the result, alpha (exp(x) - 1) + alpha: rounded",
                lambda x: x < 0,
                GRADIENT,
            ),
        ),
        fused=(Fused(("elu", "elu_backward"), (1.5,)),),
        layer=Layer(
            "ELU",
            (
                Made(call(), _x, "ELU(alpha=1.0)"),
                Made(call(0.5, True), _x, "ELU(alpha=0.5, inplace=True)"),
            ),
        ),
    ),
    "silu": unary(
        "silu",
        bad=_floats_only("silu"),
        special=False,
        extremes=(Extreme(),),
        fused=(Fused(("silu", "silu_backward")),),
        layer=Layer(
            "SiLU",
            (Made(call(), _x, "SiLU()"), Made(call(True), _x, "SiLU(inplace=True)")),
        ),
    ),
    "gelu": Row(
        (*singles(), call(arr(9), approximate="tanh")),
        "gelu",
        bad=(
            *_floats_only("gelu"),
            bad(RuntimeError, "approximate argument must be either none or tanh", arr(2), "fast"),
        ),
        large=large("real"),
        extremes=(Extreme(), Extreme("tanh", settings={"approximate": "tanh"})),
        accepted=(
            Accepted(
                "1 + erf, or 1 + tanh, cancels there; a chance of its own does not",
                lambda x: x < -3,
            ),
            Accepted("x times the chance 1", lambda x: x == math.inf),
        ),
        fused=(
            Fused(("gelu", "gelu_backward")),
            Fused(("gelu_tanh",), settings={"approximate": "tanh"}, label="tanh"),
        ),
        layer=Layer(
            "GELU",
            (
                Made(call(), _x, "GELU(approximate='none')"),
                Made(call("tanh"), _x, "GELU(approximate='tanh')"),
            ),
        ),
    ),
    "softplus": Row(
        (*singles(), call(arr(9), 2.0, 0.5)),
        "softplus",
        bad=_floats_only("softplus"),
        special=True,
        large=large("real"),
        bounded=("beta", "threshold"),
        extremes=(Extreme("2, 5", more=(2.0, 5.0)),),
        # Beyond a threshold PyTorch returns the input.
        accuracy=Accuracy(
            accuracy.softplus, (-40, 40), 1.9, 1.9, settings={"threshold": float("inf")}
        ),
        fused=(Fused(("softplus",)),),
        layer=Layer(
            "Softplus",
            (
                Made(call(), _x, "Softplus(beta=1.0, threshold=20.0)"),
                Made(call(2.0, 0.5), _x, "Softplus(beta=2.0, threshold=0.5)"),
            ),
        ),
    ),
    "softsign": unary(
        "softsign",
        dtypes=NUMBERS,
        bad=(bad(NotImplementedError, '"softsign" not implemented for', arr(2, dtype="bool")),),
        layer=Layer("Softsign", (Made(call(), _x, "Softsign()"),)),
    ),
}
