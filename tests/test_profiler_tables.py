"""What is made of a profile: tables, and traces to look at."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

import steep
from profiler_support import assert_nested, kernels, profiled_steps
from steep.profiler import profile


def test_averages_add_up() -> None:
    prof = profiled_steps()
    found = kernels(prof)
    for averages in (prof.key_averages(), prof.by_layer(), prof.key_averages(True)):
        rows = list(averages)
        assert len(averages) == len(rows) > 3
        assert sum(row.calls for row in rows) == len(found)
        assert sum(row.bytes for row in rows) == sum(event.bytes for event in found)
        assert sum(row.flops for row in rows) == sum(event.flops for event in found)
        assert sum(row.total_ns for row in rows) == round(prof.kernel_time * 1e9)
        for row in rows:
            assert row.total_ns == row.forward_ns + row.backward_ns + row.optimizer_ns
    assert prof.key_averages()["adam_step"].calls == 3
    assert prof.key_averages()["adam_step"].optimizer_ns > 0
    assert prof.by_layer()["(optimizer)"].total_ns == prof.by_layer()["(optimizer)"].optimizer_ns
    assert prof.by_layer()["2"].forward_ns > 0 < prof.by_layer()["2"].backward_ns
    assert "gemm [3, 2]" in prof.key_averages(group_by_input_shape=True)


def test_rates() -> None:
    row = steep.profiler.Row("x", calls=4, total_ns=2000, bytes=6000, flops=1000)
    assert (row.mean_ns, row.gb_per_s, row.gflop_per_s) == (500, 3, 0.5)
    nothing = steep.profiler.Row("x")
    assert (nothing.mean_ns, nothing.gb_per_s, nothing.gflop_per_s) == (0, 0, 0)


def test_ranges_hold_their_work() -> None:
    prof = profiled_steps()
    (row,) = prof.by_range()
    assert (row.key, row.calls) == ("step", 3)
    assert row.bytes == sum(event.bytes for event in kernels(prof))
    assert prof.kernel_time <= row.total_ns / 1e9 <= prof.total_time


def first_column(table: str) -> list[str]:
    return [re.split(r"\s{2,}", line)[0] for line in table.splitlines()[2:-1]]


@pytest.mark.parametrize(
    "sort_by", ["total", "mean", "calls", "forward", "backward", "bytes", "flops"]
)
def test_tables_are_sorted(sort_by: str) -> None:
    averages = profiled_steps().by_layer()
    field = sort_by if sort_by in ("calls", "bytes", "flops") else f"{sort_by}_ns"
    values = [getattr(averages[key], field) for key in first_column(averages.table(sort_by))]
    assert values == sorted(values, reverse=True)


def test_tables_hold_what_is_asked() -> None:
    averages = profiled_steps().key_averages()
    keys = [row.key for row in averages]
    assert first_column(averages.table(sort_by=None)) == keys
    assert first_column(averages.table("name", row_limit=-1)) == sorted(keys)
    assert averages.table("cpu_time_total") == averages.table() == str(averages)
    short = averages.table("count", row_limit=2)
    assert first_column(short)[2] == f"... and {len(keys) - 2} more"
    head, *_, foot = averages.table().splitlines()
    assert head.split() == ["operation", "calls", "total", "mean", "share", "GB/s", "GFLOP/s"]
    assert re.fullmatch(r"\d+ launches: .* in kernels, .*% of .*s", foot)


def test_tables_of_nothing() -> None:
    with profile() as prof:
        pass
    for averages in (prof.key_averages(), prof.by_layer(), prof.by_range()):
        assert len(averages) == 0
        assert "0 launches" in averages.table()


def test_events_nest() -> None:
    prof = profiled_steps()
    assert_nested([(e.start_ns, e.end_ns) for e in prof.events])
    assert [e.start_ns for e in prof.events] == sorted(e.start_ns for e in prof.events)
    assert all(0 <= e.start_ns <= e.end_ns <= prof.total_time * 1e9 + 1 for e in prof.events)


def test_chrome_trace(tmp_path: Path) -> None:
    prof = profiled_steps()
    path = tmp_path / "trace.json"
    path.write_text("what was there before")
    prof.export_chrome_trace(path)
    trace = json.loads(path.read_text())
    assert os.listdir(tmp_path) == ["trace.json"]
    complete = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    assert len(complete) == len(prof.events) + 1
    assert {event["pid"] for event in complete} == {os.getpid()}
    whole, *others = complete
    assert (whole["name"], whole["ts"]) == ("profile", 0)
    # Nanoseconds, so that rounding in microseconds is none of the comparison's concern.
    spans = [(round(e["ts"] * 1e3), round((e["ts"] + e["dur"]) * 1e3)) for e in complete]
    assert all(spans[0][0] <= start <= end <= spans[0][1] for start, end in spans)
    assert_nested(spans)
    for event, shown in zip(prof.events, others, strict=True):
        assert (shown["name"], shown["cat"]) == (event.name, event.kind)
        assert shown["args"]["phase"] == event.phase
        assert shown["args"].get("layer") == event.layer
        if event.kind == "kernel":
            assert shown["args"]["bytes"] == event.bytes
            assert shown["args"]["flops"] == event.flops
            assert shown["args"]["shape"] == list(event.shape)
    named = {e["tid"] for e in trace["traceEvents"] if e["name"] == "thread_name"}
    assert named == {event["tid"] for event in complete}


def test_an_empty_trace(tmp_path: Path) -> None:
    with profile() as prof:
        pass
    prof.export_chrome_trace(tmp_path / "trace.json")
    trace = json.loads((tmp_path / "trace.json").read_text())
    assert [e["name"] for e in trace["traceEvents"] if e["ph"] == "X"] == ["profile"]


def test_a_trace_that_cannot_be_written(tmp_path: Path, monkeypatch: Any) -> None:
    prof = profiled_steps()
    with pytest.raises(FileNotFoundError, match=r"no '.*missing'; make it first"):
        prof.export_chrome_trace(tmp_path / "missing" / "trace.json")
    with pytest.raises(IsADirectoryError, match="path of a file"):
        prof.export_chrome_trace(tmp_path)
    path = tmp_path / "trace.json"
    path.write_text("kept")

    def fail(*args: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        prof.export_chrome_trace(path)
    assert os.listdir(tmp_path) == ["trace.json"]
    assert path.read_text() == "kept"


def test_on_trace_ready(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    with profile(on_trace_ready=lambda prof: prof.export_chrome_trace(path)):
        steep.ones(2)
    assert path.exists()
    seen: list[profile] = []
    with pytest.raises(ZeroDivisionError), profile(on_trace_ready=seen.append):
        raise ZeroDivisionError
    assert not seen
