"""Results that a gradient cannot follow say so; none of them passes for a constant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import steep


def leaf() -> Any:
    return steep.tensor([5.0, -7.0], requires_grad=True)


def divided_in_place(x: Any) -> Any:
    y = x * 1
    y //= 2
    return y


FLOOR_DIVIDED: dict[str, Callable[[Any], Any]] = {
    "by a number": lambda x: x // 2,
    "a number": lambda x: 9 // x,
    "by a tensor": lambda x: steep.floor_divide(steep.tensor([9.0, 8.0]), x),
    "of another dtype": lambda x: x // steep.tensor([1, 2]),
    "in place": divided_in_place,
    "in place, by name": lambda x: (x * 1).floor_divide_(2),
}


@pytest.mark.parametrize("name", sorted(FLOOR_DIVIDED))
def test_floor_divide_has_a_node_that_has_no_gradient(name):
    x = leaf()
    out = FLOOR_DIVIDED[name](x)
    assert out.requires_grad
    with pytest.raises(RuntimeError, match="derivative for floor_divide is not implemented"):
        (out + x).sum().backward()
    assert x.grad is None


def test_floor_divide_of_constants_stays_one():
    assert not (leaf().detach() // 2).requires_grad
    with steep.no_grad():
        assert not (leaf() // 2).requires_grad
    assert not (steep.tensor([5]) // 2).requires_grad


def test_division_that_rounds_has_the_gradient_zero():
    x = leaf()
    steep.div(x, x * 2, rounding_mode="floor").sum().backward()
    assert x.grad.tolist() == [0, 0]


@pytest.mark.parametrize("function", [steep.remainder, steep.fmod])
def test_remainders_have_a_second_order(function):
    x, y = leaf(), steep.tensor([2.0, 3.0], requires_grad=True)
    out = function(x * x, y)
    first = steep.autograd.grad(out.sum(), (x, y), create_graph=True)
    assert all(grad.requires_grad for grad in first)
    second = steep.autograd.grad((first[0] * first[1]).sum(), (x, y), allow_unused=True)
    # first = (2x, -trunc or floor of x^2 / y), the second of which is constant
    whole = -(steep.tensor([25.0, 49.0]) // steep.tensor([2.0, 3.0]))
    assert second[0].tolist() == (2 * whole).tolist()
    assert second[1] is None or second[1].tolist() == [0, 0]


TOTALS: dict[str, Callable[..., Any]] = {
    "sum": steep.sum,
    "sum over a dim": lambda x, dtype: x.sum(0, dtype=dtype),
    "prod": steep.prod,
    "prod over a dim": lambda x, dtype: x.prod(0, dtype=dtype),
    "cumsum": lambda x, dtype: x.cumsum(0, dtype=dtype),
}


@pytest.mark.parametrize("name", sorted(TOTALS))
@pytest.mark.parametrize("dtype", [steep.int64, steep.int32, steep.uint8, steep.bool])
def test_totals_in_an_integer_dtype_refuse_what_wants_a_gradient(name, dtype):
    with pytest.raises(RuntimeError, match="a floating-point dtype for a tensor that requires"):
        TOTALS[name](leaf(), dtype=dtype)
    assert TOTALS[name](leaf().abs().detach(), dtype=dtype).dtype == dtype
    with steep.no_grad():
        assert TOTALS[name](leaf().abs(), dtype=dtype).dtype == dtype
