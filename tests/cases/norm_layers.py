"""Layers of steep.nn that normalise by channels."""

from __future__ import annotations

from typing import Any

from cases.layer import Layer, Made, Misused, Params
from cases.row import Array, arr, bad, call
from steep.reference import OPS

_ROUGH = "sums over a set, twice, and what they take from numbers far from 0"
_CPU = bad(RuntimeError, "expected device 'cpu'", 2, device="cuda")


def _batch_norm(
    params: Params, inputs: tuple[Array, ...], features: int, eps: float = 1e-5, *_: Any, **how: Any
) -> Any:
    """In training; of running statistics nothing shows there."""
    given = (None, None, params.get("weight"), params.get("bias"))
    return OPS["batch_norm"].forward(*inputs, *given, True, 0.0, eps)


def _text(name: str, affine: bool = True, bias: bool = True, **changed: Any) -> str:
    how = {"eps": 1e-05, "momentum": 0.1, "affine": affine, "bias": bias and affine}
    how |= {"track_running_stats": True} | changed
    return f"{name}(3, {', '.join(f'{key}={value}' for key, value in how.items())})"


def _of_batches(name: str, *shape: int) -> Layer:
    """The class for inputs of this shape, which has 3 channels."""
    x = arr(*shape)
    return Layer(
        name,
        (
            Made(call(3), (x,), _text(name)),
            Made(call(3, 0.5, None), (x,), _text(name, eps=0.5, momentum=None)),
            Made(call(3, bias=False), (x,), _text(name, bias=False)),
            Made(call(3, affine=False), (x,), _text(name, affine=False)),
            Made(
                call(3, track_running_stats=False),
                (x,),
                _text(name, track_running_stats=False),
                training=False,
            ),
        ),
        _batch_norm,
        bad=(_CPU, bad(RuntimeError, "negative", -1)),
        misused=(
            Misused(call(3), (arr(3),), ValueError, "(got 1D input)"),
            Misused(call(2), (x,), RuntimeError, "should contain 3 elements not 2"),
            Misused(
                call(3),
                (arr(1, 3, *(1 for _ in shape[2:])),),
                ValueError,
                "Expected more than 1 value per channel",
            ),
        ),
        rough=4.0,
        reason=_ROUGH,
    )


_ALL = (
    _of_batches("BatchNorm1d", 5, 3),
    _of_batches("BatchNorm2d", 2, 3, 4, 5),
    _of_batches("BatchNorm3d", 2, 3, 2, 3, 4),
)
NORM_LAYERS = {layer.name: layer for layer in _ALL}
