"""What an argument is to a compiled function: all that its code may see of it tells calls apart."""

from __future__ import annotations

import abc
import collections
import dataclasses
import datetime
import enum
import time
import types
import typing
from typing import Any

import numpy as np
import pytest

import steep
from compiling import ones, replays, settle


class Batch(dict):  # type: ignore[type-arg]
    """Whose attributes say how its items are meant."""


class Slotted(dict):  # type: ignore[type-arg]
    __slots__ = ("scale",)


class Pair(collections.namedtuple("Pair", "x y")):
    pass


class Triple(tuple):  # type: ignore[type-arg]
    pass


class Scale(float):
    pass


class Count(int):
    pass


class Mode(enum.IntEnum):
    A = 1
    B = 2


def with_attribute(made: Any, scale: float) -> Any:
    made.scale = scale
    return made


X = ones(3)
ATTRIBUTES = {
    "dict": lambda scale: with_attribute(Batch(x=X), scale),
    "ordered dict": lambda scale: with_attribute(collections.OrderedDict(x=X), scale),
    "dict with slots": lambda scale: with_attribute(Slotted(x=X), scale),
    "named tuple": lambda scale: with_attribute(Pair(X, X), scale),
    "tuple": lambda scale: with_attribute(Triple((X,)), scale),
    "float": lambda scale: with_attribute(Scale(0.5), scale),
    "int": lambda scale: with_attribute(Count(5), scale),
    "counter": lambda scale: with_attribute(collections.Counter("aab"), scale),
}


@pytest.mark.parametrize("make", ATTRIBUTES.values(), ids=ATTRIBUTES)
def test_attributes_of_containers_and_numbers_count(make: Any) -> None:
    compiled = steep.compile(lambda batch, x: x * batch.scale, fullgraph=True)
    first, second = make(2.0), make(3.0)
    settle(compiled, first, X)
    assert replays(compiled) > 0
    assert compiled(second, X).tolist() == (X * 3).tolist()
    first.scale = 4.0
    assert compiled(first, X).tolist() == (X * 4).tolist()


def test_an_attribute_of_a_container_may_be_missing() -> None:
    compiled = steep.compile(lambda batch, x: x * getattr(batch, "scale", 5.0), fullgraph=True)
    first, second = Batch(x=X), with_attribute(Batch(x=X), 3.0)
    settle(compiled, first, X)
    for _ in range(6):
        assert compiled(second, X).tolist() == (X * 3).tolist()
        assert compiled(first, X).tolist() == (X * 5).tolist()
    assert replays(compiled) > 6


def test_what_a_default_dict_gives_counts() -> None:
    compiled = steep.compile(lambda table, x: x * table.default_factory(), fullgraph=True)
    settle(compiled, collections.defaultdict(float, a=1), X)
    assert replays(compiled) > 0
    assert compiled(collections.defaultdict(lambda: 2.0, a=1), X).tolist() == (X * 2).tolist()


def unit_of(moment: Any, x: Any) -> Any:
    return x * {"s": 2.0, "ms": 3.0}[np.datetime_data(moment.dtype)[0]]


@pytest.mark.parametrize("kind", [np.timedelta64, np.datetime64], ids=lambda kind: kind.__name__)
def test_the_unit_of_a_moment_counts(kind: Any) -> None:
    compiled = steep.compile(unit_of, fullgraph=True)
    settle(compiled, kind(7, "s"), X)
    assert replays(compiled) > 0
    assert compiled(kind(7, "ms"), X).tolist() == (X * 3).tolist()


RECORD = np.array([(1, 2.0)], [("a", "i4"), ("b", "f4")])
SCALARS = [
    lambda: np.str_("red"),
    lambda: np.bytes_(b"red"),
    lambda: RECORD[0],
    lambda: np.void(b"abc"),
    lambda: np.float64(0.5),
    lambda: np.float32(0.5),
    lambda: np.complex128(1j),
    lambda: np.bool_(True),
    lambda: np.datetime64("2020-01-01"),
    lambda: Scale(0.5),
    lambda: Mode(1),
    lambda: with_attribute(Batch(x=X), 2.0),
]


@pytest.mark.parametrize("make", SCALARS, ids=lambda make: type(make()).__name__)
def test_equal_values_are_one_kind_of_call(make: Any) -> None:
    compiled = steep.compile(lambda x, value: x * 2, fullgraph=True)
    for _ in range(6):
        compiled(X, make())
    assert replays(compiled) == 3
    assert "signature 1 of 1" in compiled.explain()


