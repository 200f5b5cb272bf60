"""The comparison with rivals: what it is made of, and that it runs where there are none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks import jobs, limits, pairs
from benchmarks.libraries import check_agreement
from benchmarks.limits import PASSES
from benchmarks.report import (
    MARKDOWN_HEAD,
    Finding,
    Limit,
    Spread,
    duration,
    markdown,
    share,
    summary,
    text,
)
from benchmarks.table import COMPILED, EAGER, ROWS, TORCH, WORK, Row, asked, columns_of
from benchmarks.workloads import (
    FLOAT,
    CrossEntropy,
    Elementwise,
    Mix,
    Network,
    Training,
    Update,
)

import steep

ROOT = Path(__file__).parent.parent
TINY = Training(Network((3, 5, 2), "tanh"), "mse", "adam", batch=4)


class Fake:
    """A library that answers every order with the same numbers."""

    def __init__(self, *numbers: float) -> None:
        self.name, self.numbers = "fake", list(numbers)

    def ask(self, *order: object) -> list[float]:
        """The numbers."""
        return self.numbers


@pytest.fixture
def finding() -> Finding:
    """Two rounds of an eager mode at a quarter of torch's time, asked for half and a fifth."""
    row = Row("a step", asked(eager=1 / 2, compiled=1 / 5, eager_jax=0.95))
    times = {EAGER: [1e-5, 1e-5], COMPILED: [1e-5, 1e-5], TORCH: [4e-5, 5e-5]}
    return Finding(row, times, Limit(2e-6, "memory"))


@pytest.mark.parametrize("name", ROWS)
def test_row_asks_for_columns_it_has(name: str) -> None:
    """Each row has its workload, and a promise for it."""
    columns = columns_of(WORK[name])
    assert ROWS[name].asked
    assert all(column in columns for pair in ROWS[name].asked for column in pair)


@pytest.mark.parametrize("name", WORK)
def test_costs_are_positive(name: str) -> None:
    """Every workload knows the least it needs."""
    cost = WORK[name].cost()
    assert min(cost.flops, cost.traffic, cost.footprint) > 0


@pytest.mark.parametrize("name", WORK)
def test_bytes_are_held_against_streams_of_the_same_mix(name: str) -> None:
    """What one pass reads and writes is measured so; the bytes are whole streams of the mix."""
    cost = WORK[name].cost()
    if isinstance(WORK[name], Update | Elementwise | CrossEntropy):
        assert len(cost.mixes) == 1
    for mix in cost.mixes:
        assert all(2 * u + r + w == sum(mix) and u + r == mix.reads for u, r, w in PASSES[mix])
        assert cost.traffic % (FLOAT * sum(mix)) == 0


def test_streams_move_what_they_say() -> None:
    """Arrays to be updated and written get the sum of those that are read, the others nothing."""
    assert {arrays for passes in PASSES.values() for arrays in passes} >= {(1, 0, 0), (0, 1, 1)}
    for updated, read, written in {arrays for passes in PASSES.values() for arrays in passes}:
        for threads, length in ((1, 64), (2, 64 * 37)):
            steep.set_num_threads(threads)
            arrays = [steep.full((length,), float(i + 1)) for i in range(updated + read + written)]
            steep._core.stream_peak(arrays, updated, written, 3)
            total = sum(range(updated + 1, updated + read + 1))
            wanted = [i + 1 + 3 * total for i in range(updated)]
            wanted += [i + 1 for i in range(updated, updated + read)] + [total] * written
            assert [set(x.tolist()) for x in arrays] == [{float(value)} for value in wanted]


def test_streams_of_another_kind_are_refused() -> None:
    """A mix without a loop, and arrays that do not go together."""
    x, y = steep.zeros(64), steep.zeros(128)
    for arrays, updated, written in [
        ([x, x, x, x, x], 5, 0),
        ([], 0, 0),
        ([x, y], 1, 0),
        ([steep.zeros(63)], 1, 0),
        ([steep.zeros(64, dtype=steep.float64)], 1, 0),
        ([steep.zeros(128)[::2]], 1, 0),
        ([x], 1, -1),
    ]:
        with pytest.raises(ValueError, match="stream_peak"):
            steep._core.stream_peak(arrays, updated, written, 1)


