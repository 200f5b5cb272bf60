"""Trial trainings: batches of whatever a user gives, and steps on a copy of the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from steep._core import Generator, Tensor
from steep.nn.module import Module
from steep.optim.optimizer import Optimizer
from steep.train._arrays import dtype_of, mapped
from steep.train._batches import Batches
from steep.train._sources import batches_of

__all__ = ["check_model", "endless", "sources"]


def check_model(who: str, model: Any, loss: Any) -> None:
    """Raise unless these are a model and a loss.

    Raises:
        TypeError: if they are not.
    """
    if not isinstance(model, Module):
        raise TypeError(f"{who}: expected a steep.nn.Module as model, got {type(model).__name__}")
    if not callable(loss) or isinstance(loss, Optimizer):
        raise TypeError(
            f"{who}: expected a loss that can be called, got {type(loss).__name__}; give the loss "
            "function, such as steep.nn.CrossEntropyLoss()"
        )


def sources(
    who: str, model: Module, data: Any, batch_size: int, generator: Generator | None, shuffle: bool
) -> Batches:
    """Batches of a loader, a dataset or a tuple of arrays, as `steep.train.fit` takes them."""
    return batches_of(
        who,
        "data",
        data,
        batch_size=batch_size,
        floating=dtype_of(model),
        shuffle=shuffle,
        generator=generator,
    )


def endless(who: str, source: Batches) -> Iterator[tuple[Any, Any, Tensor | None]]:
    """Batches ``(x, y, weight)``, pass after pass.

    Raises:
        ValueError: if a pass has none.
    """
    take = _rows_of(source) if source.in_rows else _as_it_is
    while True:
        is_empty = True
        for _, arguments in source.batches():
            is_empty = False
            yield take(*arguments)
        if is_empty:
            raise ValueError(f"{who}: expected batches in data, got none")


def _as_it_is(x: Any, y: Any, weight: Tensor | None) -> tuple[Any, Any, Tensor | None]:
    return x, y, weight


def _rows_of(source: Batches) -> Callable[..., tuple[Any, Any, Tensor | None]]:
    x, y, weight = source.parts

    def take(rows: Tensor) -> tuple[Any, Any, Tensor | None]:
        def at(t: Tensor) -> Tensor:
            return t[rows]

        return mapped(at, x), mapped(at, y), None if weight is None else weight[rows]

    return take