def test_the_fields_of_a_record_count() -> None:
    other = np.array([(1, 2.0)], [("c", "i4"), ("d", "f4")])
    compiled = steep.compile(lambda x, row: x * (2.0 if "a" in row.dtype.names else 3.0))
    settle(compiled, X, RECORD[0])
    assert replays(compiled) > 0
    assert compiled(X, other[0]).tolist() == (X * 3).tolist()


def test_fields_of_a_tuple_that_are_no_items_count() -> None:
    def moment(offset: int) -> time.struct_time:
        return time.struct_time((2020, 1, 1, 0, 0, 0, 0, 1, 0, "UTC", offset))

    compiled = steep.compile(lambda x, t: x * t.tm_gmtoff)
    first = moment(3)
    assert settle(compiled, X, first).tolist() == (X * 3).tolist()
    for other in (moment(4), moment(5), first):
        for _ in range(4):
            assert compiled(X, other).tolist() == (X * other.tm_gmtoff).tolist()


@dataclasses.dataclass
class Rows(list):  # type: ignore[type-arg]
    scale: float


@dataclasses.dataclass
class Window(collections.deque):  # type: ignore[type-arg]
    scale: float


@dataclasses.dataclass
class HeldError(Exception):
    scale: float


def set_args(error: HeldError, args: Any) -> None:
    error.args = tuple(args)


def put(items: Any, values: Any) -> None:
    items.clear()
    items.extend(values)


@pytest.mark.parametrize(
    ("kind", "change", "look"),
    [
        (Rows, put, lambda rows: rows[0]),
        (Window, put, lambda window: window[0]),
        (HeldError, set_args, lambda error: error.args[0]),
    ],
)
def test_what_a_dataclass_holds_besides_attributes_counts(
    kind: Any, change: Any, look: Any
) -> None:
    compiled = steep.compile(lambda x, held: x * look(held) * held.scale)
    held = kind(2.0)
    for value in [3] * 8 + [4, 4, 5, 3, 5]:
        change(held, [value])
        assert compiled(X, held).tolist() == (X * value * 2).tolist()


@dataclasses.dataclass
class Setting(abc.ABC, typing.Generic[typing.TypeVar("T")]):
    scale: float


class Named(Setting, types.SimpleNamespace):  # type: ignore[type-arg]
    pass


@pytest.mark.parametrize("kind", [Setting, Named])
def test_a_dataclass_of_plain_classes_is_known_by_its_attributes(kind: Any) -> None:
    compiled = steep.compile(lambda x, held: x * held.scale, fullgraph=True)
    for _ in range(6):
        assert compiled(X, kind(2.0)).tolist() == (X * 2).tolist()
    assert replays(compiled) == 3


def type_of(x: Any, value: Any) -> Any:
    plain = type(value) in (int, float, bool)
    return x * (1.0 if plain else 2.0)


@pytest.mark.parametrize(
    "values", [(Mode.A, 1), (np.float64(0.5), 0.5), (Scale(0.5), 0.5), (Count(3), 3)], ids=str
)
def test_a_number_of_another_type_is_another_argument(values: Any) -> None:
    for first, second in (values, values[::-1]):
        compiled = steep.compile(type_of, fullgraph=True)
        settle(compiled, X, first)
        assert replays(compiled) > 0
        assert compiled(X, second).tolist() == type_of(X, second).tolist()


Item = typing.TypeVar("Item")


@dataclasses.dataclass
class Abstract(abc.ABC):
    x: Any
    scale: float


@dataclasses.dataclass
class Generic(typing.Generic[Item]):
    x: Any
    scale: float


@dataclasses.dataclass(slots=True)
class Narrow:
    x: Any
    scale: float


@dataclasses.dataclass
class Wide(Narrow):
    label: str = ""


@pytest.mark.parametrize("cls", [Abstract, Generic])
def test_dataclasses_with_empty_slots_count_by_what_they_hold(cls: Any) -> None:
    compiled = steep.compile(lambda batch: batch.x * batch.scale, fullgraph=True)
    for i in range(6):
        assert compiled(cls(ones(i), 2.0)).tolist() == ones(2 * i).tolist()
    assert replays(compiled) == 3
    assert compiled(cls(ones(4), 3.0)).tolist() == ones(12).tolist()


