"""Programs that are given numbers: which of them, and how many."""

from __future__ import annotations

import math
import warnings
from typing import Any

import pytest

import steep
from compiling import reason, replays
from numbers_support import Keeper


@pytest.mark.parametrize("fill", [0.25, math.inf, math.nan])
def test_numbers_that_stay_are_the_same_bit_for_bit(fill: float) -> None:
    def step(x: Any, t: float) -> Any:
        y = x * t
        y = y.masked_fill(y > 3, fill) + steep.full((3,), fill)
        return steep.where(y > 2, y, fill)

    compiled, x = steep.compile(step, fullgraph=True), steep.tensor([-3.0, 1.1, 9.0])
    for i in range(12):
        t = 1.3 + 0.17 * i
        assert repr(compiled(x, t).tolist()) == repr(step(x, t).tolist())
    assert sum(program.runs for program in compiled.programs()) > 3


def test_the_operation_that_takes_a_number_is_named() -> None:
    def step(x: Any, p: float, dim: int) -> Any:
        return steep.nn.functional.dropout(x, p=p).sum(dim)

    compiled = steep.compile(step)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i in range(14):
            compiled(steep.ones(3, 1), 0.11 + 0.01 * i, 0)
    assert "'dropout' takes a number that changes between calls as 'p'" in reason(compiled)


def test_a_program_is_given_a_number_for_each_slot() -> None:
    compiled = steep.compile(lambda x, t: x * t)
    for i in range(12):
        compiled(steep.ones(3), 1.3 + i)
    (program,) = (program for program in compiled.programs() if program.runs)
    for wrong in ([], [4.5, 4.5]):
        with pytest.raises(RuntimeError, match="expected 1 numbers"):
            program.takes_numbers(wrong)
    with pytest.raises(TypeError, match="call_with_stand_ins"):
        steep._core.call_with_stand_ins([], [], print, 7)


@pytest.mark.filterwarnings("ignore:compile")
def test_a_program_stays_where_none_for_all_numbers_can_be_made() -> None:
    keeper, w = Keeper(), steep.ones(3, requires_grad=True)
    compiled = steep.compile(lambda x: x * w + keeper.rate)
    runs = []
    for rate in [0.37, 0.37, 0.4, 0.4, 0.4, 0.8, 0.9, 0.4, 0.4, 0.4]:
        keeper.rate, w.grad = rate, None
        result = compiled(steep.ones(3))
        assert result.tolist() == (steep.ones(3) + rate).tolist()
        result.sum().backward()
        assert w.grad.tolist() == [1.0] * 3
        runs.append(replays(compiled))
    assert "backward is called outside the function" in reason(compiled)
    assert runs[-4] > 0
    assert runs[-1] >= runs[-4] + 3
