"""One cycle up and down over a whole training (Smith and Topin, Super-convergence, 2017)."""

from __future__ import annotations

import math
from typing import Any

from steep.optim.lr_scheduler.base import LRScheduler, Rate, check_optimizer, one_per_group
from steep.optim.lr_scheduler.momentum import (
    begin_momentum,
    momentums_per_group,
    set_momentum,
    uses_beta1,
)
from steep.optim.optimizer import Optimizer

__all__ = ["OneCycleLR"]


class OneCycleLR(LRScheduler):
    """From ``max_lr / div_factor`` up to `max_lr`, and down to almost nothing; stepped by batch.

    The way up takes `pct_start` of the steps, the way down the rest, to the initial rate divided
    by `final_div_factor`; with `three_phase` the way down to the initial rate is as long as that
    up, and the rest goes on from there. Momentum goes from `max_momentum` to `base_momentum` and
    back.

    Args:
        optimizer: see `LRScheduler`.
        max_lr: highest rate, for all groups or each.
        total_steps: number of steps; ``epochs * steps_per_epoch`` if ``None``.
        epochs: see `total_steps`.
        steps_per_epoch: see `total_steps`.
        pct_start: share of the steps on the way up. Default: 0.3.
        anneal_strategy: along a ``'cos'``, the default, or ``'linear'``.
        cycle_momentum: whether momentum, or Adam's beta1, is changed too. Default: ``True``.
        base_momentum: lowest momentum, for all groups or each. Default: 0.85.
        max_momentum: highest momentum, likewise. Default: 0.95.
        div_factor: the highest rate over the initial one. Default: 25.
        final_div_factor: the initial rate over the last one. Default: 1e4.
        three_phase: see above. Default: ``False``.
        last_epoch: see `LRScheduler`. Default: -1.

    Raises:
        TypeError: if `optimizer` is no optimiser.
        ValueError: on numbers of steps that are no positive ints, another setting outside its
            range, and a step beyond the last.

    Example:
        >>> import steep
        >>> sgd = steep.optim.SGD([steep.ones(1, requires_grad=True)], lr=1.0, momentum=0.9)
        >>> schedule = steep.optim.lr_scheduler.OneCycleLR(
        ...     sgd, max_lr=1.0, total_steps=10, anneal_strategy="linear")
        >>> for batch in range(3):
        ...     print(round(schedule.get_last_lr()[0], 2))
        ...     sgd.step()
        ...     schedule.step()
        0.04
        0.52
        1.0
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        self.total_steps = _steps(total_steps, epochs, steps_per_epoch)
        if not isinstance(pct_start, float) or pct_start < 0 or pct_start > 1:
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        self._schedule_phases = _phases(self.total_steps, pct_start, three_phase)
        self._anneal_func_type = anneal_strategy
        highest = one_per_group("max_lr", optimizer, max_lr)
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = uses_beta1(optimizer)
            momentums = momentums_per_group(optimizer, base_momentum, max_momentum)
        if last_epoch == -1:
            for high, group in zip(highest, optimizer.param_groups, strict=True):
                group["initial_lr"] = high / div_factor
                group["max_lr"] = high
                group["min_lr"] = group["initial_lr"] / final_div_factor
            if cycle_momentum:
                begin_momentum(optimizer, *momentums, self.use_beta1)
        super().__init__(optimizer, last_epoch)

    def _anneal_func(self, start: Any, end: Any, share: float) -> Any:
        """What is reached after a share of the way from `start` to `end`."""
        if self._anneal_func_type == "cos":
            return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)
        return (end - start) * share + start

    def get_lr(self) -> list[Rate]:
        """See `LRScheduler.get_lr`. Sets the momentum too."""
        self._warn_unless_in_step()
        step, begin = self.last_epoch, 0.0
        if step > self.total_steps:
            raise ValueError(
                f"Tried to step {step} times. The specified number of total steps is "
                f"{self.total_steps}"
            )
        for phase in self._schedule_phases:
            end = phase["end_step"]
            if step <= end or phase is self._schedule_phases[-1]:
                break
            begin = end
        share = (step - begin) / (end - begin)
        rates = []
        for group in self.optimizer.param_groups:
            ends = group[phase["start_lr"]], group[phase["end_lr"]]
            rates.append(self._anneal_func(*ends, share))
            if self.cycle_momentum:
                ends = group[phase["start_momentum"]], group[phase["end_momentum"]]
                set_momentum(group, self._anneal_func(*ends, share), self.use_beta1)
        return rates


def _steps(total: int | None, epochs: int | None, per_epoch: int | None) -> int:
    """The number of steps, as it was given."""
    if total is not None:
        return _positive("total_steps", total)
    if epochs is None or per_epoch is None:
        raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
    return _positive("epochs", epochs) * _positive("steps_per_epoch", per_epoch)


def _positive(name: str, value: Any) -> int:
    if not isinstance(value, int) or value <= 0:
        raise ValueError(f"Expected positive integer {name}, but got {value}")
    return value


def _phases(steps: int, share: float, three: bool) -> list[dict[str, Any]]:
    """The last step of each phase, and the settings between which it goes."""
    up, down = ("max_momentum", "base_momentum"), ("base_momentum", "max_momentum")
    phases: list[tuple[float, str, str, tuple[str, str]]]
    phases = [(float(share * steps) - 1, "initial_lr", "max_lr", up)]
    if three:
        level = ("max_momentum", "max_momentum")
        phases.append((float(2 * share * steps) - 2, "max_lr", "initial_lr", down))
        phases.append((steps - 1, "initial_lr", "min_lr", level))
    else:
        phases.append((steps - 1, "max_lr", "min_lr", down))
    names = ("end_step", "start_lr", "end_lr", "start_momentum", "end_momentum")
    return [
        dict(zip(names, (end, *rates, *momentum), strict=True)) for end, *rates, momentum in phases
    ]
