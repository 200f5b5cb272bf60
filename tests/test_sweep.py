"""Searches for settings: proposals, processes, pruning, failures, going on after a kill."""

from __future__ import annotations

import csv
import os
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import steep
from steep.train import Trial, sweep

optuna = pytest.importorskip("optuna")

import sweep_objectives as objectives  # noqa: E402  # it needs nothing, but belongs to the rest

RANGE = {"x": (-5.0, 5.0)}


def numbers(result: Any) -> list[tuple[Any, ...]]:
    return [(one.number, one.state, one.value, one.params, one.seed) for one in result.trials]


def test_finds_the_minimum_and_says_so() -> None:
    found = sweep(objectives.bowl, RANGE, trials=30)
    assert abs(found.best.params["x"] - 2) < 0.5
    assert found.best.value == min(one.value for one in found.trials)
    assert [one.number for one in found.trials] == list(range(30))
    assert "30 trials (30 complete); stopped: trials" in repr(found)
    assert found.ranked()[0] is found.best


def test_the_same_seed_proposes_the_same_and_another_something_else() -> None:
    first, second, other = (sweep(objectives.bowl, RANGE, trials=12, seed=s) for s in (3, 3, 4))
    assert numbers(first) == numbers(second)
    assert numbers(first) != numbers(other)


def test_kinds_of_settings() -> None:
    space = {
        "rate": (1e-4, 1e-1, "log"),
        "layers": (1, 3),
        "hidden": [(8,), (8, 8), (16,)],
        "kind": ["relu", "tanh"],
        "momentum": optuna.distributions.FloatDistribution(0.5, 0.9, step=0.1),
        "batch": 32,
    }
    seen: list[dict[str, Any]] = []

    def objective(trial: Any) -> float:
        seen.append(trial.params)
        return float(trial["rate"])

    found = sweep(objective, space, trials=25)
    for params in seen:
        assert 1e-4 <= params["rate"] <= 1e-1
        assert params["layers"] in (1, 2, 3)
        assert params["hidden"] in space["hidden"]
        assert round(params["momentum"] * 10) in range(5, 10)
        assert params["batch"] == 32
    assert {params["kind"] for params in seen} == {"relu", "tanh"}
    assert any(params["rate"] < 1e-3 for params in seen)
    assert [one.params for one in found.trials] == seen


def test_a_function_may_choose_what_depends_on_what() -> None:
    def space(trial: Any) -> dict[str, Any]:
        layers = trial.suggest_int("layers", 1, 3)
        return {"sizes": [trial.suggest_int(f"size {i}", 4, 8) for i in range(layers)]}

    found = sweep(lambda trial: sum(trial["sizes"]), space, trials=15)
    assert {len(one.params["sizes"]) for one in found.trials} == {1, 2, 3}
    with pytest.raises(TypeError, match=r"return a dict of settings, got list"):
        sweep(objectives.bowl, lambda trial: [1], trials=2)


@pytest.mark.parametrize("mode", ["min", "max"])
def test_mode(mode: str) -> None:
    found = sweep(lambda trial: trial["x"], RANGE, trials=10, mode=mode)
    values = [one.value for one in found.trials]
    assert found.best.value == (min(values) if mode == "min" else max(values))


def test_a_trial_draws_what_it_draws_alone(tmp_path: Path) -> None:
    """Here, in threads and in processes; on one thread each where there are several at once."""
    steep.set_num_threads(2)
    steep.manual_seed(1)
    before = steep.get_rng_state()
    here = sweep(objectives.drawn, RANGE, trials=6)
    with ThreadPoolExecutor(3) as threads:
        in_threads = sweep(objectives.drawn, RANGE, trials=6, executor=threads)
    elsewhere = sweep(objectives.drawn, RANGE, trials=6, workers=2)
    assert steep.equal(steep.get_rng_state(), before)
    assert steep.get_num_threads() == 2
    for one in here.trials:
        steep.manual_seed(one.seed)
        expected = steep.rand(1).item()
        assert one.value == expected + 20
        assert in_threads.trials[one.number].value == expected + 10
        assert elsewhere.trials[one.number].value == expected + 10
        assert here.again(objectives.drawn, one.number) == one.value
    with pytest.raises(KeyError, match="expected the number of a trial, got 99"):
        here.again(objectives.drawn, 99)


