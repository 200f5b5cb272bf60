"""Classes of steep.nn that are more than one operation; the others are in its row."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from cases.bench import MATRIX
from cases.layer import Layer, Made, Misused, Params
from cases.margin import of_triplets
from cases.row import Array, arr, bad, call
from steep.reference import OPS

_x = arr(3, 4)


def _linear(params: Params, inputs: tuple[Array, ...], *_: Any, **__: Any) -> Any:
    return OPS["linear"].forward(*inputs, params["weight"], params.get("bias"))


def _layer_norm(
    params: Params, inputs: tuple[Array, ...], shape: Any, eps: float = 1e-5, **_: Any
) -> Any:
    weight, bias = params.get("weight"), params.get("bias")
    return OPS["layer_norm"].forward(*inputs, shape, weight, bias, eps)


def _unchanged(params: Params, inputs: tuple[Array, ...], *_: Any, **__: Any) -> Any:
    return inputs[0]


def _prelu(params: Params, inputs: tuple[Array, ...], *_: Any, **__: Any) -> Any:
    return OPS["prelu"].forward(*inputs, params["weight"])


def _mean_slope(
    params: Params, inputs: tuple[Array, ...], lower: float = 1 / 8, upper: float = 1 / 3, **_: Any
) -> Any:
    return OPS["leaky_relu"].forward(*inputs, (lower + upper) / 2)


def _softmax2d(params: Params, inputs: tuple[Array, ...]) -> Any:
    return OPS["softmax"].forward(*inputs, -3)


def _triplets(params: Params, inputs: tuple[Array, ...], **settings: Any) -> Any:
    return OPS["triplet_margin_loss"].forward(*inputs, **settings)


def _network(m: ModuleType) -> Any:
    return m.nn.Sequential(m.nn.Linear(4, 3), m.nn.Tanh(), m.nn.Linear(3, 2, bias=False))


def _of_network(params: Params, inputs: tuple[Array, ...]) -> Any:
    linear, tanh = OPS["linear"].forward, OPS["tanh"].forward
    between = tanh(linear(*inputs, params["0.weight"], params["0.bias"]))
    return linear(between, params["2.weight"])


def _dropout(name: str, *shape: int) -> Layer:
    x = arr(*shape)
    return Layer(
        name,
        (
            Made(call(0.3), (x,), f"{name}(p=0.3, inplace=False)", training=False),
            Made(call(0.0), (x,), f"{name}(p=0.0, inplace=False)"),
            Made(call(), (x,), f"{name}(p=0.5, inplace=False)", drawn=True),
            Made(call(0.25, inplace=True), (x,), f"{name}(p=0.25, inplace=True)", drawn=True),
        ),
        _unchanged,
        bad=(bad(ValueError, "between 0 and 1, but got 1.5", 1.5),),
        bench=Made(call(0.5), (arr(*(8 * size for size in shape)),), ""),
    )


def _only(name: str, reason: str) -> Layer:
    return Layer(name, reason=reason)


_LAZY = "its first call makes it another class: tests/test_lazy.py"
_HOLDS = "it holds others and is not called: tests/test_layers.py"
_ALL = (
    Layer(
        "Linear",
        (
            Made(call(4, 3), (_x,), "Linear(in_features=4, out_features=3, bias=True)"),
            Made(
                call(4, 2, bias=False), (_x,), "Linear(in_features=4, out_features=2, bias=False)"
            ),
            Made(call(4, 3), (arr(2, 3, 4),), "Linear(in_features=4, out_features=3, bias=True)"),
        ),
        _linear,
        bad=(
            bad(ValueError, "out_features to be at least 0, got -1", 1, -1),
            bad(TypeError, "in_features to be an int, got 1.5", 1.5, 2),
            bad(RuntimeError, "expected device 'cpu'", 1, 1, device="cuda"),
        ),
        misused=(Misused(call(4, 3), (arr(2, 5),), RuntimeError, "in_features = 4"),),
        bench=Made(call(128, 64), (MATRIX,), ""),
        rough=4.0,
        reason="sums of products",
    ),
    Layer(
        "LayerNorm",
        (
            Made(
                call(4),
                (_x,),
                "LayerNorm((4,), eps=1e-05, elementwise_affine=True, bias=True)",
            ),
            Made(
                call((3, 4), eps=0.5, bias=False),
                (arr(2, 3, 4),),
                "LayerNorm((3, 4), eps=0.5, elementwise_affine=True, bias=False)",
            ),
            Made(
                call(4, elementwise_affine=False),
                (_x,),
                "LayerNorm((4,), eps=1e-05, elementwise_affine=False, bias=False)",
            ),
        ),
        _layer_norm,
        bad=(
            bad(RuntimeError, "sizes of at least 0", -1),
            bad(RuntimeError, "expected device 'cpu'", 2, device="cuda"),
        ),
        misused=(Misused(call(5), (_x,), RuntimeError, "normalized_shape=[5]"),),
        bench=Made(call(128), (MATRIX,), ""),
        rough=4.0,
        reason="sums over a row, twice, and what they take from numbers far from 0",
    ),
    Layer(
        "Identity",
        (
            Made(call(), (_x,), "Identity()"),
            Made(call(3, k=4), (_x,), "Identity()"),
        ),
        _unchanged,
    ),
    _dropout("Dropout", 3, 4),
    _dropout("Dropout1d", 2, 3, 4),
    _dropout("Dropout2d", 2, 3, 2, 2),
    _dropout("Dropout3d", 2, 3, 2, 2, 1),
    _dropout("AlphaDropout", 3, 4),
    _dropout("FeatureAlphaDropout", 2, 3, 4),
    Layer(
        "PReLU",
        (
            Made(call(), (_x,), "PReLU(num_parameters=1)"),
            Made(call(3, 0.5), (arr(2, 3, 4),), "PReLU(num_parameters=3)"),
        ),
        _prelu,
        bad=(bad(RuntimeError, "expected device 'cpu'", device="cuda"),),
        misused=(Misused(call(3), (_x,), RuntimeError, "3 slopes and 4 channels"),),
        bench=Made(call(), (MATRIX,), ""),
    ),
    Layer(
        "RReLU",
        (
            Made(call(0.1, 0.6), (_x,), "RReLU(lower=0.1, upper=0.6)", training=False),
            Made(call(), (_x,), "RReLU(lower=0.125, upper=0.3333333333333333)", drawn=True),
            Made(
                call(0.1, 0.6, inplace=True),
                (_x,),
                "RReLU(lower=0.1, upper=0.6, inplace=True)",
                drawn=True,
            ),
        ),
        _mean_slope,
        bench=Made(call(), (MATRIX,), ""),
    ),
    Layer(
        "Softmax2d",
        (
            Made(call(), (arr(2, 3, 4, 5),), "Softmax2d()"),
            Made(call(), (arr(3, 4, 5),), "Softmax2d()"),
        ),
        _softmax2d,
        misused=(Misused(call(), (_x,), ValueError, "expected input to be 3D or 4D, got 2D"),),
        bench=Made(call(), (arr(4, 8, 32, 32),), ""),
    ),
    Layer(
        "Sequential",
        (
            Made(
                call(),
                (_x,),
                "Sequential(\n"
                "  (0): Linear(in_features=4, out_features=3, bias=True)\n"
                "  (1): Tanh()\n"
                "  (2): Linear(in_features=3, out_features=2, bias=False)\n"
                ")",
            ),
        ),
        _of_network,
        misused=(Misused(call(), (arr(2, 5),), RuntimeError, "in Sequential.0: Linear"),),
        maker=_network,
        rough=4.0,
        reason="sums of products",
    ),
    of_triplets(_triplets),
    _only("Module", "the base of all: tests/test_module.py"),
    Layer(
        "DataParallel",
        (
            Made(
                call(),
                (arr(5, 4),),
                "DataParallel(\n  (module): Linear(in_features=4, out_features=3, bias=True)\n)",
            ),
        ),
        lambda params, inputs: OPS["linear"].forward(
            *inputs, params["module.weight"], params["module.bias"]
        ),
        maker=lambda m: m.nn.DataParallel(m.nn.Linear(4, 3)),
        rough=4.0,
        reason="sums of products",
    ),
    _only("ModuleList", _HOLDS),
    _only("ModuleDict", _HOLDS),
    _only("ParameterList", _HOLDS),
    _only("ParameterDict", _HOLDS),
    _only("LazyLinear", _LAZY),
    *(_only(f"LazyConv{axes}d", _LAZY) for axes in (1, 2, 3)),
    *(_only(f"LazyConvTranspose{axes}d", _LAZY) for axes in (1, 2, 3)),
    *(_only(f"LazyBatchNorm{axes}d", _LAZY) for axes in (1, 2, 3)),
    *(_only(f"LazyInstanceNorm{axes}d", _LAZY) for axes in (1, 2, 3)),
)
COMPOSED = {layer.name: layer for layer in _ALL}
