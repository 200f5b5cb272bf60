"""What is done to a batch whose samples are there: a check of its values, and augmentation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from steep._core import Generator, Tensor
from steep.data._augment import first_bad_row
from steep.data._epoch import Tasks
from steep.data._gather import ArraySource
from steep.data._spans import Span
from steep.data._workers import END
from steep.data.augmentation import Augmentation, Compose

__all__ = ["Finish", "Numbered", "composed"]


def composed(augment: Any) -> Compose | None:
    """What a loader is given as `augment`: one, several, or none."""
    if augment is None or isinstance(augment, Compose):
        return augment
    if isinstance(augment, (Augmentation, type)):
        augment = [augment]  # a class is refused by its name
    return Compose(augment)


class Numbered(Tasks):
    """The tasks of another, each with its number in the epoch."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks

    @property
    def taken(self) -> int:  # type: ignore[override]
        """How many are done."""
        return self._tasks.taken

    def current(self) -> tuple[int, Any]:
        """The task whose turn it is, after its number."""
        return self._tasks.taken, self._tasks.current()

    def done(self) -> None:
        """The next task's turn."""
        self._tasks.done()

    def held(self) -> Generator | None:
        """As of the others."""
        return self._tasks.held()


class Finish:
    """Wraps what makes batches of tasks into what makes finished ones of numbered tasks.

    Args:
        augment: the augmentations, if there are any.
        check: whether batches are searched for nan and infinities.
        seed: of the epoch.
    """

    def __init__(self, augment: Compose | None, check: bool, seed: int) -> None:
        self._augment = augment
        self._check = check
        self._seed = seed

    def gathered(self, source: ArraySource) -> Callable[[tuple[int, Any]], Any]:
        """For batches of arrays: gathered and augmented in one pass, unless they are checked."""
        if self._augment is None or self._check:
            return self.after(lambda task: source.batch(*Span.of(task)))
        apply = self._augment.apply

        def fetch(numbered: tuple[int, Any]) -> Any:
            number, task = numbered
            return source.batch(*Span.of(task), partial(apply, seed=self._seed, number=number))

        return fetch

    def after(self, fetch: Callable[[Any], Any]) -> Callable[[tuple[int, Any]], Any]:
        """For batches that come as they come."""

        def finished(numbered: tuple[int, Any]) -> Any:
            number, task = numbered
            batch = fetch(task)
            if batch is END:
                return END
            if self._check:
                _check_finite(batch, task, number)
            return batch if self._augment is None else self._augmented(batch, number)

        return finished

    def _augmented(self, batch: Any, number: int) -> Any:
        assert self._augment is not None
        fields = _fields(batch)
        names = list(fields)
        if not fields or not isinstance(fields[names[0]], Tensor):
            got = type(fields[names[0]] if fields else batch).__name__
            raise TypeError(
                "DataLoader: expected batches with a tensor of inputs first, to be augmented, got "
                f"{got}; leave out augment, or have collate_fn make one"
            )
        target = fields[names[1]] if len(names) > 1 else None
        x = fields[names[0]].detach()
        x, target = self._augment.apply(x, target, seed=self._seed, number=number)
        fields[names[0]] = x
        if len(names) > 1:
            fields[names[1]] = target
        return _joined(batch, fields)


def _fields(batch: Any) -> dict[Any, Any]:
    """What a batch consists of, by name or place."""
    if isinstance(batch, Mapping):
        return dict(batch)
    if isinstance(batch, (list, tuple)):
        return dict(enumerate(batch))
    return {0: batch}


def _joined(batch: Any, fields: dict[Any, Any]) -> Any:
    """Fields as a batch of the kind they come from."""
    if isinstance(batch, Mapping):
        try:
            return type(batch)(fields)  # type: ignore[call-arg]
        except TypeError:
            return fields
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*fields.values())
    if isinstance(batch, (list, tuple)):
        return type(batch)(fields.values())
    return fields[0]


def _check_finite(batch: Any, task: Any, number: int) -> None:
    for name, field in _fields(batch).items():
        if not isinstance(field, Tensor) or not field.is_floating_point() or field.dim() < 1:
            continue
        row = first_bad_row(field.detach().contiguous())
        if row >= 0:
            indices = task.indices() if isinstance(task, Span) else task
            where = "" if indices is None else f", sample {list(indices)[row]} of the dataset"
            raise ValueError(
                f"DataLoader: expected finite values, got nan or infinity in field {name!r} of row "
                f"{row} of batch {number}{where}; drop or fill it, or leave out check_finite"
            )
