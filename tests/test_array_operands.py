"""NumPy's arrays and scalars beside a tensor: either order, every operator."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import pytest

import steep

COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
ARITHMETIC = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul")
BITWISE = ("and_", "or_", "xor")


def check(got: Any, expected: steep.Tensor) -> None:
    assert type(got) is steep.Tensor
    assert got.dtype is expected.dtype
    assert got.tolist() == expected.tolist()


@pytest.mark.parametrize("name", COMPARISONS + ARITHMETIC)
@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64, np.int32, np.uint8])
def test_an_array_is_the_tensor_of_its_values(name: str, kind: Any) -> None:
    operate = getattr(operator, name)
    x, array = steep.tensor([1.0, 2.0, 3.0]), np.array([3, 2, 1], dtype=kind)
    y = steep.tensor(array)
    if name == "matmul":
        x, array, y = x.double(), array.astype(np.float64), y.double()
    check(operate(x, array), operate(x, y))
    check(operate(array, x), operate(y, x))


@pytest.mark.parametrize("name", BITWISE)
def test_bits_of_an_array(name: str) -> None:
    operate = getattr(operator, name)
    for values, other in (([1, 2, 3], [3, 2, 1]), ([True, False], [True, True])):
        array = np.array(other)
        check(
            operate(steep.tensor(values), array), operate(steep.tensor(values), steep.tensor(other))
        )
        check(
            operate(array, steep.tensor(values)), operate(steep.tensor(other), steep.tensor(values))
        )


@pytest.mark.parametrize("name", COMPARISONS + ARITHMETIC[:-1])
@pytest.mark.parametrize("scalar", [np.float32(2), np.float64(2), np.int64(2), np.int32(2)])
def test_a_scalar_is_a_number(name: str, scalar: Any) -> None:
    operate = getattr(operator, name)
    x = steep.tensor([1.0, 2.0, 3.0])
    number = type(scalar.item())(2)
    check(operate(x, scalar), operate(x, number))
    check(operate(scalar, x), operate(number, x))


@pytest.mark.parametrize("x", [[1, 2], [True, False]])
def test_a_bool_of_numpys_is_a_bool(x: Any) -> None:
    for operate in (operator.add, operator.mul, operator.and_, operator.eq):
        check(operate(steep.tensor(x), np.bool_(True)), operate(steep.tensor(x), True))
        check(operate(np.bool_(True), steep.tensor(x)), operate(True, steep.tensor(x)))
    with pytest.raises(RuntimeError, match="got a bool"):
        steep.add(steep.tensor([1]), steep.tensor([1]), alpha=np.bool_(True))


@pytest.mark.parametrize("value", [np.float32(0.5), np.bool_(True), np.array(0.5), np.array([2])])
def test_numpys_numbers_are_written_by_index(value: Any) -> None:
    x = steep.zeros(1, 2)
    x[0, 1] = value
    assert x.tolist() == [[0.0, float(np.asarray(value).item())]]


def test_shapes_broadcast_or_are_refused() -> None:
    x = steep.ones(2, 3)
    check(x == np.ones(3), steep.ones(2, 3, dtype=steep.bool))
    check(np.ones((2, 1)) < x, steep.zeros(2, 3, dtype=steep.bool))
    with pytest.raises(RuntimeError, match="size"):
        _ = x == np.ones(2)
    with pytest.raises(RuntimeError, match="size"):
        _ = np.ones(2) + x


def test_arithmetic_with_an_array_is_recorded() -> None:
    w = steep.ones(3, requires_grad=True)
    (np.array([1.0, 2.0, 3.0], dtype=np.float32) * w).sum().backward()
    assert w.grad.tolist() == [1.0, 2.0, 3.0]


def test_arrays_in_place() -> None:
    x = steep.ones(3)
    same = x
    x += np.array([1, 2, 3])
    assert x is same
    assert x.tolist() == [2.0, 3.0, 4.0]


def test_the_array_is_copied() -> None:
    """What is written to it later does not reach a gradient."""
    array = np.ones(3, dtype=np.float32)
    w = steep.ones(3, requires_grad=True)
    out = (w * array).sum()
    array[:] = 7
    out.backward()
    assert w.grad.tolist() == [1.0, 1.0, 1.0]


def test_arrays_of_other_dtypes_are_numpys() -> None:
    got = steep.ones(2) + np.ones(2, dtype=np.float16)
    assert type(got) is steep.Tensor
    assert got.tolist() == [2.0, 2.0]


def test_what_is_no_array_is_unequal() -> None:
    assert (steep.ones(2) == "x") is False
    assert (steep.ones(2) == [1.0, 1.0]) is False
    assert (steep.ones(2) == None) is False  # noqa: E711
