"""Trainings of several networks, step by step together."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from steep._core import Generator, draw_from
from steep.train._batches import Batch, Batches, RowBatches
from steep.train._feed import Block, Feed, OwnRows
from steep.train._loop import Loop, _Stream
from steep.train._many_state import ManyLog
from steep.train._measure import value_of
from steep.train._progress import Progress
from steep.train._step import Score
from steep.train._together import Outcome, Together
from steep.train.callbacks import Run, methods
from steep.train.metrics.base import Metric

__all__ = ["Lockstep", "ManyMeasurements"]


def blocks(
    streams: Sequence[Callable[[], list[Batch]]], members: Sequence[int], feed: Feed
) -> Iterator[Block]:
    """Blocks of the batches of some streams, until none has more.

    Each stream is one network's, or that of all of them; it gives the batches of the next steps.
    Steps whose batches have other sizes than those before are a block of their own.
    """
    while True:
        drawn = [streams[0]()] if feed.is_shared else [streams[k]() for k in members]
        most = max(map(len, drawn), default=0)
        if most == 0:
            return
        if all(len(own) == most and _are_even(own) for own in drawn):
            yield feed.pack(members, drawn)  # as most are
            continue
        for step in range(most):
            having = [i for i, own in enumerate(drawn) if len(own) > step]
            which = members if feed.is_shared else [members[i] for i in having]
            yield feed.pack(which, [[drawn[i][step]] for i in having])


def _shares(outcome: Outcome, count: int) -> Sequence[float]:
    """What each step's loss weighs: what its mean has divided by."""
    return [count] * len(outcome.values) if outcome.masses is None else outcome.masses


def _are_even(batches: Sequence[Batch]) -> bool:
    size = batches[0][0]
    return all(count == size for count, _ in batches)


class ManyMeasurements:
    """Measures several networks together, each on its data."""

    def __init__(
        self,
        sources: Sequence[Any],
        together: Together,
        metrics: Sequence[Sequence[Metric]],
        score: Sequence[Score],
        generators: Sequence[Generator],
    ) -> None:
        self.sources, self.together, self.metrics = sources, together, metrics
        self.score, self.generators = score, generators

    def run(self, loops: Sequence[Loop], members: Sequence[int]) -> dict[int, dict[str, Any]]:
        """Loss and metrics by network; the models are left in eval mode."""
        together = self.together
        totals, samples = dict.fromkeys(members, 0.0), dict.fromkeys(members, 0.0)
        kept_all: dict[int, list[Any]] = {k: [] for k in members}
        for k in members:
            loops[k].run.model.eval()
            for metric in self.metrics[k]:
                metric.reset()
        streams = _drawn_streams(self, members)
        for block in blocks(streams, members, together.feed):
            outcomes = together.run(block)
            for k, count, outcome in zip(block.members, block.counts, outcomes, strict=True):
                by_sum = self.score[k].is_sum
                for value, share in zip(outcome.values, _shares(outcome, count), strict=True):
                    if share:
                        totals[k] += value if by_sum else value * share
                    samples[k] += share
                for kept in outcome.kept or ():
                    kept_all[k] += kept
        found = {}
        for k in members:
            found[k] = {"loss": totals[k] / samples[k] if samples[k] else float("nan")}
            for metric in self.metrics[k]:
                found[k][metric.name] = value_of(metric, kept_all[k])
        return found


def _drawn_streams(
    measurements: ManyMeasurements, members: Sequence[int]
) -> list[Callable[[], list[Batch]]]:
    """By network, what gives the next batches of a pass."""
    length = measurements.together.length
    if measurements.together.feed.is_shared:
        return [_pieces(measurements.sources[0].batches(), length, None)]
    found: list[Any] = [None] * len(measurements.sources)
    for k in members:
        batches = measurements.sources[k].batches()
        found[k] = _pieces(batches, length, measurements.generators[k])
    return found


def _pieces(
    batches: Iterator[Batch], length: int, generator: Generator | None
) -> Callable[[], list[Batch]]:
    def piece() -> list[Batch]:
        return list(itertools.islice(batches, length))

    return piece if generator is None else lambda: draw_from(generator, piece)


