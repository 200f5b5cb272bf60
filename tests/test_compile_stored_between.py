"""Stored state that is replaced, written to or dropped between the calls of a compiled function."""

from __future__ import annotations

from typing import Any

import steep
from compiling import F
from steep.compiler import _learner
from storing import Net, beside, data


class Episodes:
    def __init__(self) -> None:
        self.hidden: Any = None

    def step(self, x: Any) -> Any:
        before = getattr(self, "hidden", None)
        self.hidden = x.sum(0) if before is None else before * 0.5 + x.sum(0)
        return self.hidden * 1


def test_episodes_that_begin_without_a_state_have_a_program() -> None:
    def between(side: Any, i: int) -> None:
        if i % 4 == 0:
            side.hidden = None
        elif i % 10 == 9:
            del side.hidden

    beside(Episodes, calls=40, between=between, least=20)


def test_a_state_of_another_shape_dtype_or_layout_is_seen() -> None:
    def between(side: Any, i: int) -> None:
        others = {
            8: lambda: steep.ones(2, 3),
            14: lambda: steep.ones(3, dtype=steep.float64),
            20: lambda: steep.ones(6)[::2],
            26: lambda: 2.5,
            32: lambda: steep.ones(3).requires_grad_(),
        }
        if i in others:
            side.hidden = others[i]()
        elif i > 32:
            side.hidden = side.hidden.detach()

    beside(Episodes, calls=40, between=between, least=16)


def test_what_the_user_writes_into_it_is_read() -> None:
    beside(Episodes, calls=20, between=lambda side, i: side.hidden.fill_(i) if i % 3 == 2 else None)


class TwoStates:
    def __init__(self) -> None:
        self.first, self.second = steep.zeros(2, 3), steep.zeros(2, 3)

    def step(self, x: Any) -> Any:
        self.first, self.second = self.second + x, self.first * 2
        return self.first - self.second


def test_states_that_become_one_tensor_or_share_memory_are_seen() -> None:
    def between(side: Any, i: int) -> None:
        if i % 5 == 3:
            side.second = side.first
        elif i % 7 == 6:
            side.second = side.first.view(2, 3)

    beside(TwoStates, calls=40, between=between, least=16)


def test_a_smaller_batch_has_a_program_of_its_own() -> None:
    def rows(i: int) -> tuple[Any, ...]:
        return (data(i, 1 if i % 4 == 3 else 2),)

    class Rows(Episodes):
        def step(self, x: Any) -> Any:
            self.hidden = x * 2 if self.hidden is None else self.hidden + x
            return self.hidden.sum()

    def between(side: Any, i: int) -> None:
        side.hidden = None if i % 4 in (0, 3) else side.hidden

    beside(Rows, calls=32, between=between, arguments=rows, least=16)


def test_train_and_eval_take_turns() -> None:
    class Averaging(Net):
        def begin(self) -> None:
            self.mean = steep.zeros(3)

        def step(self, x: Any) -> Any:
            if self.training:
                self.mean = self.mean * 0.9 + x.mean(0) * 0.1
            return F.relu(x - self.mean)

    beside(Averaging, calls=24, between=lambda side, i: side.train(i % 3 != 0), least=15)


def test_a_state_is_passed_on_as_an_argument_too() -> None:
    class Passing(TwoStates):
        def step(self, x: Any) -> Any:
            before = self.first
            self.first = before + x
            self.second = before  # what was there, itself
            return self.first

    beside(Passing, calls=20)


class InADict:
    def __init__(self) -> None:
        self.state = {"hidden": steep.zeros(3)}

    def step(self, x: Any) -> Any:
        self.state["hidden"] = self.state["hidden"] * 0.5 + x.sum(0)
        return self.state["hidden"].sum()


def test_a_dict_that_is_replaced_between_calls_is_seen(monkeypatch: Any) -> None:
    """Places in dicts that have gone are not kept for ever."""
    monkeypatch.setattr(_learner, "MOST_LEFT", 3)

    def between(side: Any, i: int) -> None:
        if i % 8 == 0:
            side.state = {"hidden": steep.zeros(3)}

    compiled = beside(InADict, calls=64, between=between, least=30)
    (signature,) = compiled._signatures.values()
    assert len(signature.stored) <= 4


def test_a_place_outside_that_alone_is_written_is_left_to_the_function() -> None:
    """What other code stores at every call is an argument that was not passed."""
    side = InADict()
    compiled = steep.compile(lambda x: x * side.state["hidden"])
    for i in range(12):
        side.state["hidden"] = steep.ones(3) * i
        assert compiled(steep.ones(3)).tolist() == [i] * 3
