"""Where it must not be noticed that objects have stood in for numbers, or that they are written."""

from __future__ import annotations

import math
import os
import signal
import sys
import types
import warnings
from typing import Any

import pytest

import steep
from numbers_support import both

BY_FUNCTION = {math.sqrt: 2.0, math.log: 3.0}
IS_WHOLE = float.is_integer


def test_functions_of_math_stay_keys_of_dicts() -> None:
    def make() -> Any:
        return (lambda x, t: x * math.sqrt(t) * BY_FUNCTION[math.sqrt]), lambda: None

    both(make, lambda f, i: f(steep.rand(3), 2.5 + i))


def test_functions_of_math_called_by_others() -> None:
    def make() -> Any:
        def step(x: Any, t: float) -> Any:
            first, second = map(math.sqrt, (t, 2.0))
            return x * first * second * math.log(t, *(3.5,)) * math.hypot(*(t, t, 0.3))

        return step, lambda: None

    both(make, lambda f, i: f(steep.rand(3), 2.5 + i))


def test_functions_of_math_refuse_as_ever() -> None:
    said = []

    @steep.compile
    def step(x: Any, t: float) -> Any:
        y = x * math.exp(t / 100)
        for attempt in (lambda: math.sqrt(x=t), lambda: math.log(t, base=2), lambda: math.sin()):
            with pytest.raises(TypeError) as error:
                attempt()
            said.append(str(error.value))
        return y

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i in range(8):
            step(steep.ones(2), 1.5 + i)
    assert len(set(said)) == 3


def test_an_exponent_of_ldexp() -> None:
    def make() -> Any:
        return (lambda x, n: x * math.ldexp(1.5, n)), lambda: None

    both(make, lambda f, i: [f(steep.rand(3), 5 + 2 * i + n) for n in range(2)][1])


UNFIT: dict[str, Any] = {
    "float.is_integer": lambda t: t if float.is_integer(t) else 2.0 * t,
    "float.__add__": lambda t: float.__add__(t, 1.5),
    "by another name": lambda t: 1.5 * t if IS_WHOLE(t) else t,
}


@pytest.mark.parametrize("name", UNFIT)
def test_methods_taken_from_float_keep_a_function_eager(name: str) -> None:
    function = UNFIT[name]

    def make() -> Any:
        return (lambda x, t: x * function(t)), lambda: None

    compiled = both(make, lambda f, i: f(steep.rand(3), 5.5 + i), replays=False)
    assert "uses float." in compiled.explain()


def test_a_large_range_is_asked_for_plain_numbers_alone() -> None:
    def make() -> Any:
        return (lambda x, n: x * n if n in range(10, 10**12) else x), lambda: None

    compiled = both(
        make,
        lambda f, i: [f(steep.rand(3), 10**11 + 2 * i + n) for n in range(2)][1],
        replays=False,
    )
    assert "'in range()'" in compiled.explain()


def test_a_power_that_becomes_complex() -> None:
    def step(x: Any, t: float) -> Any:
        return x * t**0.5

    compiled = steep.compile(step)
    for i in range(8):
        compiled(steep.ones(2), 5.5 + i)
    assert sum(program.runs for program in compiled.programs()) > 0
    with pytest.raises(TypeError) as want:
        step(steep.ones(2), -4.0)
    with pytest.raises(TypeError) as got:
        compiled(steep.ones(2), -4.0)
    assert str(got.value) == str(want.value)


class StopError(Exception):
    """Raised by a signal."""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs timers")
def test_a_signal_finds_a_replay_done_or_not_begun() -> None:
    state, total = types.SimpleNamespace(t=0.5), steep.zeros(1_000_000)
    ones = steep.ones(1_000_000)

    def stop(*_: Any) -> None:
        raise StopError

    @steep.compile
    def step(w: Any) -> None:
        state.t += 0.37
        for _ in range(30):
            total.mul_(w * 0 + state.t / state.t)
        total.add_(w)

    for _ in range(8):
        step(ones)
    assert sum(program.runs for program in step.programs()) > 0
    before, came = signal.signal(signal.SIGALRM, stop), 0
    try:
        for n in range(20):
            t, value = state.t, total[0].item()
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.0001 * (n + 1))
                step(ones)
                signal.setitimer(signal.ITIMER_REAL, 0)
            except StopError:
                came += 1
            assert (state.t != t) == (total[0].item() != value)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert came > 0


def test_a_kind_of_any_numbers_with_an_object_waits() -> None:
    model = type("Model", (), {"k": 2.0})()
    step = steep.compile(lambda x, m, t: x * float(t) * m.k)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i in range(150):
            step(steep.ones(2), model, 1.5 + i)
    line = next(line for line in step.explain().splitlines() if "any float" in line)
    assert int(line.split(" recorded")[0].split()[-1]) < 20, line


def test_what_is_new_is_told_of_calls_that_were_looked_at() -> None:
    step = steep.compile(lambda x, name, t: x * t)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for i in range(123):
            step(steep.ones(2), f"s{i}", 1.5)
        for i in range(4):  # makes a kind of any numbers: the tensor is the same
            step(steep.ones(2), "same", 2.5 + i)


AFTER_THE_CALL = [("_recording.py", "_describe"), ("_recording.py", "examine")]
AFTER_THE_CALL += [("_reads.py", "close"), ("_places.py", "refusal"), ("_leaks.py", "put_back")]
AFTER_THE_CALL += [("_leaks.py", "_replace"), ("_leaks.py", "_put")]


def _end_at(file: str, function: str, left: list[BaseException]) -> Any:
    """A trace function that raises what is left where a function of the compiler begins."""

    def trace(frame: types.FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if code.co_name == function and os.path.basename(code.co_filename) == file and left:
            raise left.pop()

    return trace


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError()], ids=["interrupt", "memory"])
@pytest.mark.parametrize(("file", "function"), AFTER_THE_CALL)
def test_what_ends_a_recording_leaves_no_stand_in(
    file: str, function: str, error: BaseException
) -> None:
    kept = types.SimpleNamespace(last=[0.0])

    def step(x: Any, t: float) -> Any:
        kept.last = [t * 2.0]
        return x * t

    compiled = steep.compile(step)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i in range(5):
            compiled(steep.ones(2), 1.5 + i)
        before, raised = sys.gettrace(), [error]
        sys.settrace(_end_at(file, function, raised))
        try:
            compiled(steep.ones(2), 7.5)
        except (KeyboardInterrupt, MemoryError):
            pass
        finally:
            sys.settrace(before)
    assert not raised  # it was
    assert type(kept.last[0]) is float
    assert kept.last == [15.0]


class Hashed:
    """A key whose hash raises an error once, at one of the times that it is asked for."""

    def __init__(self) -> None:
        self.left = -1

    def __hash__(self) -> int:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return 7


@pytest.mark.parametrize("time", range(1, 12))
def test_an_interrupt_in_the_hash_of_a_key_is_not_lost(time: int) -> None:
    key = Hashed()
    state = {key: 0.5}

    @steep.compile
    def step(x: Any) -> Any:
        state[key] += 0.25
        return x * state[key]

    step(steep.ones(2))
    step(steep.ones(2))
    key.left = time
    try:
        step(steep.ones(2))
        was_raised = False
    except KeyboardInterrupt:
        was_raised = True
    assert was_raised == (key.left <= 0)
    assert [*state.values()] in ([1.0], [1.25])
    assert type(next(iter(state.values()))) is float
