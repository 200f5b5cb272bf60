"""The loop of a sweep: trials are asked for, run somewhere, and told."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Any

from steep._optional import optional
from steep.train.sweeps.result import TrialResult
from steep.train.sweeps.space import Suggest
from steep.train.sweeps.trial import Job, Outcome, run, seed_of

__all__ = ["Sweep", "results_of"]

_LOOK = 0.5  # seconds between two looks at the clock
_INTERRUPTED = "interrupted"
_MOST_DEATHS = 3  # in a row, from the beginning: then it is not the trials
_ATTRIBUTES = ("params", "seed", "seconds", "reason", "state")


@dataclass
class Sweep:
    """A sweep that is set up.

    Attributes:
        study: Optuna's study.
        suggest: chooses the settings of a trial.
        make_job: a `Job` of settings, seed and number.
        executor: makes what runs the trials; ``None``: they run here, one after the other.
        workers: how many run at once.
        is_own: whether a broken executor may be replaced.
        show: called after each trial with how it ended.
    """

    study: Any
    suggest: Suggest
    make_job: Callable[[dict[str, Any], int, int], Job]
    executor: Callable[[], Executor] | None
    workers: int
    is_own: bool
    seed: int
    trials: int
    deadline: float | None
    show: Callable[[Outcome], None]
    running: dict[Future[Outcome], Any] = field(default_factory=dict)
    used: Executor | None = None
    was_told: bool = False  # whether the sampler has said that it has nothing more to propose

    deaths: int = 0  # of processes, each with the one trial that it ran
    ended: int = 0  # trials of this run

    def run(self) -> str:
        """Run what is left; why it ended."""
        self.study.stop = self._exhaust  # what a sampler of a grid calls at its end
        self._take_over()
        left = max(0, self.trials - len(results_of(self.study)))
        try:
            return self._here(left) if self.executor is None else self._elsewhere(left)
        except KeyboardInterrupt:
            self._abandon()
            return _INTERRUPTED
        except BaseException:
            self._abandon()
            raise

    def _exhaust(self) -> None:
        self.was_told = True

    def _is_exhausted(self) -> bool:
        return self.was_told and not self._waiting()

    def _waiting(self) -> list[Any]:
        """The trials in the queue."""
        optuna = optional("optuna", "sweep", "steep.train.sweep")
        states = (optuna.trial.TrialState.WAITING,)
        found: list[Any] = self.study.get_trials(deepcopy=False, states=states)
        return found

    def _is_late(self) -> bool:
        return self.deadline is not None and time.monotonic() >= self.deadline

    def _take_over(self) -> None:
        """Run again, with the same settings and seeds, what was running when a sweep was killed."""
        optuna = optional("optuna", "sweep", "steep.train.sweep")
        states = optuna.trial.TrialState
        for trial in self.study.get_trials(deepcopy=False, states=(states.RUNNING,)):
            self._give_back(trial)

    def _give_back(self, trial: Any) -> None:
        """End a trial as interrupted, and put another with its settings in the queue."""
        optuna = optional("optuna", "sweep", "steep.train.sweep")
        number = trial.number
        storage = self.study._storage
        key = storage.get_trial_id_from_study_id_trial_number(self.study._study_id, number)
        frozen = storage.get_trial(key)
        attributes = frozen.user_attrs
        storage.set_trial_user_attr(key, "state", _INTERRUPTED)
        self.study.tell(number, state=optuna.trial.TrialState.FAIL)
        self.study.enqueue_trial(
            frozen.params, user_attrs={"seed": attributes.get("seed", seed_of(self.seed, number))}
        )
        new = self._waiting()[-1]._trial_id
        for name, value in frozen.system_attrs.items():  # which point of a grid it is
            if name != "fixed_params":
                storage.set_trial_system_attr(new, name, value)

    def _ask(self) -> tuple[Any, Job]:
        """The next trial, whose settings and seed are kept with it."""
        trial = self.study.ask()
        try:
            params = self.suggest(trial)
        except BaseException as error:
            trial.set_user_attr("reason", f"{type(error).__name__}: {error}")
            self._tell(trial, Outcome(trial.number, "failed", reason=f"space: {error}"))
            raise
        seed = trial.user_attrs.get("seed", seed_of(self.seed, trial.number))
        trial.set_user_attr("seed", seed)
        trial.set_user_attr("params", {name: _storable(value) for name, value in params.items()})
        return trial, self.make_job(params, seed, trial.number)

    def _tell(self, trial: Any, outcome: Outcome) -> None:
        optuna = optional("optuna", "sweep", "steep.train.sweep")
        states = optuna.trial.TrialState
        ended = {"complete": states.COMPLETE, "pruned": states.PRUNED, "failed": states.FAIL}
        trial.set_user_attr("state", outcome.state)
        trial.set_user_attr("seconds", outcome.seconds)
        if outcome.reason:
            trial.set_user_attr("reason", outcome.reason)
        self.study.tell(trial.number, outcome.value, state=ended[outcome.state])
        self.ended += 1
        self.show(outcome)

    def _here(self, left: int) -> str:
        for _ in range(left):
            if self._is_late() or self._is_exhausted():
                break
            trial, job = self._ask()
            try:
                outcome = run(job)
            except BaseException:
                self._give_back(trial)
                raise
            self._tell(trial, outcome)
            left -= 1
        return self._reason(left)

    def _elsewhere(self, left: int) -> str:
        assert self.executor is not None
        self.used = self.executor()
        while True:
            is_over = self._is_late() or self._is_exhausted()
            try:
                while left > 0 and len(self.running) < self.workers and not is_over:
                    left -= 1
                    self._send(*self._ask())
                if not self.running:
                    return self._reason(left)
                done, _ = wait(self.running, timeout=_LOOK, return_when=FIRST_COMPLETED)
                for future in done:
                    self._end(future)
            except BrokenProcessPool:
                if not self.is_own:
                    raise
                left += self._after_a_death()

    def _reason(self, left: int) -> str:
        if left == 0:
            return "trials"
        return "sampler" if self.was_told else "timeout"

    def _send(self, trial: Any, job: Job) -> None:
        assert self.used is not None
        nowhere: Future[Outcome] = Future()
        self.running[nowhere] = trial  # if the executor is found to be broken now
        future = self.used.submit(run, job)
        self.running[future] = self.running.pop(nowhere)

    def _end(self, future: Future[Outcome]) -> None:
        """Tell how a trial has ended."""
        trial = self.running[future]
        try:
            outcome = future.result()
        except BrokenProcessPool:
            raise
        except Exception as error:  # what could not be sent, or came back broken
            outcome = Outcome(
                trial.number, "failed", reason=f"{type(error).__name__}: {error}".strip()
            )
        self._tell(trial, outcome)
        del self.running[future]

    def _after_a_death(self) -> int:
        """A process died, and with it the pool; which trial it ran is not known.

        All that ran are run again, one by one: the next that dies is to blame. Returns how many.
        """
        assert self.executor is not None
        ran = list(self.running.values())
        self.running.clear()
        if self.used is not None:
            self.used.shutdown(wait=False, cancel_futures=True)
        self.used = self.executor()
        if len(ran) == 1 and self.workers == 1:
            reason = "its process died: out of memory, or killed"
            self._tell(ran[0], Outcome(ran[0].number, "failed", reason=reason))
            self.deaths += 1
            if self.deaths == _MOST_DEATHS and self.ended == self.deaths:
                raise RuntimeError(
                    f"sweep: expected processes that run trials, but the first {self.deaths} died; "
                    "in a script, call sweep below \"if __name__ == '__main__':\", as other "
                    "processes import it, and look at what they print"
                )
            return 0
        self.workers = 1
        for trial in ran:
            self._give_back(trial)
        return len(ran)

    def _abandon(self) -> None:
        """Give back what runs, without waiting for it."""
        if self.used is not None and self.is_own:
            processes = list((getattr(self.used, "_processes", None) or {}).values())
            self.used.shutdown(wait=False, cancel_futures=True)
            for process in processes:
                process.terminate()
        for future, trial in self.running.items():
            future.cancel()
            self._give_back(trial)
        self.running.clear()


def _storable(value: Any) -> Any:
    return value if isinstance(value, (str, bool, int, float, type(None))) else repr(value)


def results_of(study: Any, params: dict[int, dict[str, Any]] | None = None) -> list[TrialResult]:
    """The trials that have ended of themselves; `params` has settings that no database can hold."""
    found = []
    for trial in study.get_trials(deepcopy=False):
        attributes = trial.user_attrs
        state = attributes.get("state")
        if not trial.state.is_finished() or state in (None, _INTERRUPTED):
            continue
        known = (params or {}).get(trial.number, attributes.get("params", dict(trial.params)))
        value = trial.value
        if state == "pruned" and trial.intermediate_values:
            value = trial.intermediate_values[max(trial.intermediate_values)]
        found.append(
            TrialResult(
                trial.number,
                state,
                value,
                dict(known),
                attributes.get("seed", 0),
                attributes.get("seconds", 0.0),
                attributes.get("reason", ""),
            )
        )
    return found
