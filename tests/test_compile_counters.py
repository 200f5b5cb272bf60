"""Numbers that a compiled function advances itself: it finds them as it would leave them."""

from __future__ import annotations

from typing import Any

import pytest

import steep
from numbers_support import Keeper, both


class Slotted:
    __slots__ = ("t",)


TOTAL = 0


def attribute() -> Any:
    keeper = Keeper()

    def step(x: Any) -> Any:
        keeper.t += 1
        return x * (1 - 0.9**keeper.t)

    return step, lambda: keeper.t


def item_of_a_dict() -> Any:
    keeper = Keeper()

    def step(x: Any) -> Any:
        keeper.table["n"] += 1
        return x / (keeper.table["n"] + 0.7)

    return step, lambda: keeper.table


def item_of_a_list() -> Any:
    keeper = Keeper()

    def step(x: Any) -> Any:
        keeper.list[0] *= 0.97
        return x - keeper.list[0]

    return step, lambda: keeper.list


def slot() -> Any:
    slotted = Slotted()
    slotted.t = 4

    def step(x: Any) -> Any:
        slotted.t += 2
        return x + 1 / slotted.t

    return step, lambda: slotted.t


def variable_of_a_closure() -> Any:
    t = 1.7

    def step(x: Any) -> Any:
        nonlocal t
        t = -t * 1.01
        return x * t

    return step, lambda: t


def global_variable() -> Any:
    global TOTAL
    TOTAL = 5

    def step(x: Any) -> Any:
        global TOTAL
        TOTAL += x.shape[0]
        return x.sum() / TOTAL

    return step, lambda: TOTAL


def two_numbers() -> Any:
    keeper = Keeper()

    def step(x: Any) -> Any:
        keeper.t += 1
        keeper.rate = keeper.rate * 0.99 + 0.001 * keeper.t
        return x * keeper.rate - abs(-keeper.t) * 0.3

    return step, lambda: vars(keeper)


def counted_and_never_used() -> Any:
    keeper = Keeper()

    def step(x: Any) -> Any:
        keeper.t += 1
        return x * 2

    return step, lambda: keeper.t


def set_to_a_number() -> Any:
    keeper = Keeper()

    def step(x: Any) -> Any:
        keeper.t += 3
        y = x * (keeper.t + 0.3)
        keeper.list[1] = keeper.t
        return y

    return step, lambda: (keeper.t, keeper.list)


KEPT = [attribute, item_of_a_dict, item_of_a_list, slot, variable_of_a_closure, global_variable]
KEPT += [two_numbers, counted_and_never_used, set_to_a_number]


@pytest.mark.parametrize("make", KEPT, ids=lambda make: make.__name__)
def test_a_number_that_the_function_advances(make: Any) -> None:
    both(make, lambda f, i: f(steep.arange(3.0)))


def test_verified_they_are_advanced_once() -> None:
    keeper = Keeper()

    def step(x: Any) -> Any:
        keeper.t += 1
        keeper.rate *= 0.9
        return x * keeper.rate, keeper.t

    compiled = steep.compile(step, verify=True)
    for i in range(12):
        y, t = compiled(steep.ones(1))
        assert t == i + 1
        assert y.item() == pytest.approx(0.37 * 0.9 ** (i + 1))
    assert keeper.t == 12
    assert compiled.programs()[0].runs > 0


def test_a_number_that_is_looked_at_late_is_learnt_of_after_other_things_were_replaced() -> None:
    """What was replaced, and made no difference, leaves the numbers of a program what they were."""
    keeper, unused = Keeper(), Keeper()

    def step(x: Any) -> Any:
        keeper.t += 1
        return x * keeper.t if keeper.t < 16 else x - keeper.t + 0 * len(unused.table["name"])

    def plain(x: Any, t: int) -> Any:
        return x * t if t < 16 else x - t

    compiled = steep.compile(step)
    for i in range(60):
        if i == 10:
            unused.table = {"n": 0, "name": "y"}
        assert compiled(steep.ones(2)).tolist() == plain(steep.ones(2), i + 1).tolist()
    runs = sum(program.runs for program in compiled.programs())
    assert runs > 40, compiled.explain()
