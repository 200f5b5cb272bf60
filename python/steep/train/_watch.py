"""The first steps of `fit`, which the sanitiser watches."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from steep._core import Tensor
from steep.nn.module import Module
from steep.optim.optimizer import Optimizer
from steep.train._batches import Batches, RowBatches

if TYPE_CHECKING:
    from steep.diagnose.sanitizer import Sanitizer

__all__ = ["make_watch", "under_watch", "watch_splits"]

# Steps whose layers and gradients are looked at, and batches whose losses are: those rules that
# need the most decide by then.
STEPS, UNTIL = 30, 120


def make_watch(
    sanitize: bool | str, model: Module, loss: Callable[..., Any], optimizer: Any
) -> Sanitizer | None:
    """A sanitiser that looks on where it is told to, or ``None``.

    Raises:
        ValueError: if `sanitize` is something else.
    """
    if sanitize not in (True, False, "strict"):
        raise ValueError(f"fit: expected sanitize to be True, False or 'strict', got {sanitize!r}")
    if not sanitize:
        return None
    # Imported here: it needs NumPy, which nothing else of this package imports.
    from steep.diagnose.sanitizer import Sanitizer

    strict = sanitize == "strict"
    known = optimizer if isinstance(optimizer, Optimizer) else None
    return Sanitizer(model, loss, known, steps=STEPS, until=UNTIL, attach=False, strict=strict)


def watch_splits(watch: Sanitizer, training: Batches, validation: Batches | None) -> None:
    """Have it look for rows that are in both, where both are at hand as one tensor each."""
    if isinstance(training, RowBatches) and isinstance(validation, RowBatches):
        x, other = training.parts[0], validation.parts[0]
        if isinstance(x, Tensor) and isinstance(other, Tensor):
            watch.splits(x, other)


def under_watch(watch: Sanitizer, step: Callable[..., Any]) -> Callable[..., Any]:
    """The step with the sanitiser's hooks on; they are off between steps, in a validation say."""

    def watched(*arguments: Any) -> Any:
        with watch.attached():
            return step(*arguments)

    return watched