def test_a_training_has_the_same_bits_in_another_process() -> None:
    space = {"lr": (1e-3, 1e-1, "log"), "hidden": [(4,), (8,)]}
    pool = ProcessPoolExecutor(2, mp_context=get_context("spawn"))
    with pool:
        found = sweep(objectives.trained, space, trials=5, pruner=None, executor=pool)
    assert [one.state for one in found.trials] == ["complete"] * 5
    best = found.best
    assert best.params["hidden"] in space["hidden"]
    assert found.again(objectives.trained, best.number) == best.value


@pytest.mark.parametrize("workers", [1, 2])
def test_pruning(workers: int, tmp_path: Path) -> None:
    found = sweep(
        objectives.reporting, RANGE, trials=20, workers=workers, storage=tmp_path / "sweep.db"
    )
    pruned = [one for one in found.trials if one.state == "pruned"]
    complete = [one for one in found.trials if one.state == "complete"]
    assert pruned
    assert len(pruned) + len(complete) == 20
    assert all("is worse than others at step" in one.reason for one in pruned)
    assert all(one.value == pytest.approx(one.params["x"]) for one in pruned)
    assert found.best.state == "complete"
    unpruned = sweep(objectives.reporting, RANGE, trials=20, pruner=None)
    assert {one.state for one in unpruned.trials} == {"complete"}


def test_failures_have_reasons_and_the_sweep_goes_on() -> None:
    space = {"kind": ["raises", "none", "nan", "text", "good", "bool"]}
    sampler = optuna.samplers.GridSampler(space)
    with pytest.warns(UserWarning, match="5 of 6 trials failed; the first"):
        found = sweep(objectives.fragile, space, trials=6, sampler=sampler)
    reasons = {one.params["kind"]: one.reason for one in found.failed}
    assert reasons["raises"] == "ValueError: this one is bad"
    assert "expected the objective to return a number, got NoneType" in reasons["none"]
    assert "expected the objective to return a number, got nan" in reasons["nan"]
    assert "expected the objective to return a number, got str" in reasons["text"]
    assert "expected the objective to return a number, got bool" in reasons["bool"]
    assert found.best.params == {"kind": "good"}
    assert "failed: " in repr(found)


def test_if_all_fail_it_is_an_error() -> None:
    with pytest.raises(RuntimeError, match=r"all 3 failed; the first, trial 0: ValueError: this"):
        sweep(objectives.fragile, {"kind": "raises"}, trials=3)


def test_a_process_that_dies_fails_its_trial_alone() -> None:
    sampler = optuna.samplers.GridSampler({"x": [0, 1, 2, 3, 4, 5]})
    with pytest.warns(UserWarning, match="1 of 6 trials failed; .*its process died"):
        found = sweep(objectives.dying, {"x": (0, 5)}, trials=6, workers=2, sampler=sampler)
    assert len(found) == 6
    assert [one.params["x"] for one in found.failed] == [3]


def test_a_script_that_cannot_be_imported_again_is_told_so(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from steep.train import sweep\n"
        "def objective(trial):\n    return trial['x']\n"
        "sweep(objective, {'x': (0.0, 1.0)}, trials=50, workers=2)\n"
    )
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 1
    assert "the first 3 died; in a script, call sweep below" in done.stderr


