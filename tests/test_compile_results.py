"""What compiled functions return besides tensors: it never fails where the function does not."""

from __future__ import annotations

import dataclasses
import enum
import types
import warnings
from typing import Any, NamedTuple

import numpy as np
import pytest

import steep
from compiling import ones, reason, replays, settle
from steep.compiler._result import describe, difference


class Silent:
    """A key that cannot be shown."""

    def __repr__(self) -> str:
        raise LookupError("not to be shown")


class Odd(NamedTuple("Odd", [("x", Any)])):
    @classmethod
    def _make(cls, items: Any) -> Any:
        raise LookupError("not to be made")


def holding_itself(x: Any) -> Any:
    items: list[Any] = [x * 2]
    items.append(items)
    return items


def nested(x: Any) -> Any:
    result: Any = x * 2
    for _ in range(5000):
        result = [result]
    return result


def in_an_odd_tuple(x: Any) -> Any:
    w = ones().requires_grad_()
    loss = (x * w).sum()
    loss.backward()
    return Odd(loss)


SILENT = Silent()
KEPT = [
    holding_itself,
    nested,
    in_an_odd_tuple,
    lambda x: (x * 2, 10**5000),
    lambda x: {SILENT: x * 2},
    lambda x: {Silent(): x * 2},
    lambda x: (x * 2, Silent()),
]


@pytest.mark.filterwarnings("ignore:compile. .*runs eagerly")
@pytest.mark.parametrize("function", KEPT, ids=range(len(KEPT)))
def test_whatever_is_returned_comes_back(function: Any) -> None:
    compiled = steep.compile(function)
    for _ in range(8):
        assert type(compiled(ones())) is type(function(ones()))
    assert (replays(compiled) > 0) is not bool(reason(compiled))


def test_large_numbers_and_keys_that_cannot_be_shown_are_replayed() -> None:
    for function in KEPT[3:5]:
        compiled = steep.compile(function, fullgraph=True)
        settle(compiled, ones())
        assert replays(compiled) > 0


@pytest.mark.parametrize("name", ["max", "sort", "median", "mode", "cummax", "aminmax"])
def test_named_results_of_operations_are_replayed(name: str) -> None:
    def function(x: Any) -> Any:
        y = x * x
        y.sum().backward()
        return getattr(steep, name)(x.detach() * 2, dim=0), {
            "in": [getattr(y.detach(), name)(dim=-1)]
        }

    compiled = steep.compile(function, fullgraph=True)
    x = steep.tensor([[3.0, 1.0], [2.0, 4.0]], requires_grad=True)
    got, expected = settle(compiled, x), function(x)
    assert type(got[0]) is type(expected[0])
    assert type(got[1]["in"][0]) is type(expected[0])
    for one, other in zip(
        [*got[0], *got[1]["in"][0]], [*expected[0], *expected[1]["in"][0]], strict=True
    ):
        assert one.tolist() == other.tolist()


class Colour(enum.IntEnum):
    RED = 1


@dataclasses.dataclass(frozen=True)
class Key:
    number: int


EQUAL = [
    lambda: np.float64(0.1),
    lambda: np.float64("nan"),
    lambda: float("nan"),
    lambda: -0.0,
    lambda: Colour(1),
    lambda: np.str_("abc"),
    lambda: b"".join([b"a", b"b"]),
    lambda: steep.device("cpu"),
    lambda: steep.float32,
]


@pytest.mark.parametrize("make", EQUAL, ids=range(len(EQUAL)))
def test_equal_values_made_anew_are_the_same_result(make: Any) -> None:
    compiled = steep.compile(lambda x: (x * 2, [make()]), fullgraph=True)
    result = settle(compiled, ones())
    assert replays(compiled) > 0
    assert repr(result[1]) == repr([make()])


def test_equal_keys_made_anew_are_the_same_result() -> None:
    compiled = steep.compile(
        lambda x: {Key(1): x * 2, (Key(2), 1.0): x * 1, "a": 3}, fullgraph=True
    )
    assert settle(compiled, ones())[Key(1)].tolist() == [2.0, 2.0]
    assert replays(compiled) > 0


DIFFER: dict[str, tuple[Any, Any, str]] = {
    "number": ((1, 2), (1, 3), "it returns 2 and then 3; return a tensor, or pass"),
    "sign": (0.0, -0.0, "it returns 0.0 and then -0.0;"),
    "length": ([1], [1, 2], "it returns a list of 1 items and then one of 2"),
    "kind": ([1], (1,), "it returns a list and then a tuple"),
    "keys": ({1: 2}, {3: 2}, "it returns a dict with other keys than before"),
    "type": (1, True, "it returns 1 and then True;"),
    "tensor": (steep.ones(1), 1, "it returns a tensor and then a plain value"),
    "place": ([X := steep.ones(1), X], [X, X * 1], "it returns a tensor in a different place"),
}


@pytest.mark.parametrize("what", DIFFER)
def test_two_results_that_differ_are_said_in_plain_words(what: str) -> None:
    first, second, text = DIFFER[what]
    got = difference(describe(first, []), describe(second, []))
    assert got.startswith(text)


