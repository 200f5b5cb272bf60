"""What `fit_many` is given, checked, and made a training for each network."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from steep._core import Generator, draw_from
from steep.nn.module import Module
from steep.train._arrays import apart, dtype_of
from steep.train._batches import Batches, RowBatches
from steep.train._divisor import divisor_for
from steep.train._feed import Feed, feed_of
from steep.train._lockstep import Lockstep, ManyMeasurements
from steep.train._loop import Loop
from steep.train._many_arguments import (
    check_models,
    each_of,
    losses_of,
    optimizers_of,
    schedules_of,
)
from steep.train._many_state import make_many_logs, restore_many, save_many
from steep.train._measure import Modes, tried
from steep.train._monitor import Monitor
from steep.train._progress import Progress, make_progress
from steep.train._sources import batches_of
from steep.train._step import Score, measuring_step, of_groups, training_step
from steep.train._together import Together
from steep.train.callbacks import Run, check_callbacks
from steep.train.checkpoints import file_to_resume, make_checkpoint
from steep.train.metrics.base import Metric
from steep.train.metrics.lookup import make_metrics
from steep.train.stopping import EarlyStopping

__all__ = ["Settings", "set_up"]


@dataclass
class Settings:
    """The arguments of `fit_many` that are the same for all networks."""

    epochs: int
    steps: int | None
    batch_size: int
    shuffle: bool
    metrics: Any
    monitor: str | None
    schedule_by: str | None
    clip: tuple[float | None, float | None]
    gradient_norm: bool
    early_stopping: Any
    restore_best: bool
    callbacks: Any
    progress: bool | str | None
    compile: bool
    accumulate: int
    checkpoint: Any
    resume: Any
    log: Any

    def check(self) -> None:
        """Refuse counts that are none."""
        counts = {"epochs": self.epochs, "steps": self.steps, "batch_size": self.batch_size}
        counts["accumulate"] = self.accumulate
        for name, value in counts.items():
            if value is None and name == "steps":
                continue
            if not isinstance(value, int) or isinstance(value, bool):
                raise TypeError(
                    f"fit_many: expected {name} to be an int, got {type(value).__name__}"
                )
            least = 0 if name == "epochs" else 1
            if value < least:
                raise ValueError(f"fit_many: expected {name} to be at least {least}, got {value}")


def set_up(
    models: Sequence[Module],
    loss: Any,
    optimizer: Any,
    train: Any,
    validation: Any,
    scheduler: Any,
    generators: Sequence[Generator],
    seeds: Sequence[int],
    settings: Settings,
) -> Lockstep:
    """Trainings of all networks that go together; nothing has been trained yet."""
    settings.check()
    saver = make_checkpoint(settings.checkpoint, settings.resume, "fit_many")
    if saver is not None and saver.every_steps is not None:
        raise ValueError("fit_many: expected a Checkpoint with every_epochs, got every_steps")
    resumed = file_to_resume(saver, settings.resume, "fit_many")
    logs = make_many_logs(settings.log, seeds)
    loops = _loops(models, loss, optimizer, train, validation, scheduler, settings)
    states = None if resumed is None else restore_many(resumed, loops, generators, seeds)
    measures, count = [], len(loops)
    for k, x in enumerate(loops):
        is_last = not _is_shared(train, settings.shuffle) or k == count - 1
        measures.append(_try(x, generators[k], settings.metrics, keep=is_last))
    if states is not None:
        for x, state in zip(loops, states, strict=True):
            x.load_state_dict(state)
            x.run.stopped = state["run"]["stopped"]  # who was stopped stays as it was
    trains = _together(loops, generators, _is_shared(train, settings.shuffle), settings)
    measurements = None
    if validation is not None:
        feed = feed_of([_other(x) for x in loops], _is_shared(validation, False))
        measurements = _measurements(loops, measures, feed, generators, settings)
    bar = make_progress(settings.progress)
    save = None
    if saver is not None:
        save = functools.partial(save_many, saver, loops, generators, seeds)
    every = 0 if saver is None else saver.every_epochs
    return Lockstep(
        loops, generators, trains, measurements, bar, settings.accumulate, logs, save, every
    )


def _loops(
    models: Sequence[Module],
    loss: Any,
    optimizer: Any,
    train: Any,
    validation: Any,
    scheduler: Any,
    settings: Settings,
) -> list[Loop]:
    """A training for each network."""
    count = len(models)
    check_models(models)
    scores = [Score(one) for one in losses_of(loss, count)]
    optimizers = optimizers_of(optimizer, models)
    schedules = schedules_of(scheduler, optimizers, settings.schedule_by)
    listed = check_callbacks(settings.callbacks)
    sources = _sources("train", train, models, settings, settings.shuffle)
    others: list[Any] = [None] * count
    if validation is not None:
        others = list(_sources("validation", validation, models, settings, False))
    return [
        Loop(
            run=Run(models[k], scores[k].loss, optimizers[k], settings.epochs),
            batches=sources[k],
            other=others[k],
            score=scores[k],
            monitor=_monitor(models[k], settings, validation is not None),
            schedule=schedules[k],
            modes=Modes(models[k]),
            progress=Progress(),
            callbacks=listed,
            steps=settings.steps,
            accumulate=settings.accumulate,
            wants_norm=settings.gradient_norm,
        )
        for k in range(count)
    ]


def _together(
    loops: Sequence[Loop], generators: Sequence[Generator], is_shared: bool, settings: Settings
) -> Together:
    """The steps of all networks as one function."""
    cores, several = [], settings.accumulate > 1
    for x in loops:
        divisor = divisor_for(x.score.loss, x.batches)
        own = x.run.model, x.score, x.run.optimizer, x.metrics, settings.clip
        core = training_step(*own, divisor, x.wants_norm)
        cores.append(of_groups(core, x.score.is_sum, divisor) if several else core)
    return Together(
        cores,
        generators,
        feed_of([x.batches for x in loops], is_shared, settings.accumulate),
        compile=settings.compile,
        name="the steps of fit_many",
        sums=[x.score.is_sum for x in loops] if several else None,
    )


def _other(x: Loop) -> Batches:
    assert x.other is not None
    return x.other


def _try(x: Loop, generator: Generator, metrics: Any, *, keep: bool) -> list[Metric]:
    """Try a batch of each part, and begin the training's metrics; those of its validation."""
    run, source = x.run, x.batches
    run.steps = x.steps
    if x.steps is None and source.length is not None:
        run.steps = -(-source.length // x.accumulate)
    measures: list[Metric] = []
    if x.other is not None:
        with _undrawn(generator):
            measures = draw_from(generator, tried, "fit_many", x.other, metrics, run.model, x.score)
    trial = functools.partial(tried, "fit_many", source, metrics, run.model, x.score, keep=keep)
    # What a loader has drawn for its first batch stays drawn: the pass has begun.
    with _undrawn(generator) if isinstance(source, RowBatches) else nullcontext():
        x.metrics = draw_from(generator, trial)
    return measures


@contextmanager
def _undrawn(generator: Generator) -> Iterator[None]:
    """As if nothing had been drawn."""
    before = generator.get_state()
    try:
        yield
    finally:
        generator.set_state(before)


def _monitor(model: Module, settings: Settings, validates: bool) -> Monitor:
    stopping = settings.early_stopping
    if isinstance(stopping, EarlyStopping):
        if stopping.model is not None:
            raise ValueError(
                "fit_many: expected early_stopping without a model, as each network has its own, "
                "got one with a model"
            )
        stopping = copy.deepcopy(stopping)
    return Monitor(
        model,
        make_metrics(settings.metrics),
        early_stopping=stopping,
        restore_best=settings.restore_best,
        monitor=settings.monitor,
        validates=validates,
    )


def _measurements(
    loops: Sequence[Loop],
    measures: Sequence[Sequence[Metric]],
    feed: Feed,
    generators: Sequence[Generator],
    settings: Settings,
) -> ManyMeasurements:
    cores, others = [], [_other(x) for x in loops]
    for x, metrics, source in zip(loops, measures, others, strict=True):
        divisor = divisor_for(x.score.loss, source)
        cores.append(measuring_step(x.run.model, x.score, metrics, divisor))
    together = Together(
        cores,
        generators,
        feed,
        compile=settings.compile,
        name="the validation steps of fit_many",
    )
    return ManyMeasurements(others, together, measures, [x.score for x in loops], generators)


def _sources(
    what: str, data: Any, models: Sequence[Module], settings: Settings, shuffle: bool
) -> list[Batches]:
    """The batches of each network; the same object where all of them get the same ones."""

    def made(one: Any, model: Module) -> Batches:
        return batches_of(
            "fit_many",
            what,
            one,
            batch_size=settings.batch_size,
            floating=dtype_of(model),
            shuffle=shuffle,
        )

    if isinstance(data, list):
        listed = each_of(f"{what} part", data, len(models))
        sources = [made(one, model) for one, model in zip(listed, models, strict=True)]
        _part_memory(sources)
        return sources
    first = made(data, models[0])
    if _is_shared(data, shuffle):
        return [first] * len(models)
    others = [made(data, model) for model in models[1:]]
    for one in others:
        if one.in_rows:
            one.parts = first.parts  # converted once, and taken from together
    return [first, *others]


def _part_memory(sources: Sequence[Batches]) -> None:
    """Give slices of one NumPy array that overlap, as folds may, memory of their own.

    Those in order are arguments of the one function of all networks.
    """
    listed = [one for one in sources if isinstance(one, RowBatches) and not one.in_rows]
    parts = apart(tuple(part for one in listed for part in one.parts), with_views=False)
    for k, one in enumerate(listed):
        one.parts = parts[3 * k : 3 * k + 3]


def _is_shared(data: Any, shuffle: bool) -> bool:
    """Whether all networks get the same batches: those of a loader, or arrays in their order."""
    if isinstance(data, list):
        return False
    in_batches = not isinstance(data, tuple) and not hasattr(data, "__getitem__")
    return in_batches or not shuffle
