"""What takes nothing but numbers is never given a stand-in, however late it is reached."""

from __future__ import annotations

import collections
import decimal
import functools
import itertools
import json
import math
import operator
import types
from collections.abc import Callable
from typing import Any

import pytest

import steep
from compiling import replays
from numbers_support import Keeper, both


def log(t: Any) -> str:
    return json.dumps({"t": t})


def log_through(t: Any) -> str:
    return (lambda value: log(value))(t)


class Logger:
    last = ""

    def write(self, t: Any) -> str:
        return self.text(t)

    def text(self, t: Any) -> str:
        return str(decimal.Decimal(t))

    @staticmethod
    def plainly(t: Any) -> str:
        return json.dumps(t)

    def __call__(self, t: Any) -> str:
        return json.dumps(t)


class Line:
    def __init__(self, t: Any) -> None:
        self.text = json.dumps(t)


LOGGER = Logger()
COMPILED = steep.compile(log)
PARTIAL = functools.partial(json.dumps, indent=1)
WRAPPED = functools.lru_cache(log)
LATE: dict[str, Callable[[Any], Any]] = {
    "function": lambda t: log(t),
    "through another": lambda t: log_through(t),
    "method": lambda t: LOGGER.write(t),
    "static method": lambda t: LOGGER.plainly(t),
    "object": lambda t: LOGGER(t),
    "class": lambda t: Line(t).text,
    "compiled": lambda t: COMPILED(t),
    "partial": lambda t: PARTIAL(t),
    "cached": lambda t: WRAPPED(t),
}


@pytest.mark.parametrize("name", LATE)
@pytest.mark.parametrize("counted", [False, True])
@pytest.mark.filterwarnings("ignore:compile")
def test_a_library_that_is_called_late_is_given_plain_numbers(name: str, counted: bool) -> None:
    keeper, late = Keeper(), LATE[name]

    def step(x: Any, t: float) -> Any:
        keeper.t += counted
        if keeper.t % 20 == 19 or t > 20:
            return late(keeper.t if counted else t)
        return x * t

    compiled = steep.compile(step)
    for i in range(44):
        t, now = 1.5 if counted else i + 0.25, keeper.t
        wanted = repr(step(steep.ones(2), t))
        keeper.t = now
        assert repr(compiled(steep.ones(2), t)) == wanted
        assert type(keeper.t) is int


@pytest.mark.filterwarnings("ignore:compile")
@pytest.mark.parametrize("pack", [lambda f: f, lambda f: [f], lambda f: {"f": f}])
def test_a_function_that_is_passed_and_called_late_is_given_plain_numbers(pack: Any) -> None:
    def step(x: Any, t: float, given: Any) -> Any:
        if t > 20:
            return (given if callable(given) else given["f"])(t)
        return x * t

    def of_a_list(x: Any, t: float, given: Any) -> Any:
        return given[0](t) if t > 20 else x * t

    given = pack(lambda t: log_through(t))
    function = of_a_list if isinstance(given, list) else step
    compiled = steep.compile(function)
    for i in range(40):
        t = i + 0.25
        assert repr(compiled(steep.ones(2), t, given)) == repr(function(steep.ones(2), t, given))


@pytest.mark.filterwarnings("ignore:compile")
def test_a_function_that_is_replaced_by_one_of_a_library_is_given_plain_numbers() -> None:
    held = types.SimpleNamespace(use=lambda t: t * 2)
    compiled = steep.compile(lambda x, t: (x * t, held.use(t)))
    for i in range(40):
        if i in (20, 30):
            held.use = json.dumps if i == 20 else log
        t = i + 0.25
        assert repr(compiled(steep.ones(2), t)) == repr((steep.ones(2) * t, held.use(t)))
    assert replays(compiled) > 0


