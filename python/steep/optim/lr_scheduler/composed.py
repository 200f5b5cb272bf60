"""Schedules that go by a measure, and those made of others."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any, SupportsFloat

from steep._core import refuse_recording
from steep.optim.lr_scheduler.base import (
    INSIDE,
    LRScheduler,
    check_optimizer,
    settings_of,
    store,
    warn_of_epoch,
)
from steep.optim.optimizer import Optimizer

__all__ = ["ChainedScheduler", "ReduceLROnPlateau", "SequentialLR"]


class ReduceLROnPlateau(LRScheduler):
    """Multiplies the rate by `factor` when a measure has not got better for `patience` epochs.

    It is better if it is below ``best * (1 - threshold)`` (``'min'``, ``'rel'``),
    ``best - threshold`` (``'min'``, ``'abs'``), or above ``best * (1 + threshold)`` and
    ``best + threshold`` (``'max'``).

    Args:
        mode: whether ``'min'``, the default, or ``'max'`` is better.
        factor: below 1 (0.1).
        patience: epochs without a better value that are let pass (10).
        cooldown: epochs after a change that are not counted (0).
        min_lr: lowest rate, for all groups or each (0).
        eps: smallest change that is made (1e-8).

    Raises:
        ValueError: if the factor is not below 1, a mode unknown, or `min_lr` of another length
            than there are groups.

    Example:
        >>> import steep
        >>> sgd = steep.optim.SGD([steep.ones(1, requires_grad=True)], lr=1.0)
        >>> schedule = steep.optim.lr_scheduler.ReduceLROnPlateau(sgd, factor=0.5, patience=1)
        >>> for loss in (3.0, 2.0, 2.0, 2.0):
        ...     schedule.step(loss)
        >>> schedule.get_last_lr()
        [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: list[float] | float = 0,
        eps: float = 1e-8,
    ) -> None:
        if factor >= 1.0:
            raise ValueError("Factor should be < 1.0.")
        check_optimizer(optimizer)
        count = len(optimizer.param_groups)
        self.factor = factor
        self.optimizer = optimizer
        self.default_min_lr: float | None = None
        if isinstance(min_lr, (list, tuple)):
            if len(min_lr) != count:
                raise ValueError(f"expected {count} min_lrs, got {len(min_lr)}")
            self.min_lrs = list(min_lr)
        else:
            self.default_min_lr = min_lr
            self.min_lrs = [min_lr] * count
        self.patience = patience
        self.cooldown = cooldown
        self.eps = eps
        self.last_epoch = 0
        self._last_lr = settings_of(optimizer, "lr")
        self._init_is_better(mode, threshold, threshold_mode)
        self._reset()

    def _init_is_better(self, mode: str, threshold: float, threshold_mode: str) -> None:
        if mode not in ("min", "max"):
            raise ValueError(f"mode {mode} is unknown!")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold mode {threshold_mode} is unknown!")
        self.mode_worse = float("inf" if mode == "min" else "-inf")
        self.mode = mode
        self.threshold = threshold
        self.threshold_mode = threshold_mode

    def _reset(self) -> None:
        """Forget what has been measured."""
        self.best = self.mode_worse
        self.cooldown_counter = 0
        self.num_bad_epochs = 0

    @property
    def in_cooldown(self) -> bool:
        """Whether epochs are not counted, for the rate was just changed."""
        return self.cooldown_counter > 0

    def _is_better(self, value: float, best: float) -> bool:
        sign = -1.0 if self.mode == "min" else 1.0
        change = sign * self.threshold
        bound = best * (1.0 + change) if self.threshold_mode == "rel" else best + change
        return value < bound if self.mode == "min" else value > bound

    def step(self, metrics: SupportsFloat, epoch: int | None = None) -> None:  # type: ignore[override]
        """Take in an epoch's measure, and lower the rates if it is time."""
        refuse_recording(INSIDE)
        current = float(metrics)
        if epoch is not None:
            warn_of_epoch()
        better = self._is_better(current, self.best)
        bad = 0 if better or self.in_cooldown else self.num_bad_epochs + 1
        reduces = bad > self.patience
        if reduces:
            self._reduce_lr()
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if better:
            self.best = current
        if self.in_cooldown:
            self.cooldown_counter -= 1
        if reduces:
            self.cooldown_counter = self.cooldown
        self.num_bad_epochs = 0 if reduces else bad
        self._last_lr = settings_of(self.optimizer, "lr")

    def _reduce_lr(self) -> None:
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):
            if self.default_min_lr is None:
                raise RuntimeError(
                    f"The number of param groups in the `optimizer` ({len(groups)}) differs from "
                    f"when `ReduceLROnPlateau` was initialized ({len(self.min_lrs)}), usually due "
                    "to a new param group being added to the optimizer. Please modify the "
                    "`min_lrs` field to match the length of the `optimizer` param groups."
                )
            self.min_lrs = [self.default_min_lr] * len(groups)
        for group, least in zip(groups, self.min_lrs, strict=True):
            old = float(group["lr"])
            new = max(old * self.factor, least)
            if old - new > self.eps:
                store(group, "lr", new)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self._init_is_better(self.mode, self.threshold, self.threshold_mode)


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
        state = super().state_dict()
        state["_schedulers"] = [scheduler.state_dict() for scheduler in self._schedulers]
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
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

    Raises:
        ValueError: if there are none, one is a `ReduceLROnPlateau` or of another optimiser, or
            the milestones are not one less.
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

    Errors as of `SequentialLR`.

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
