"""What is said where a number that changes keeps a function eager: the line, and the mend, once."""

from __future__ import annotations

import contextvars
import re
import warnings
from typing import Any

import pytest

import steep
from numbers_support import Keeper
from steep.nn import functional as F


def said_by(call: Any, count: int = 60) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for i in range(count):
            call(i)
    return [str(warning.message) for warning in caught]


def rate(i: int) -> float:
    return 0.1 + 0.013 * (i % 50)


TAKEN: dict[str, tuple[str, Any]] = {
    "dropout": ("p", lambda x, t: F.dropout(x * 1, t)),
    "cross_entropy": (
        "label_smoothing",
        lambda x, t: F.cross_entropy(x[None], steep.tensor([1]), label_smoothing=t),
    ),
    "layer_norm": ("eps", lambda x, t: F.layer_norm(x, (3,), eps=t)),
    "huber_loss": ("delta", lambda x, t: F.huber_loss(x, 2 * x, delta=t)),
    "smooth_l1_loss": ("beta", lambda x, t: F.smooth_l1_loss(x, 2 * x, beta=t)),
    "linspace": ("end", lambda x, t: x + steep.linspace(0, t, 3)),
}


@pytest.mark.parametrize("operation", TAKEN)
def test_an_operation_that_takes_a_number_is_named(operation: str) -> None:
    parameter, step = TAKEN[operation]
    compiled = steep.compile(step)
    said = said_by(lambda i: compiled(steep.ones(3), rate(i)))
    assert len(said) == 1
    assert f"'{operation}' takes a number that changes between calls as '{parameter}'" in said[0]
    assert re.search(rf"\({__file__}:\d+: .*\.{operation}\(", said[0])
    assert "change it rarely (each value gets a program of its own)" in said[0]


def test_a_number_that_changes_seldom_gets_a_program_for_each_value() -> None:
    """As the reason advises."""
    step = TAKEN["huber_loss"][1]
    compiled = steep.compile(step, fullgraph=True)
    values = [0.31, 0.37, 0.43, 0.51, 0.57]
    for i in range(60):
        x, t = steep.tensor([0.1, 0.5, 3.0]), values[i // 12]
        assert compiled(x, t).item() == step(x, t).item()
    assert sum(program.runs for program in compiled.programs()) > 30


def test_a_number_in_a_gradient_computed_outside_is_told_of_once() -> None:
    layer = steep.nn.Linear(3, 2)

    def step(x: Any, t: float) -> Any:
        return layer(x) * t

    compiled = steep.compile(step)
    said = said_by(lambda i: compiled(steep.ones(2, 3), rate(i)).sum().backward(), 120)
    assert len(said) == 1
    assert "call backward inside" in said[0]
    assert f"{__file__}:{step.__code__.co_firstlineno + 1}: " in said[0]


def test_a_number_that_python_looks_at_is_told_of_once() -> None:
    def step(x: Any, t: float) -> Any:
        return x * float(t)

    compiled = steep.compile(step)
    said = said_by(lambda i: compiled(steep.ones(2), 0.1 + 0.013 * i), 120)
    assert len(said) == 1
    assert f"{__file__}:{step.__code__.co_firstlineno + 1}: " in said[0]


class Counted:
    n = 0

    @classmethod
    def count(cls) -> int:
        cls.n += 1
        return cls.n


def test_a_count_of_a_class_is_told_of() -> None:
    def step(x: Any) -> Any:
        return x * Counted.count()

    compiled = steep.compile(step)
    Counted.n = 0
    said = said_by(lambda i: compiled(steep.ones(1)).item() == i + 1 or pytest.fail(f"{i}"))
    assert len(said) == 1
    assert "it changes Counted.n at every call" in said[0]
    line = Counted.count.__func__.__code__.co_firstlineno + 2  # type: ignore[attr-defined]
    assert f"{__file__}:{line}: " in said[0]


def test_a_number_written_in_some_calls_only_is_told_of() -> None:
    keeper = Keeper()

    def step(x: Any) -> Any:
        keeper.t += 1
        if keeper.t % 2:
            keeper.rate = keeper.rate * 0.9
        return x * keeper.t

    compiled = steep.compile(step)
    rates = []

    def call(i: int) -> None:
        assert compiled(steep.ones(1)).item() == i + 1
        rates.append(keeper.rate)

    said = said_by(call, 24)
    assert len(said) == 1
    assert "only one of them assigns a number to keeper.rate" in said[0]
    assert f"{__file__}:{step.__code__.co_firstlineno + 3}: " in said[0]
    assert all(rates[i] == rates[i - 1] * (0.9 if (i + 1) % 2 else 1) for i in range(1, 24))


@pytest.mark.filterwarnings("ignore:compile")
def test_a_tolerance_that_falls_below_0_is_refused_as_ever() -> None:
    def step(x: Any, t: float) -> Any:
        return steep.isclose(x, x + 0.05, atol=0.11 - t / 10).float() * t

    compiled = steep.compile(step)
    for i in range(16):
        t = 0.03 + 0.1 * i
        if 0.11 - t / 10 < 0:
            with pytest.raises(RuntimeError, match="tolerances of at least 0"):
                compiled(steep.ones(2), t)
        else:
            assert compiled(steep.ones(2), t).tolist() == step(steep.ones(2), t).tolist()
    assert sum(program.runs for program in compiled.programs()) > 0


@pytest.mark.parametrize("late", [False, True])
def test_a_context_variable_gets_a_plain_number(late: bool) -> None:
    variable = contextvars.ContextVar("rate", default=(0.0, [0.0]))
    keeper = Keeper()

    def step(x: Any, setter: Any, t: float) -> Any:
        keeper.t += 1
        if keeper.t > 7 or not late:
            setter((keeper.t * t, [t]))
        return x * keeper.t

    compiled = steep.compile(step)
    setter = Setter(variable)

    def call(i: int) -> None:
        assert compiled(steep.ones(1), setter, rate(i)).item() == i + 1
        first, second = variable.get()
        assert type(first) is float
        assert type(second[0]) is float
        if i > 7 or not late:
            assert (first, second) == ((i + 1) * rate(i), [rate(i)])

    assert "it uses a context variable (rate)" in said_by(call, 24)[0]


class Setter:
    __slots__ = ("variable",)

    def __init__(self, variable: Any) -> None:
        self.variable = variable

    def __call__(self, value: Any) -> None:
        self.variable.set(value)
