"""Numbers of Python's and the dtypes that take them: held as they are, or refused."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep
from cases import TABLE
from cases.row import find, materialize
from registry import ENTRIES, METHODS, Entry
from runner import to_native
from steep import _core
from tolerances import same_bits

F = steep.nn.functional

INF, NAN = float("inf"), float("nan")
RANGES = {
    steep.uint8: (0, 255),
    steep.int32: (-(2**31), 2**31 - 1),
    steep.int64: (-(2**63), 2**63 - 1),
}
# What a dtype can hold, with a fraction that is cut off, and what it cannot.
HELD = {
    steep.uint8: (0, 255, 1.5, True),
    steep.int32: (-(2**31), 2**31 - 1, -0.5, -7.9),
    steep.int64: (-(2**63), 2**63 - 1, -(2.0**63), 2.0**62, -0.5),
    steep.float32: (2**62, 3.4e38, INF, -INF),
}
NOT_HELD = {
    steep.uint8: (-1, 256, 300, 2**40, -0.5, 255.5, 1e30, NAN, INF, -INF),
    steep.int32: (2**31, -(2**31) - 1, 2**40, 2.0**31, 1e30, NAN, INF),
    steep.int64: (2.0**63, -(2.0**64), 1e30, NAN, INF, -INF),
    steep.float32: (1e40, -1e300),
}


def _assigned(x: steep.Tensor, key: Any, value: Any) -> steep.Tensor:
    x[key] = value
    return x


# Each puts a number into the first of two elements, at least.
WRITES: dict[str, Callable[[steep.Tensor, Any], steep.Tensor]] = {
    "fill_": lambda x, v: x.fill_(v),
    "full": lambda x, v: steep.full((2,), v, dtype=x.dtype),
    "full_like": lambda x, v: steep.full_like(x, v),
    "new_full": lambda x, v: x.new_full((2,), v),
    "masked_fill": lambda x, v: x.masked_fill(steep.tensor([True, False]), v),
    "masked_fill_": lambda x, v: x.masked_fill_(steep.tensor([True, False]), v),
    "item": lambda x, v: _assigned(x, 0, v),
    "slice": lambda x, v: _assigned(x, slice(0, 1), v),
    "mask": lambda x, v: _assigned(x, steep.tensor([True, False]), v),
    "index": lambda x, v: _assigned(x, steep.tensor([0]), v),
    "list": lambda x, v: _assigned(x, slice(0, 2), [v, 1]),
    "tensor": lambda x, v: steep.tensor([v, 1], dtype=x.dtype),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("dtype", HELD, ids=str)
def test_a_number_is_written_as_the_dtype_holds_it(dtype: Any, write: str) -> None:
    for value in HELD[dtype]:
        out = WRITES[write](steep.ones(2, dtype=dtype), value)
        assert out.dtype == dtype
        expected = steep.tensor(value, dtype=dtype).item() if dtype == steep.float32 else int(value)
        assert out[0].item() == expected, value


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("dtype", NOT_HELD, ids=str)
def test_a_number_that_the_dtype_cannot_hold_is_not_written(dtype: Any, write: str) -> None:
    if dtype == steep.float32 and write in ("list", "tensor"):
        return  # as in PyTorch, data beyond float32 become infinite
    for value in NOT_HELD[dtype]:
        x = steep.ones(2, dtype=dtype)
        with pytest.raises(
            RuntimeError, match=r"cannot be converted to type (uint8|int32|int64|float32) without"
        ):
            WRITES[write](x, value)
        assert x.tolist() == [1, 1]


def test_bool_takes_any_number_as_its_truth() -> None:
    for value in (300, -5, 0.5, NAN, INF, 2**62):
        for name, write in WRITES.items():
            out = write(steep.zeros(2, dtype=steep.bool), value)
            assert out.dtype == steep.bool, name
            assert out[0].item() is True, name


def test_where_refuses_what_the_result_cannot_hold() -> None:
    mask = steep.tensor([True, False])
    for dtype, numbers in NOT_HELD.items():
        x = steep.ones(2, dtype=dtype)
        for value in numbers:
            if dtype != steep.float32 and isinstance(value, float):
                continue  # promotes
            with pytest.raises(RuntimeError, match="where: value"):
                steep.where(mask, x, value)
            with pytest.raises(RuntimeError, match="where: value"):
                x.where(mask, value)
            with pytest.raises(RuntimeError, match="where: value"):
                steep.where(mask, value, x)
    assert steep.where(mask, 2**40, 5).tolist() == [2**40, 5]


def clamped(value: int, low: int | None, high: int | None) -> int:
    """By the formula, in Python's own numbers."""
    if low is not None:
        value = max(value, low)
    return value if high is None else min(value, high)