def _are_alike(sources: Sequence[Batches]) -> bool:
    """Whether the passes of all of them have as many batches of the same sizes."""
    first, *others = sources
    if not isinstance(first, RowBatches):
        return False
    return all(
        isinstance(one, RowBatches)
        and (one.samples, one.batch_size, one.drop_last)
        == (first.samples, first.batch_size, first.drop_last)
        for one in others
    )


class _Measured:
    """What was measured for the row of the epoch."""

    def __init__(self) -> None:
        self.row: dict[str, Any] = {}

    def run(self) -> dict[str, Any]:
        return self.row


class Lockstep:
    """Trainings that are set up, each with a generator of its own.

    Args:
        loops: the trainings.
        generators: what each draws from.
        together: their steps as one.
        validation: what measures them after each epoch, or ``None``.
        progress: shows how they go.
        accumulate: batches of a step.
        logs: what is written at the end of each epoch.
        save: writes a checkpoint; after `every` so many epochs.
    """

    def __init__(
        self,
        loops: Sequence[Loop],
        generators: Sequence[Generator],
        together: Together,
        validation: ManyMeasurements | None,
        progress: Progress,
        accumulate: int = 1,
        logs: Sequence[ManyLog] = (),
        save: Callable[[], None] | None = None,
        every: int = 0,
    ) -> None:
        self.loops, self.generators, self.together = loops, generators, together
        self.validation, self.progress = validation, progress
        self.logs, self.save, self.every = logs, save, every
        self.shown = Run(loops[0].run.model, None, None, loops[0].run.epochs)
        self.shown.steps = loops[0].run.steps
        shared = together.feed.is_shared
        self.streams = [
            _Stream(x.batches, x.steps, accumulate) for x in (loops[:1] if shared else loops)
        ]
        self.watched = [
            (
                [x.schedule.after_step] if x.schedule.by_step else [],
                methods(x.callbacks, "on_batch_end"),
            )
            for x in loops
        ]
        if any(after or watchers for after, watchers in self.watched):
            together.length = 1
        if validation is not None:
            for x in loops:
                x.validation = _Measured()  # type: ignore[assignment]

    def train(self) -> None:
        """All epochs of all networks; a network that is stopped stays as it is."""
        loops = self.loops
        done = max(x.run.epoch for x in loops)  # of a training that goes on
        before = max((x.run.history["seconds"][-1] for x in loops if len(x.run.history)), default=0)
        started = time.perf_counter() - before
        for k, x in enumerate(loops):
            x.started = started
            self._in_scope(k, x._call, "on_train_begin")
        try:
            for log in self.logs:
                log.begin(loops)
            for epoch in range(done + 1, loops[0].run.epochs + 1):
                going = [k for k, x in enumerate(loops) if not x._is_over()]
                if not going:
                    break
                self._epoch(epoch, going)
            for x in loops:
                if not x._is_over():
                    x.run.stopped = "epochs"
        except KeyboardInterrupt:
            for x in loops:
                x.run.stopped = x.run.stopped or "interrupted"
        finally:
            for k, x in enumerate(loops):
                self._in_scope(k, x._end)
            self.progress.close()

    def _in_scope(self, k: int, function: Callable[..., Any], *args: Any) -> Any:
        """A call whose default draws come from the network's generator."""
        return draw_from(self.generators[k], function, *args)

    def _epoch(self, epoch: int, going: list[int]) -> None:
        self.shown.epoch = epoch
        self.progress.begin_epoch(self.shown)
        for k in going:
            self._in_scope(k, self.loops[k]._begin_epoch)
        going = self._steps(going)
        rows = {} if self.validation is None else self.validation.run(self.loops, going)
        for k in going:
            if k in rows:
                self.loops[k].validation.row = rows[k]  # type: ignore[union-attr]
            self._in_scope(k, self.loops[k]._end_epoch)
        for k in going:
            if self.loops[k]._is_over():
                self._forget(k)
        self._show(going)
        for log in self.logs:
            log.add(self.loops, going)
        if self.save is not None and self.every and epoch % self.every == 0:
            self.save()

    def _forget(self, k: int) -> None:
        self.together.forget(k)
        if self.validation is not None:
            self.validation.together.forget(k)

    def _steps(self, going: list[int]) -> list[int]:
        """The steps of the epoch; returns the networks that came to its end."""
        loops, feed = self.loops, self.together.feed
        ended: set[int] = set()
        for whole in self._blocks(going):
            block = feed.without(whole, ended) if ended else whole
            if not block.members:
                break
            outcomes = self.together.run(block)
            for k, count, outcome in zip(block.members, block.counts, outcomes, strict=True):
                self._take(k, count, outcome)
                if loops[k].run.stopped is not None:
                    ended.add(k)
                    self._forget(k)
            self.progress.steps(self.shown, block.steps)
        for k in going:
            if loops[k].done == 0 and k not in ended:
                raise ValueError(
                    f"fit_many: expected batches in epoch {self.shown.epoch}, got none: the "
                    "training data came to an end; give a loader that begins anew whenever it is "
                    "iterated over"
                )
            loops[k].run.steps = loops[k].run.steps or loops[k].done
        self.shown.steps = self.shown.steps or loops[going[0]].done
        # As in fit: who is stopped in the middle of an epoch gets no row for it.
        return [k for k in going if k not in ended or self._is_whole(k)]

    def _blocks(self, going: list[int]) -> Iterator[Block]:
        """The blocks of an epoch."""
        together = self.together
        feed, length = together.feed, together.length
        sources = [self.loops[k].batches for k in going]
        if isinstance(feed, OwnRows) and self.loops[0].steps is None and _are_alike(sources):
            orders = [self._in_scope(k, self.loops[k].batches.order) for k in going]  # type: ignore[attr-defined]
            size: int = sources[0].batch_size  # type: ignore[attr-defined]
            return feed.blocks(going, orders, size, length)
        pieces: list[Any] = [None] * len(self.loops)
        for k in [0] if feed.is_shared else going:
            scope = None if feed.is_shared else self.generators[k]
            pieces[k] = _pieces(self.streams[k].epoch(0), length, scope)
        return blocks(pieces, going, feed)

    def _is_whole(self, k: int) -> bool:
        run = self.loops[k].run
        return run.stopped != "non-finite loss" and self.loops[k].done == run.steps

    def _take(self, k: int, size: int, outcome: Outcome) -> None:
        """Count steps that a network has taken."""
        x = self.loops[k]
        total, samples, by_sum = x.total, x.samples, x.score.is_sum
        if outcome.masses is None and not by_sum:
            for value in outcome.values:
                total += value * size
            samples += size * len(outcome.values)
        else:
            for value, share in zip(outcome.values, _shares(outcome, size), strict=True):
                total += value if by_sum else value * share
                samples += share
        if total - total != 0.0 or any(self.watched[k]):
            self._take_each(k, size, outcome)
            return
        x.total, x.samples = total, samples
        x.done += len(outcome.values)
        x.run.step += len(outcome.values)
        x.run.value = outcome.values[-1]
        for norm in outcome.norms or ():
            x.norms += norm
        for kept in outcome.kept or ():
            x.kept += kept

    def _take_each(self, k: int, size: int, outcome: Outcome) -> None:
        """The same where each step is looked at: somebody watches, or a loss is not finite."""
        x = self.loops[k]
        run, by_sum = x.run, x.score.is_sum
        after, watchers = self.watched[k]
        shares = _shares(outcome, size)
        for step, (value, share) in enumerate(zip(outcome.values, shares, strict=True)):
            run.step += 1
            x.done += 1
            run.value = value
            if value - value != 0.0:
                run.stopped = "non-finite loss"
                return
            x.total += value if by_sum else value * share
            x.samples += share
            if outcome.norms is not None:
                x.norms += outcome.norms[step]
            if outcome.kept is not None:
                x.kept += outcome.kept[step]
            for change in after:
                change()
            for watch in watchers:
                self._in_scope(k, watch, run)

    def _show(self, going: Sequence[int]) -> None:
        """Tell the progress of all in a few numbers."""
        loops = self.loops
        left = sum(not x._is_over() for x in loops)
        column = loops[0].monitor.column or "loss"
        values = [x.run.logs[column] for x in (loops[k] for k in going) if x.run.logs]
        self.shown.step = max(x.run.step for x in loops)
        self.shown.logs = {"epoch": self.shown.epoch, f"{left} training": None}
        if values:
            self.shown.logs |= {f"{column} least": min(values), "greatest": max(values)}
        self.progress.end_epoch(self.shown)
