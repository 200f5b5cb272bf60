"""`fit_many`: networks of one architecture, trained at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from steep._core import Generator, draw_from
from steep._optional import optional
from steep.data._draws import draw_seed
from steep.nn.module import Module
from steep.train._lockstep import Lockstep
from steep.train._many_setup import Settings, set_up
from steep.train.checkpoints import Checkpoint
from steep.train.history import History, as_table
from steep.train.metrics.base import Metric
from steep.train.stopping import EarlyStopping

__all__ = ["Trained", "TrainedMany", "fit_many"]


class Trained(NamedTuple):
    """One of the networks that `fit_many` has trained.

    Attributes:
        model: the network.
        optimizer: what it was trained by.
        history: the course of its training; see `History`.
        seed: of all that it drew at random.
    """

    model: Module
    optimizer: Any
    history: History
    seed: int


class TrainedMany(list[Trained]):
    """What `fit_many` returns: a list of `Trained`, in the order of the models.

    Attributes:
        mode: ``'min'`` or ``'max'``, whichever is better of the monitored column; ``None`` if none
            is.
    """

    mode: str | None = None

    @property
    def models(self) -> list[Module]:
        """The networks."""
        return [one.model for one in self]

    @property
    def histories(self) -> list[History]:
        """Their histories."""
        return [one.history for one in self]

    @property
    def best(self) -> Trained:
        """The network with the best value of the monitored column, in its best epoch.

        Raises:
            ValueError: if nothing was monitored, or no value is a number.
        """
        scored = [(self._value(one), i) for i, one in enumerate(self)]
        known = [(value, i) for value, i in scored if value is not None and value == value]
        if not known or self.mode is None:
            raise ValueError(
                "TrainedMany.best: expected a monitored column with numbers; give fit_many a "
                "validation, or monitor='loss'"
            )
        value = min(known)[0] if self.mode == "min" else max(known)[0]
        return self[next(i for other, i in known if other == value)]

    @staticmethod
    def _value(one: Trained) -> float | None:
        row = one.history.best
        return None if row is None or one.history.monitor is None else row[one.history.monitor]

    def rows(self) -> list[dict[str, Any]]:
        """A row for each network: seed, why it stopped, epochs, and its best or else last epoch."""
        found = []
        for i, one in enumerate(self):
            history = one.history
            last = history.best or (history.rows[-1] if history.rows else {})
            found.append(
                {
                    "network": i,
                    "seed": one.seed,
                    "stopped": history.stopped,
                    "epochs": len(history),
                    **{name: value for name, value in last.items() if name != "seconds"},
                }
            )
        return found

    def to_frame(self) -> Any:
        """`rows` as a `pandas.DataFrame`.

        Raises:
            ImportError: if pandas is not installed.
        """
        return optional("pandas", "tables", "TrainedMany.to_frame").DataFrame(self.rows())

    def __repr__(self) -> str:
        """`rows` as a table."""
        return as_table(self.rows()) if self else "TrainedMany of no network"


def fit_many(
    models: Sequence[Module] | Callable[[], Module],
    loss: Any,
    optimizer: Any,
    train: Any,
    validation: Any = None,
    *,
    seeds: Iterable[int] | None = None,
    epochs: int = 10,
    steps: int | None = None,
    batch_size: int = 32,
    shuffle: bool = True,
    metrics: str | Metric | Iterable[str | Metric] = (),
    monitor: str | None = None,
    scheduler: Any = None,
    schedule_by: str | None = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    accumulate: int = 1,
    gradient_norm: bool = False,
    early_stopping: int | EarlyStopping | None = None,
    restore_best: bool = True,
    checkpoint: Checkpoint | str | os.PathLike[str] | None = None,
    resume: bool | str | os.PathLike[str] = False,
    callbacks: Iterable[Any] = (),
    progress: bool | str | None = None,
    log: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | None = None,
    compile: bool = True,
) -> TrainedMany:
    """Train several networks at once: seeds, folds, learning rates.

    Small networks leave most cores idle, and much of their time goes into the calls of their steps.
    Here the steps of all networks are one compiled function; its program gives each thread whole
    networks, and nobody waits for anybody. Each network ends with the very bits that it would have
    alone, whatever the others do and whatever the number of threads: those of::

        steep.manual_seed(seed)
        model = make()
        fit(model, loss, optimizer_of_it, train, ...)

    So each has a random stream of its own, from which its weights (where `models` is a function),
    its order of samples and its dropout masks are drawn. Any module will do, and models may even
    differ in their architecture.

    Args:
        models: networks that share no parameter; or a function without arguments that makes one,
            which is called for each of the `seeds`.
        loss: as for `fit`; or a list with one for each network.
        optimizer: a function of the parameters that makes one, such as ``steep.optim.Adam``; or a
            list with one for each network of either such functions or optimisers.
        train: as for `fit`, for all networks: each draws its own order of arrays and datasets, and
            all get the same batches of what is in batches already (a `DataLoader`). Or a list with
            one for each network, such as folds.
        validation: the same. Default: ``None``.
        seeds: one for each network. Default: drawn from the default generator.
        scheduler: a function of the optimiser that makes a schedule; or a list of such functions or
            of schedules.
        early_stopping: as for `fit`, for each network by itself: one that is stopped stays as it
            is, and the others go on.
        checkpoint: file to which all networks are saved at the end of epochs, or a `Checkpoint`
            with ``every_epochs``.
        resume: as for `fit`; the seeds have to be as they were, so give them. Networks that had
            been stopped stay as they were.
        log: files ``.jsonl`` or ``.csv`` that get a line for each network and epoch, with its
            number and seed.
        callbacks: objects as for `fit`; each is called for each network, whose `Run` it gets.

    Other arguments are those of `fit`.

    Returns:
        A list of `Trained`: model, optimizer, history, seed. A network whose loss becomes NaN or
        infinite is stopped (``history.stopped == 'non-finite loss'``); the others go on. Ctrl-C
        ends all of them.

    Raises:
        TypeError, ValueError: on what does not fit together, before anything is changed.

    Example:
        >>> import steep
        >>> from steep import nn
        >>> x = steep.linspace(-1, 1, 64).unsqueeze(1)
        >>> def make():
        ...     return nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1))
        >>> trained = steep.train.fit_many(
        ...     make, nn.MSELoss(), lambda p: steep.optim.Adam(p, lr=0.01), (x, x**2),
        ...     seeds=range(4), epochs=20)
        >>> len(trained), trained[3].seed, len(trained[3].history)
        (4, 3, 20)
    """
    listed, generators, seeds_used = _models_of(models, seeds)
    settings = Settings(
        epochs=epochs,
        steps=steps,
        batch_size=batch_size,
        shuffle=shuffle,
        metrics=metrics,
        monitor=monitor,
        schedule_by=schedule_by,
        clip=(clip_norm, clip_value),
        gradient_norm=gradient_norm,
        early_stopping=early_stopping,
        restore_best=restore_best,
        callbacks=callbacks,
        progress=progress,
        compile=compile,
        accumulate=accumulate,
        checkpoint=checkpoint,
        resume=resume,
        log=log,
    )
    drawn = generators, seeds_used
    lockstep = set_up(listed, loss, optimizer, train, validation, scheduler, *drawn, settings)
    lockstep.train()
    return _result(lockstep, seeds_used)


def _result(lockstep: Lockstep, seeds: Sequence[int]) -> TrainedMany:
    found = TrainedMany(
        Trained(x.run.model, x.run.optimizer, x.run.history, seed)
        for x, seed in zip(lockstep.loops, seeds, strict=True)
    )
    keeper = lockstep.loops[0].monitor.keeper
    found.mode = None if keeper is None else keeper.mode
    return found


def _models_of(
    models: Any, seeds: Iterable[int] | None
) -> tuple[list[Module], list[Generator], list[int]]:
    """The networks, and what each of them draws from."""
    listed = None if seeds is None else _seeds(seeds)
    if isinstance(models, Module):
        raise TypeError(
            "fit_many: expected models to be a list of networks or a function that makes one, got "
            f"one network, a {type(models).__name__}; use fit for a single one"
        )
    if callable(models):
        if listed is None:
            raise ValueError(
                "fit_many: expected seeds, one for each network that models() is to make, such as "
                "seeds=range(8)"
            )
        generators = [Generator().manual_seed(seed) for seed in listed]
        return [draw_from(one, models) for one in generators], generators, listed
    try:
        made = list(models)
    except TypeError as error:
        raise TypeError(
            "fit_many: expected models to be a list of networks or a function that makes one, got "
            f"{type(models).__name__}"
        ) from error
    if not made:
        raise ValueError("fit_many: expected models, got an empty list")
    if listed is None:
        listed = [draw_seed(None) for _ in made]
    if len(listed) != len(made):
        raise ValueError(
            f"fit_many: expected as many seeds as models, got {len(listed)} and {len(made)}"
        )
    return made, [Generator().manual_seed(seed) for seed in listed], listed


def _seeds(seeds: Iterable[int]) -> list[int]:
    if hasattr(seeds, "__index__"):
        raise TypeError(
            f"fit_many: expected seeds, one for each network, got the number {seeds}; for so many "
            f"networks say seeds=range({seeds})"
        )
    listed = list(seeds)
    for seed in listed:
        if not hasattr(seed, "__index__"):
            raise TypeError(f"fit_many: expected seeds to be ints, got {type(seed).__name__}")
    if not listed:
        raise ValueError("fit_many: expected seeds, got none")
    return [int(seed) for seed in listed]
