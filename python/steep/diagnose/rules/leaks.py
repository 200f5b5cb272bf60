"""Rows of a validation that the training has seen."""

from __future__ import annotations

from collections.abc import Iterable

from steep._core import Tensor
from steep.diagnose._events import Batch, Context, Rule
from steep.diagnose._numbers import array
from steep.diagnose._rows import KnownRows, leaks
from steep.diagnose.finding import Finding

__all__ = ["LeakedRows"]


class LeakedRows(Rule):
    """Batches of a validation, told of by `Sanitizer.evaluate`, against those of the training.

    Losses without gradients that a hook sees may be measured on the training set, on purpose.
    """

    ROWS = 5_000

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.known = KnownRows()

    def batch(self, batch: Batch) -> Iterable[Finding]:
        wanted = self.context.keeps_rows and self.known.count < self.ROWS
        if wanted and isinstance(batch.x, Tensor) and batch.x.ndim:
            self.known.add(array(batch.x))
        return ()

    def evaluated(self, batch: Batch) -> Iterable[Finding]:
        if batch.told and isinstance(batch.x, Tensor) and batch.x.ndim:
            # A training shows its rows again in each epoch: that they repeat says nothing.
            yield from leaks(self.known, array(batch.x), 0.0)
