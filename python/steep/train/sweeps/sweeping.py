"""`sweep`: a search for settings, by many trials."""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import os
import pickle
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

from steep._core import get_num_threads, set_num_threads
from steep._optional import optional
from steep.train.sweeps.result import SweepResult
from steep.train.sweeps.running import Sweep, results_of
from steep.train.sweeps.space import Space, Suggest, suggestion_of
from steep.train.sweeps.store import (
    Study,
    check_database,
    close_study,
    held,
    open_study,
    url_of,
)
from steep.train.sweeps.trial import Job, Outcome, Trial, seed_of

__all__ = ["sweep"]


def sweep(
    objective: Callable[[Trial], Any],
    space: Space | Suggest,
    *,
    trials: int = 20,
    mode: str = "min",
    storage: str | os.PathLike[str] | None = None,
    name: str = "sweep",
    seed: int | None = None,
    pruner: Any = "median",
    sampler: Any = None,
    workers: int | None = None,
    executor: Executor | None = None,
    threads: int | None = None,
    timeout: float | None = None,
    progress: bool | None = None,
) -> SweepResult:
    """Search for the settings with which an objective is best.

    Settings are proposed by Optuna, those of good trials more often (TPE, Bergstra et al. 2011). A
    trial that reports how it goes is ended early when it is worse than half of the others.

    Args:
        objective: a function of a `Trial` that returns a number. ``trial["lr"]`` is a setting;
            ``callbacks=[trial.callback()]`` in `fit` reports each epoch. For trials in other
            processes it must be a function at the top of a module.
        space: settings by name: ``(low, high)`` for a range of floats or ints, ``(low, high,
            'log')`` on a logarithmic scale, a list of choices, a distribution of Optuna, or a
            single value; or a function that gets Optuna's trial and returns the settings as a dict.
        trials: how many there are to be in all, those of earlier runs in `storage` included.
        mode: ``'min'`` if less is better (the default), or ``'max'``.
        storage: file (SQLite) or address of a database that keeps the trials. Called again with it,
            a sweep that was interrupted or killed goes on: no trial that had ended is lost, and
            those that ran then run again. Default: ``None``, kept in memory.
        name: of the sweep within `storage`.
        seed: of proposals and of trials: trial `n` draws at random what it draws alone after
            `manual_seed` of its own seed. Default: 0, or that of the sweep that goes on.
        pruner: ``'median'``, ``None``, or a pruner of Optuna.
        sampler: a sampler of Optuna. Default: TPE.
        workers: trials at once. With more than one and no `executor`, in so many processes, each on
            one thread. Default: 1, or the size of `executor`.
        executor: any `concurrent.futures.Executor`: of threads, processes, Dask
            (``client.get_executor()``), MPI (``mpi4py.futures``). It is not shut down. On other
            machines `storage` has to be a database that all of them reach, if trials report.
        threads: of each trial. Default: 1 for trials at once; else what is set.
        timeout: seconds after which no more trials begin. Default: ``None``.
        progress: whether a bar is shown. Default: ``None``, on a terminal alone.

    Returns:
        The `SweepResult`. An objective that raises, or returns no number, makes its trial fail,
        with a reason; the sweep goes on, and a warning says so. Ctrl-C ends it with what there is.

    Raises:
        ImportError: if Optuna is not installed.
        TypeError, ValueError: on settings of no known kind, on other arguments that do not fit, or
            if `storage` holds something else.
        RuntimeError: if the database is locked, or if every trial has failed.

    Example:
        >>> import steep
        >>> def objective(trial):
        ...     return (trial["x"] - 2) ** 2 + trial["shift"]
        >>> found = steep.train.sweep(objective, {"x": (-5.0, 5.0), "shift": [0, 1]}, trials=20)
        >>> len(found), found.best.params["shift"]
        (20, 0)
    """
    optuna = optional("optuna", "sweep", "steep.train.sweep")
    suggest, described = suggestion_of(space)
    count, deadline = _check(objective, trials, mode, workers, executor, threads, timeout)
    is_remote = (executor is not None or count > 1) and not isinstance(executor, ThreadPoolExecutor)
    if isinstance(executor, ProcessPoolExecutor) or (executor is None and count > 1):
        _check_sendable(objective)
    with contextlib.ExitStack() as scope:
        scope.enter_context(_quiet(optuna))
        url = None if storage is None else url_of(storage)
        if url is None and is_remote:
            folder = scope.enter_context(tempfile.TemporaryDirectory(prefix="steep-sweep-"))
            url = url_of(os.path.join(folder, "sweep.db"))
        if url is not None:
            check_database(url)
        scope.enter_context(held(url))
        made = optuna.pruners.MedianPruner() if pruner == "median" else pruner
        made = optuna.pruners.NopPruner() if made is None else made
        study, used_seed = open_study(url, name, mode, described, seed, made)
        scope.callback(close_study, study)
        scope.callback(set_num_threads, get_num_threads())  # trials in threads of this process
        before = len(study.get_trials(deepcopy=False))
        study.sampler = sampler or optuna.samplers.TPESampler(seed=seed_of(used_seed, -before))
        where = (url, name, made) if is_remote else Study(study)
        one_thread = 1 if executor is not None or count > 1 else None
        settings: dict[int, dict[str, Any]] = {}
        bar = scope.enter_context(_shown(progress, trials, len(results_of(study)), study, mode))

        def job(params: dict[str, Any], seed: int, number: int) -> Job:
            settings[number] = params
            return Job(objective, params, seed, number, threads or one_thread, where)

        make = _executor(scope, executor, count)
        running = Sweep(
            *(study, suggest, job, make, count, executor is None, used_seed, trials, deadline, bar)
        )
        stopped = running.run()
        result = SweepResult(results_of(study, settings), mode, stopped)
    _tell_failures(result)
    return result


