"""Profiles of some steps of a loop, and where their traces go."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

import steep
import steep.compat.autograd_profiler
from steep.profiler import profile


def names_of_cycles(plan: Any, steps: Any) -> list[list[str]]:
    found: list[list[str]] = []
    with profile(
        schedule=plan, on_trace_ready=lambda prof: found.append([e.name for e in prof.events])
    ) as prof:
        for function in steps:
            function(steep.ones(3))
            prof.step()
    assert prof.step_num == len(steps)
    return found


def test_a_schedule_chooses_steps() -> None:
    steps = (steep.exp, steep.log, steep.sqrt, steep.sin, steep.cos, steep.tanh)
    plan = steep.profiler.schedule(wait=1, warmup=0, active=1, skip_first=1)
    assert names_of_cycles(plan, steps) == [["fill", "sqrt"], ["fill", "cos"], []]
    plan = steep.profiler.schedule(wait=1, warmup=1, active=1, repeat=1)
    assert names_of_cycles(plan, steps) == [["fill", "sqrt"]]
    plan = steep.profiler.schedule(wait=0, warmup=0, active=2)
    cycles = [["fill", "exp", "fill", "log"], ["fill", "sqrt", "fill", "sin"]]
    assert names_of_cycles(plan, steps[:5]) == [*cycles, ["fill", "cos"]]
    plan = steep.profiler.schedule(wait=1, warmup=0, active=1, repeat=1, skip_first_wait=1)
    assert names_of_cycles(plan, steps) == [["fill", "exp"]]
    for wrong in ({"active": 0}, {"active": 1, "wait": -1}, {"active": 1, "repeat": -1}):
        with pytest.raises(ValueError, match="an active of at least 1"):
            steep.profiler.schedule(**{"wait": 0, "warmup": 0, **wrong})


def test_a_schedule_that_never_records_has_no_events() -> None:
    told: list[Any] = []
    never = steep.profiler.schedule(wait=9, warmup=0, active=1)
    with profile(schedule=never, on_trace_ready=told.append) as prof:
        steep.ones(3).exp()
        prof.step()
        with profile() as other:  # which is not in the way
            steep.ones(3).exp()
    assert (told, prof.events, prof.total_time) == ([], [], 0.0)
    assert [event.name for event in other.events] == ["fill", "exp"]
    with pytest.raises(RuntimeError, match=r"expected step\(\) inside of the block"):
        prof.step()


def test_an_error_in_a_recorded_step_tells_nobody() -> None:
    told: list[Any] = []
    prof = profile(on_trace_ready=told.append)
    with pytest.raises(ZeroDivisionError), prof:
        steep.ones(3 // int(steep.ones(3).exp().sum() < 0))
    assert told == []
    assert [event.name for event in prof.events][:2] == ["fill", "exp"]
    begun = profile(on_trace_ready=told.append)
    begun.start()
    begun.stop()
    assert told == [begun]


@pytest.mark.parametrize("packed", [False, True])
def test_traces_of_cycles_are_files_of_a_folder(tmp_path: Path, packed: bool) -> None:
    folder = tmp_path / "new" / "log"
    handler = steep.profiler.tensorboard_trace_handler(folder, use_gzip=packed)
    plan = steep.profiler.schedule(wait=0, warmup=0, active=1)
    with profile(schedule=plan, on_trace_ready=handler) as prof:
        for _ in range(2):
            steep.ones(3).exp()
            prof.step()
    files = sorted(folder.iterdir())
    assert len(files) == 3  # two steps, and what is after them
    for file in files:
        assert file.name.endswith(".pt.trace.json.gz" if packed else ".pt.trace.json")
        data = gzip.decompress(file.read_bytes()) if packed else file.read_bytes()
        assert json.loads(data)["traceEvents"]


def test_the_old_profiler_may_be_switched_off() -> None:
    for enabled in (True, False):
        with steep.compat.autograd_profiler.profile(enabled, use_device=None) as prof:
            steep.ones(3).exp()
        assert bool(prof.events) == enabled
