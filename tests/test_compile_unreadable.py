"""Arguments and results that do not let themselves be looked at: a call does what it does without
compile.
"""

from __future__ import annotations

import dataclasses
import types
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import steep
from compiling import reason, replays


class Unbound:
    """Says of what class it is to nobody, as proxies do that stand for nothing yet."""

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        raise RuntimeError("no class")

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"no {name}")


class UnboundList(list):  # type: ignore[type-arg]
    __class__ = Unbound.__class__  # type: ignore[assignment]


@dataclasses.dataclass
class UnboundData:
    x: Any = 2.0
    __class__ = Unbound.__class__  # type: ignore[assignment]


class Refusing(tuple[Any, ...]):
    """A result that raises where it is asked for what it lacks."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        raise ValueError(f"no {name}")


KINDS: dict[str, Callable[[], Any]] = {
    "object": Unbound,
    "list": lambda: UnboundList([1.5]),
    "dataclass": UnboundData,
    "refusing": lambda: Refusing([1.5]),
}
USED: list[Any] = [None]


def eager(step: Any, *args: Any) -> Any:
    """What the function does by itself."""
    try:
        return step(*args)
    except Exception as error:
        return repr(error)


def as_ever(step: Any, arguments: Callable[[int], tuple[Any, ...]], count: int = 12) -> Any:
    """The compiled function, called beside the function itself."""
    compiled = steep.compile(step)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i in range(count):
            wanted, got = (eager(f, *arguments(i)) for f in (step, compiled))
            assert type(got) is type(wanted)
            if type(got) is steep.Tensor:
                assert got.tolist() == wanted.tolist()
            elif type(got) is str:
                assert got == wanted
    return compiled


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("anew", [False, True])
def test_an_argument_that_does_not_say_its_class(name: str, anew: bool) -> None:
    one = KINDS[name]()
    as_ever(lambda x, held: x * 2, lambda i: (steep.ones(2), KINDS[name]() if anew else one), 140)
    as_ever(lambda x, h: x * 2, lambda i: (steep.ones(2), [KINDS[name]() if anew else one]), 20)


@pytest.mark.parametrize("name", KINDS)
def test_what_is_read_does_not_say_its_class(name: str) -> None:
    USED[0] = KINDS[name]()
    as_ever(lambda x, t: x * t * (USED[0] is not None), lambda i: (steep.ones(2), 4.5 + i))
    held = KINDS[name]()
    step = as_ever(lambda x, t: x * t * (held is not None), lambda i: (steep.ones(2), 4.5 + i))
    assert replays(step) > 0 or reason(step)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: [x], lambda x: {"a": (x,)}])
def test_a_result_that_does_not_say_its_class(name: str, wrap: Any) -> None:
    as_ever(lambda x: wrap(KINDS[name]()), lambda i: (steep.ones(2),))
    as_ever(lambda x, t: (wrap(KINDS[name]()), x * t), lambda i: (steep.ones(2), 4.5 + i))
    kept = types.SimpleNamespace(held=None)

    def step(x: Any, t: float) -> Any:
        kept.held = wrap(KINDS[name]())
        return x * t

    as_ever(step, lambda i: (steep.ones(2), 4.5 + i))


class Large(int):
    """An int that is none to compile."""


def test_numbers_of_more_digits_than_python_writes() -> None:
    many = 10**5000
    values = [slice(0, many), slice(many), [slice(None, None, many)], many, (many,)]
    for value in values:
        step = as_ever(lambda x, held: x * 2, lambda i, value=value: (steep.ones(2), value))
        assert replays(step) > 0
        assert step.explain()
    as_ever(lambda x, held: x * 2, lambda i: (steep.ones(2), slice(Unbound())))
    as_ever(lambda x, held: x * 2, lambda i: (steep.ones(2), Large(many + i)), 140)


def test_an_argument_that_holds_itself_after_the_call() -> None:
    def step(x: Any, held: list[Any], t: float) -> Any:
        held.append(held)
        return x * t

    compiled = as_ever(step, lambda i: (steep.ones(2), [], 4.5 + i))
    assert "it changes its arguments at every call" in reason(compiled)


def endless() -> Any:
    held: list[Any] = [1.5]
    held.append(held)
    return held


ENDLESS: dict[str, Callable[[], Any]] = {
    "list": endless,
    "dict": lambda: {"a": endless()},
    "tuple": lambda: (endless(), 2),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_an_argument_that_holds_itself(name: str) -> None:
    def step(x: Any, held: Any) -> Any:
        return x * 2

    as_ever(step, lambda i: (steep.ones(2), ENDLESS[name]()))
    compiled = steep.compile(step)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(4):
            compiled(steep.ones(2), ENDLESS[name]())
        for _ in range(4):
            compiled(steep.ones(2), held=2.5)
    assert len(caught) == 1
    assert "its arguments contain themselves" in str(caught[0].message)
    assert replays(compiled) > 0
    strict = steep.compile(step, fullgraph=True)
    with pytest.raises(RuntimeError, match="its arguments contain themselves"):
        strict(steep.ones(2), ENDLESS[name]())
    verified = steep.compile(step, verify=True)
    with pytest.warns(UserWarning, match="its arguments contain themselves"):
        assert verified(steep.ones(2), ENDLESS[name]()).tolist() == [2.0, 2.0]


def test_strings_of_any_characters_are_kinds_of_their_own() -> None:
    names = ["a", "a\0b", "a\0c", "\ud800", "\ud801", "\udcff", "\U0001f600", "a\0b\ud800", ""]
    factors = {name: 1.0 + i for i, name in enumerate(names)}

    def step(x: Any, name: str) -> Any:
        return x * factors[name]

    compiled = as_ever(step, lambda i: (steep.ones(2), names[i % len(names)]), 6 * len(names))
    assert len(compiled.programs()) == len(names)
    named = as_ever(
        lambda x, held: x * factors[next(iter(held))],
        lambda i: (steep.ones(2), {names[i % len(names)]: None}),
        6 * len(names),
    )
    assert len(named.programs()) == len(names)


def test_containers_that_hold_the_same_over_and_over() -> None:
    def nested(kind: Any, inner: Any) -> Any:
        for _ in range(60):
            inner = kind([inner, inner])
        return inner

    for kind in (list, tuple, lambda x: {"a": x[0], "b": x[1]}):
        steps = [lambda x, kind=kind: nested(kind, x * 2), lambda x, kind=kind: nested(kind, "a")]
        steps.append(lambda x, kind=kind: nested(kind, x.clone().requires_grad_().sum()))
        for step in steps:
            compiled = steep.compile(step)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for i in range(5):
                    found = compiled(steep.ones(2) + i)
            assert "many times over" in reason(compiled)
            assert type(found) is type(nested(kind, 1))
    known = (1, 2)
    plain = as_ever(lambda x: [known] * 3000 + [x], lambda i: (steep.ones(2),))
    assert reason(plain) or replays(plain) > 0


@pytest.mark.parametrize("kind", [list, tuple, lambda x: {"a": x[0], "b": x[1]}])
def test_an_argument_that_holds_the_same_over_and_over(kind: Any) -> None:
    def nested(last: Any) -> Any:
        for _ in range(60):
            last = kind([last, last])
        return last

    def step(x: Any, held: Any, t: float) -> Any:
        while type(held) in (list, tuple, dict):
            held = held["a"] if type(held) is dict else held[0]
        return x * held * t

    compiled = steep.compile(step)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i in range(12):
            last = 2.0 + i // 6
            assert compiled(steep.ones(1), nested(last), 0.5).item() == last * 0.5
    assert len(compiled.programs()) == 2 or reason(compiled)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i in range(8):
            assert compiled(steep.ones(1), nested(2.0), 4.5 + i).item() == 9.0 + 2 * i


def test_kinds_are_counted_as_far_as_there_are_numbers() -> None:
    compiled = steep.compile(lambda x, name: x * 2)
    for most in (2**63 - 1, 2**63, 2**200):
        compiled._table.newcomers = most
        for i in range(3):
            assert compiled(steep.ones(2), f"{most}{i}").tolist() == [2.0, 2.0]
        assert 2**60 < compiled._table.newcomers < 2**63 - 1
    for least in (-1, -(2**63), -(2**200)):
        compiled._table.newcomers = least
        assert compiled._table.newcomers == 0