@pytest.mark.parametrize("dtype", RANGES, ids=str)
def test_clamp_takes_bounds_for_what_they_are(dtype: Any) -> None:
    least, most = RANGES[dtype]
    values = [least, least + 1, 5, 200, most - 1, most]
    x = steep.tensor(values, dtype=dtype)
    bounds = {None, 0, 5, 100, -5, 300, least, most, 2**40, -(2**40), 2**63 - 1, -(2**63)}
    for low in bounds:
        for high in bounds - ({None} if low is None else set()):
            expected = [clamped(value, low, high) for value in values]
            if all(least <= value <= most for value in expected):
                assert x.clamp(low, high).tolist() == expected, (low, high)
                assert x.clone().clamp_(low, high).tolist() == expected, (low, high)
            else:
                with pytest.raises(RuntimeError, match=r"clamp: value .* cannot be converted"):
                    x.clamp(low, high)


def test_clamp_between_a_tensor_and_a_number_beyond() -> None:
    x, bound = (steep.tensor(data, dtype=steep.uint8) for data in ([5, 200], [10, 100]))
    assert x.clamp(bound, 300).tolist() == [10, 200]
    assert x.clamp(300, bound).tolist() == [10, 100]
    assert x.clamp(-5, bound).tolist() == [5, 100]
    with pytest.raises(RuntimeError, match="clamp: value -5 cannot be converted"):
        x.clamp(bound, -5)


COMPARISONS = (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge)


@pytest.mark.parametrize("dtype", RANGES, ids=str)
@pytest.mark.parametrize("compare", COMPARISONS, ids=lambda f: f.__name__)
def test_comparisons_take_numbers_for_what_they_are(dtype: Any, compare: Any) -> None:
    least, most = RANGES[dtype]
    values = [least, 5, 44, 200, most]
    x = steep.tensor(values, dtype=dtype)
    for number in (300, -5, 256 + 44, 2**32 + 5, 2**40, -(2**40), 2**63 - 1, -(2**63), 1e30, -INF):
        expected = [compare(value, number) for value in values]
        assert compare(x, number).tolist() == expected, number
        assert compare(number, x).tolist() == [compare(number, value) for value in values], number
        assert compare(x[2], number).item() is compare(44, number), number
    assert (300 in x) is (300 in values)
    assert compare(x, NAN).tolist() == [compare(5, NAN)] * 5


def test_sums_and_products_of_integers_are_modulo_their_range() -> None:
    x = steep.tensor([5, 200], dtype=steep.uint8)
    functions: tuple[Callable[[Any, Any], Any], ...] = (
        operator.add, operator.sub, operator.mul, operator.and_, operator.or_, operator.xor,
    )  # fmt: skip
    for function in functions:
        for number in (300, -5, 2**40 + 3, -(2**63)):
            expected = [function(value, number) % 256 for value in (5, 200)]
            assert function(x, number).tolist() == expected
            assert function(number, x).tolist() == [function(number, v) % 256 for v in (5, 200)]
    assert x.clone().add_(300).tolist() == [49, 244]
    assert x.clone().mul_(300).tolist() == [220, 96]
    assert x.add(300, alpha=2).tolist() == [93, 32]
    assert x.sub(x, alpha=2).tolist() == [251, 56]
    assert x.sub(1, alpha=255).tolist() == [6, 201]
    assert (300 ** steep.tensor([1, 2], dtype=steep.uint8)).tolist() == [44, 144]
    y = steep.tensor([7], dtype=steep.int32)
    assert (y + 2**40).tolist() == [7]
    assert (y * (2**32 + 2)).tolist() == [14]


