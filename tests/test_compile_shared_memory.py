"""Arguments on memory that a compiled function reaches by other ways as well."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

import steep
from cases import OPTIMIZERS
from compiling import replays
from steep import nn


def memory() -> Any:
    return steep.arange(30.0).view(5, 6)


def scaled(whole: Any, part: Any) -> Any:
    def step(x: Any) -> Any:
        with steep.no_grad():
            whole.mul_(0.5)

    return step


def written_in_part(whole: Any, part: Any) -> Any:
    def step(x: Any) -> Any:
        part.add_(1)

    return step


def read_in_part(whole: Any, part: Any) -> Any:
    return lambda x: x.flip(0) - part[:1]


@pytest.mark.parametrize("make", [scaled, written_in_part, read_in_part], ids=lambda f: f.__name__)
def test_windows_that_begin_elsewhere_are_other_memory(make: Any) -> None:
    seen = []
    for compiled in (False, True):
        whole = memory()
        part = whole[1:4]
        step = make(whole, part)
        function = steep.compile(step) if compiled else step
        rows = []
        for first in (0, 0, 0, 0, 2, 2, 1, 0, 2, 1):
            out = function(whole[first : first + 3])
            rows.append((None if out is None else out.tolist(), whole.tolist()))
        out = function(memory()[:3] * 2)
        seen.append([*rows, None if out is None else out.tolist()])
    assert seen[0] == seen[1]
    assert sum(program.runs for program in function.programs()) > 0


def test_an_argument_that_is_a_global_as_well_stays_that() -> None:
    whole = memory()
    kept = {"part": whole[:3].clone()}
    compiled = steep.compile(lambda x: x + kept["part"][:1])
    for _ in range(3):
        compiled(kept["part"])
    kept["part"] = whole[1:4]
    for _ in range(3):
        compiled(kept["part"])
    for i in range(4):
        x = steep.full((3, 6), float(i))
        assert compiled(x).tolist() == (x + kept["part"][:1]).tolist()
    assert replays(compiled) > 0


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_memory_replaced_under_an_optimizer_alone_is_seen(kind: str) -> None:
    seen = []
    for compiled in (False, True):
        steep.manual_seed(0)
        layer = nn.Linear(3, 2)
        optimizer = getattr(steep.optim, kind)(OPTIMIZERS[kind].takes(layer.parameters()), lr=0.1)
        function = steep.compile(optimizer.step) if compiled else optimizer.step
        for p in layer.parameters():
            p.grad = steep.ones_like(p)
        rows = []
        for i in range(10):
            if i == 6:
                layer.weight.data = layer.weight.data * 0.5
            function()
            rows.append([p.tolist() for p in layer.parameters()])
        seen.append(rows)
    assert seen[0] == seen[1]
    assert replays(function) > 0


def test_a_warning_is_given_at_each_call() -> None:
    leaf = steep.ones(2, requires_grad=True)
    inner = leaf * 2

    def step(x: Any) -> Any:
        return x * 2 if inner.grad is None else x

    compiled = steep.compile(step)
    for _ in range(6):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            compiled(steep.ones(1))
        assert any("not a leaf Tensor" in str(w.message) for w in caught)


@pytest.mark.parametrize("other", ["gradient", "argument"])
def test_a_gradient_that_lies_elsewhere_on_shared_memory_is_added_to_there(other: str) -> None:
    seen = []
    for compiled in (False, True):
        flat = steep.zeros(25)
        first, second = nn.Parameter(steep.ones(5)), nn.Parameter(steep.ones(5))

        def step(x: Any, first: Any = first, second: Any = second) -> None:
            ((first * x).sum() + 2 * (second * x).sum()).backward()

        first.grad = flat[:5]
        second.grad = flat[5:10] if other == "gradient" else steep.zeros(5)
        x = flat[20:] if other == "argument" else steep.ones(5)
        x.fill_(1.0)
        function = steep.compile(step) if compiled else step
        rows = []
        for i in range(12):
            if i in (6, 9):
                first.grad = flat[10:15] if i == 6 else flat[:5]
            function(x)
            rows.append(flat.tolist())
        seen.append(rows)
    assert seen[0] == seen[1]
    assert replays(function) > 3


def test_a_gradient_on_the_memory_of_the_argument_of_its_number_is_replayed() -> None:
    flat = steep.zeros(15)
    parameter = nn.Parameter(steep.ones(5))
    parameter.grad = flat[5:10]

    def step(x: Any) -> None:
        (parameter * x).sum().backward()

    compiled = steep.compile(step, fullgraph=True)
    flat[:5].fill_(1.0)
    for _ in range(6):
        compiled(flat[:5])
    assert replays(compiled) == 3
    assert flat[5:10].tolist() == [6.0] * 5
