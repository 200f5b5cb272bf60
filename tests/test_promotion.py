"""Which dtype a result has: PyTorch's rule, as a table over all pairs."""

from __future__ import annotations

from typing import Any

import pytest

import steep

# Of two tensors with dimensions, or two without: the dtype in the row of one, the column of other.
DTYPES = ["bool", "uint8", "int32", "int64", "float32", "float64"]
LADDER = {name: i for i, name in enumerate(DTYPES)}
KIND = {"bool": 0, "uint8": 1, "int32": 1, "int64": 1, "float32": 2, "float64": 2}

# A tensor with dimensions, and a 0-d tensor: the dimensioned one decides unless its kind is lower.
MIXED = """
            bool    uint8   int32   int64   float32 float64
bool        bool    uint8   int32   int64   float32 float64
uint8       uint8   uint8   uint8   uint8   float32 float64
int32       int32   int32   int32   int32   float32 float64
int64       int64   int64   int64   int64   float32 float64
float32     float32 float32 float32 float32 float32 float32
float64     float64 float64 float64 float64 float64 float64
"""

# A tensor and a Python number.
NUMBERS = """
            True    2       2.5
bool        bool    int64   float32
uint8       uint8   uint8   float32
int32       int32   int32   float32
int64       int64   int64   float32
float32     float32 float32 float32
float64     float64 float64 float64
"""


def rows(table: str) -> list[tuple[str, str, str]]:
    head, *lines = [line.split() for line in table.strip().splitlines()]
    return [
        (line[0], other, cell) for line in lines for other, cell in zip(head, line[1:], strict=True)
    ]


def dtype(name: str) -> Any:
    return getattr(steep, name)


@pytest.mark.parametrize("a", DTYPES)
@pytest.mark.parametrize("b", DTYPES)
def test_two_tensors_of_one_rank(a: str, b: str) -> None:
    wider = dtype(max(a, b, key=LADDER.__getitem__))
    for shape in ((2,), ()):
        x, y = steep.ones(shape, dtype=dtype(a)), steep.ones(shape, dtype=dtype(b))
        assert (x + y).dtype is wider
        assert (x * y).dtype is wider
        assert steep.maximum(x, y).dtype is wider
        assert steep.where(x == y, x, y).dtype is wider
        assert (x == y).dtype is steep.bool
        assert (x / y).dtype is (wider if wider.is_floating_point else steep.float32)
        assert steep.result_type(x, y) is wider
    assert steep.promote_types(dtype(a), dtype(b)) is wider


@pytest.mark.parametrize(("a", "b", "expected"), rows(MIXED))
def test_dimensions_before_none(a: str, b: str, expected: str) -> None:
    x, y = steep.ones(2, dtype=dtype(a)), steep.ones((), dtype=dtype(b))
    assert (x + y).dtype is dtype(expected)
    assert (y + x).dtype is dtype(expected)
    assert steep.result_type(y, x) is dtype(expected)


@pytest.mark.parametrize(("a", "number", "expected"), rows(NUMBERS))
def test_tensors_before_numbers(a: str, number: str, expected: str) -> None:
    value = {"True": True, "2": 2, "2.5": 2.5}[number]
    for shape in ((2,), ()):
        x = steep.ones(shape, dtype=dtype(a))
        assert (x + value).dtype is dtype(expected)
        assert (value + x).dtype is dtype(expected)
        assert (x * value).dtype is dtype(expected)
        assert steep.where(x == 1, x, value).dtype is dtype(expected)
        divided = dtype(expected)
        assert (x / value).dtype is (divided if divided.is_floating_point else steep.float32)


def test_numbers_follow_the_default_dtype() -> None:
    before = steep.get_default_dtype()
    try:
        steep.set_default_dtype(steep.float64)
        assert (steep.ones(2, dtype=steep.int64) + 0.5).dtype is steep.float64
        assert steep.ones(2, dtype=steep.int64).exp().dtype is steep.float64
        assert steep.tensor(0.5).dtype is steep.float64
        assert (steep.ones(2, dtype=steep.float32) + 0.5).dtype is steep.float32
    finally:
        steep.set_default_dtype(before)
    assert steep.tensor(0.5).dtype is steep.float32


def test_integers_are_exact() -> None:
    """No way through floats: 2^53 + 1 is a number."""
    big = 2**53 + 1
    x = steep.tensor([big])
    assert (x + 1).item() == big + 1
    assert (x * 3).item() == big * 3
    assert (x // 2).item() == big // 2
    assert (x % 7).item() == big % 7
    assert steep.tensor([big, big - 1]).max().item() == big
    assert steep.tensor([big, -1]).sum().item() == big - 1
    assert (x == big).item()
    assert not (x == big - 1).item()


@pytest.mark.parametrize("source", DTYPES)
@pytest.mark.parametrize("target", DTYPES)
def test_casts(source: str, target: str) -> None:
    x = steep.tensor([0, 1, 1, 0]).to(dtype(source))
    y = x.to(dtype(target))
    assert y.dtype is dtype(target)
    assert [float(v) for v in y.tolist()] == [0.0, 1.0, 1.0, 0.0]
    assert (y is x) == (source == target)


def test_casts_truncate_and_carry_gradients() -> None:
    assert steep.tensor([1.9, -1.9, 0.4]).to(steep.int64).tolist() == [1, -1, 0]
    assert steep.tensor([0.5, 0.0, float("nan")]).to(steep.bool).tolist() == [True, False, True]
    x = steep.ones(3, requires_grad=True)
    y = x.double() * 2
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.dtype is steep.float32
    assert x.grad.tolist() == [2.0] * 3


def test_a_gradient_has_the_dtype_of_its_tensor() -> None:
    a = steep.ones(2, dtype=steep.float32, requires_grad=True)
    b = steep.ones(2, 2, dtype=steep.float64, requires_grad=True)
    (a * b).sum().backward()
    assert a.grad is not None
    assert b.grad is not None
    assert a.grad.dtype is steep.float32
    assert tuple(a.grad.shape) == (2,)
    assert b.grad.dtype is steep.float64
    assert tuple(b.grad.shape) == (2, 2)


@pytest.mark.parametrize("name", ["float16", "bfloat16", "int8", "complex64"])
def test_other_dtypes_are_refused_by_name(name: str) -> None:
    with pytest.raises(AttributeError, match=f"steep.{name}: expected one of the dtypes float32"):
        getattr(steep, name)
