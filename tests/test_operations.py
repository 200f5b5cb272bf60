"""Operations made of others in Python: values by NumPy, gradients by differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep
from runner import tensor

Function = Callable[..., Any]
rng = np.random.default_rng(3)
COORDINATES = np.sort(rng.normal(size=5))


def trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Any:
    """Areas under straight lines; NumPy's own name of it depends on its version."""
    y = np.moveaxis(y, axis, -1)
    steps = dx if x is None else np.diff(np.moveaxis(x, axis, -1) if x.ndim > 1 else x)
    return ((y[..., 1:] + y[..., :-1]) / 2 * steps).sum(-1)


def renormed(x: Any, p: float, limit: float) -> Any:
    """Rows held to a norm, by the definition."""
    sizes = (np.abs(x) ** p).sum((0, 2), keepdims=True) ** (1 / p)
    return x * np.where(sizes > limit, limit / (sizes + 1e-7), 1)


CASES: dict[str, tuple[Function, Function, tuple[tuple[int, ...], ...]]] = {
    "trapezoid": (steep.trapezoid, trapezoid, ((3, 4),)),
    "trapezoid_dx": (
        lambda y: steep.trapezoid(y, dx=0.5, dim=0),
        lambda y: trapezoid(y, dx=0.5, axis=0),
        ((3, 4),),
    ),
    "trapezoid_at": (steep.trapz, trapezoid, ((3, 4), (4,))),
    "trapezoid_columns": (
        lambda y, x: steep.trapezoid(y, x, dim=0),
        lambda y, x: trapezoid(y, np.broadcast_to(x, y.shape), axis=0),
        ((3, 4), (3, 1)),
    ),
    "trapezoid_of_one": (steep.trapezoid, trapezoid, ((3, 1),)),
    "cumulative_trapezoid": (
        lambda y, x: steep.cumulative_trapezoid(y, x, dim=0),
        lambda y, x: np.cumsum((y[1:] + y[:-1]) * np.diff(x)[:, None], 0) / 2,
        ((4, 3), (4,)),
    ),
    "gradient": (
        lambda x: steep.gradient(x, spacing=0.5),
        lambda x: tuple(np.gradient(x, 0.5)),
        ((4, 3),),
    ),
    "gradient_at": (
        lambda x: steep.gradient(x, spacing=(tensor(COORDINATES),), dim=1, edge_order=2)[0],
        lambda x: np.gradient(x, COORDINATES, axis=1, edge_order=2),
        ((2, 5),),
    ),
    "gradient_edges": (
        lambda x: steep.gradient(x, dim=-1, edge_order=2)[0],
        lambda x: np.gradient(x, axis=-1, edge_order=2),
        ((2, 4),),
    ),
    "frexp": (lambda x: steep.frexp(x).mantissa, lambda x: np.frexp(x)[0], ((5,),)),
    "ldexp": (
        lambda x: steep.ldexp(x, steep.tensor([3, -2, 0])),
        lambda x: np.ldexp(x, [3, -2, 0]),
        ((2, 3),),
    ),
    "angle": (steep.angle, np.angle, ((6,),)),
    "renorm": (
        lambda x: steep.renorm(x, 2, 1, 1.0),
        lambda x: renormed(x, 2, 1.0),
        ((2, 3, 2),),
    ),
    "renorm_3": (
        lambda x: steep.renorm(x, 3, -2, 1.3),
        lambda x: renormed(x, 3, 1.3),
        ((2, 3, 2),),
    ),
    "vander": (steep.vander, np.vander, ((4,),)),
    "vander_rising": (
        lambda x: steep.vander(x, 3, increasing=True),
        lambda x: np.vander(x, 3, True),
        ((2,),),
    ),
    "sum_to_size": (
        lambda x: x.sum_to_size(3, 1),
        lambda x: x.sum((0, 2)).reshape(3, 1),
        ((2, 3, 4),),
    ),
    "as_strided_scatter": (
        lambda x, y: steep.as_strided_scatter(x, y, (2,), (4,), 1),
        lambda x, y: np.array([[x[0, 0], y[0], x[0, 2]], [x[1, 0], x[1, 1], y[1]]]),
        ((2, 3), (2,)),
    ),
    "index_reduce_prod": (
        lambda x, s: steep.index_reduce(x, 0, steep.tensor([1, 0, 1]), s, "prod"),
        lambda x, s: np.stack([x[0] * s[1], x[1] * s[0] * s[2]]),
        ((2, 3), (3, 3)),
    ),
    "index_reduce_mean": (
        lambda x, s: steep.index_reduce(x, 1, steep.tensor([1, 1]), s, "mean", include_self=False),
        lambda x, s: np.stack([x[:, 0], s.mean(1), x[:, 2]], 1),
        ((2, 3), (2, 2)),
    ),
    "index_reduce_amax": (
        lambda x, s: steep.index_reduce(x, -1, steep.tensor([2]), s, "amax"),
        lambda x, s: np.stack([x[:, 0], x[:, 1], np.maximum(x[:, 2], s[:, 0])], 1),
        ((2, 3), (2, 1)),
    ),
}