def test_a_result_that_differs_keeps_a_function_eager() -> None:
    """Also by a number of which no cell knows."""
    calls = []

    class Source:
        @property
        def value(self) -> int:
            calls.append(0)
            return len(calls)

    compiled = steep.compile(lambda x: (x * 2, id(object()) and SOURCE.value))
    SOURCE = Source()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        values = [compiled(ones())[1] for _ in range(6)]
    assert values == [1, 2, 3, 4, 5, 6]
    assert len(said) == 1


def test_a_compiled_module_forwards_what_is_deleted() -> None:
    layer = steep.nn.Linear(2, 2)
    compiled = steep.compile(layer)
    compiled.tag = 1
    assert layer.tag == 1
    del compiled.tag
    assert not hasattr(layer, "tag")
    with pytest.raises(AttributeError, match="tag"):
        del compiled.tag
    assert compiled(steep.ones(1, 2)).tolist() == layer(steep.ones(1, 2)).tolist()


# ---- numbers read out of tensors ---------------------------------------------------------------


FOUND: list[float] = []


class Merging:
    """Keys that come to be equal; one of them keeps a number that is made meanwhile."""

    merged = False

    def __init__(self, number: int) -> None:
        self.number = number

    def __hash__(self) -> int:
        if Merging.merged and self.number == 2:
            FOUND.extend(float(f"{i}.5") for i in range(100))
        return 0 if self.number < 2 else 1

    def __eq__(self, other: object) -> bool:
        return self is other or (
            Merging.merged and isinstance(other, Merging) and 2 not in (self.number, other.number)
        )


KEYS = [Merging(i) for i in range(3)]


def test_a_number_that_a_dict_drops_is_written_to_no_more() -> None:
    def function(x: Any) -> Any:
        return {KEYS[0]: x.sum().item(), KEYS[1]: x.max().item(), KEYS[2]: x * 2}

    compiled = steep.compile(function)
    settle(compiled, ones())
    assert replays(compiled) > 0
    Merging.merged = True
    compiled(ones(7))
    assert FOUND[:100] == [i + 0.5 for i in range(100)]
    Merging.merged = False


# ---- verify=True -------------------------------------------------------------------------------


def test_verification_compares_all_that_is_returned(monkeypatch: Any) -> None:
    """What a replay returns is known to be wrong here: the check is to see it."""
    wrong: list[Any] = [
        ((3.0, 2.0), "it returns 3.0 and then 1.0"),
        ((1.0, 3.0), "it returns 3.0 and then 2.0"),
        ((1.0,), "a tuple of 1 items and then one of 2"),
        ([1.0, 2.0], "it returns a list and then a tuple"),
        ((1, 2.0), "it returns 1 and then 1.0"),
    ]
    compiled = steep.compile(lambda x: (1.0, x.sum().item()), verify=True)
    for _ in range(6):
        assert compiled(ones()) == (1.0, 2.0)
    assert replays(compiled) > 0
    table = compiled._table

    class Table:
        def __init__(self, answer: Any) -> None:
            self.answer = answer

        def __getattr__(self, name: str) -> Any:
            return getattr(table, name)

        def replay(self, args: Any, kwargs: Any) -> Any:
            table.replay(args, kwargs)
            return self.answer

    for answer, text in wrong:
        monkeypatch.setattr(compiled, "_table", Table(answer))
        with pytest.raises(RuntimeError, match=text):
            compiled(ones())
        monkeypatch.undo()


VERIFIED: dict[str, Any] = {
    "float": (lambda x, t: x * t, lambda i: 4.5 + i),
    "int": (lambda x, t: x * (t / 7), lambda i: 20 + i),
    "list": (lambda x, t: x * t[0], lambda i: [4.5 + i]),
    "result": (lambda x, t: (x * t, {"t": t * 2}), lambda i: 4.5 + i),
}


@pytest.mark.parametrize("name", VERIFIED)
def test_verification_follows_numbers_among_the_arguments(name: str, monkeypatch: Any) -> None:
    step, number = VERIFIED[name]
    compiled = steep.compile(step, verify=True)
    for i in range(26):
        got, wanted = compiled(ones(), number(i)), step(ones(), number(i))
        assert repr(got) == repr(wanted)
    assert replays(compiled) > 3
    table, asked = compiled._table, []

    class Table:
        def __getattr__(self, name: str) -> Any:
            return getattr(table, name)

        def replay(self, args: Any, kwargs: Any) -> Any:
            asked.append(args)
            return table.replay((args[0] + 1, *args[1:]), kwargs)

    monkeypatch.setattr(compiled, "_table", Table())
    with pytest.raises(RuntimeError, match="a replay and the function differ in result 0"):
        compiled(ones(), number(40))
    assert asked


def test_verification_follows_numbers_of_both_sorts() -> None:
    keeper = types.SimpleNamespace(t=0)

    def step(x: Any, rate: float) -> Any:
        keeper.t += 1
        return x * rate + keeper.t

    compiled = steep.compile(step, verify=True)
    for i in range(16):
        assert compiled(ones(), 4.5 + i).tolist() == [4.5 + i + i + 1] * 2
        assert keeper.t == i + 1
    assert replays(compiled) > 3