def test_goes_on_where_it_ended(tmp_path: Path) -> None:
    path = tmp_path / "sweep.db"
    first = sweep(objectives.bowl, RANGE, trials=5, storage=path, seed=7)
    second = sweep(objectives.bowl, RANGE, trials=9, storage=path)
    assert numbers(second)[:5] == numbers(first)
    assert len({one.params["x"] for one in second.trials}) == 9
    again = sweep(objectives.bowl, RANGE, trials=4, storage=path)  # that many there are already
    assert numbers(again) == numbers(second)
    assert again.stopped == "trials"
    other = sweep(objectives.bowl, RANGE, trials=2, storage=path, name="another")
    assert len(other) == 2
    assert not Path(f"{path}.lock").exists()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_kill_loses_no_trial_that_has_ended(workers: int, tmp_path: Path) -> None:
    path, begun = tmp_path / "sweep.db", tmp_path / "begun"
    begun.mkdir()
    environment = {**os.environ, "STEEP_TEST_FOLDER": str(begun)}
    process = subprocess.Popen(
        [sys.executable, objectives.__file__, str(path), str(workers)],
        env=environment, start_new_session=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 300
        while len(list(begun.iterdir())) < 3 + workers:
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.05)
        with pytest.raises(RuntimeError, match="that no other sweep uses"):
            sweep(objectives.bowl, {"x": (0.0, 1.0)}, trials=8, storage=path)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    seeds = dict(map(int, file.name.split("-")) for file in begun.iterdir())
    found = sweep(objectives.bowl, {"x": (0.0, 1.0)}, trials=8, storage=path)
    assert len(found) == 8
    ended = [one for one in found.trials if one.number < 3]
    assert [one.value for one in ended] == [one.params["x"] for one in ended]  # by `slow`
    # What ran when it was killed runs again, with its seed.
    assert {seeds[number] for number in seeds if number >= 3} <= {one.seed for one in found.trials}
    assert {one.state for one in found.trials} == {"complete"}


def test_an_interrupt_ends_it_with_what_there_is(tmp_path: Path) -> None:
    def objective(trial: Any) -> float:
        if trial.number == 3:
            raise KeyboardInterrupt
        return float(trial["x"])

    path = tmp_path / "sweep.db"
    found = sweep(objective, RANGE, trials=6, storage=path)
    assert found.stopped == "interrupted"
    assert len(found) == 3
    resumed = sweep(objectives.bowl, RANGE, trials=6, storage=path)
    assert numbers(resumed)[:3] == numbers(found)
    assert len(resumed) == 6


