"""Calls of many kinds: those met once cost and keep next to nothing, those with programs stay."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

import steep
from steep.compiler._signature import Signature


def test_kinds_that_are_called_once_are_not_kept() -> None:
    """Neither do they push out the programs of those that come again."""
    compiled = steep.compile(lambda x, factor: x * float(factor), fullgraph=True)
    x = steep.ones(3)
    for _ in range(4):
        compiled(x, "0.5")
    (program,) = compiled.programs()
    for i in range(2000):
        assert compiled(x, str(1.0 + i)).tolist() == [1.0 + i] * 3
    assert compiled.programs() == [program]
    assert "signature 1 of 1" in compiled.explain()
    runs = program.runs
    compiled(x, "0.5")
    assert program.runs == runs + 1


def test_a_round_of_many_kinds_is_run_as_it_is() -> None:
    """More kinds in turn than a function keeps: recording them would never come to an end."""
    compiled = steep.compile(lambda x, factor: x * float(factor), fullgraph=True)
    x = steep.ones(3)
    for _ in range(5):
        for i in range(100):
            assert compiled(x, str(float(i))).tolist() == [float(i)] * 3
    assert compiled.programs() == []
    assert "still warming up" in compiled.explain()


def test_a_round_of_as_many_kinds_as_are_kept_is_replayed() -> None:
    compiled = steep.compile(lambda x, factor: x * float(factor), fullgraph=True)
    x = steep.ones(3)
    for _ in range(4):
        for i in range(64):
            assert compiled(x, str(float(i))).tolist() == [float(i)] * 3
    assert len(compiled.programs()) == 64
    assert all(program.runs == 1 for program in compiled.programs())


def test_a_first_call_that_fails_is_none() -> None:
    """What it would have prepared is still to be done before a recording."""
    calls: list[int] = []
    wrong = [True]

    def work(x: Any) -> Any:
        if not calls and wrong[0]:
            raise ValueError("not yet")
        return x + 1.0

    compiled = steep.compile(work, fullgraph=True)
    with pytest.raises(ValueError, match="not yet"):
        compiled(steep.ones(3))
    wrong[0] = False
    assert "not called yet" in compiled.explain()
    for _ in range(4):
        assert compiled(steep.ones(3)).tolist() == [2.0] * 3
    (program,) = compiled.programs()
    assert program.runs == 1


def test_the_first_result_is_without_a_graph_that_is_used_up() -> None:
    weight = steep.ones(3).requires_grad_()

    def step(x: Any) -> Any:
        loss = (x * weight).sum()
        loss.backward()
        return loss

    assert not steep.compile(step)(steep.ones(3)).requires_grad


class Appending:
    def __init__(self, things: list[float]) -> None:
        self.append = things.append


def test_a_kind_that_another_thread_drops_meanwhile_is_run_as_it_is(monkeypatch: Any) -> None:
    compiled = steep.compile(lambda x, t, thing: (x * t, thing.append(t))[0])
    must_wait, things = Signature.must_wait, []

    def dropped(signature: Signature) -> bool:
        compiled._signatures.pop(signature.key, None)
        return must_wait(signature)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kept = Appending(things)
        for i in range(20):
            compiled(steep.ones(1), i + 0.25, kept)
        monkeypatch.setattr(Signature, "must_wait", dropped)
        for i in range(20):
            assert compiled(steep.ones(1), i + 0.25, kept).item() == i + 0.25
    assert things == [i + 0.25 for i in range(20)] * 2


def test_new_shapes_with_a_number_are_run_without_python(monkeypatch: Any) -> None:
    """Whether numbers are to be left open is asked only where a call differs in numbers alone."""
    asked: list[str] = []
    for name in ("_call_first", "_call_plain", "_call_anew"):
        method = getattr(steep.compiler.function.CompiledFunction, name)

        def count(self: Any, *args: Any, method: Any = method, name: str = name) -> Any:
            asked.append(name)
            return method(self, *args)

        monkeypatch.setattr(steep.compiler.function.CompiledFunction, name, count)
    compiled = steep.compile(lambda x, factor: x * factor)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i in range(1, 1001):
            assert compiled(steep.ones(i), 0.5 + i).sum().item() == i * (0.5 + i)
    assert "_call_first" not in asked
    assert len(asked) < 25  # looked at now and then, for the warning


def test_numbers_are_left_open_after_as_many_calls_as_before() -> None:
    compiled = steep.compile(lambda x, factor: x * factor, fullgraph=True)
    x = steep.ones(3)
    for i in range(3):  # FEW_FLOATS
        compiled(x, 0.5 + i)
        assert "still warming up" in compiled.explain()
    for i in range(3, 9):
        assert compiled(x, 0.5 + i).tolist() == [0.5 + i] * 3
    (program,) = compiled.programs()
    assert program.runs == 2
