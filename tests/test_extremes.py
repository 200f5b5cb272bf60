"""Gradients at infinity, nan and where a formula divides 0 by 0: PyTorch's, written down here.

``tools/extremes.py`` compares far more, where PyTorch is installed.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

import steep
import steep.nn.functional as F
from steep.reference.elementwise import atan2_gradient

INF, NAN = float("inf"), float("nan")
LARGEST = {"float32": 3.4028234663852886e38, "float64": 1.7976931348623157e308}
DTYPES = ("float32", "float64")


def slopes(
    function: Callable[..., steep.Tensor], *arguments: list[float], dtype: str, graph: bool = False
) -> list[list[float]]:
    """Gradients of the sum of ``function(*arguments)``; with `graph` by the rule that records."""
    tensors = [
        steep.tensor(values, dtype=getattr(steep, dtype)).requires_grad_() for values in arguments
    ]
    out = function(*tensors)
    grads = steep.autograd.grad(out, tensors, steep.ones_like(out), create_graph=graph)
    return [grad.tolist() for grad in grads]


def both_ways(
    function: Callable[..., steep.Tensor],
    *arguments: list[float],
    dtype: str,
    expected: list[list[float]],
) -> None:
    for graph in (False, True):
        got = slopes(function, *arguments, dtype=dtype, graph=graph)
        np.testing.assert_array_equal(np.array(got), np.array(expected))


@pytest.mark.parametrize("dtype", DTYPES)
def test_relu_passes_a_gradient_at_nan(dtype: str) -> None:
    x = [NAN, INF, -INF, 0.0, -0.0, 1e-40]
    passed = [[1.0, 1.0, 0.0, 0.0, 0.0, 1.0]]
    both_ways(F.relu, x, dtype=dtype, expected=passed)
    for size in (1, 40):  # values of the loop's vectors and of its end
        both_ways(F.relu, [NAN] * size, dtype=dtype, expected=[[1.0] * size])
    both_ways(F.elu, [NAN, INF, -INF], dtype=dtype, expected=[[1.0, 1.0, 0.0]])


@pytest.mark.parametrize("graph", [False, True])
def test_relu_in_a_product_passes_a_gradient_at_nan(graph: bool) -> None:
    x = steep.tensor([[NAN], [1.0], [-1.0]])
    w = steep.ones(1, 1)
    b = steep.zeros(1, requires_grad=True)
    for function in (
        lambda: steep._core.linear_activation(x, w, b, "relu"),
        lambda: F.relu(F.linear(x, w, b)),
    ):
        out = function()
        weights = steep.tensor([[1.0], [10.0], [100.0]])
        (slope,) = steep.autograd.grad(out, b, weights, create_graph=graph)
        assert slope.tolist() == [11.0]


def test_the_product_s_relu_gradient_passes_at_nan() -> None:
    ones = steep.ones(2, 1)
    for columns in (1, 40):
        out = steep.full((2, columns), NAN)
        got = steep._core.matmul_activation_backward(ones, steep.ones(1, columns), out, "relu")
        assert got.tolist() == [[1.0] * columns] * 2


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("function", [steep.maximum, steep.minimum])
def test_extremes_of_two_pass_a_gradient_to_both_at_nan(
    function: Callable[..., steep.Tensor], dtype: str
) -> None:
    x, y = [NAN, 1.0, NAN, 2.0, INF, -INF], [1.0, NAN, NAN, 2.0, INF, -INF]
    shares = [1.0, 1.0, 1.0, 0.5, 0.5, 0.5]
    both_ways(function, x, y, dtype=dtype, expected=[shares, shares])


@pytest.mark.parametrize("dtype", DTYPES)
def test_clamp_at_equal_bounds(dtype: str) -> None:
    """On both bounds the gradient is the input's; beyond them the upper one's, or the lower's."""
    x, bound = [0.0, 1.0, -1.0], [0.0, 0.0, 0.0]
    expected = [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    both_ways(steep.clamp, x, bound, bound, dtype=dtype, expected=expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_atan2_has_slope_0_at_the_origin(dtype: str) -> None:
    y, x = [0.0, -0.0, 0.0, 1.0], [0.0, 0.0, 1.0, 0.0]
    by_y, by_x = [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, -1.0]
    both_ways(steep.atan2, y, x, dtype=dtype, expected=[by_y, by_x])


@pytest.mark.parametrize("dtype", DTYPES)
def test_atan2_has_the_slopes_of_tiny_and_of_large_operands(dtype: str) -> None:
    """The squares of most of these are 0 or infinite in their dtype."""
    scales = {
        "float32": (1e-40, 1e-30, 1e-12, 1e12, 1e30, 3e38),
        "float64": (1e-310, 1e-200, 1e150, 1e300, 1.7e308),
    }
    rows = [
        (y * s, x * s)
        for s in scales[dtype]
        for y, x in ((1.0, 1.0), (-0.75, 1.0), (1.0, 0.25), (1.0, 0.0), (0.0, -1.0))
    ]
    y, x = (np.array(column, dtype) for column in zip(*rows, strict=True))
    exact_y, exact_x = ([Fraction(float(value)) for value in column] for column in (y, x))
    expected = [
        [b / (a * a + b * b) for a, b in zip(exact_y, exact_x, strict=True)],
        [-a / (a * a + b * b) for a, b in zip(exact_y, exact_x, strict=True)],
    ]
    wanted = np.array([[nearest(value, dtype) for value in column] for column in expected])
    unit = np.finfo(dtype)
    tolerance = {"rtol": 8 * unit.eps, "atol": 2 * float(unit.smallest_subnormal)}
    for graph in (False, True):
        got = slopes(steep.atan2, y.tolist(), x.tolist(), dtype=dtype, graph=graph)
        np.testing.assert_allclose(np.array(got), wanted, **tolerance)
    ones = np.ones_like(y)
    with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
        reference = atan2_gradient(ones, y, x)
    np.testing.assert_allclose(np.array(reference, float), wanted, **tolerance)


def nearest(value: Fraction, dtype: str) -> float:
    """The float that stands for a number, infinite beyond the dtype's range."""
    if abs(value) > Fraction(LARGEST[dtype]):
        return INF if value > 0 else -INF
    return float(value)


def test_atan2_has_second_slopes_of_tiny_operands() -> None:
    """d2/dydx = (y^2 - x^2) / (x^2 + y^2)^2; at the origin 0, as the first slope."""
    y = steep.tensor([1e-15, 2e-15, 0.0], requires_grad=True)
    x = steep.tensor([2e-15, 1e-15, 0.0], requires_grad=True)
    (slope,) = steep.autograd.grad(steep.atan2(y, x).sum(), y, create_graph=True)
    (second,) = steep.autograd.grad(slope.sum(), x)
    np.testing.assert_allclose(second.numpy(), [-3 / 25 * 1e30, 3 / 25 * 1e30, 0], rtol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("loss", "most_slope", "at_nan"),
    [
        (lambda x, t: F.huber_loss(x, t, reduction="sum"), 1.0, NAN),
        (lambda x, t: F.huber_loss(x, t, reduction="sum", delta=3.0), 3.0, NAN),
        (lambda x, t: F.smooth_l1_loss(x, t, reduction="sum"), 1.0, NAN),
        (lambda x, t: F.smooth_l1_loss(x, t, reduction="sum", beta=0.25), 1.0, NAN),
        (lambda x, t: F.smooth_l1_loss(x, t, reduction="sum", beta=0.0), 1.0, 0.0),
        (lambda x, t: F.l1_loss(x, t, reduction="sum"), 1.0, 0.0),
    ],
)
def test_robust_losses_have_a_bounded_slope(
    loss: Callable[..., steep.Tensor], most_slope: float, at_nan: float, dtype: str
) -> None:
    """At an infinite difference, and at one whose square is infinite."""
    most = LARGEST[dtype]
    x, target = [INF, -INF, 0.0, most, 0.0, 0.0], [0.0, 0.0, INF, 0.0, most, 0.0]
    by_x = [most_slope, -most_slope, -most_slope, most_slope, -most_slope, 0.0]
    both_ways(loss, x, target, dtype=dtype, expected=[by_x, [-slope for slope in by_x]])
    both_ways(loss, [NAN], [0.0], dtype=dtype, expected=[[at_nan], [-at_nan]])