def test_factors_and_exponents_of_integers_are_not() -> None:
    x = steep.tensor([5, 200], dtype=steep.uint8)
    for number in (300, 256, 2**40, -5):
        for function in (steep.floor_divide, steep.remainder, steep.fmod):
            with pytest.raises(RuntimeError, match=f"value {number} cannot be converted"):
                function(x, number)
            if function is not steep.fmod:  # which wants a tensor first
                with pytest.raises(RuntimeError, match=f"value {number} cannot be converted"):
                    function(number, x)
        with pytest.raises(RuntimeError, match=r"alpha|cannot be converted"):
            x.add(x, alpha=max(number, 256))
    with pytest.raises(RuntimeError, match="add: expected a number for alpha"):
        x.add(x, alpha=True)
    for name in ("add_", "sub", "sub_"):
        with pytest.raises(RuntimeError, match=f"{name}: expected a number for alpha"):
            getattr(x, name)(x, alpha=True)
    with pytest.raises(RuntimeError, match="pow: value 300 cannot be converted"):
        x.pow(300)
    with pytest.raises(RuntimeError, match="floor_divide: value 4294967296 cannot be converted"):
        steep.tensor([7], dtype=steep.int32).floor_divide_(2**32)


def test_floats_beyond_float32_are_infinite_in_arithmetic() -> None:
    x = steep.tensor([5.0, 200.0])
    assert (x + 1e40).tolist() == [INF, INF]
    assert (x < 1e40).tolist() == [True, True]
    assert (x / 1e40).tolist() == [0.0, 0.0]
    for bounds in ((None, 1e40), (-1e40, None)):
        with pytest.raises(RuntimeError, match="clamp: value"):
            x.clamp(*bounds)


# In-place forms too.
BOUNDED = [
    (name, base, setting)
    for base, row in TABLE.items()
    for setting in row.bounded
    for name in (base, f"{base}_")
    if name == base or name in METHODS
]


@pytest.mark.parametrize("value", [1e39, -1e39])
@pytest.mark.parametrize(("name", "base", "setting"), BOUNDED)
def test_settings_beyond_float32_are_refused(
    name: str, base: str, setting: str, value: float
) -> None:
    function = getattr(_core, name, None) or getattr(steep.Tensor, name)
    arrays = materialize(TABLE[base].calls[0], "float32", name)
    given = to_native(arrays)
    with pytest.raises(RuntimeError, match=rf"^{name}: value {value:g}".replace("+", r"\+")):
        function(*given.args, **given.kwargs, **{setting: value})
    for x, array in zip(find(given, steep.Tensor), find(arrays, np.ndarray), strict=True):
        same_bits(x.numpy(), array)
    function(*given.args, **given.kwargs, **{setting: math.copysign(INF, value)})
    wide = to_native(materialize(TABLE[base].calls[0], "float64", name))
    function(*wide.args, **wide.kwargs, **{setting: value})


def test_float32_rounds_the_exponent_of_a_power() -> None:
    x = steep.tensor([-2.0, 0.0, -1.0])
    assert (x**1e-50).tolist() == (x ** steep.tensor(1e-50)).tolist() == [1.0, 1.0, 1.0]
    assert (x**16777217)[2].item() == (x ** steep.tensor(16777217.0))[2].item() == 1.0


def test_an_order_of_a_norm_beyond_float32_is_infinite() -> None:
    x = steep.tensor([3.0, -4.0], requires_grad=True)
    for order, limit in ((1e39, INF), (-1e39, -INF)):
        got, expected = x.norm(order), x.norm(limit)
        assert got.item() == expected.item()
        grads = [steep.autograd.grad(y, x)[0].tolist() for y in (got, expected)]
        assert grads[0] == grads[1]


def takes_numbers(entry: Entry) -> bool:
    """Whether a number may stand where a tensor may."""
    return any(parameter.annotation == "Tensor | Number" for parameter in entry.parameters)


NUMBERS_ONLY = sorted({entry.name for entry in ENTRIES if takes_numbers(entry)})


@pytest.mark.parametrize("name", NUMBERS_ONLY)
def test_numbers_alone_are_refused(name: str) -> None:
    """Every operation that takes a tensor or a number wants one tensor, but for a choice."""
    function = getattr(_core, name, None) or getattr(steep.Tensor, name)
    entries = [entry for entry in ENTRIES if entry.name == name and takes_numbers(entry)]
    for entry in entries:
        count = sum(parameter.kind == "positional" for parameter in entry.parameters)
        for numbers in ((2,) * count, (2.5,) * count, (True,) * count, (2, 0, 3)[:count]):
            with pytest.raises(TypeError):
                function(*numbers)
            if any(parameter.name == "alpha" for parameter in entry.parameters):
                with pytest.raises(TypeError):
                    function(*numbers, alpha=2)
