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


def _of_instances(name: str, *shape: int) -> Layer:
    """The class for inputs of this shape, which has 3 channels."""
    x, alone = arr(*shape), arr(*shape[1:])

    def text(**changed: Any) -> str:
        return _text(name, affine=False, track_running_stats=False).replace(
            "affine=False, bias=False, track_running_stats=False",
            ", ".join(f"{key}={value}" for key, value in changed.items()),
        )

    bare = text(affine=False, bias=False, track_running_stats=False)
    return Layer(
        name,
        (
            Made(call(3), (x,), bare),
            Made(call(3), (alone,), bare),
            Made(
                call(3, affine=True), (x,), text(affine=True, bias=True, track_running_stats=False)
            ),
            Made(
                call(3, affine=True, track_running_stats=True, bias=False),
                (x,),
                text(affine=True, bias=False, track_running_stats=True),
            ),
            Made(call(3, affine=False), (x,), bare, training=False),
        ),
        _instance_norm,
        bad=(_CPU, bad(RuntimeError, "negative", -1, affine=True)),
        misused=(
            Misused(call(3), (arr(3),), ValueError, "(got 1D input)"),
            Misused(call(2, affine=True), (x,), ValueError, "size at dim=1 to match num_features"),
            Misused(call(2, affine=True), (alone,), ValueError, "at dim=0 to match num_features"),
            Misused(
                call(3),
                (arr(2, 3, *(1 for _ in shape[2:])),),
                ValueError,
                "Expected more than 1 spatial element",
            ),
        ),
        rough=4.0,
        reason=_ROUGH,
    )


def _instance_norm(
    params: Params, inputs: tuple[Array, ...], features: int, eps: float = 1e-5, *_: Any, **how: Any
) -> Any:
    """In training; of running statistics nothing shows there. A sample may come alone."""
    (x,) = inputs
    alone = x.shape[0] == features
    given = (None, None, params.get("weight"), params.get("bias"))
    out = OPS["instance_norm"].forward(x[None] if alone else x, *given, True, 0.0, eps)
    return out[0] if alone else out


def _group_norm(
    params: Params, inputs: tuple[Array, ...], groups: int, _: int, eps: float = 1e-5, **__: Any
) -> Any:
    given = (params.get("weight"), params.get("bias"))
    return OPS["group_norm"].forward(*inputs, groups, *given, eps)


def _rms_norm(
    params: Params, inputs: tuple[Array, ...], shape: Any, eps: float | None = None, **_: Any
) -> Any:
    return OPS["rms_norm"].forward(*inputs, shape, params.get("weight"), eps)


_GROUPS = Layer(
    "GroupNorm",
    (
        Made(call(2, 4), (arr(2, 4, 3),), "GroupNorm(2, 4, eps=1e-05, affine=True, bias=True)"),
        Made(
            call(1, 4, eps=0.5, bias=False),
            (arr(3, 4),),
            "GroupNorm(1, 4, eps=0.5, affine=True, bias=False)",
        ),
        Made(
            call(2, 4, affine=False),
            (arr(2, 4, 3, 2),),
            "GroupNorm(2, 4, eps=1e-05, affine=False, bias=False)",
        ),
    ),
    _group_norm,
    bad=(
        bad(ValueError, "num_channels (3) must be divisible by num_groups (2)", 2, 3),
        bad(ValueError, "num_groups of at least 1, got 0", 0, 3),
        bad(RuntimeError, "expected device 'cpu'", 1, 2, device="cuda"),
    ),
    misused=(Misused(call(2, 4), (arr(2, 6, 3),), RuntimeError, "a vector of size equal"),),
    rough=4.0,
    reason=_ROUGH,
)
_SQUARES = Layer(
    "RMSNorm",
    (
        Made(call(4), (arr(3, 4),), "RMSNorm((4,), eps=None, elementwise_affine=True)"),
        Made(
            call((3, 4), eps=0.5),
            (arr(2, 3, 4),),
            "RMSNorm((3, 4), eps=0.5, elementwise_affine=True)",
        ),
        Made(
            call(4, elementwise_affine=False),
            (arr(3, 4),),
            "RMSNorm((4,), eps=None, elementwise_affine=False)",
        ),
    ),
    _rms_norm,
    bad=(_CPU, bad(RuntimeError, "sizes of at least 0", -1)),
    misused=(Misused(call(5), (arr(3, 4),), RuntimeError, "normalized_shape=[5]"),),
    rough=4.0,
    reason=_ROUGH,
)
_ALL = (
    _GROUPS,
    _SQUARES,
    _of_instances("InstanceNorm1d", 2, 3, 5),
    _of_instances("InstanceNorm2d", 2, 3, 4, 5),
    _of_instances("InstanceNorm3d", 2, 3, 2, 3, 4),
    _of_batches("BatchNorm1d", 5, 3),
    _of_batches("BatchNorm2d", 2, 3, 4, 5),
    _of_batches("BatchNorm3d", 2, 3, 2, 3, 4),
    _of_batches("SyncBatchNorm", 2, 3, 4, 5),
)
NORM_LAYERS = {layer.name: layer for layer in _ALL}
