"""Which way a call of a compiled function goes: replayed, learnt of, or only run."""

from __future__ import annotations

import collections
import dataclasses
import gc
import types
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

import steep
from compiling import nn, replays
from steep import _core
from steep.compiler._call import Call
from steep.compiler.function import CompiledFunction


class Pair(NamedTuple):
    rate: Any
    step: Any


@dataclasses.dataclass
class Settings:
    rate: Any
    step: Any


@dataclasses.dataclass
class WithDict:
    """Its only slot is for a dict, which is none."""

    __slots__ = ("__dict__",)
    rate: Any
    step: Any


class Own(dict):  # type: ignore[type-arg]
    pass


def listed(rate: Any, step: Any) -> Any:
    return [rate, (step, 3)]


def in_order(rate: Any, step: Any) -> Any:
    return collections.OrderedDict(rate=rate, step=[step])


def of_lists(rate: Any, step: Any) -> Any:
    return collections.defaultdict(list, {"rate": rate, 2: step, (1, 2): 7})


def twice(rate: Any, step: Any) -> Any:
    inner = [rate]
    return [inner, {"again": inner}, step]


def deep(rate: Any, step: Any) -> Any:
    item: Any = step
    for _ in range(20):
        item = [item]
    return [rate, item]


def named(rate: Any, step: Any) -> Any:
    return types.SimpleNamespace(rate=rate, inner=types.SimpleNamespace(step=step))


# With how many of their numbers count by their type alone.
MAKERS: dict[str, tuple[Callable[[Any, Any], Any], int]] = {
    "named tuple": (Pair, 2),
    "dataclass": (Settings, 2),
    "dataclass with a slot for a dict": (WithDict, 2),
    "list": (listed, 3),
    "OrderedDict": (in_order, 2),
    "defaultdict": (of_lists, 2),
    "a list that comes twice": (twice, 2),
    "namespace": (named, 2),
    "tuple": (lambda rate, step: (slice(1, 5), rate, True, None, "a", step), 2),
    "deeper than is looked": (deep, 1),
    "a dict of a class of its own": (lambda rate, step: Own(rate=rate, step=step), 0),
}
each_maker = pytest.mark.parametrize(("make", "count"), MAKERS.values(), ids=MAKERS)


@each_maker
def test_stand_ins_are_put_where_the_key_finds_numbers(make: Any, count: int) -> None:
    """Two walks over the arguments, one of them in C++, must meet the same numbers in one order."""
    table = _core.ProgramTable((types.SimpleNamespace,), 4)
    call = Call((make(0.5, 17), 2.5), {"more": make(1.5, 18)}, True)
    kind = call.kind(table)
    filled = call.filled(kind, [object() for _ in kind.numbers])
    assert filled.fits
    assert len(kind.numbers) == 2 * count + 1


@each_maker
def test_a_kind_of_any_numbers_is_known_by_all_but_these(make: Any, count: int) -> None:
    table = _core.ProgramTable((types.SimpleNamespace,), 4)

    def key(*args: Any) -> bytes:
        return Call(args, {}, True).kind(table).key

    assert (key(make(0.5, 17)) == key(make(0.25, 17))) == (count > 0)
    assert (key(make(0.5, 17)) == key(make(0.5, 19))) == (count > 1)
    assert key(make(0.5, 17)) != key(make(5, 17))  # another type
    assert Call((make(0.5, 17),), {}).kind(table).key != Call((make(0.25, 17),), {}).kind(table).key


def test_of_very_many_numbers_only_arguments_are_left_open() -> None:
    table = _core.ProgramTable((types.SimpleNamespace,), 4)
    kind = Call((0.5, [*map(float, range(1000))], 7), {}, True).kind(table)
    assert (kind.numbers, kind.deepest) == ([0.5, 7], 0)
    assert len(kind.opened) == 1
    kind = Call((0.5, [*map(float, range(999))]), {}, True).kind(table)
    assert (len(kind.numbers), kind.deepest) == (1000, 16)


@pytest.fixture
def learnt(monkeypatch: Any) -> list[str]:
    """The names of the methods of Python's that calls have come to."""
    calls: list[str] = []

    for name in ("_call_anew", "_call_first", "_call_plain"):
        method = getattr(CompiledFunction, name)

        def note(self: Any, args: Any, kwargs: Any, name: str = name, run: Any = method) -> Any:
            calls.append(name)
            return run(self, args, kwargs)

        monkeypatch.setattr(CompiledFunction, name, note)
    return calls


def test_calls_with_other_numbers_are_replayed_without_python(learnt: list[str]) -> None:
    compiled = steep.compile(lambda x, rate, more: x * rate + more[0])
    for i in range(12):
        compiled(steep.ones(3), 0.5 + i, [2.5 + i])
    learnt.clear()
    for i in range(100):
        assert compiled(steep.ones(3), 1.5 + i, [0.25 + i]).tolist() == [1.75 + 2 * i] * 3
    assert learnt == []
    assert compiled.programs()[0].runs > 100


