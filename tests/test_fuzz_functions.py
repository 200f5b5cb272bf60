"""The fuzzer of tools/fuzz_functions.py: a few of its seeds, and that it tells of what it finds."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parent.parent / "tools"))
import fuzz_functions
from fuzzing.functions.grammar import draw
from fuzzing.functions.judge import Verdict, judge

from steep.compiler._cells import ITEM
from steep.compiler._reads import Reads

SEEDS = range(120)


def test_seeds_find_nothing() -> None:
    verdicts = [judge(draw(seed)) for seed in SEEDS]
    for seed, verdict in zip(SEEDS, verdicts, strict=True):
        again = f"python tools/fuzz_functions.py --seed {seed}"
        assert not verdict.found, f"{again}: {verdict.found}"
        assert not verdict.broken, f"{again}: {verdict.broken}"
    assert sum(verdict.replays > 0 for verdict in verdicts) > 0.4 * len(verdicts)


def test_a_seed_does_the_same_again() -> None:
    texts = [draw(seed).text() for seed in (3, 5, 3, 5)]
    assert texts[:2] == texts[2:]
    assert texts[0] != texts[1]
    assert judge(draw(3)) == judge(draw(3))


def test_what_goes_stale_is_found_and_made_smaller(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a compiler that forgets one kind of place, such as global variables."""

    def careless(reads: Reads, *made: Any, close: Any = Reads.close) -> None:
        reads.cells.drop([id(cell[1]) for cell in reads.cells.entries], ITEM)
        close(reads, *made)

    monkeypatch.setattr(Reads, "close", careless)
    seed = next(seed for seed in SEEDS if judge(draw(seed)).found)
    assert fuzz_functions.replay(seed) == 1
    whole, _, smaller = capsys.readouterr().out.partition("made smaller")
    assert "call" in smaller
    assert smaller.count("\n") < whole.count("\n")


def test_a_crash_is_reported_with_its_seed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    script = tmp_path / "dies.py"
    script.write_text("import os\nprint('{\"seed\": 41}', flush=True)\nos.abort()\n")
    monkeypatch.setattr(fuzz_functions, "__file__", str(script))
    assert fuzz_functions.fuzz(41, 1, 60.0) == 1
    said = capsys.readouterr().out
    assert "seed 41: the process died: SIGABRT" in said


def test_a_worker_that_cannot_begin_is_reported_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    script, began = tmp_path / "fails.py", tmp_path / "began"
    script.write_text(f"open({str(began)!r}, 'a').write('.')\nraise SystemExit(3)\n")
    monkeypatch.setattr(fuzz_functions, "__file__", str(script))
    assert fuzz_functions.fuzz(41, 5, seconds=3.0) == 1
    assert "the process died: exit status 3" in capsys.readouterr().out
    assert began.read_text() == "."


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="alarms are POSIX's")
def test_a_program_made_smaller_may_not_run_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    left = []

    def tell(seed: int, verdict: Verdict) -> str:
        left.append(signal.getitimer(signal.ITIMER_REAL)[0])
        return ""

    monkeypatch.setattr(fuzz_functions, "judge", lambda program: Verdict("found"))
    monkeypatch.setattr(fuzz_functions, "tell", tell)
    monkeypatch.setattr(fuzz_functions, "say", lambda **message: None)
    fuzz_functions.work(0, 1)
    assert left[0] > fuzz_functions.SHRINKING
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