def test_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that goes on during trials alone, so that no machine is too slow for the first."""
    seconds = [0.0]
    clock = SimpleNamespace(monotonic=lambda: seconds[0])
    for module in ("sweeping", "running"):
        monkeypatch.setattr(f"steep.train.sweeps.{module}.time", clock)

    def objective(trial: Trial) -> float:
        seconds[0] += 0.1
        return 1.0

    found = sweep(objective, RANGE, trials=1000, timeout=0.25)
    assert found.stopped == "timeout"
    assert len(found) == 3


def test_the_table(tmp_path: Path) -> None:
    found = sweep(objectives.bowl, {**RANGE, "kind": ["a", "b"]}, trials=4)
    found.to_csv(tmp_path / "sweep.csv")
    rows = list(csv.DictReader((tmp_path / "sweep.csv").read_text().splitlines()))
    assert list(rows[0]) == ["trial", "state", "value", "x", "kind", "seed", "seconds", "reason"]
    assert [float(row["x"]) for row in rows] == [one.params["x"] for one in found.trials]
    assert list(found.to_frame()["value"]) == [one.value for one in found.trials]


def test_a_bar(capfd: pytest.CaptureFixture[str]) -> None:
    sweep(objectives.bowl, RANGE, trials=3, progress=True)
    shown = capfd.readouterr().err
    assert "sweep: 100%" in shown
    assert "best " in shown


def test_a_trial_by_itself() -> None:
    trial = Trial({"x": 2.0}, seed=1)
    assert objectives.bowl(trial) == 0
    trial.report(0.5)  # nobody listens
    with pytest.raises(KeyError, match=r"expected a setting, got 'y'; there are 'x'"):
        trial["y"]
    with pytest.raises(TypeError, match="expected value to be a number, got str"):
        trial.report("0.5")  # type: ignore[arg-type]
    x, model = steep.ones(4, 1), steep.nn.Linear(1, 1)
    sgd = steep.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(KeyError, match="expected a column of the history, got 'val_loss'"):
        steep.train.fit(model, steep.nn.MSELoss(), sgd, (x, x), callbacks=[trial.callback()])


def locked(path: Path) -> sqlite3.Connection:
    sweep(objectives.bowl, RANGE, trials=1, storage=path)
    other = sqlite3.connect(path)
    other.execute("BEGIN IMMEDIATE")
    return other


def test_a_locked_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sweep.db"
    other = locked(path)
    with pytest.raises(RuntimeError, match=r"can be written to, got .*sweep.db: database is lock"):
        sweep(objectives.bowl, RANGE, trials=2, storage=path)
    other.close()
    assert len(sweep(objectives.bowl, RANGE, trials=2, storage=path)) == 2


def test_a_foreign_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    text = tmp_path / "text.db"
    text.write_text("this is no database, but a long text " * 40)
    tables = tmp_path / "tables.db"
    with sqlite3.connect(tables) as database:
        database.execute("CREATE TABLE customers (name TEXT)")
    database.close()
    for path, words in ((text, "a database of SQLite"), (tables, "other tables .customers")):
        before = path.read_bytes()
        with pytest.raises(ValueError, match=words):
            sweep(objectives.bowl, RANGE, trials=2, storage=path)
        assert path.read_bytes() == before
    with pytest.raises(FileNotFoundError, match="a folder that exists"):
        sweep(objectives.bowl, RANGE, trials=2, storage=tmp_path / "none" / "sweep.db")
    own = tmp_path / "own.db"
    optuna.create_study(study_name="sweep", storage=f"sqlite:///{own}")
    with pytest.raises(ValueError, match="which something else has made"):
        sweep(objectives.bowl, RANGE, trials=2, storage=own)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"space": {"x": (0.0, 1.0)}}, "expected the space of the sweep 'sweep'"),
        ({"mode": "max"}, "expected the mode of the sweep 'sweep' that is to go on, min, got max"),
        ({"seed": 5}, "expected the seed of the sweep 'sweep' that is to go on, 0, got 5"),
    ],
)
def test_another_sweep_does_not_go_on(changed: dict[str, Any], words: str, tmp_path: Path) -> None:
    path = tmp_path / "sweep.db"
    sweep(objectives.bowl, RANGE, trials=2, storage=path)
    with pytest.raises(ValueError, match=words):
        sweep(objectives.bowl, **{"space": RANGE, "trials": 3, "storage": path, **changed})


BAD: dict[str, tuple[type[Exception], str, dict[str, Any]]] = {
    "set": (TypeError, "expected 'x' to be a range", {"space": {"x": {1, 2}}}),
    "tuple": (TypeError, "got the tuple", {"space": {"x": (1, 2, 3)}}),
    "one number": (TypeError, "got the tuple", {"space": {"x": (1,)}}),
    "order": (ValueError, "low <= high", {"space": {"x": (2, 1)}}),
    "nan": (ValueError, "low <= high", {"space": {"x": (0.0, float("nan"))}}),
    "log": (ValueError, "begin above 0", {"space": {"x": (0.0, 1.0, "log")}}),
    "no choice": (ValueError, "got an empty list", {"space": {"x": []}}),
    "same choices": (ValueError, "that differ", {"space": {"x": [1, 1]}}),
    "no space": (TypeError, "expected space to be a dict", {"space": 3}),
    "names": (TypeError, "names of settings to be strings", {"space": {3: (0, 1)}}),
    "objective": (TypeError, "expected objective to be a function", {"objective": 3}),
    "trials": (ValueError, "expected trials to be at least 1, got 0", {"trials": 0}),
    "half a trial": (TypeError, "expected trials to be an int", {"trials": 1.5}),
    "mode": (ValueError, "expected mode to be 'min' or 'max'", {"mode": "minimize"}),
    "executor": (TypeError, "concurrent.futures.Executor, got int", {"executor": 3}),
    "lambda": (TypeError, "other processes can import", {"objective": lambda t: 1, "workers": 2}),
}


@pytest.mark.parametrize("name", BAD)
def test_what_does_not_fit_is_refused(name: str) -> None:
    error, words, changed = BAD[name]
    given: dict[str, Any] = {"objective": objectives.bowl, "space": RANGE, "trials": 2, **changed}
    with pytest.raises(error, match=words):
        sweep(**given)