def test_bandwidth_is_the_best_of_the_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the passes that fit the mix, over arrays that are the footprint together."""
    asked = []

    def rate(lib: Any, footprint: float, *arrays: int) -> float:
        asked.append(arrays)
        return float(len(asked))

    monkeypatch.setattr(limits, "_rate", rate)
    assert limits.bytes_a_second(steep, 1e6, [Mix(2, 1)]) == 2.0
    assert tuple(asked) == PASSES[Mix(2, 1)]
    asked.clear()
    assert limits.bytes_a_second(steep, 1e6) == len(asked) == sum(map(len, PASSES.values()))
    for footprint in (1e3, 12e6, 12e7):
        length = limits.array_elements(footprint, 3, threads=2)
        assert length % limits.GRAIN == 0
        assert length == 4096 if footprint == 1e3 else abs(12 * length / footprint - 1) < 0.01


def test_parameters_are_counted() -> None:
    """The count that costs are made of is that of the weights."""
    network = TINY.network
    assert network.parameters == sum(array.size for array in network.weights())


def test_training_starts_from_the_weights_given() -> None:
    """The first loss is what NumPy makes of the same weights and batch."""
    first, first_bias, last, last_bias = TINY.network.weights()
    x, target = TINY.batches()[0]
    expected = ((np.tanh(x @ first.T + first_bias) @ last.T + last_bias - target) ** 2).mean()
    work = jobs.build(steep, TINY)
    losses = [work().item() for _ in range(3)]
    np.testing.assert_allclose(losses[0], expected, rtol=1e-5)
    assert len(set(losses)) == 3


def test_results_that_differ_end_the_program() -> None:
    """Numbers may differ by rounding, not by more, and never by being none."""
    check_agreement("work", [Fake(1.0, 1e6), Fake(1.00001, 1e6 + 1)])  # type: ignore[list-item]
    for wrong in (1.01, float("nan")):
        with pytest.raises(SystemExit, match=r"work: fake gives 1\.0"):
            check_agreement("work", [Fake(1.0), Fake(wrong)])  # type: ignore[list-item]


def test_text_tells_verdicts_and_limit(finding: Finding) -> None:
    """A promise is judged by the median of the ratios of its rounds."""
    lines = text(finding).splitlines()
    assert lines[1].endswith("limit 2.00 us (memory), 20% of it")
    assert "0.225 (0.2-0.25)  asked 1/2  reached" in text(finding)
    assert "0.225 (0.2-0.25)  asked 1/5  MISSED" in text(finding)
    assert summary([finding]) == "1 reached, 1 MISSED, 1 not measured"


def test_markdown_fills_every_column(finding: Finding) -> None:
    """The cells of a row are as many as those of the head."""
    head, rule = MARKDOWN_HEAD.splitlines()
    assert markdown(finding).count("|") == head.count("|") == rule.count("|")
    assert "compiled 0.225 (0.2-0.25), asked 1/5: **missed**" in markdown(finding)


def test_numbers_are_written_as_people_do() -> None:
    """Durations to three figures, shares as they are promised."""
    assert [duration(x) for x in (5.123e-7, 2.5e-5, 1.234e-4, 0.0156)] == [
        "0.51 us",
        "25.0 us",
        "123 us",
        "15.6 ms",
    ]
    assert [share(x) for x in (1 / 25, 1 / 2.5, 0.95, 1.05)] == ["1/25", "1/2.5", "0.95", "1.05"]


def run(*arguments: str, of: str = "compare") -> Any:
    """The command, in a process of its own."""
    command = [sys.executable, "-m", f"benchmarks.{of}", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


def test_command_needs_no_rival() -> None:
    """Where no rival is installed there are times and limits, and no ratios."""
    done = run("--against", "--only", "add_1e3", "--pairs", "1", "--seconds", "0.01")
    assert done.returncode == 0, done.stderr
    assert "steep eager" in done.stdout
    assert "0 reached, 0 MISSED, 1 not measured" in done.stdout


def test_unknown_row_is_refused() -> None:
    """The names there are stand in the error."""
    done = run("--against", "--only", "nothing")
    assert done.returncode == 2
    assert "step_control_1" in done.stderr


def test_variants_are_compared_in_pairs() -> None:
    """Shares of the first level's time, and which rows are slower in every round."""
    times = {"avx2": [2.0, 2.0], "avx512": [1.0, 1.5]}
    found = pairs.compared(times)
    assert found == {"avx512": (0.625, 0.5, 0.75)}
    findings = {("fast", "avx512"): found["avx512"], ("slow", "avx512"): Spread(1.6, 1.1, 2.0)}
    assert pairs.summary(findings, "avx512") == "avx512: 1.000 in the mean; slower in slow"


def test_levels_command_runs_each_level() -> None:
    """The levels asked for are the ones that run."""
    there = steep.available_levels()
    asked_for = ("--levels", there[0], there[-1], "--only", "add_1e3", "inference")
    done = run(*asked_for, "--pairs", "1", "--seconds", "0.01", of="levels")
    assert done.returncode == 0, done.stderr
    rows = [text.split()[0] for text in done.stdout.splitlines()]
    assert rows == ["inference_control_1", "add_1e3", f"{there[-1]}:"]
    done = run("--levels", "sse9", of="levels")
    assert done.returncode == 2
    assert "sse9: not here" in done.stderr


def test_planning_command_records_each_form() -> None:
    done = run("--launches", "40,80", "--kinds", "20", of="planning")
    assert done.returncode == 0, done.stderr
    rows = [text.split()[:2] for text in done.stdout.splitlines()[1:-2]]
    forms = ("chain", "products", "branches", "views", "arguments", "training", "recurrent")
    assert rows == [[form, launches] for form in forms for launches in ("40", "80")]


def test_memory_command_gives_the_peak_of_each_process() -> None:
    done = run("--only", "step_sequence", "--calls", "4", of="memory")
    assert done.returncode == 0, done.stderr
    _, *cells = done.stdout.splitlines()[1].split("\t")
    held = [float(cell.split(" MB")[0]) for cell in cells[:2]]
    alone = [float(cell.split("(")[1].rstrip(")")) for cell in cells[:2]]
    assert all(0 < a < h < 2000 for a, h in zip(alone, held, strict=True))


def test_builds_command_runs_each_build(tmp_path: Path) -> None:
    """A package that is not there is refused; one beside itself is compared."""
    here = str(Path(steep.__file__).parent.parent)
    done = run(here, here, "--only", "add_1e3", "--pairs", "1", "--seconds", "0.01", of="builds")
    assert done.returncode in (0, 1), done.stderr  # so short a timing says nothing
    assert [text.split()[0] for text in done.stdout.splitlines()] == ["add_1e3", "after:"]
    done = run(here, str(tmp_path), of="builds")
    assert done.returncode == 1
    assert "expected a folder with a package `steep`" in done.stderr