@pytest.mark.parametrize("cls", [Narrow, Wide])
def test_dataclasses_with_slots_are_not_replayed_for_others(cls: Any) -> None:
    compiled = steep.compile(lambda batch: batch.x * batch.scale)
    batch = cls(ones(2), 2.0)
    settle(compiled, batch)
    assert compiled(cls(ones(4), 3.0)).tolist() == ones(12).tolist()
    batch.scale = 5.0
    assert compiled(batch).tolist() == ones(10).tolist()


def test_dates_count_by_who_they_are() -> None:
    compiled = steep.compile(lambda x, day: x * day.day, fullgraph=True)
    first = datetime.date(2020, 1, 2)
    settle(compiled, X, first)
    assert compiled(X, datetime.date(2020, 1, 3)).tolist() == (X * 3).tolist()


# ---- which tensor is which ---------------------------------------------------------------------


def multiplied(v: Any, a: Any, b: Any) -> None:
    a.grad = None
    b.grad = None
    (v * a * b).sum().backward()


@pytest.mark.parametrize("between", [0, 1, 14, 15, 40])
def test_one_leaf_twice_behind_an_earlier_view_of_its_memory(between: int) -> None:
    """With few tensors between and with many, for which they are looked up in another way."""
    v = ones(3)
    x, y = (v.detach().requires_grad_() for _ in range(2))
    others = [ones(i) for i in range(between)]
    compiled = steep.compile(lambda v, *rest: multiplied(v, rest[0], rest[-1]))
    for _ in range(5):
        compiled(v, x, *others, x)
        assert x.grad.tolist() == [18.0, 18.0]
    runs = replays(compiled)
    assert runs > 0
    for _ in range(5):
        compiled(v, x, *others, y)
        assert (x.grad.tolist(), y.grad.tolist()) == ([9.0, 9.0], [9.0, 9.0])
    assert replays(compiled) > runs


def test_a_leaf_of_the_function_given_to_it_and_another_on_its_memory() -> None:
    w = ones(3).requires_grad_()

    def step(x: Any) -> None:
        w.grad = x.grad = None
        (w * x).sum().backward()

    compiled = steep.compile(step)
    settle(compiled, w)
    assert replays(compiled) > 0
    assert w.grad.tolist() == [6.0, 6.0]
    other = w.detach().requires_grad_()
    for _ in range(6):
        compiled(other)
        assert (w.grad.tolist(), other.grad.tolist()) == ([3.0, 3.0], [3.0, 3.0])


# ---- the graph of a tensor from outside --------------------------------------------------------


def test_a_tensor_from_outside_that_gets_another_graph() -> None:
    w, x = ones(1).requires_grad_(), ones(1)
    doubled = w * 2

    def step(x: Any) -> None:
        w.grad = None
        (doubled * x).sum().backward(retain_graph=True)

    compiled = steep.compile(step)
    settle(compiled, x)
    for factor in (3, 5):
        runs = replays(compiled)
        assert runs > 0
        doubled.mul_(factor)
        for _ in range(5):
            compiled(x)
            assert w.grad.tolist() == [6.0 if factor == 3 else 30.0] * 2
        assert replays(compiled) > runs


def test_views_of_a_parameter_that_steps_write_keep_their_program() -> None:
    flat = ones(1, 4).requires_grad_()
    part, rest = flat[:2], flat[2:]

    def step(x: Any) -> None:
        flat.grad = None
        (part * x + rest).sum().backward(retain_graph=True)
        with steep.no_grad():
            flat.sub_(flat.grad)

    compiled = steep.compile(step, fullgraph=True)
    for _ in range(8):
        compiled(ones(1))
    assert replays(compiled) == 5
    assert flat.tolist() == [1.0 - 8] * 4


def test_a_tensor_that_gets_another_window_on_its_memory() -> None:
    w = steep.tensor([[1.0, 2.0], [3.0, 4.0]])
    compiled = steep.compile(lambda x: x * w, fullgraph=True)
    x = steep.ones(2, 2)
    settle(compiled, x)
    for data in (w.t(), w[0], w):
        runs = replays(compiled)
        w.data = data
        for _ in range(4):
            assert compiled(x).tolist() == (x * w).tolist()
        assert replays(compiled) > runs


def test_a_module_that_is_turned_on_its_memory() -> None:
    layer = steep.nn.Linear(2, 2, bias=False).requires_grad_(False)
    compiled = steep.compile(lambda x: layer(x), fullgraph=True)
    x = steep.rand(3, 2)
    settle(compiled, x)
    assert replays(compiled) > 0
    layer._apply(lambda t: t.t())
    assert compiled(x).tolist() == layer(x).tolist()
