"""The rate up and down between two bounds (Smith, Cyclical learning rates, WACV 2017)."""

from __future__ import annotations

import math
import types
from collections.abc import Callable
from typing import Any

from steep.optim.lr_scheduler.base import (
    LRScheduler,
    Rate,
    check_optimizer,
    one_per_group,
    store,
)
from steep.optim.lr_scheduler.momentum import (
    begin_momentum,
    momentums_per_group,
    set_momentum,
    uses_beta1,
)
from steep.optim.optimizer import Optimizer

__all__ = ["CyclicLR"]

_MODES = ("triangular", "triangular2", "exp_range")


class CyclicLR(LRScheduler):
    """Goes along lines from `base_lr` to `max_lr` and back; to be stepped after each batch.

    Rate = base_lr + (max_lr - base_lr) * height * scale, with a height from 0 to 1 and back in
    each cycle. The scale is 1 (``'triangular'``), 1 / 2 ** (cycle - 1) (``'triangular2'``), or
    gamma ** step (``'exp_range'``). Momentum goes from `max_momentum` to `base_momentum` and back.

    Args:
        optimizer: see `LRScheduler`.
        base_lr: lowest rate, for all groups or each.
        max_lr: highest rate, likewise.
        step_size_up: steps on the way up. Default: 2000.
        step_size_down: steps on the way down; as many as up if ``None``.
        mode: see above. Default: ``'triangular'``.
        gamma: see above. Default: 1.
        scale_fn: a scale of one's own, in the place of `mode`.
        scale_mode: whether `scale_fn` is given the ``'cycle'`` (the default), from 1 on, or the
            ``'iterations'``.
        cycle_momentum: whether momentum, or Adam's beta1, is changed too. Default: ``True``.
        base_momentum: lowest momentum, for all groups or each. Default: 0.8.
        max_momentum: highest momentum, likewise. Default: 0.9.
        last_epoch: see `LRScheduler`. Default: -1.

    Raises:
        TypeError: if `optimizer` is no optimiser.
        ValueError: on an unknown mode, lists of another length than there are groups, or an
            optimiser without momentum if `cycle_momentum` is set.

    Example:
        >>> import steep
        >>> sgd = steep.optim.SGD([steep.ones(1, requires_grad=True)], lr=1.0, momentum=0.9)
        >>> schedule = steep.optim.lr_scheduler.CyclicLR(sgd, 0.25, 0.75, step_size_up=2)
        >>> for batch in range(4):
        ...     print(schedule.get_last_lr(), round(sgd.param_groups[0]["momentum"], 2))
        ...     sgd.step()
        ...     schedule.step()
        [0.25] 0.9
        [0.5] 0.85
        [0.75] 0.8
        [0.5] 0.85
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.8,
        max_momentum: float | list[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        base_lrs = one_per_group("base_lr", optimizer, base_lr)
        self.max_lrs = one_per_group("max_lr", optimizer, max_lr)
        if mode not in _MODES and scale_fn is None:
            raise ValueError("mode is invalid and scale_fn is None")
        up = float(step_size_up)
        down = up if step_size_down is None else float(step_size_down)
        self.optimizer = optimizer
        self.total_size = up + down
        self.step_ratio = up / self.total_size
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        if scale_fn is None:
            scale_mode = "iterations" if mode == "exp_range" else "cycle"
        self.scale_mode = scale_mode
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = uses_beta1(optimizer)
            lowest, highest = momentums_per_group(optimizer, base_momentum, max_momentum)
            self.base_momentums, self.max_momentums = lowest, highest
        if last_epoch == -1:
            for lr, group in zip(base_lrs, optimizer.param_groups, strict=True):
                store(group, "lr", lr)
            if cycle_momentum:
                begin_momentum(optimizer, lowest, highest, self.use_beta1)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """The factor of a cycle's height: `x` is the cycle or the step, as `scale_mode` says."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular2":
            return 1 / math.pow(2.0, x - 1)
        return float(self.gamma**x) if self.mode == "exp_range" else 1.0

    def get_lr(self) -> list[Rate]:
        """See `LRScheduler.get_lr`. Sets the momentum too."""
        self._warn_unless_in_step()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        ratio = self.step_ratio
        height = x / ratio if x <= ratio else (x - 1) / (ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        bounds = zip(self.base_lrs, self.max_lrs, strict=True)
        rates = [low + (high - low) * height * scale for low, high in bounds]
        if self.cycle_momentum:
            groups = self.optimizer.param_groups
            ends = zip(groups, self.base_momentums, self.max_momentums, strict=True)
            for group, low, high in list(ends):
                set_momentum(group, high - (high - low) * height * scale, self.use_beta1)
        return rates

    def state_dict(self) -> dict[str, Any]:
        """Its attributes but the optimiser; of a `scale_fn` that is an object, its attributes."""
        state = super().state_dict()
        function = state["_scale_fn_custom"]
        plain = function is None or isinstance(function, types.FunctionType)
        state["_scale_fn_custom"] = None if plain else vars(function).copy()
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned; `scale_fn` stays, or is updated if an object."""
        given = dict(state_dict)
        attributes = given.pop("_scale_fn_custom", None)
        super().load_state_dict(given)
        if attributes is not None and self._scale_fn_custom is not None:
            vars(self._scale_fn_custom).update(attributes)
