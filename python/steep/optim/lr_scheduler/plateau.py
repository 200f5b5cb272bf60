"""A rate that goes down when a measure no longer gets better."""

from __future__ import annotations

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

__all__ = ["ReduceLROnPlateau"]


class ReduceLROnPlateau(LRScheduler):
    """Multiplies the rate by `factor` when a measure has not got better for `patience` epochs.

    It is better if it is below ``best * (1 - threshold)`` (``'min'``, ``'rel'``),
    ``best - threshold`` (``'min'``, ``'abs'``), or above ``best * (1 + threshold)`` and
    ``best + threshold`` (``'max'``).

    Args:
        optimizer: see `LRScheduler`.
        mode: whether ``'min'``, the default, or ``'max'`` is better.
        factor: the factor, below 1. Default: 0.1.
        patience: epochs without a better value that are let pass. Default: 10.
        threshold: how much better counts. Default: 1e-4.
        threshold_mode: see above. Default: ``'rel'``.
        cooldown: epochs after a change that are not counted. Default: 0.
        min_lr: lowest rate, for all groups or each. Default: 0.
        eps: smallest change that is made. Default: 1e-8.

    Raises:
        ValueError: if the factor is not below 1, a mode unknown, or `min_lr` of another length
            than there are groups.
        TypeError: if `optimizer` is no optimiser.

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
        """Take in an epoch's measure, and lower the rates if it is time.

        Raises:
            RuntimeError: if groups were added since, and each had a `min_lr` of its own.
        """
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
        """Take over what `state_dict` returned."""
        super().load_state_dict(state_dict)
        self._init_is_better(self.mode, self.threshold, self.threshold_mode)
