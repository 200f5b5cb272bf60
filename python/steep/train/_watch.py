"""The first steps of `fit`, which the sanitiser watches, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from steep._core import Tensor
from steep.data.sampler import WeightedRandomSampler
from steep.nn.module import Module
from steep.optim.optimizer import Optimizer
from steep.random import get_rng_state, set_rng_state
from steep.train._arrays import mapped
from steep.train._batches import Batches, RowBatches
from steep.train.evaluation import predict
from steep.train.metrics.base import Metric

if TYPE_CHECKING:
    from steep.diagnose.sanitizer import Sanitizer

__all__ = ["make_watch", "under_watch", "watch_outcome", "watch_splits"]

# Steps whose layers and gradients are looked at, and batches whose losses are: those rules that
# need the most decide by then.
STEPS, UNTIL = 30, 120
# A training of fewer steps says nothing about what the model can learn.
LEARNED = 100
# Metrics that show how rare classes fare.
_TELLING = ("precision", "recall", "f1", "auc", "confusion_matrix")


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


def watch_outcome(
    watch: Sanitizer, model: Module, training: Batches, steps: int, metrics: Sequence[Metric]
) -> None:
    """Have it look for classes that the trained model never answers, and no metric shows.

    Args:
        watch: the sanitiser, whose watch may be over.
        model: what was trained.
        training: the data, looked at where it is at hand as tensors.
        steps: how many there were.
        metrics: what the history has.
    """
    shown = any(metric.name.startswith(_TELLING) for metric in metrics)
    if steps < LEARNED or shown or not isinstance(training, RowBatches):
        return
    x, y, weight = training.parts
    if weight is not None or training.rows is not None or not isinstance(y, Tensor):
        return
    if isinstance(training.sampler, WeightedRandomSampler):
        return

    def answer(rows: Tensor) -> Any:
        def take(t: Tensor) -> Tensor:
            return t.index_select(0, rows)

        before = get_rng_state()
        try:
            return predict(model, mapped(take, x), batch_size=training.batch_size)
        finally:
            set_rng_state(before)

    watch.outcome(answer, y)
