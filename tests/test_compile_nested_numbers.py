"""Numbers in containers among the arguments, and calls that are always of a new kind."""

from __future__ import annotations

import collections
import copy
import dataclasses
import decimal
import enum
import sys
import types
import typing
import warnings
from typing import Any

import numpy as np
import pytest

import steep
from numbers_support import both

Pair = collections.namedtuple("Pair", "lr b")


class Typed(typing.NamedTuple):
    lr: float
    n: int


@dataclasses.dataclass
class Settings:
    lr: float
    n: int = 5
    inner: Any = None


@dataclasses.dataclass(frozen=True)
class Frozen:
    lr: float


class Space(types.SimpleNamespace):
    pass


def rate(i: int) -> float:
    return 0.1 + 0.013 * i


HELD: dict[str, tuple[Any, Any]] = {
    "list": (lambda r, i: [r, 0.25], lambda h: h[0] + h[1]),
    "tuple": (lambda r, i: (r, 0.25), lambda h: h[0] + h[1]),
    "dict": (lambda r, i: {"lr": r, "name": "x", 3: r / 2}, lambda h: h["lr"] - h[3]),
    "ints": (lambda r, i: {"t": i + 4, "lr": r}, lambda h: h["lr"] / h["t"]),
    "namedtuple": (lambda r, i: Pair(r, 0.25), lambda h: h.lr * h.b),
    "typed tuple": (lambda r, i: Typed(r, i + 4), lambda h: h.lr**0.7 / h.n),
    "namespace": (lambda r, i: types.SimpleNamespace(lr=r), lambda h: h.lr),
    "subclass of it": (lambda r, i: Space(lr=r), lambda h: h.lr),
    "dataclass": (lambda r, i: Settings(r, i + 4), lambda h: h.lr * h.n),
    "frozen": (lambda r, i: Frozen(r), lambda h: h.lr),
    "ordered": (lambda r, i: collections.OrderedDict(a=r, b=0.25), lambda h: h["a"] * h["b"]),
    "default": (lambda r, i: collections.defaultdict(int, a=r), lambda h: h["a"]),
    "nested": (
        lambda r, i: {"a": [(r, Settings(r + 1, inner=[Pair(2 * r, (r / 3,))]))]},
        lambda h: h["a"][0][0] + h["a"][0][1].lr * h["a"][0][1].inner[0].b[0],
    ),
    "unpacked": (lambda r, i: [r, 0.25], lambda h: (lambda a, b: a * b)(*h)),
    "summed": (lambda r, i: [r, 0.25], sum),
    "copied": (lambda r, i: {"a": [r]}, lambda h: copy.deepcopy(copy.copy(h))["a"][0] * 2),
    "replaced": (lambda r, i: Settings(r), lambda h: dataclasses.replace(h, n=4).lr),
    "looped over": (lambda r, i: (r, r / 3), lambda h: max(x for x in h) - min(h)),
    "compared": (lambda r, i: (r, 0.25), lambda h: h[0] if h[0] < 0.2 else h[1] - h[0]),
}


@pytest.mark.parametrize("name", HELD)
@pytest.mark.parametrize("by_name", [False, True])
def test_a_number_in_a_container_is_followed(name: str, by_name: bool) -> None:
    hold, number = HELD[name]

    def make() -> Any:
        w = steep.ones(3, requires_grad=True)

        def step(x: Any, held: Any) -> Any:
            w.grad = None
            (w * x * number(held)).pow(2).sum().backward()
            with steep.no_grad():
                w.sub_(w.grad, alpha=0.1)
            return w.detach() * number(held)

        return step, w.tolist

    def call(f: Any, i: int) -> Any:
        held = hold(rate(i), i)
        kept = repr(held)
        x = steep.rand(3) + 0.1
        result = f(x, held=held) if by_name else f(x, held)
        assert repr(held) == kept
        return result

    is_exact = name == "summed" and sys.version_info >= (3, 12)  # which sums of others are not
    both(make, call, None if is_exact else True)