def arrays(name: str) -> list[np.ndarray[Any, Any]]:
    draw = np.random.default_rng(sum(name.encode()))
    return [draw.normal(size=shape) for shape in CASES[name][2]]


@pytest.mark.parametrize("name", CASES)
def test_value(name: str) -> None:
    function, reference, _ = CASES[name]
    given = arrays(name)
    found, want = function(*map(tensor, given)), reference(*given)
    pairs = zip(found, want, strict=True) if isinstance(found, tuple) else [(found, want)]
    for one, other in pairs:
        np.testing.assert_allclose(one.numpy(), other, 1e-12, 1e-12)


@pytest.mark.parametrize("name", CASES)
def test_gradient_and_its_own(name: str) -> None:
    given = tuple(tensor(x).requires_grad_() for x in arrays(name))
    assert steep.autograd.gradcheck(CASES[name][0], given)
    assert steep.autograd.gradgradcheck(CASES[name][0], given)


def test_whole_numbers_are_integrated_as_floating_ones() -> None:
    x = steep.tensor([1, 5, 10])
    assert steep.trapezoid(x).dtype == steep.float32
    assert steep.trapezoid(x, dx=2).item() == 21
    assert steep.gradient(x)[0].tolist() == [4, 4.5, 5]
    assert steep.trapezoid(steep.ones(3, 0)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("kind", ["int64", "int32", "uint8"])
def test_divisors(kind: str) -> None:
    a, b = (rng.integers(0, 12, size=(40,)).astype(kind) for _ in range(2))
    for name in ("gcd", "lcm"):
        out = getattr(steep, name)(steep.tensor(a), steep.tensor(b))
        assert out.dtype == getattr(steep, kind)
        np.testing.assert_array_equal(out.numpy(), getattr(np, name)(a, b))
    x = steep.tensor([-12, 0, 0])
    assert x.gcd(steep.tensor(8)).tolist() == [4, 8, 8]
    assert x.gcd_(steep.tensor([18, 5, 0])) is x
    assert x.tolist() == [6, 5, 0]
    assert x.lcm_(steep.tensor(4)).tolist() == [12, 20, 0]


def test_parts_of_floating_numbers() -> None:
    x = np.array([0.0, -0.0, np.inf, np.nan, 1.0, -3.5, 1e-310, 2.0**60])
    mantissa, exponent = steep.frexp(steep.tensor(x))
    np.testing.assert_array_equal(mantissa.numpy(), np.frexp(x)[0])
    np.testing.assert_array_equal(exponent.numpy(), np.frexp(x)[1])
    assert exponent.dtype == steep.int32
    up = steep.nextafter(steep.tensor(x), steep.tensor(np.inf, dtype=steep.float64))
    np.testing.assert_array_equal(up.numpy(), np.nextafter(x, np.inf))
    y = steep.ones(2)
    assert (y.nextafter_(steep.zeros(2)) < 1).all()
    assert steep.ldexp(steep.tensor([1, 3]), steep.tensor([1, 2])).tolist() == [2, 12]
    assert steep.ones(1).ldexp_(steep.tensor([3])).item() == 8
    assert steep.angle(steep.tensor([1, -1])).tolist() == [0, np.float32(np.pi)]
    assert steep.angle(steep.tensor(float("nan"))).isnan()
