"""The gradients of the reference, against finite differences; nothing of the engine is used."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, TypeGuard

import numpy as np
import pytest

from steep.reference import OPS
from steep.reference.registry import Array

rng = np.random.default_rng(20)


def real(*shape: int, shift: float = 0.0) -> Array:
    """Numbers of both signs, away from 0 and from each other, so that no step crosses a corner."""
    size = int(np.prod(shape))
    grid = (np.arange(size) - size // 2 + 0.5) * 0.11 + 0.002 + shift
    return rng.permutation(grid).reshape(shape)


def positive(*shape: int) -> Array:
    return rng.uniform(0.2, 0.9, shape)


def integer(high: int, *shape: int) -> Array:
    return rng.integers(0, high, shape)


def mask(*shape: int) -> Array:
    return rng.random(shape) < 0.5


def case(*args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return args, kwargs


Case = tuple[tuple[Any, ...], dict[str, Any]]

_unary = """neg abs sign square floor ceil trunc round exp exp2 expm1 sin cos atan sinh cosh tanh
    sigmoid erf erfc relu silu"""
_positive = "log log2 log10 log1p sqrt rsqrt reciprocal tan asin acos"
_reductions = "sum mean var std var_mean std_mean prod logsumexp amax amin"
_binary_shapes = [((2, 3), (2, 3)), ((2, 1, 3), (4, 1)), ((), (3,)), ((3,), ()), ((0, 3), (1,))]
_products = [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 4)),
    ((2, 3), (3, 4)),
    ((5, 2, 3), (3,)),
    ((3,), (5, 3, 4)),
    ((5, 1, 2, 3), (4, 3, 2)),
    ((2, 0), (0, 3)),
]
_distribution = positive(4, 3) / 3
_indices: list[Any] = [
    0,
    (slice(None), -1),
    (Ellipsis, slice(0, 4, 2)),
    (None, 1, slice(1, None)),
    np.array([1, 0, 1]),
    (np.array([[0], [1]]), slice(None), np.array([0, 0, 3])),
    (0, slice(None), np.array([1, 1])),
    np.arange(24).reshape(2, 3, 4) % 3 == 0,
    (slice(None), [True, False, True]),
    True,
]

CASES: dict[str, list[Case]] = {
    **{name: [case(real(2, 3)), case(real()), case(real(0, 2))] for name in _unary.split()},
    **{name: [case(positive(2, 3)), case(positive())] for name in _positive.split()},
    **{
        name: [
            case(real(2, 3, 4), dim=()),
            case(real(2, 3, 4), dim=1),
            case(real(2, 3, 4), dim=(0, -1), keepdim=True),
        ]
        for name in _reductions.split()
    },
    **{
        name: [case(real(*a), real(*b, shift=0.017)) for a, b in _binary_shapes]
        for name in ("add", "sub", "mul", "div", "maximum", "minimum", "remainder", "fmod", "atan2")
    },
    **{name: [case(real(2, 3), 1, keepdim=True), case(real(4))] for name in ("max", "min")},
    **{
        name: [case(real(2, 3), 1), case(real(2, 3, 4), -2), case(real(), 0)]
        for name in ("softmax", "log_softmax")
    },
    "pow": [case(positive(2, 3), real(3)), case(real(4), 3), case(2.5, real(4))],
    "norm": [
        case(real(2, 3, 4), 2, 1),
        case(real(2, 3), 3, (0, 1), True),
        case(real(5), float("inf")),
        case(real(5), 0),
        case(real(3, 2), "nuc"),
        case(real(2, 3, 4), "nuc", (2, 0), True),
    ],
    "cumsum": [case(real(2, 3, 4), 1), case(real(), 0)],
    "where": [case(mask(2, 3), real(3), real(2, 1)), case(mask(3), real(3), 1.0)],
    "clamp": [
        case(real(20), -0.5, 0.5),
        case(real(20), max=0.3),
        case(real(4, 3), real(3, shift=-0.017), real(4, 1, shift=0.021)),
    ],
    "leaky_relu": [case(real(9)), case(real(9), 0.3)],
    "elu": [case(real(9), 0.7)],
    "softplus": [case(real(9)), case(real(9), 2.0, 0.5)],
    "gelu": [case(real(9)), case(real(9), approximate="tanh")],
    "dropout": [
        case(real(3, 4), 0.3, mask=mask(3, 4)),
        case(real(3), training=False, mask=mask(3)),
    ],
    "matmul": [case(real(*a), real(*b)) for a, b in _products],
    "dot": [case(real(3), real(3))],
    "mv": [case(real(2, 3), real(3))],
    "mm": [case(real(2, 3), real(3, 4))],
    "bmm": [case(real(5, 2, 3), real(5, 3, 4))],
    "outer": [case(real(2), real(3))],
    "linear": [
        case(real(2, 3), real(4, 3), real(4)),
        case(real(5, 2, 3), real(4, 3)),
        case(real(3), real(4, 3), bias=real(4)),
        case(real(2, 3), real(3)),
    ],
    "addmm": [case(real(4), real(2, 3), real(3, 4), beta=0.5, alpha=2.0)],
    "reshape": [case(real(2, 3), (3, -1))],
    "view": [case(real(2, 3), (6,))],
    "transpose": [case(real(2, 3, 4), 0, -1)],
    "permute": [case(real(2, 3, 4), (2, 0, 1))],
    "squeeze": [case(real(1, 3, 1)), case(real(1, 3, 1), 0), case(real(1, 3, 1), (0, 1))],
    "unsqueeze": [case(real(2, 3), -1)],
    "expand": [case(real(3, 1), (2, -1, 4)), case(real(), (2,))],
    "flatten": [case(real(2, 3, 4), 1), case(real())],
    "unflatten": [case(real(2, 12), 1, (3, -1))],
    "movedim": [case(real(2, 3, 4), 0, -1)],
    "as_strided": [case(real(6), (2, 3), (1, 1), 2)],
    "unbind": [case(real(2, 3), 1)],
    "repeat": [case(real(2, 3), (2, 1, 2))],
    "tile": [case(real(2, 3), (2,)), case(real(2, 3), (2, 1, 2))],
    "t": [case(real(2, 3))],
    "flip": [case(real(2, 3), (0, 1))],
    "narrow": [case(real(2, 5), 1, -3, 2)],
    "split": [case(real(5, 2), 2), case(real(2, 5), [1, 4], dim=1)],
    "chunk": [case(real(5, 2), 3)],
    "tril": [case(real(3, 4))],
    "triu": [case(real(3, 4), 1)],
    "cat": [case([real(2, 3), real(2, 1)], 1), case([real(0), real(2, 3)])],
    "stack": [case([real(2, 3), real(2, 3)], -1)],
    "getitem": [case(real(2, 3, 4), index) for index in _indices],
    "setitem": [
        case(real(2, 3, 4), (slice(None), 1), real(4)),
        case(real(2, 3), np.array([1]), real()),
    ],
    "select": [case(real(2, 3), 1, -1)],
    "index_select": [case(real(2, 3), 1, np.array([2, 0, 2]))],
    "gather": [case(real(2, 3), 1, integer(3, 2, 5)), case(real(2, 3), 0, integer(2, 4, 1))],
    "scatter_add": [case(real(2, 3), 1, integer(3, 2, 5), real(2, 6))],
    "masked_fill": [case(real(2, 3), mask(3), 2.0), case(real(2, 3), mask(2, 1), real())],
    "masked_select": [case(real(2, 3), mask(3)), case(real(3), mask(2, 3))],
    "layer_norm": [
        case(real(2, 3), (3,), real(3), real(3)),
        case(real(2, 2, 3), (2, 3), positive(2, 3), eps=0.1),
        case(real(3), 3, bias=real(3)),
    ],
    "nll_loss": [
        case(real(4, 3), integer(3, 4), positive(3)),
        case(real(4, 3, 2), integer(3, 4, 2), reduction="none"),
    ],
    "cross_entropy": [
        case(real(4, 3), integer(3, 4)),
        case(real(4, 3), np.array([0, -100, 2, 1]), positive(3), label_smoothing=0.1),
        case(real(4, 3, 2), integer(3, 4, 2), ignore_index=1, reduction="sum"),
        case(real(3), np.array(2), reduction="none"),
        case(real(4, 3), _distribution, positive(3), label_smoothing=0.1),
        case(real(4, 3, 2), positive(4, 3, 2), reduction="none"),
    ],
    "mse_loss": [case(real(2, 3), real(2, 3), reduction=r) for r in ("mean", "sum", "none")],
    "l1_loss": [case(real(2, 3), real(2, 3, shift=0.017))],
    "huber_loss": [case(real(9), real(9, shift=0.017), delta=0.3)],
    "smooth_l1_loss": [case(real(9), real(9, shift=0.017), beta=0.3)],
    "binary_cross_entropy": [case(positive(4), positive(4), weight=positive(4))],
    "binary_cross_entropy_with_logits": [case(real(2, 3), positive(2, 3), pos_weight=positive(3))],
    "kl_div": [
        case(real(2, 3), positive(2, 3), reduction="batchmean"),
        case(real(2, 3), real(2, 3), log_target=True),
    ],
}

ROWS = [
    pytest.param(name, args, kwargs, id=f"{name}-{i}")
    for name, rows in CASES.items()
    for i, (args, kwargs) in enumerate(rows)
]


def listed_arrays(name: str, args: Any, kwargs: Any) -> Iterator[Array]:
    """The arrays of a case in the order in which the operation promises their gradients."""
    bound = inspect.signature(OPS[name].forward).bind(*args, **kwargs).arguments
    for parameter in OPS[name].arrays:
        value = bound.get(parameter)
        yield from filter(is_array, value if isinstance(value, list) else [value])


def is_array(value: object) -> TypeGuard[Array]:
    return isinstance(value, np.ndarray)


def weighted(results: Any, weights: list[Array]) -> float:
    """A scalar that every element of every float result has its own share in."""
    results = results if isinstance(results, tuple) else (results,)
    floats = [r for r in results if r.dtype.kind == "f"]
    return float(sum((r * w).sum() for r, w in zip(floats, weights, strict=True)))


def slopes(function: Any, x: Array, step: float = 1e-6) -> Array:
    """Central differences of ``function()`` by each element of `x`, which is changed in place."""
    out = np.empty_like(x)
    for i in np.ndindex(x.shape):
        kept = x[i]
        x[i] = kept + step
        above = function()
        x[i] = kept - step
        out[i] = (above - function()) / (2 * step)
        x[i] = kept
    return out


@pytest.mark.parametrize(("name", "args", "kwargs"), ROWS)
def test_gradient_is_the_slope(name: str, args: Any, kwargs: Any) -> None:
    op = OPS[name]
    assert op.gradient is not None
    out = op.forward(*args, **kwargs)
    results = out if isinstance(out, tuple) else (out,)
    grads = tuple(np.asarray(rng.normal(size=r.shape)) for r in results)
    weights = [g for g, r in zip(grads, results, strict=True) if r.dtype.kind == "f"]
    gradients = op.gradient(grads if isinstance(out, tuple) else grads[0], *args, **kwargs)
    arrays = list(listed_arrays(name, args, kwargs))
    assert len(gradients) == len(arrays)
    for gradient, x in zip(gradients, arrays, strict=True):
        if gradient is None:
            assert x.dtype.kind != "f" or name in ("cross_entropy", "nll_loss")
            continue
        assert gradient.shape == x.shape
        assert gradient.dtype == x.dtype
        expected = slopes(lambda: weighted(op.forward(*args, **kwargs), weights), x)
        np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-7)


def test_every_gradient_is_covered() -> None:
    assert set(CASES) == {name for name, op in OPS.items() if op.gradient}


@pytest.mark.parametrize("name", sorted(CASES))
def test_float32_stays_float32(name: str) -> None:
    def narrowed(value: Any) -> Any:
        if isinstance(value, list):
            return [narrowed(v) for v in value]
        return value.astype(np.float32) if is_array(value) and value.dtype.kind == "f" else value

    args, kwargs = CASES[name][0]
    out = OPS[name].forward(*map(narrowed, args), **{k: narrowed(v) for k, v in kwargs.items()})
    wide = OPS[name].forward(*args, **kwargs)
    pairs = zip(out, wide, strict=True) if isinstance(out, tuple) else [(out, wide)]
    for got, expected in pairs:
        assert isinstance(got, np.ndarray)
        if got.dtype.kind == "f":
            assert got.dtype == np.float32
            np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)
