"""Which epoch was the best one, and when to stop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from steep.nn.module import Module
from steep.train.metrics.base import Metric
from steep.train.stopping import EarlyStopping

__all__ = ["Monitor"]


class Monitor:
    """Watches a column of the history: keeps the best weights, and says when to stop.

    Attributes:
        column: the column, or ``None`` if nothing is watched.
        stopping: says when to stop, or ``None``.
        keeper: keeps the best weights and knows the best epoch, or ``None``. It may be `stopping`.
    """

    def __init__(
        self,
        model: Module,
        metrics: Sequence[Metric],
        *,
        early_stopping: int | EarlyStopping | None,
        restore_best: bool,
        monitor: str | None,
        validates: bool,
    ) -> None:
        watched = validates or early_stopping is not None or monitor is not None
        self.column = (monitor or ("val_loss" if validates else "loss")) if watched else None
        self.restores = restore_best and watched
        self.stopping: EarlyStopping | None = None
        self.keeper: EarlyStopping | None = None
        if self.column is None:
            return
        mode = self._mode(self.column, metrics, validates)
        if isinstance(early_stopping, EarlyStopping):
            self.stopping, mode = early_stopping, early_stopping.mode
            known = early_stopping.model
            if getattr(known, "_orig_mod", known) not in (None, getattr(model, "_orig_mod", model)):
                raise ValueError(
                    "fit: expected early_stopping without a model, or with the one that is "
                    "trained, got one with another"
                )
        elif early_stopping is not None:
            self.stopping = EarlyStopping(None, _patience(early_stopping), mode=mode)
        if self.stopping is not None and (self.stopping.model is not None or not restore_best):
            self.keeper = self.stopping
        else:
            least = self.stopping.min_delta if self.stopping is not None else 0.0
            self.keeper = EarlyStopping(model if restore_best else None, 1, least, mode)

    @staticmethod
    def _mode(column: str, metrics: Sequence[Metric], validates: bool) -> str:
        """Whether more is better or less.

        Raises:
            ValueError: if there will be no such column, or it holds no numbers.
        """
        known = {"loss": "min", **{m.name: m.mode for m in metrics if m.is_number}}
        if validates:
            known.update({f"val_{name}": mode for name, mode in known.items()})
        if column not in known:
            raise ValueError(
                f"fit: expected monitor to be one of {', '.join(map(repr, known))}, got {column!r}"
            )
        return known[column]

    def begin(self) -> None:
        """Begin anew: what the user's object has seen of another training says nothing here."""
        if self.stopping is not None:
            self.stopping.load_state_dict(EarlyStopping().state_dict())

    def step(self, row: dict[str, Any]) -> bool:
        """Take the row of an epoch; whether it is time to stop."""
        if self.column is None:
            return False
        value = row[self.column]
        if self.keeper is not None and self.keeper is not self.stopping:
            self.keeper.step(value)
        return self.stopping is not None and self.stopping.step(value)

    @property
    def is_best(self) -> bool:
        """Whether the last row was the best so far."""
        return self.keeper is not None and self.keeper.best is not None and not self.keeper.waited

    def restore(self) -> bool:
        """Give the model its best weights, if they are kept; whether that was so."""
        keeper = self.keeper
        if not self.restores or keeper is None or keeper.model is None or keeper.best is None:
            return False
        keeper.restore()
        return True

    def parts(self) -> dict[str, EarlyStopping]:
        """What belongs into a checkpoint."""
        named = {"stopping": self.stopping, "keeper": self.keeper}
        return {name: one for name, one in named.items() if one is not None}


def _patience(given: Any) -> int:
    if not isinstance(given, int) or isinstance(given, bool):
        raise TypeError(
            "fit: expected early_stopping to be how many epochs to wait (an int) or an "
            f"EarlyStopping, got {type(given).__name__}"
        )
    return given