def test_calls_that_are_not_replayed_for_a_reason_only_run_the_function(learnt: list[str]) -> None:
    def work(x: Any) -> Any:
        return x * 2 if x.sum().item() > 0 else x

    compiled = steep.compile(work)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(200):
            assert compiled(steep.ones(3)).tolist() == [2.0] * 3
    assert len(caught) == 1
    assert learnt[0] == "_call_plain"
    assert len(learnt) < 20  # the rarer the longer it lasts
    assert "0 replayed, " in compiled.explain()
    recorded = int(compiled.explain().partition(" recorded")[0].split()[-1])
    assert f"{200 - recorded} eager" in compiled.explain()


def test_calls_of_new_kinds_only_run_the_function(learnt: list[str]) -> None:
    compiled = steep.compile(lambda x, name: x + len(name))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for i in range(1000):
            assert compiled(steep.ones(3), f"{i:04}").tolist() == [5.0] * 3
    assert set(learnt) == {"_call_plain"}
    assert len(learnt) < 25  # to look what is new in them
    assert len(caught) == 1


def test_results_of_calls_that_are_only_run_are_without_a_graph_that_is_used_up() -> None:
    weight = steep.ones(3).requires_grad_()

    def work(x: Any, name: str) -> Any:
        loss = (x * weight).sum()
        loss.backward()
        return loss if name < "5" else [loss, {"loss": loss}]

    compiled = steep.compile(work)
    for i in range(9):
        result = compiled(steep.ones(3), str(i))
        assert not (result if i < 5 else result[0]).requires_grad
        assert i < 5 or not result[1]["loss"].requires_grad


def test_a_number_that_stays_0_in_the_end_gets_a_program_of_its_own() -> None:
    """Operations may go other ways with 0: the program for other numbers does not take it."""
    state = types.SimpleNamespace(t=0)

    def work(x: Any) -> Any:
        state.t += 1
        return x * 0.01**state.t + 1.0

    compiled = steep.compile(work)
    for t in range(1, 300):
        assert compiled(steep.ones(3)).tolist() == (steep.ones(3) * 0.01**t + 1.0).tolist()
    assert [program.runs > 50 for program in compiled.programs()] == [True, True]


def test_a_table_takes_nothing_but_programs() -> None:
    table = _core.ProgramTable((types.SimpleNamespace,), 4)
    with pytest.raises(TypeError, match="expected a Program, got None"):
        table.insert(b"key", None, ("value", None), [], [], [], None, None)


def test_the_collector_looks_into_a_program_only_while_no_one_runs_it() -> None:
    """While a thread runs it, a program is held by more than its table."""
    x = steep.ones(3)
    compiled = steep.compile(lambda x: x * 2, fullgraph=True)
    while not compiled.programs():
        compiled(x)
    program, held = compiled.programs()[0], object()
    table = _core.ProgramTable((types.SimpleNamespace,), 4)
    seen = []

    def look() -> bool:
        seen.append(any(item is held for item in gc.get_referents(table)))
        return True

    table.insert(table.key((x,), {})[0], program, 0, [], [(look, ())], held, None, None)
    look()
    assert seen == [True]
    assert table.replay((x,), {}).tolist() == [2.0, 2.0, 2.0]
    assert set(seen[1:]) == {False}
    assert table.find((x,), {}) is program
    table.confirm(table.key((x,), {})[0], program, [])
    table.drop(b"another", program)
    look()
    assert seen[-1]


# ---- checkpoints ------------------------------------------------------------------------------


@pytest.mark.parametrize("drawn", [False, True])
def test_checkpointed_parts_are_replayed_unless_they_draw(drawn: bool) -> None:
    """A second call that is to draw the same would have to set the generator's state."""
    twins = []
    for compiles in (False, True):
        steep.manual_seed(1)
        inner = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5) if drawn else nn.Tanh(), nn.Tanh())
        head = nn.Linear(4, 2)
        params = [*inner.parameters(), *head.parameters()]
        optimizer = steep.optim.Adam(params)

        def step(x: Any, inner: Any = inner, head: Any = head, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            hidden = steep.utils.checkpoint.checkpoint(inner, x)
            loss = (head(hidden) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss.detach()

        run = steep.compile(step) if compiles else step
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            losses = [run(steep.rand(3, 4)) for _ in range(8)]
        assert bool(told) == (drawn and compiles)
        twins.append([*losses, *(p.detach() for p in params), steep.get_rng_state()])
    assert all(steep.equal(x, y) for x, y in zip(*twins, strict=True))
    assert replays(run) == (0 if drawn else 5)
