"""What `fit` calls as it goes, and what it tells."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from steep.nn.module import Module
from steep.train.history import History

__all__ = ["Callback", "Run"]


class Run:
    """A training as it goes: what callbacks are given.

    Attributes:
        model, loss, optimizer: the arguments of `fit`.
        history: its table so far; the row of an epoch is there from ``on_epoch_end`` on.
        epoch: number of the epoch, from 1 on; 0 before the first.
        epochs: how many there will be at most.
        step: optimiser steps so far.
        steps: steps of an epoch, or ``None`` if that is not known before the first is over.
        value: loss of the last batch, a float.
        logs: the row of the epoch that has just ended: losses, metrics, learning rate.
        stopped: why the training is to end, or ``None``.
    """

    def __init__(self, model: Module, loss: Any, optimizer: Any, epochs: int) -> None:
        self.model, self.loss, self.optimizer = model, loss, optimizer
        self.history = History()
        self.epoch, self.epochs = 0, epochs
        self.step = 0
        self.steps: int | None = None
        self.value = 0.0
        self.logs: dict[str, Any] = {}
        self.stopped: str | None = None

    def stop(self, reason: str = "callback") -> None:
        """End the training: after this batch if called in ``on_batch_end``, or after this epoch.

        Args:
            reason: what `History.stopped` will say.
        """
        self.stopped = reason


class Callback:
    """Something that `fit` tells how it goes. All methods may be left out, and then cost nothing.

    Any object with some of these methods will do; inheriting from this class is not needed. Each
    gets the `Run`, and may read and change what it holds, between steps.

    Example:
        >>> import steep
        >>> class Printer(steep.train.Callback):
        ...     def on_epoch_end(self, run):
        ...         print(run.epoch, run.step, "loss" in run.logs)
        >>> model = steep.nn.Linear(2, 1)
        >>> sgd = steep.optim.SGD(model.parameters(), lr=0.1)
        >>> data = steep.rand(8, 2), steep.rand(8, 1)
        >>> history = steep.train.fit(
        ...     model, steep.nn.MSELoss(), sgd, data, epochs=2, batch_size=4, callbacks=[Printer()])
        1 2 True
        2 4 True
    """

    def on_train_begin(self, run: Run) -> None:
        """Before the first epoch, when all arguments have been checked."""

    def on_epoch_begin(self, run: Run) -> None:
        """Before the first batch of an epoch."""

    def on_batch_end(self, run: Run) -> None:
        """After each optimiser step. With one of these, steps no longer run one after the other."""

    def on_epoch_end(self, run: Run) -> None:
        """After an epoch, its validation, and the schedule; `run.logs` is its row."""

    def on_train_end(self, run: Run) -> None:
        """At the end, however it came, with the best weights restored."""


NAMES = ("on_train_begin", "on_epoch_begin", "on_batch_end", "on_epoch_end", "on_train_end")


def methods(callbacks: Iterable[Any], name: str) -> list[Callable[[Run], Any]]:
    """The methods of a name that callbacks define themselves."""
    found = []
    for callback in callbacks:
        method = getattr(callback, name, None)
        if method is not None and getattr(method, "__func__", None) is not getattr(Callback, name):
            found.append(method)
    return found


def check_callbacks(callbacks: Iterable[Any]) -> list[Any]:
    """The callbacks as a list.

    Raises:
        TypeError: if one has none of the methods.
    """
    listed = list(callbacks) if isinstance(callbacks, Iterable) else [callbacks]
    for callback in listed:
        if not any(callable(getattr(callback, name, None)) for name in NAMES):
            raise TypeError(
                f"fit: expected callbacks with methods such as on_epoch_end(run), got "
                f"{type(callback).__name__}, which has none of {', '.join(NAMES)}"
            )
    return listed
