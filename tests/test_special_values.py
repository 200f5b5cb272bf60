"""What NaN, infinities, ties and nothing at all become, in values and gradients."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep
from tolerances import same_bits

F = steep.nn.functional
INF, NAN = math.inf, math.nan

# Alone, and long enough for whole vectors and several chunks.
REPEATS = (1, 40, 3000)


def tensor(values: list[float], repeat: int = 1, columns: int = 1) -> Any:
    """`values` again and again; with columns, the same in each."""
    row = np.tile(np.array(values, np.float32), repeat)
    return steep.tensor(row if columns == 1 else np.repeat(row[:, None], columns, 1))


def gradient(function: Callable[[Any], Any], x: Any) -> Any:
    leaf = x.clone().requires_grad_()
    function(leaf).sum().backward()
    return leaf.grad.numpy()


@pytest.mark.parametrize("repeat", REPEATS)
@pytest.mark.parametrize("columns", [1, 5])
@pytest.mark.parametrize(
    "name", ["max", "min", "amax", "amin", "sum", "mean", "prod", "var", "std"]
)
def test_nan_is_passed_on(name: str, columns: int, repeat: int) -> None:
    x = tensor([1.0, NAN, 3.0, NAN, 2.0], repeat, columns)
    out = getattr(steep, name)(x, 0)
    if isinstance(out, tuple):
        assert np.all(out[1].numpy() == 1), "the first NaN is the one found"
        out = out[0]
    assert np.isnan(out.numpy()).all()


@pytest.mark.parametrize("repeat", REPEATS)
@pytest.mark.parametrize("columns", [1, 5])
def test_the_first_of_equals_is_found(columns: int, repeat: int) -> None:
    x = tensor([2.0, 3.0, 3.0, 1.0, 1.0], repeat, columns)
    assert np.all(steep.argmax(x, 0).numpy() == 1)
    assert np.all(steep.argmin(x, 0).numpy() == 3)
    assert np.all(steep.max(x, 0)[1].numpy() == 1)
    assert np.all(steep.min(x, 0)[1].numpy() == 3)


def test_a_nan_lets_the_gradient_through() -> None:
    """Only what is known to lie below is cut off; a NaN is not."""
    x = tensor([NAN, -1.0, 2.0, 0.0])
    assert gradient(steep.relu, x).tolist() == [1.0, 0.0, 1.0, 0.0]
    w = steep.ones(1, 1)
    fused = gradient(lambda x: steep._core.linear_activation(x.view(4, 1), w, None, "relu"), x)
    assert fused.tolist() == [1.0, 0.0, 1.0, 0.0]
    for function in (steep.maximum, steep.minimum):
        for other in (tensor([1.0] * 4), tensor([NAN] * 4)):
            assert gradient(lambda x, f=function, o=other: f(x, o), x)[0] == 1.0
            assert gradient(lambda x, f=function, o=other: f(o, x), x)[0] == 1.0


def test_a_nan_lets_the_second_gradient_through() -> None:
    x = tensor([NAN, -1.0, 2.0]).requires_grad_()
    slope = steep.autograd.grad(steep.relu(x).sum(), x, create_graph=True)[0]
    assert slope.tolist() == [1.0, 0.0, 1.0]


def test_ties_share_the_gradient() -> None:
    x, same = tensor([1.0, 2.0, -INF]), tensor([1.0, 0.0, -INF])
    assert gradient(lambda x: steep.maximum(x, same), x).tolist() == [0.5, 1.0, 0.5]
    assert gradient(lambda x: steep.minimum(x, same), x).tolist() == [0.5, 0.0, 0.5]
    assert gradient(lambda x: steep.amax(x, 0), tensor([3.0, 1.0, 3.0])).tolist() == [0.5, 0.0, 0.5]
    assert gradient(steep.max, tensor([3.0, 1.0, 3.0])).tolist() == [0.5, 0.0, 0.5]


@pytest.mark.parametrize("repeat", REPEATS)
def test_log_sum_of_infinities(repeat: int) -> None:
    below, above = tensor([-INF] * 4, repeat), tensor([INF, 1.0], repeat)
    assert steep.logsumexp(below, 0).item() == -INF
    assert steep.logsumexp(above, 0).item() == INF
    assert np.isnan(gradient(lambda x: steep.logsumexp(x, 0), below)).all()
    slope = gradient(lambda x: steep.logsumexp(x, 0), above)
    assert np.isnan(slope[::2]).all()
    assert not slope[1::2].any()


def test_log_sum_of_infinities_recorded() -> None:
    x = tensor([INF, 1.0]).requires_grad_()
    slope = steep.autograd.grad(steep.logsumexp(x, 0), x, create_graph=True)[0]
    assert math.isnan(slope[0].item())
    assert slope[1].item() == 0.0


@pytest.mark.parametrize("n", [4, 40, 200])
def test_softmax_of_infinities(n: int) -> None:
    x = steep.full((2, n), -INF)
    for function in (steep.softmax, steep.log_softmax):
        assert np.isnan(function(x, 1).numpy()).all()
    x[1, 2] = 5.0
    expected = np.zeros(n, np.float32)
    expected[2] = 1
    same_bits(steep.softmax(x, 1)[1].numpy(), expected)


@pytest.mark.parametrize("correction", [0, 1, 2, 5, 0.5, -1])
def test_spread_of_few_and_of_nothing(correction: float) -> None:
    """The sum of squares over n - correction, or over 0 where that is less; of nothing, NaN."""
    for n in (1, 2, 3):
        x = steep.arange(1.0, n + 1)
        squares, left = np.square(np.arange(n) - (n - 1) / 2).sum(), max(0, n - correction)
        with np.errstate(all="ignore"):
            expected = np.float32(np.float64(squares) / left)
            same_bits(steep.var(x, correction=correction).numpy(), expected)
            same_bits(steep.std(x, correction=correction).numpy(), np.sqrt(expected))
    for shape in ((0,), (0, 3), (3, 0)):
        nothing = steep.zeros(*shape)
        for function in (steep.var, steep.std):
            assert math.isnan(function(nothing, correction=correction).item())


def test_reductions_of_nothing() -> None:
    nothing = steep.zeros(0, 3)
    assert steep.sum(nothing, 0).tolist() == [0.0] * 3
    assert steep.prod(nothing, 0).tolist() == [1.0] * 3
    assert np.isnan(steep.mean(nothing, 0).numpy()).all()
    assert steep.logsumexp(nothing, 0).tolist() == [-INF] * 3
    assert steep.norm(nothing).item() == 0.0
    assert steep.any(nothing, 0).tolist() == [False] * 3
    assert steep.all(nothing, 0).tolist() == [True] * 3
    assert tuple(steep.cumsum(nothing, 0).shape) == (0, 3)
    for function in (steep.max, steep.argmax, steep.amin):
        with pytest.raises(IndexError, match="non-zero size"):
            function(nothing, 0)


@pytest.mark.parametrize("zeros", [0, 1, 2])
def test_product_with_zeros_has_the_product_of_the_others(zeros: int) -> None:
    values = [0.0] * zeros + [2.0, 5.0, 3.0]
    expected = [np.prod(values[:i] + values[i + 1 :]) for i in range(len(values))]
    assert gradient(lambda x: steep.prod(x, 0), tensor(values)).tolist() == expected
    assert gradient(steep.prod, tensor(values)).tolist() == expected


@pytest.mark.parametrize("p", [0.5, 1, 1.5, 2, 3, INF, -INF])
def test_norm_of_zeros_has_no_slope(p: float) -> None:
    assert gradient(lambda x: steep.norm(x, p), steep.zeros(4)).tolist() == [0.0] * 4


@pytest.mark.parametrize("value", [0.0, 5.0, 1e6, -1e30])
def test_layer_norm_of_equal_elements(value: float) -> None:
    x = steep.full((2, 100), value)
    same_bits(F.layer_norm(x, (100,)).numpy(), np.zeros((2, 100), np.float32))
    slope = gradient(lambda x: F.layer_norm(x, (100,)), x)
    np.testing.assert_allclose(slope, 0, atol=1e-4)