def compared(step: Any, argument: Any, count: int = 24) -> tuple[Any, list[str]]:
    """The compiled function, called beside the function itself, and what it has warned of."""
    compiled = steep.compile(step)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for i in range(count):
            x = steep.tensor([1.0, 2.0]) + i
            first, second = argument(i), argument(i)
            wanted = repr(step(x, first))
            assert repr(compiled(x, second)) == wanted
            assert repr(first) == repr(second)
    return compiled, [str(warning.message) for warning in caught]


def runs_of(compiled: Any) -> int:
    return sum(program.runs for program in compiled.programs())


def test_one_container_changed_between_calls_is_read_anew() -> None:
    held: dict[str, Any] = {}

    def argument(i: int) -> Any:
        held["lr"] = rate(i)
        return held

    compiled, said = compared(lambda x, h: x * h["lr"], argument)
    assert runs_of(compiled) > 0
    assert not said


def test_a_container_of_another_length_or_other_keys_is_another_kind() -> None:
    def step(x: Any, held: Any) -> Any:
        for value in held.values():
            x = x * value
        return x * len(held)

    def argument(i: int) -> Any:
        names = "abc"[: 1 + i // 12] if i < 24 else "xyz"
        return {name: rate(i) for name in names}

    compiled, said = compared(step, argument, 36)
    assert runs_of(compiled) > 6
    assert not said


def test_the_same_container_twice_is_another_kind_than_two() -> None:
    def argument(i: int) -> Any:
        one = [rate(i)]
        return (one, one) if i % 3 else (one, [2 * rate(i)])

    compiled, said = compared(lambda x, pair: x * pair[0][0] + pair[1][0], argument, 34)
    assert runs_of(compiled) > 10
    assert not said


def test_a_number_that_turns_into_another_type_is_another_kind() -> None:
    def argument(i: int) -> Any:
        return [rate(i) if i % 2 else i + 4]

    _, said = compared(lambda x, h: x * h[0] if isinstance(h[0], int) else x + h[0], argument, 50)
    assert not said


def advance(x: Any, held: Any) -> Any:
    held["t"] += 1
    return x * held["t"]


def insert(x: Any, held: Any) -> Any:
    held["list"].insert(0, 3.0)
    return x * held["list"][1]


def take(x: Any, held: Any) -> Any:
    return x * held["list"].pop()


def assign(x: Any, held: Any) -> Any:
    held["space"].lr = held["t"] / 7
    return x * held["space"].lr


def swap(x: Any, held: Any) -> Any:
    held["list"].reverse()
    return x * held["list"][0]


def replace(x: Any, held: Any) -> Any:
    held["pair"] = (held["pair"][1], held["pair"][0])
    return x * held["pair"][0]


@pytest.mark.parametrize("step", [advance, insert, take, assign, swap, replace])
def test_a_container_that_the_function_changes_is_changed(step: Any) -> None:
    def argument(i: int) -> Any:
        return {"t": i + 4, "list": [rate(i), 0.3], "pair": (rate(i), 0.3)} | {
            "space": types.SimpleNamespace(lr=rate(i))
        }

    compiled, said = compared(step, argument)
    assert runs_of(compiled) == 0
    assert len(said) == 1
    if step is not insert:  # there a number is in a place that had another one
        assert "it changes its arguments at every call" in said[0]
    line = step.__code__.co_firstlineno + 1
    assert f"{__file__}:{line}: " in said[0]


def test_an_argument_that_is_reached_by_a_name_as_well_keeps_it_eager() -> None:
    """Another call may bring another list, where the name goes on to hold this one."""
    known = [0.1]

    def argument(i: int) -> Any:
        known[0] = rate(i)
        return [2 * rate(i)] if i % 2 else known

    compiled, said = compared(lambda x, h: x * h[0] + known[0], argument)
    assert runs_of(compiled) == 0
    assert len(said) == 1
    assert "numbers inside an argument change" in said[0]
    assert "what known holds" in said[0]


@pytest.mark.filterwarnings("ignore")
def test_what_is_kept_of_an_argument_has_plain_numbers() -> None:
    kept = types.SimpleNamespace(held=None, part=None)

    def step(x: Any, held: Any) -> Any:
        kept.held = held
        kept.part = [held["pair"], held["pair"][0]]
        if held["pair"][0] > 0.3:
            raise ValueError("too large", held["pair"])
        return x * held["lr"]

    compiled = steep.compile(step)
    for i in range(24):
        carried: Any = ()
        try:
            compiled(steep.ones(1), {"lr": rate(i), "pair": (rate(i), 3)})
        except ValueError as error:
            carried = error.args[1]
        found = [kept.held["lr"], *kept.held["pair"], *kept.part[0], kept.part[1], *carried]
        assert {type(x) for x in found} == {float, int}


class Rate(float):
    """A rate with a name."""

    def __init__(self, value: float) -> None:
        self.name = "rate"


class Bare:
    def __repr__(self) -> str:
        return "bare"

    def __init__(self, lr: float) -> None:
        self.lr = lr


class Slotted:
    __slots__ = ("lr",)

    def __repr__(self) -> str:
        return "slotted"

    def __init__(self, lr: float) -> None:
        self.lr = lr


NEW: dict[str, tuple[Any, str, str]] = {
    "subclass": (lambda i: Rate(rate(i)), r"held is another Rate ", r"pass a plain float"),
    "NumPy's": (
        lambda i: {"lr": np.float64(rate(i))},
        r"held['lr'] is another float64",
        "float(x)",
    ),
    "object": (lambda i: Bare(rate(i)), "held is another Bare", "pass the same object each time"),
    "slots": (lambda i: [Slotted(rate(i))], "held[0] is another Slotted", "__slots__"),
    "decimal": (lambda i: decimal.Decimal(i), "held is another Decimal", "same object each time"),
    "string": (lambda i: f"{i}", "held is another str", "values that recur"),
    "length": (lambda i: ["x"] * i, "held is a list of another length", "move what depends on it"),
    "keys": (
        lambda i: {rate(i): "x"},
        "held is a dict of another length, or with other keys",
        "or a tensor",
    ),
    "shape": (lambda i: steep.ones(i + 1), "held is a tensor of another shape", "pad it"),
    "many": (lambda i: [rate(i)] * 1001, "held[0] is another float", "a tensor"),
}


@pytest.mark.parametrize("name", NEW)
def test_calls_of_which_each_is_of_a_new_kind_are_told_of(name: str) -> None:
    argument, what, mend = NEW[name]
    compiled, said = compared(lambda x, held: x * 2, argument, 140)
    assert runs_of(compiled) == 0
    assert len(said) == 1
    assert f"its argument {what}" in said[0]
    assert mend in said[0]
    assert said[0].partition("eagerly: ")[2] in compiled.explain()


def test_kinds_that_come_again_are_not_told_of() -> None:
    compiled, said = compared(lambda x, held: held * 2, lambda i: steep.ones(i % 30 + 1), 240)
    assert runs_of(compiled) > 100
    assert not said


class Level(enum.IntEnum):
    LOW = 1
    MIDDLE = 4
    HIGH = 7


class Mode(enum.Enum):
    PLAIN = "plain"
    SCALED = 0.5


class Options(enum.Flag):
    DOUBLE = 1
    SHIFT = 2


VALUES: dict[str, tuple[list[Any], Any]] = {
    "IntEnum": ([*Level], lambda x, v: x * v),
    "Enum": ([*Mode], lambda x, v: x * (3.0 if v is Mode.PLAIN else v.value)),
    "Flag": (
        [Options.DOUBLE, Options.SHIFT, Options.DOUBLE | Options.SHIFT],
        lambda x, v: (x * 2 if v & Options.DOUBLE else x) + (7 if v & Options.SHIFT else 0),
    ),
    "bool": ([True, False], lambda x, v: x * 2 if v else x * 3),
}


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("inside", [False, True])
def test_members_of_enumerations_count_by_their_value(name: str, inside: bool) -> None:
    values, step = VALUES[name]
    used = (lambda x, held: step(x, held["value"])) if inside else step
    compiled, said = compared(
        used, lambda i: {"value": values[i % len(values)]} if inside else values[i % len(values)]
    )
    assert not said
    assert len(compiled.programs()) == len(values)
    assert runs_of(compiled) == 24 - 3 * len(values)
