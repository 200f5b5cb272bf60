"""Containers that a compiled function both returns and stores, or holds in several places."""

from __future__ import annotations

import types
from typing import Any, NamedTuple

import pytest

from storing import beside, data


class Pair(NamedTuple):
    first: Any
    second: Any


class Logged:
    """The dict that it keeps is the one that it returns."""

    last: Any = None

    def step(self, x: Any) -> Any:
        self.last = {"loss": x.mean(), "parts": [x * 2, (1, "a")]}
        return self.last


class ReturnedInside:
    def step(self, x: Any) -> Any:
        log = {"mean": x.mean()}
        self.last = types.SimpleNamespace(log=log, rows=[log])
        return [log, self.last, log]


class SharedByNames:
    def __init__(self) -> None:
        self.first = self.second = {"h": data(0)}

    def step(self, x: Any) -> Any:
        self.first = self.second = {"h": self.first["h"] * 0.5 + self.second["h"] + x}
        return self.first["h"].sum()


class PairKeptAndReturned:
    state = Pair(data(0), data(1))

    def step(self, x: Any) -> Any:
        self.state = Pair(self.state.second, self.state.first * 0.5 + x)
        self.both = [self.state, self.state]
        return self.state


@pytest.mark.parametrize("make", [Logged, ReturnedInside, SharedByNames, PairKeptAndReturned])
def test_a_container_in_several_places_is_one_container(make: Any) -> None:
    beside(make)


def test_what_the_user_does_to_a_returned_container_is_seen_where_it_is_stored() -> None:
    class Counting(Logged):
        def step(self, x: Any) -> Any:
            more = 0 if self.last is None else self.last["loss"]
            self.last = {"loss": x.mean() + more}
            return self.last

    def between(side: Any, i: int) -> None:
        if i in (7, 9):
            side.last["loss"] = side.last["loss"] * 3

    beside(Counting, between=between)


def test_two_results_are_one_list_only_as_in_the_function() -> None:
    class Parts:
        def step(self, x: Any, same: bool) -> Any:
            first = [x * 2]
            return (first, first) if same else (first, [first[0]])

    beside(Parts, calls=20, arguments=lambda i: (data(i), i % 3 == 0))