def _check(
    objective: Any,
    trials: Any,
    mode: Any,
    workers: int | None,
    executor: Any,
    threads: int | None,
    timeout: float | None,
) -> tuple[int, float | None]:
    """How many trials run at once, and when the time is over."""
    if not callable(objective):
        raise TypeError(
            f"sweep: expected objective to be a function of a trial, got {type(objective).__name__}"
        )
    for what, value in (("trials", trials), ("workers", workers), ("threads", threads)):
        if value is None and what != "trials":
            continue
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"sweep: expected {what} to be an int, got {type(value).__name__}")
        if value < 1:
            raise ValueError(f"sweep: expected {what} to be at least 1, got {value}")
    if mode not in ("min", "max"):
        raise ValueError(f"sweep: expected mode to be 'min' or 'max', got {mode!r}")
    if executor is not None and not callable(getattr(executor, "submit", None)):
        raise TypeError(
            "sweep: expected executor to be a concurrent.futures.Executor, got "
            f"{type(executor).__name__}"
        )
    if workers is None:
        workers = 1 if executor is None else getattr(executor, "_max_workers", None)
    if not isinstance(workers, int):
        raise ValueError(
            f"sweep: expected workers, how many trials {type(executor).__name__} is to run at once"
        )
    return workers, None if timeout is None else time.monotonic() + timeout


def _check_sendable(objective: Any) -> None:
    try:
        pickle.dumps(objective)
    except Exception as error:
        raise TypeError(
            "sweep: expected an objective that other processes can import: a function at the top "
            f"of a module, or functools.partial of one; got {objective!r} ({error})"
        ) from error


def _executor(
    scope: contextlib.ExitStack, executor: Executor | None, workers: int
) -> Callable[[], Executor] | None:
    """What makes the executor, or makes it anew; ``None`` if trials run in this thread."""
    if executor is not None:
        return lambda: executor
    if workers == 1:
        return None
    # Begun anew rather than forked: the parent has a database open, and threads perhaps.
    context = multiprocessing.get_context("spawn")

    def make() -> Executor:
        pool = ProcessPoolExecutor(workers, mp_context=context)
        scope.callback(functools.partial(pool.shutdown, wait=False, cancel_futures=True))
        return pool

    return make


@contextlib.contextmanager
def _quiet(optuna: Any) -> Iterator[None]:
    """Without Optuna's own messages."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


@contextlib.contextmanager
def _shown(
    progress: bool | None, trials: int, done: int, study: Any, mode: str
) -> Iterator[Callable[[Outcome], None]]:
    """A bar over the trials, if it is asked for; what is to be called after each."""
    import sys

    asked = progress
    if asked is None:
        asked = sys.stderr is not None and sys.stderr.isatty()
    if not asked:
        yield lambda outcome: None
        return
    tqdm = optional("tqdm", "train", "steep.train.sweep").tqdm
    better = min if mode == "min" else max
    best = [x.value for x in results_of(study) if x.state == "complete" and x.value is not None]
    with tqdm(total=trials, initial=done, desc="sweep", unit="trial") as bar:

        def show(outcome: Outcome) -> None:
            if outcome.value is not None:
                best.append(outcome.value)
            if best:
                bar.set_postfix_str(f"best {better(best):.6g}", refresh=False)
            bar.update(1)

        yield show


def _tell_failures(result: SweepResult) -> None:
    failed = result.failed
    if not failed:
        return
    first = f"the first, trial {failed[0].number}: {failed[0].reason}"
    if len(failed) == len(result.trials):
        raise RuntimeError(
            f"sweep: expected trials that come to a number, but all {len(failed)} failed; {first}"
        )
    warnings.warn(
        f"sweep: {len(failed)} of {len(result.trials)} trials failed; {first}", stacklevel=3
    )
