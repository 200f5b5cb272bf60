"""The loop of `fit`: epochs, and in them the steps."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from steep._core import isfinite
from steep.train._arrays import tensors_in
from steep.train._batches import Batch, Batches
from steep.train._measure import Measurement, Modes, value_of
from steep.train._monitor import Monitor
from steep.train._progress import Progress
from steep.train._schedule import Schedule
from steep.train._step import Score, Step
from steep.train.callbacks import Run, methods
from steep.train.checkpoints import Checkpoint
from steep.train.metrics.base import Metric

if TYPE_CHECKING:
    from steep.diagnose.sanitizer import Sanitizer

__all__ = ["Loop", "NonFiniteLoss"]

_SUMS = ("total", "samples", "norms", "done", "is_inside")
_LOOK = 0.05  # seconds between two looks at the clock, for the progress bar


class NonFiniteLoss(ArithmeticError):  # noqa: N818  # what happened, as in KeyboardInterrupt
    """The loss of a training step is NaN or infinite.

    Attributes:
        epoch: in which epoch, from 1 on.
        step: at which optimiser step of the training, from 1 on.
        value: the loss.
        history: what there was before.
    """

    def __init__(self, run: Run, value: float, cause: str) -> None:
        self.epoch, self.step, self.value, self.history = run.epoch, run.step, value, run.history
        where = f"fit: the loss is {value} at step {run.step}, in epoch {run.epoch}"
        cure = (
            "a smaller learning rate, clip_norm=1.0 or inputs of mean 0 and deviation 1 are the "
            "usual cures; a steep.diagnose.Sanitizer around the steps before it names the layer"
        )
        super().__init__(f"{where}: {cause or cure}")


def _cause(batches: Batches, arguments: Sequence[Any]) -> str:
    """What is wrong with the batch, if that is what is wrong; rows of arrays have been checked."""
    if batches.in_rows:
        return ""
    groups = arguments[0] if isinstance(arguments[0], list) else [(0, arguments)]
    for _, (x, y, _weight) in groups:
        for name, part in (("inputs", x), ("targets", y)):
            if not all(bool(isfinite(t).all()) for t in tensors_in(part) if t.is_floating_point()):
                return f"the {name} of that batch hold NaN or infinity"
    return ""


def _not_ready(*arguments: Any) -> Any:
    raise RuntimeError("fit: the step has not been made yet")


def _unjudged(run: Run) -> None:
    """What is done after a training that nobody looks at."""


@dataclass
class Loop:
    """A training that is set up, and how far it is in its epoch."""

    run: Run
    batches: Batches
    other: Batches | None  # of the validation
    score: Score
    monitor: Monitor
    schedule: Schedule
    modes: Modes
    progress: Progress
    callbacks: Sequence[Any] = ()
    steps: int | None = None  # of an epoch, if that is not a pass over the data
    accumulate: int = 1
    wants_norm: bool = False  # whether the history has the norm of the gradients
    checkpoint: Checkpoint | None = None
    watch: Sanitizer | None = None
    judge_outcome: Callable[[Run], None] = _unjudged
    # What is made after the first batch has been tried.
    step: Step = _not_ready
    watched_step: Step = _not_ready
    metrics: Sequence[Metric] = ()
    validation: Measurement | None = None
    # How far it is.
    total: float = 0.0
    samples: float = 0  # or what else the means of the loss have divided by
    norms: float = 0.0
    done: int = 0  # steps of this epoch
    kept: list[Any] = field(default_factory=list)
    is_inside: bool = False  # whether an epoch has begun and is not over
    started: float = 0.0
    piece: int = 1  # steps between two looks at the clock

    def train(self) -> None:
        """All epochs; ends early if that is asked for."""
        run = self.run
        before = run.history["seconds"][-1] if len(run.history) else 0.0
        self.started = time.perf_counter() - before
        stream = _Stream(self.batches, self.steps, self.accumulate)
        try:
            self._call("on_train_begin")
            while (run.epoch < run.epochs or self.is_inside) and not self._is_over():
                self._begin_epoch()
                self._steps(stream.epoch(self.done))
                if self._is_over() and self.done != run.steps:
                    break  # in the middle of an epoch, which gets no row
                self._end_epoch()
            if not self._is_over():
                run.stopped = "epochs"
        except KeyboardInterrupt:
            run.stopped = "interrupted"
        except NonFiniteLoss:
            run.stopped = "non-finite loss"
            raise
        finally:
            self._end()

    def _is_over(self) -> bool:
        """Whether a callback or a measure has asked for the end."""
        return self.run.stopped is not None

    def _is_watching(self) -> bool:
        """Whether somebody watches the first steps; if no longer, he is let go."""
        if self.watch is not None and not self.watch.is_watching:
            self.watch.close()
            self.watch = None
        return self.watch is not None

    def _call(self, name: str) -> None:
        for method in methods(self.callbacks, name):
            method(self.run)

    def _begin_epoch(self) -> None:
        """Begin an epoch, or go on with one that a checkpoint was in."""
        self.modes.train()
        if self.is_inside:
            self.progress.begin_epoch(self.run)
            return
        self.is_inside = True
        self.run.epoch += 1
        for metric in self.metrics:
            metric.reset()
        self.total, self.samples, self.norms, self.done = 0.0, 0, 0.0, 0
        self.kept.clear()
        self.progress.begin_epoch(self.run)
        self._call("on_epoch_begin")

    def _steps(self, batches: Iterator[Batch]) -> None:
        """The steps of the epoch, in pieces between which the progress is shown."""
        watchers = methods(self.callbacks, "on_batch_end")
        after = [self.schedule.after_step] if self.schedule.by_step else []
        while not self._is_over():
            before, step, asked = time.perf_counter(), self.step, self.piece
            left = None if self.checkpoint is None else self.checkpoint.steps_left(self.run.step)
            if left is not None:
                asked = min(self.piece, left)
            if self._is_watching():
                asked, step = 1, self.watched_step
            count = self._piece(step, itertools.islice(batches, asked), after, watchers)
            if count == left:
                self._save()
            if count < asked:
                break
            seconds = time.perf_counter() - before
            self.piece = max(1, min(2 * self.piece, int(count * _LOOK / max(seconds, 1e-9))))
            self.progress.steps(self.run, count)
        if self.done == 0:
            raise ValueError(
                f"fit: expected batches in epoch {self.run.epoch}, got none: the training data "
                "came to an end; give a loader that begins anew whenever it is iterated over"
            )
        self.run.steps = self.run.steps or self.done

    def _piece(
        self,
        step: Step,
        batches: Iterator[Batch],
        after: Sequence[Callable[[], Any]],
        watchers: Sequence[Callable[[Run], Any]],
    ) -> int:
        """Some steps, as quickly as may be; how many there were."""
        run, kept_all = self.run, self.kept
        total, samples, count = self.total, self.samples, 0
        is_watched, by_sum = bool(after or watchers), self.score.is_sum
        for size, arguments in batches:
            value, mass, norm, kept = step(*arguments)
            count += 1
            if value - value != 0.0:
                run.step += count
                raise NonFiniteLoss(run, value, _cause(self.batches, arguments))
            share = size if mass is None else mass.item()
            total += value if by_sum else value * share
            samples += share
            if norm is not None:
                self.norms += norm.item()
            if kept is not None:
                kept_all += kept
            if is_watched:
                run.step += 1
                run.value = value
                for change in after:
                    change()
                for watch in watchers:
                    watch(run)
                if run.stopped is not None:
                    break
        if not is_watched:
            run.step += count
        self.total, self.samples = total, samples
        self.done += count
        return count

    def _end_epoch(self) -> None:
        """Measure, decide, and write the row of the epoch."""
        run = self.run
        self.is_inside = False
        row: dict[str, Any] = {"epoch": run.epoch, "loss": self.total / self.samples}
        for metric in self.metrics:
            row[metric.name] = value_of(metric, self.kept)
        if self.wants_norm:
            row["gradient_norm"] = self.norms / self.done
        if self.validation is not None:
            row.update({f"val_{name}": value for name, value in self.validation.run().items()})
        row["lr"] = float(run.optimizer.param_groups[0]["lr"])
        row["steps"] = run.step
        row["seconds"] = time.perf_counter() - self.started
        if self.monitor.step(row):
            run.stopped = "early stopping"
        if self.monitor.is_best:
            run.history.best_epoch = run.epoch
        self.schedule.after_epoch(row, self.monitor.column)
        run.history.monitor = self.monitor.column
        run.history.append(row)
        run.logs = row
        self.progress.end_epoch(run)
        self._call("on_epoch_end")
        if self.checkpoint is not None and self.checkpoint.is_due_at_epoch(run.epoch):
            self._save()

    def parts(self) -> dict[str, Any]:
        """The objects whose states a checkpoint has, by names."""
        run, own = self.run, self.monitor.parts()
        parts = {"model": run.model, "optimizer": run.optimizer, "batches": self.batches, **own}
        if self.schedule.scheduler is not None:
            parts["scheduler"] = self.schedule.scheduler
        if self.other is not None:
            parts["validation"] = self.other
        listed = [callback for callback in self.callbacks if hasattr(callback, "state_dict")]
        return {**parts, "callbacks": listed} if listed else parts

    def _save(self) -> None:
        if self.checkpoint is not None:
            self.checkpoint.save("fit", **self.parts(), loop=self.state_dict())

    def state_dict(self) -> dict[str, Any]:
        """How far it is, and the sums of an epoch that is not over."""
        run = self.run
        return {
            "run": {"epoch": run.epoch, "step": run.step, "stopped": run.stopped},
            "history": run.history.state_dict(),
            "sums": {name: getattr(self, name) for name in _SUMS},
            "kept": list(self.kept),
            "metrics": {metric.name: metric.state_dict() for metric in self.metrics},
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        vars(self.run).update(state_dict["run"])
        if self.run.stopped != "early stopping":  # all else may end differently another time
            self.run.stopped = None
        vars(self).update(state_dict["sums"], kept=list(state_dict["kept"]))
        self.run.history.load_state_dict(state_dict["history"])
        for metric in self.metrics:
            metric.load_state_dict(state_dict["metrics"][metric.name])

    def _end(self) -> None:
        """However it ended: the best weights, the modes from before, the last callbacks."""
        run = self.run
        run.history.stopped = run.stopped or "error"
        run.history.restored = self.monitor.restore()
        self.modes.restore()
        self.progress.close()
        self._call("on_train_end")
        if self.watch is not None:  # last, for a strict one may raise
            self.watch.close(quiet=run.history.stopped in ("error", "non-finite loss"))
        if run.stopped in ("epochs", "early stopping"):
            self.judge_outcome(run)


class _Stream:
    """The batches of one epoch after the other.

    An epoch is a pass over the data, or so many steps, which go on where the last epoch ended.
    """

    def __init__(self, batches: Batches, steps: int | None, accumulate: int) -> None:
        self.batches, self.steps, self.accumulate = batches, steps, accumulate
        self._endless: Iterator[Batch] | None = None

    def epoch(self, done: int) -> Iterator[Batch]:
        """The batches of the next epoch's steps, of which so many are done."""
        if self.steps is None:
            return self._pass()
        if self._endless is None:
            self._endless = self._passes()
        return itertools.islice(self._endless, self.steps - done)

    def _pass(self) -> Iterator[Batch]:
        batches = self.batches.batches()
        return batches if self.accumulate == 1 else _grouped(batches, self.accumulate)

    def _passes(self) -> Iterator[Batch]:
        empty = 0  # passes; nothing is left of one at whose end a checkpoint was written
        while empty < 2:
            empty += 1
            for batch in self._pass():
                empty = 0
                yield batch


def _grouped(batches: Iterator[Batch], size: int) -> Iterator[Batch]:
    while group := list(itertools.islice(batches, size)):
        yield sum(count for count, _ in group), (group,)
