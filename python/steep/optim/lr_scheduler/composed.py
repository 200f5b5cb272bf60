"""Schedules made of others: one after the other, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from steep.optim.lr_scheduler.base import LRScheduler, settings_of, store
from steep.optim.lr_scheduler.plateau import ReduceLROnPlateau
from steep.optim.optimizer import Optimizer

__all__ = ["ChainedScheduler", "SequentialLR"]


class _Composed(LRScheduler):
    """Checks and state of a schedule made of others."""

    _schedulers: Sequence[LRScheduler]

    def _check(
        self, optimizer: Optimizer | None, schedulers: Sequence[Any], expected: str
    ) -> Optimizer:
        """The optimiser that all of them belong to."""
        name = type(self).__name__
        if len(schedulers) < 1:
            raise ValueError(
                f"{name} expects at least one scheduler{expected}, but got no scheduler."
            )
        for i, scheduler in enumerate(schedulers):
            if not hasattr(scheduler, "optimizer"):
                raise TypeError(f"{name} at index {i} should have `optimizer` as its attribute.")
            if isinstance(scheduler, ReduceLROnPlateau):
                raise ValueError(
                    f"{name} does not support `ReduceLROnPlateau` scheduler as it requires "
                    "additional kwargs to be specified when calling `step`, but got one at index "
                    f"{i} in the given schedulers sequence."
                )
            optimizer = optimizer or scheduler.optimizer
            if optimizer is not scheduler.optimizer:
                raise ValueError(
                    f"{name} expects all schedulers to belong to the same optimizer, but got "
                    f"scheduler {type(scheduler).__name__} at index {i} has "
                    f"{scheduler.optimizer}, which is different from {type(optimizer).__name__}."
                )
        assert optimizer is not None
        return optimizer

    def state_dict(self) -> dict[str, Any]:
        """Its attributes but the optimiser, with the states of its schedules."""
        state = super().state_dict()
        state["_schedulers"] = [scheduler.state_dict() for scheduler in self._schedulers]
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        given = dict(state_dict)
        states = given.pop("_schedulers")
        if len(states) != len(self._schedulers):
            raise ValueError(
                f"{type(self).__name__}: expected the states of {len(self._schedulers)} "
                f"schedulers, got {len(states)}"
            )
        super().load_state_dict(given)
        for scheduler, state in zip(self._schedulers, states, strict=True):
            scheduler.load_state_dict(state)


class SequentialLR(_Composed):
    """One schedule after the other: each begins at its milestone, at its epoch 0.

    Args:
        optimizer: see `LRScheduler`.
        schedulers: schedules of this optimiser, made just before.
        milestones: epochs at which the second and all later ones begin.
        last_epoch: see `LRScheduler`. Default: -1.

    Raises:
        ValueError: if there are none, one is a `ReduceLROnPlateau` or of another optimiser, or
            the number of milestones does not fit.
        TypeError: if one is no schedule.

    Example:
        >>> import steep
        >>> from steep.optim import lr_scheduler
        >>> sgd = steep.optim.SGD([steep.ones(1, requires_grad=True)], lr=1.0)
        >>> low = lr_scheduler.ConstantLR(sgd, factor=0.125, total_iters=10)
        >>> then = lr_scheduler.ExponentialLR(sgd, gamma=0.5)
        >>> schedule = lr_scheduler.SequentialLR(sgd, [low, then], milestones=[2])
        >>> for epoch in range(4):
        ...     print(schedule.get_last_lr())
        ...     sgd.step()
        ...     schedule.step()
        [0.125]
        [0.125]
        [1.0]
        [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: list[LRScheduler],
        milestones: list[int],
        last_epoch: int = -1,
    ) -> None:
        self.optimizer = self._check(optimizer, schedulers, "")
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                "Sequential Schedulers expects number of schedulers provided to be one more than "
                f"the number of milestone points, but got number of schedulers {len(schedulers)} "
                f"and the number of milestones to be equal to {len(milestones)}"
            )
        self._schedulers = schedulers
        self._milestones = milestones
        self.last_epoch = last_epoch + 1
        # All of them have set the rates when they were made; the first one is to begin anew.
        for group in optimizer.param_groups:
            store(group, "lr", group["initial_lr"])
        self.recursive_undo()
        first = schedulers[bisect_right(milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def recursive_undo(self, sched: Any = None) -> None:
        """Take back the step that each schedule took when it was made."""
        scheduler = self if sched is None else sched
        if hasattr(scheduler, "_schedulers"):
            for inner in scheduler._schedulers:
                self.recursive_undo(inner)
        elif hasattr(scheduler, "last_epoch"):
            scheduler.last_epoch -= 1

    def step(self) -> None:  # type: ignore[override]
        """Go on to the next epoch, in the schedule whose turn it is."""
        epoch = self.last_epoch + 1
        i = bisect_right(self._milestones, epoch)
        scheduler = self._schedulers[i]
        if i > 0 and self._milestones[i - 1] == epoch:
            scheduler._update_lr(0)
        else:
            scheduler.step()
        self.last_epoch = epoch
        self._last_lr = scheduler.get_last_lr()


class ChainedScheduler(_Composed):
    """Several schedules at once, each from the rate that the one before it has set.

    Args:
        schedulers: schedules of one optimiser.
        optimizer: that optimiser; the first schedule's if ``None``.

    Raises:
        ValueError: if there are none, or one is a `ReduceLROnPlateau` or of another optimiser.
        TypeError: if one is no schedule.

    Example:
        >>> import steep
        >>> from steep.optim import lr_scheduler
        >>> sgd = steep.optim.SGD([steep.ones(1, requires_grad=True)], lr=1.0)
        >>> both = lr_scheduler.ChainedScheduler([
        ...     lr_scheduler.ConstantLR(sgd, factor=0.5, total_iters=2),
        ...     lr_scheduler.ExponentialLR(sgd, gamma=0.5)])
        >>> sgd.step()
        >>> both.step()
        >>> both.get_last_lr()
        [0.25]
    """

    def __init__(
        self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None
    ) -> None:
        self.optimizer = self._check(optimizer, schedulers, " to be chained")
        self._schedulers = schedulers
        self._last_lr = settings_of(self.optimizer, "lr")

    def step(self) -> None:  # type: ignore[override]
        """Step all of them, in turn."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = settings_of(self.optimizer, "lr")