class Scaled:
    """Of which Python takes numbers, and no others will do."""

    def __init__(self, factor: Any) -> None:
        self.factor = factor

    def __float__(self) -> float:
        return float.__mul__(self.factor, 0.5)

    def __int__(self) -> int:
        return self.factor

    def __index__(self) -> int:
        return self.factor

    def __hash__(self) -> int:
        return self.factor

    def __complex__(self) -> complex:
        return self.factor


class Plainly(Scaled):
    def __float__(self) -> float:
        return self.factor


is_whole = float.is_integer
EXACT: dict[str, Callable[[Any, Any], Any]] = {
    "method of floats": lambda t, n: float.is_integer(t),
    "operator of floats": lambda t, n: float.__add__(t, 1.0),
    "method of ints": lambda t, n: int.bit_length(n),
    "mapped": lambda t, n: list(map(float.hex, [t, 2 * t])),
    "by another name": lambda t, n: is_whole(t),
    "in a function": lambda t, n: (lambda v: int.__xor__(v, 3))(n),
    "length of a deque": lambda t, n: len(collections.deque(range(9), maxlen=n % 7)),
    "length by place": lambda t, n: len(collections.deque(range(9), n % 7)),
    "permutations": lambda t, n: len(list(itertools.permutations(range(4), n % 4))),
    "as a float": lambda t, n: float(Plainly(t)),
    "as an int": lambda t, n: int(Scaled(n)),
    "as an index": lambda t, n: operator.index(Scaled(n)),
    "as a hash": lambda t, n: hash(Scaled(n)),
    "as a complex number": lambda t, n: complex(Scaled(complex(t))),
    "ldexp": lambda t, n: math.ldexp(0.5, n),
    "ldexp of both": lambda t, n: math.ldexp(t, n),
}


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.filterwarnings("ignore:compile")
def test_what_takes_exact_numbers_is_given_them(name: str) -> None:
    use = EXACT[name]
    compiled = steep.compile(lambda x, t, n: (x * t, use(t, n)))
    for i in range(30):
        t, n = i + 0.25, i + 4
        assert repr(compiled(steep.ones(2), t, n)) == repr((steep.ones(2) * t, use(t, n)))


def test_conversions_alone_are_followed() -> None:
    """`float` and `int` by which nothing of theirs is looked up."""

    def make() -> Any:
        return (lambda x, t: x * t if isinstance(t, float) else x * int(3.5)), lambda: None

    both(make, lambda f, i: f(steep.ones(2), 0.3 + 0.1 * i))


def bound(keeper: Any, rate: float) -> float:
    keeper.rate = 0.9 * keeper.rate + 0.1 * rate
    return keeper.rate


def assigned(keeper: Any, rate: float) -> float:
    keeper.rate = rate
    return rate


def in_a_dict(keeper: Any, rate: float) -> float:
    keeper.table["n"] += 1
    keeper.table["rate"] = keeper.table.get("rate", 0.5) * rate
    return keeper.table["rate"]


def in_a_list(keeper: Any, rate: float) -> float:
    keeper.list[0] = max(0.01, keeper.list[0] * rate)
    return keeper.list[0]


@pytest.mark.parametrize("keep", [bound, assigned, in_a_dict, in_a_list])
def test_what_is_kept_of_a_number_that_is_passed_is_followed(keep: Any) -> None:
    def make() -> Any:
        keeper = Keeper()
        keeper.table["rate"] = 0.5
        return (lambda x, rate: x * keep(keeper, rate)), lambda: vars(keeper)

    both(make, lambda f, i: f(steep.ones(2), 0.3 + 0.01 * i))


def test_what_is_kept_of_a_number_in_a_variable_is_followed() -> None:
    def make() -> Any:
        eps = 0.9

        def step(x: Any, rate: float) -> Any:
            nonlocal eps
            eps = max(0.05, eps * rate)
            return x * eps

        return step, lambda: eps

    both(make, lambda f, i: f(steep.ones(2), 0.9 - 0.01 * i))
