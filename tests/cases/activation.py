"""Activation functions, and their layers."""

from __future__ import annotations

import math
from typing import Any

from cases import accuracy
from cases.accuracy import Accuracy
from cases.bench import MATRIX
from cases.elementwise import large, saved_input, singles, unary
from cases.extreme import GRADIENT, Accepted, Extreme
from cases.fused import Fused
from cases.layer import Layer, Made
from cases.row import FLOATS, NUMBERS, Arr, Bad, Call, Row, arr, bad, call

_x = (arr(3, 4),)


def _floats_only(name: str) -> tuple[Bad, ...]:
    return (bad(NotImplementedError, f'"{name}" not implemented for', arr(2, dtype="int64")),)


_from_result = (
    Accepted(
        "made from the result, alpha (exp(x) - 1) + alpha: rounded", lambda x: x < 0, GRADIENT
    ),
)

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
        accepted=_from_result,
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


def _made_with(layer: str, shown: str = "", *args: Any, inplace: bool = True) -> Layer:
    """A layer as it is made without arguments, or with `args`; also in place."""
    made = [Made(call(*args), _x, f"{layer}({shown})")]
    if inplace:
        also = f"{shown}, inplace=True" if shown else "inplace=True"
        made.append(Made(call(*args, inplace=True), _x, f"{layer}({also})"))
    return Layer(layer, tuple(made))


def _plain(name: str, layer: Layer, *more: Call, **fields: Any) -> Row:
    """An activation of floats, called without arguments and with those of `more`."""
    fields.setdefault("bad", _floats_only(name))
    return Row(
        (*singles("spread"), *more),
        name,
        special=True,
        large=large("spread"),
        bench=call(MATRIX),
        layer=layer,
        **fields,
    )


_at_infinity = Accepted("the limit; PyTorch has infinity times 0", lambda x: abs(x) == math.inf)

ACTIVATIONS |= {
    "relu6": _plain(
        "relu6",
        _made_with("ReLU6"),
        dtypes=NUMBERS,
        bad=(bad(RuntimeError, "relu6: Bool inputs not supported", arr(2, dtype="bool")),),
        fused=(Fused(("relu6_backward",)),),
    ),
    "hardtanh": _plain(
        "hardtanh",
        _made_with("Hardtanh", "min_val=-1.0, max_val=1.0"),
        call(arr(9), -0.3, 0.2),
        call(arr(9), min_val=-2.5, max_val=3.5),
        dtypes=(*FLOATS, "int64", "int32"),
        bad=(
            bad(RuntimeError, "without overflow", arr(2, dtype="float32"), -1e39),
            bad(RuntimeError, "without overflow", arr(2, dtype="float32"), max_val=1e39),
            bad(RuntimeError, "hardtanh: Bool inputs not supported", arr(2, dtype="bool")),
            bad(ValueError, "min_val cannot be greater than max_val", arr(2), 1.0, 0.0),
        ),
    ),
    "hardsigmoid": _plain(
        "hardsigmoid",
        _made_with("Hardsigmoid"),
        accepted=(Accepted("a sixth; PyTorch's is float32's", lambda x: abs(x) < 3, GRADIENT),),
    ),
    "hardswish": _plain(
        "hardswish",
        _made_with("Hardswish"),
        accepted=(_at_infinity,),
        fused=(Fused(("hardswish", "hardswish_backward")),),
    ),
    "threshold": Row(
        (
            *(call(arr(*shape), 0.1, 4.0) for shape in ((2, 3), (), (0, 2), (37,))),
            call(arr(9), threshold=1, value=7),
        ),
        "threshold",
        NUMBERS,
        bad=(
            bad(NotImplementedError, '"threshold" not implemented', arr(2, dtype="bool"), 1, 2),
            bad(RuntimeError, "without overflow", arr(2, dtype="uint8"), 1, 256),
        ),
        special=True,
        large=Call((*large("real").args, 0.1, 4.0)),
        bench=call(MATRIX, 0.1, 2.0),
        layer=_made_with("Threshold", "threshold=0.1, value=2.0", 0.1, 2.0),
    ),
    "hardshrink": _plain(
        "hardshrink",
        _made_with("Hardshrink", "0.7", 0.7, inplace=False),
        call(arr(9), 0.2),
        call(arr(9), lambd=-1.0),
        bounded=("lambd",),
    ),
    "softshrink": _plain(
        "softshrink",
        _made_with("Softshrink", "0.7", 0.7, inplace=False),
        call(arr(9), 0.2),
        bad=(
            *_floats_only("softshrink"),
            bad(RuntimeError, "without overflow", arr(2, dtype="float32"), 1e39),
            bad(RuntimeError, "softshrink: expected lambd of at least 0, got -1", arr(2), -1.0),
        ),
    ),
    "tanhshrink": _plain(
        "tanhshrink",
        _made_with("Tanhshrink", inplace=False),
        dtypes=NUMBERS,
        bad=(bad(RuntimeError, "expected numbers, got a bool operand", arr(2, dtype="bool")),),
    ),
    "selu": _plain("selu", _made_with("SELU"), accepted=_from_result),
    "celu": _plain(
        "celu",
        _made_with("CELU", "alpha=0.5", 0.5),
        call(arr(9), 0.5),
        call(arr(9), alpha=-2.0),
        bounded=("alpha",),
        bad=(
            *_floats_only("celu"),
            bad(RuntimeError, "alpha cannot be 0 for CELU", arr(2), 0.0),
        ),
    ),
    "mish": _plain(
        "mish",
        _made_with("Mish"),
        accepted=(_at_infinity,),
        fused=(Fused(("mish", "mish_backward")),),
    ),
    "logsigmoid": _plain("logsigmoid", _made_with("LogSigmoid", inplace=False)),
    "prelu": Row(
        (
            call(arr(2, 3), arr(1)),
            call(arr(2, 3, 4), arr(3)),
            call(arr(2, 3), arr()),
            call(arr(5), arr(1)),
            call(arr(), arr(1)),
            call(arr(0, 3), arr(3)),
        ),
        "prelu",
        bad=(
            bad(RuntimeError, "4 slopes and 3 channels", arr(2, 3), arr(4)),
            bad(RuntimeError, "prelu: expected weight to be a scalar or 1D", arr(2), arr(1, 1)),
            bad(RuntimeError, "of one dtype", arr(2), arr(1, dtype="float64")),
        ),
        large=Call((Arr((400, 650), "spread"), Arr((650,)))),
        bench=call(MATRIX, arr(1)),
        extremes=(Extreme(call=lambda function, m, x: function(x, m.tensor([0.25]))),),
    ),
    "glu": Row(
        (
            call(arr(2, 6)),
            call(arr(4, 3), 0),
            call(arr(2, 4, 3), dim=-2),
            call(arr(0, 2)),
        ),
        "glu",
        bad=(
            bad(RuntimeError, "an even size, got dimension 0 of size 3", arr(3)),
            bad(RuntimeError, "scalars", arr()),
            bad(NotImplementedError, '"glu" not implemented for', arr(2, dtype="int64")),
            bad(IndexError, "Dimension out of range", arr(2), 1),
        ),
        large=Call((Arr((617, 514), "spread"),)),
        bench=call(MATRIX),
        layer=Layer(
            "GLU",
            (Made(call(), _x, "GLU(dim=-1)"), Made(call(1), _x, "GLU(dim=1)")),
        ),
    ),
}
