"""Matrix products and the linear layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cases.bench import MATRIX, SHAPE, fused_or
from cases.extreme import Extreme
from cases.fused import Fused, positive, rng
from cases.row import FLOATS, Arr, Call, Counts, Row, arr, bad, call
from steep.reference import OPS

_RANKS: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((2, 3), (3, 4)),
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 4)),
    ((5, 2, 3), (3,)),
    ((3,), (5, 3, 4)),
    ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)),
    ((5, 1, 2, 3), (4, 3, 2)),
    ((2, 0), (0, 3)),
    ((0, 3), (3, 2)),
    ((0, 2, 3), (3, 4)),
    ((1, 70), (70, 1)),
    ((37, 19), (19, 23)),
]
_ROUGH: dict[str, Any] = {"rough": 4.0, "reason": "sums of up to 70 products"}
_LARGE = Call((Arr((193, 311)), Arr((311, 257))))
_WIDE = call(Arr((64, 128)), Arr((128, 64)))
_layer = (MATRIX, Arr((64, SHAPE[1])), Arr((64,)))
_shapes = bad(RuntimeError, "shapes cannot be multiplied", arr(2, 3), arr(4, 5))
_dtypes = bad(
    RuntimeError,
    "to have the same dtype",
    arr(2, 3, dtype="float32"),
    arr(3, 2, dtype="float64"),
)


def _ranked(
    name: str,
    timed: Call,
    *shapes: tuple[tuple[int, ...], ...],
    of_rows: Callable[..., Any] | None = None,
) -> Row:
    calls = tuple(call(*(Arr(s) for s in pair)) for pair in shapes)
    return Row(
        calls,
        name,
        bad=(bad(RuntimeError, f"{name}: expected", arr(1, 2, 2, 2), arr(2)),),
        bench=timed,
        extremes=(Extreme(inputs=2, rows=True, call=of_rows),) if of_rows else (),
        **_ROUGH,
    )


def _linear_then(x: Any, weight: Any, bias: Any, activation: str) -> Any:
    """What the fused operation stands for."""
    return OPS[activation].forward(OPS["linear"].forward(x, weight, bias))


def _matmul_then_backward(x: Any, other: Any, out: Any, activation: str) -> Any:
    """The gradients of the activations in terms of their outputs."""
    grad = OPS["matmul"].forward(x, other)
    if activation == "relu":
        return np.where(out <= 0, 0, grad)
    return grad * (1 - out * out if activation == "tanh" else out * (1 - out))


PRODUCTS = {
    "matmul": Row(
        tuple(call(Arr(a), Arr(b)) for a, b in _RANKS),
        "matmul",
        bad=(
            _shapes,
            _dtypes,
            bad(RuntimeError, "matmul: expected both arguments to be at least 1D", arr(), arr(2)),
            bad(RuntimeError, "inconsistent tensor size", arr(2), arr(3)),
            bad(RuntimeError, "broadcast", arr(2, 1, 2), arr(3, 2, 1)),
        ),
        large=_LARGE,
        bench=_WIDE,
        counts=Counts(launches=1, saved=2, saved_bytes=72, backward=2),
        **_ROUGH,
    ),
    "mm": _ranked(
        "mm",
        _WIDE,
        ((2, 3), (3, 4)),
        ((0, 3), (3, 2)),
        of_rows=lambda mm, _, x, y: mm(x.reshape(1, 3), y.reshape(3, 1)),
    ),
    "bmm": _ranked(
        "bmm",
        call(Arr((4, 32, 64)), Arr((4, 64, 32))),
        ((5, 2, 3), (5, 3, 4)),
        ((2, 2, 3), (2, 3, 1)),
        ((0, 2, 3), (0, 3, 4)),
    ),
    "mv": _ranked(
        "mv",
        call(Arr((64, 128)), Arr((128,))),
        ((2, 3), (3,)),
        ((2, 0), (0,)),
        of_rows=lambda mv, _, x, y: mv(x.reshape(1, 3), y),
    ),
    "dot": _ranked(
        "dot",
        call(Arr((1000,)), Arr((1000,))),
        ((3,), (3,)),
        ((0,), (0,)),
        ((70,), (70,)),
        of_rows=lambda dot, _, x, y: dot(x, y),
    ),
    "outer": Row(
        (call(arr(2), arr(3)), call(arr(0), arr(3))),
        "outer",
        bad=(bad(RuntimeError, "outer: expected", arr(2, 2), arr(2)),),
        bench=call(Arr((64,)), Arr((128,))),
        extremes=(Extreme(inputs=2), Extreme("rows", 2, rows=True)),
    ),
    "addmm": Row(
        (
            call(arr(2, 4), arr(2, 3), arr(3, 4)),
            call(arr(4), arr(2, 3), arr(3, 4)),
            call(arr(2, 1), arr(2, 3), arr(3, 4), beta=0.5, alpha=2.0),
            call(arr(2, 4), arr(2, 3), arr(3, 4), beta=0),
        ),
        "addmm",
        bad=(
            bad(
                RuntimeError, "addmm: expected mat1 must be a 2D tensor", arr(2), arr(2), arr(2, 2)
            ),
            bad(RuntimeError, "shapes cannot be multiplied", arr(2), arr(2, 3), arr(4, 5)),
        ),
        bench=call(Arr((64,)), Arr((64, 128)), Arr((128, 64))),
        forms={"addmm_": call(Arr((64, 64)), Arr((64, 128)), Arr((128, 64)))},
        bounded=("beta", "alpha"),
        **_ROUGH,
    ),
    "linear": Row(
        (
            call(arr(2, 3), arr(4, 3), arr(4)),
            call(arr(2, 3), arr(4, 3)),
            call(arr(5, 2, 3), arr(4, 3), arr(4)),
            call(arr(3), arr(4, 3), bias=arr(4)),
            call(arr(2, 3), arr(3)),
            call(arr(2, 3), arr(3), arr()),
            call(arr(0, 3), arr(4, 3), arr(4)),
            call(arr(33, 64), arr(10, 64), arr(10)),
        ),
        "linear",
        bad=(
            bad(RuntimeError, "in_features = 4", arr(2, 3), arr(5, 4)),
            bad(RuntimeError, "linear: expected a bias of shape [4]", arr(2, 3), arr(4, 3), arr(3)),
            bad(
                RuntimeError,
                "linear: expected input, weight and bias to have the same dtype",
                arr(2, 3, dtype="float32"),
                arr(4, 3, dtype="float64"),
            ),
            bad(
                RuntimeError, "a weight of shape [out_features, in_features]", arr(2), arr(1, 2, 2)
            ),
        ),
        large=Call((Arr((193, 311)), Arr((257, 311)), Arr((257,)))),
        bench=Call(_layer),
        fused=tuple(
            Fused(
                ("gemm",),
                (positive(5, size), rng(5).normal(size=5)),
                label=f"of {size}",
                size=size,
            )
            for size in (11, 70)
        ),
        counts=Counts(launches=1, saved=2, saved_bytes=72, backward=3),
        **_ROUGH,
    ),
    "linear_activation": Row(
        tuple(
            call(arr(*x, domain="spread"), arr(4, 3), bias, activation)
            for activation in ("relu", "tanh", "sigmoid")
            for x, bias in (((2, 3), arr(4)), ((5, 2, 3), None), ((0, 3), arr(4)))
        ),
        _linear_then,
        bad=(
            bad(
                ValueError,
                "linear_activation: expected 'relu', 'tanh' or 'sigmoid'",
                arr(2, 3),
                arr(4, 3),
                None,
                "abs",
            ),
            bad(RuntimeError, "in_features = 4", arr(2, 3), arr(5, 4), None, "relu"),
        ),
        large=Call((Arr((193, 311)), Arr((257, 311)), Arr((257,)), "relu")),
        bench=fused_or(
            "linear_activation",
            call(*_layer, "relu"),
            lambda m, x, weight, bias, _: m.relu(m.nn.functional.linear(x, weight, bias)),
        ),
        counts=Counts(launches=1, saved=3, saved_bytes=104, backward=4),
        **_ROUGH,
    ),
    "matmul_activation_backward": Row(
        tuple(
            call(arr(m, k), arr(k, n), arr(m, n), activation)
            for activation in ("relu", "tanh", "sigmoid")
            for m, k, n in ((2, 3, 4), (5, 7, 1), (1, 7, 5), (0, 3, 2), (33, 64, 10))
        ),
        _matmul_then_backward,
        dtypes=FLOATS,
        gradient="a step of a backward pass, which the differentiable operations record otherwise",
        bad=(
            bad(
                RuntimeError,
                "matmul_activation_backward: expected matrices (m, k), (k, n) and (m, n)",
                arr(2, 3),
                arr(3, 4),
                arr(2, 3),
                "relu",
            ),
            bad(
                RuntimeError,
                "matmul_activation_backward: expected one floating-point dtype",
                arr(2, 3, dtype="float32"),
                arr(3, 4, dtype="float32"),
                arr(2, 4, dtype="float64"),
                "relu",
            ),
            bad(
                ValueError,
                "matmul_activation_backward: expected 'relu', 'tanh' or 'sigmoid'",
                arr(2, 3),
                arr(3, 4),
                arr(2, 4),
                "abs",
            ),
        ),
        large=Call((Arr((193, 311)), Arr((311, 257)), Arr((193, 257)), "tanh")),
        bench=fused_or(
            "matmul_activation_backward",
            call(MATRIX, Arr((SHAPE[1], 64)), Arr((SHAPE[0], 64), "unit"), "tanh"),
            lambda m, grad, weight, out, _: (grad @ weight) * (1 - out * out),
        ),
        **_ROUGH,
    ),
}
