"""When a learning-rate schedule takes its steps."""

from __future__ import annotations

from typing import Any

from steep.optim.lr_scheduler import CyclicLR, OneCycleLR, ReduceLROnPlateau

__all__ = ["Schedule"]


class Schedule:
    """A schedule, or none, that `fit` steps.

    Attributes:
        by_step: whether it is stepped after each optimiser step, and not after each epoch.
    """

    def __init__(self, scheduler: Any, by: str | None, optimizer: Any) -> None:
        if by not in (None, "step", "epoch"):
            raise ValueError(f"fit: expected schedule_by to be 'step', 'epoch' or None, got {by!r}")
        if scheduler is not None and not callable(getattr(scheduler, "step", None)):
            raise TypeError(
                "fit: expected scheduler to be a schedule of steep.optim.lr_scheduler, got "
                f"{type(scheduler).__name__}"
            )
        if scheduler is not None and getattr(scheduler, "optimizer", optimizer) is not optimizer:
            raise ValueError(
                "fit: expected scheduler to be made for the optimizer that is given, got one of "
                "another; its rates would have no effect"
            )
        self.scheduler = scheduler
        self.is_plateau = isinstance(scheduler, ReduceLROnPlateau)
        if self.is_plateau and by == "step":
            raise ValueError(
                "fit: expected schedule_by to be 'epoch' with ReduceLROnPlateau, which follows a "
                "measure of each epoch, got 'step'"
            )
        cycle = isinstance(scheduler, (OneCycleLR, CyclicLR))
        self.by_step = scheduler is not None and (cycle if by is None else by == "step")

    def after_step(self) -> None:
        """The schedule's step after one of the optimiser."""
        self.scheduler.step()

    def after_epoch(self, row: dict[str, Any], column: str | None) -> None:
        """The schedule's step after an epoch, whose row it may follow."""
        if self.scheduler is None or self.by_step:
            return
        if self.is_plateau:
            self.scheduler.step(row[column or "loss"])
        else:
            self.scheduler.step()
