"""The fuzzer of tools/fuzz.py: a few of its seeds, and that it tells of what it finds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parent.parent / "tools"))
import fuzz
from fuzzing import judge


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["table", "index", "sequence"])
def test_seeds_find_nothing(kind: str) -> None:
    for seed in range(60):
        text, found = fuzz.do(seed, [kind], lambda _: None)
        assert found is None, f"python tools/fuzz.py --only {kind} --replay {seed}: {text}"


def test_a_seed_does_the_same_again(capsys: pytest.CaptureFixture[str]) -> None:
    texts = [fuzz.do(seed, list(fuzz.KINDS), lambda _: None)[0] for seed in (3, 5, 3, 5)]
    assert texts[:2] == texts[2:]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (SystemError("returned NULL without setting an exception"), "undocumented exception"),
        (KeyError("x"), "undocumented exception KeyError"),
        (RuntimeError("vector::_M_default_append"), "unclear message"),
        (ValueError(""), "unclear message"),
    ],
)
def test_what_is_no_clear_refusal(error: Exception, said: str) -> None:
    def call() -> Any:
        raise error

    with pytest.raises(judge.Finding, match=said):
        judge.attempt(call)


def test_a_crash_is_reported_with_its_seed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    script = tmp_path / "dies.py"
    script.write_text(
        "import os, sys\n"
        "print('{\"seed\": 41}', flush=True)\n"
        "print('the last words', file=sys.stderr, flush=True)\n"
        "os.abort()\n"
    )
    monkeypatch.setattr(fuzz, "__file__", str(script))
    pool = fuzz.Pool(41, 1, ["table"])
    monkeypatch.setattr(fuzz, "SEEDS_A_WORKER", 1)
    pool.run(0.0)
    for _ in range(200):
        if pool.findings:
            break
        pool.run(0.1)
    assert 41 in pool.findings["crash: SIGABRT"]
    assert "the last words" in capsys.readouterr().out
    assert pool.summary() == 1
