"""The linear layer, with and without an activation, for every shape of input, weight and bias."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep
from steep import _core
from tolerances import close, same_bits

F = steep.nn.functional

INPUTS = [(4,), (1, 4), (3, 4), (0, 4), (2, 3, 4), (2, 0, 4), (0,), (3, 0), (2, 3, 0), (33, 4)]
FEATURES: list[int | None] = [None, 0, 1, 5, 40]  # None: a weight of one dimension
ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "relu": steep.relu,
    "tanh": steep.tanh,
    "sigmoid": steep.sigmoid,
}


def normal(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def arrays(shape: tuple[int, ...], features: int | None, bias: bool) -> list[Any]:
    n = shape[-1]
    weight = normal(n, seed=1) if features is None else normal(features, n, seed=1)
    made = [normal(*shape), weight]
    if bias:
        made.append(normal(*(() if features is None else (features,)), seed=2))
    return [np.asarray(a) for a in made]


def value_and_gradients(function: Callable[..., Any], given: list[Any]) -> list[Any]:
    leaves = [steep.tensor(a).requires_grad_() for a in given]
    out = function(*leaves)
    grad = normal(*out.shape, seed=3)
    out.backward(steep.tensor(np.asarray(grad)))
    return [out.detach().numpy(), *(x.grad.numpy() for x in leaves)]


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("features", FEATURES)
@pytest.mark.parametrize("shape", INPUTS, ids=str)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_never_dropped(
    name: str, shape: tuple[int, ...], features: int | None, bias: bool
) -> None:
    def fused(x: Any, weight: Any, bias: Any = None) -> Any:
        return _core.linear_activation(x, weight, bias, name)

    def composite(x: Any, weight: Any, bias: Any = None) -> Any:
        return ACTIVATIONS[name](F.linear(x, weight, bias))

    given = arrays(shape, features, bias)
    expected = value_and_gradients(composite, given)
    for got, wanted in zip(value_and_gradients(fused, given), expected, strict=True):
        same_bits(got, wanted)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("features", FEATURES)
@pytest.mark.parametrize("shape", INPUTS, ids=str)
def test_linear_is_its_formula(shape: tuple[int, ...], features: int | None, bias: bool) -> None:
    x, weight, *rest = arrays(shape, features, bias)
    exact = x.astype(np.float64) @ weight.T.astype(np.float64)
    exact = exact + rest[0] if rest else exact
    given = [steep.tensor(a) for a in (x, weight, *rest)]
    close(F.linear(*given).numpy(), exact.astype(np.float32))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_weight_of_one_dimension_compiled(name: str) -> None:
    weight, bias = steep.tensor(normal(4, seed=1)), steep.tensor(0.5)

    def call(x: Any) -> Any:
        return _core.linear_activation(x, weight, bias, name)

    compiled = steep.compile(call)
    for seed in range(5):
        x = steep.tensor(normal(6, 4, seed=seed))
        same_bits(compiled(x).numpy(), call(x).numpy())


@pytest.mark.parametrize("bias", [(3,), (3, 1), (2,), (1, 1)])
def test_a_bias_of_several_beside_a_weight_of_one_dimension_is_refused(
    bias: tuple[int, ...],
) -> None:
    """Broadcasting would make a matrix of it."""
    for call in (F.linear, lambda *given: _core.linear_activation(*given, "relu")):
        with pytest.raises(RuntimeError, match="linear: expected a bias of one element"):
            call(steep.ones(3, 4), steep.ones(4), steep.ones(*bias))
    assert F.linear(steep.ones(3, 4), steep.ones(4), steep.ones(1)).tolist() == [5.0] * 3
