"""A trial as its objective sees it, in whatever process that runs."""

from __future__ import annotations

import math
import random
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from steep._core import (
    Generator,
    Tensor,
    default_generator,
    draw_from,
    get_num_threads,
    set_num_threads,
)
from steep.train.callbacks import Callback, Run
from steep.train.sweeps.store import Study, joined

__all__ = ["Job", "Outcome", "Pruned", "Trial", "run", "seed_of"]

Objective = Callable[["Trial"], Any]


class Pruned(Exception):  # noqa: N818  # what happened, as in KeyboardInterrupt
    """A trial is worse than others were by then, and ends. `Trial.report` raises it."""


def seed_of(seed: int, number: int) -> int:
    """The seed of a trial, by that of its sweep and its number."""
    return random.Random(f"steep sweep {seed} trial {number}").getrandbits(31)


class Trial:
    """One set of settings that a sweep tries.

    Attributes:
        params: the settings by their names; ``trial["lr"]`` is ``trial.params["lr"]``.
        number: which trial of the sweep it is, from 0 on.
        seed: what the default generator was seeded with when the objective began.
    """

    def __init__(
        self, params: dict[str, Any], seed: int, number: int = 0, study: Study | None = None
    ) -> None:
        self.params, self.seed, self.number = dict(params), seed, number
        self._study = study
        self._steps = 0

    def __getitem__(self, name: str) -> Any:
        """A setting.

        Raises:
            KeyError: if there is none of that name.
        """
        if name not in self.params:
            listed = ", ".join(map(repr, self.params)) or "none"
            raise KeyError(f"Trial: expected a setting, got {name!r}; there are {listed}")
        return self.params[name]

    def report(self, value: float, step: int | None = None) -> None:
        """Tell how good it is so far, such as after an epoch.

        Args:
            value: the measure that the objective will return in the end.
            step: when. Default: one more than the last time.

        Raises:
            Pruned: if the trial is to end, because others were better at that step.
            TypeError: if `value` is no number.
        """
        number = _number(value)
        step = self._steps if step is None else step
        self._steps = step + 1
        if self._study is not None and self._study.report(self.number, number, step):
            raise Pruned(f"trial {self.number} is worse than others at step {step}: {number}")

    def callback(self, column: str = "val_loss") -> Callback:
        """A callback for `fit` that reports a column of the history after each epoch."""
        return _Reporting(self, column)


class _Reporting(Callback):
    def __init__(self, trial: Trial, column: str) -> None:
        self.trial, self.column = trial, column

    def on_epoch_end(self, run: Run) -> None:
        """Report the epoch."""
        if self.column not in run.logs:
            raise KeyError(
                f"Trial.callback: expected a column of the history, got {self.column!r}; there "
                f"are {', '.join(map(repr, run.logs))}"
            )
        self.trial.report(run.logs[self.column], run.epoch)


@dataclass
class Job:
    """What a worker needs to run a trial. It can be pickled unless `study` lives in memory."""

    objective: Objective
    params: dict[str, Any]
    seed: int
    number: int
    threads: int | None
    study: Any  # a Study, or what one is joined by in another process


@dataclass
class Outcome:
    """How a trial ended.

    Attributes:
        state: ``'complete'``, ``'pruned'`` or ``'failed'``.
        value: of a complete one.
        reason: why it failed, or at what it was pruned.
        seconds: how long it took.
    """

    number: int
    state: str
    value: float | None = None
    reason: str = ""
    seconds: float = 0.0
    details: str = field(default="", repr=False)  # the traceback


def run(job: Job) -> Outcome:
    """Run a trial; what goes wrong in its objective is part of the outcome."""
    before, started = get_num_threads(), time.perf_counter()
    if job.threads is not None and job.threads != before:
        set_num_threads(job.threads)
    try:
        outcome = _run(job)
    finally:
        if job.threads is not None and threading.current_thread() is threading.main_thread():
            set_num_threads(before)
    outcome.seconds = time.perf_counter() - started
    return outcome


def _run(job: Job) -> Outcome:
    try:
        study = job.study if isinstance(job.study, Study) else joined(job.study)
        trial = Trial(job.params, job.seed, job.number, study)
        value = _number(seeded(job.seed, job.objective, trial), "sweep: expected the objective to")
        return Outcome(job.number, "complete", value)
    except Exception as error:
        if type(error).__name__ in ("Pruned", "TrialPruned"):
            return Outcome(job.number, "pruned", reason=str(error))
        reason = f"{type(error).__name__}: {error}".strip().rstrip(":")
        return Outcome(job.number, "failed", reason=reason, details=traceback.format_exc())


def seeded(seed: int, function: Callable[..., Any], *args: Any) -> Any:
    """A call that draws what it would after ``manual_seed(seed)``, and leaves no trace of that.

    Other threads draw from the default generator at the same time, so all but the main one get a
    stream of their own.
    """
    if threading.current_thread() is not threading.main_thread():
        return draw_from(Generator().manual_seed(seed), function, *args)
    before = default_generator.get_state()
    default_generator.manual_seed(seed)
    try:
        return function(*args)
    finally:
        default_generator.set_state(before)


def _number(value: Any, what: str = "Trial.report: expected value to") -> float:
    verb = "return" if "objective" in what else "be"
    if isinstance(value, (bool, str, bytes)):
        raise TypeError(f"{what} {verb} a number, got {type(value).__name__}")
    try:
        number = float(value.item() if isinstance(value, Tensor) else value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"{what} {verb} a number, got {type(value).__name__}") from error
    if math.isnan(number):
        raise ValueError(f"{what} {verb} a number, got nan")
    return number
