"""Schedules that go up and down, along cosines and lines."""

from __future__ import annotations

import math
import types
from collections.abc import Callable
from typing import Any

from steep.optim.lr_scheduler.base import (
    LRScheduler,
    Rate,
    begin_momentum,
    check_optimizer,
    momentums_per_group,
    one_per_group,
    set_momentum,
    store,
    uses_beta1,
)
from steep.optim.optimizer import Optimizer

__all__ = ["CosineAnnealingLR", "CosineAnnealingWarmRestarts", "CyclicLR", "OneCycleLR"]


class CosineAnnealingLR(LRScheduler):
    """From the initial rate to `eta_min` along half a cosine of `T_max` epochs, and back again.

    Rate = eta_min + (initial rate - eta_min) * (1 + cos(pi * epoch / T_max)) / 2, computed from
    the last rate, so that other schedules of the same optimiser count.

    Example:
        >>> import steep
        >>> sgd = steep.optim.SGD([steep.ones(1, requires_grad=True)], lr=1.0)
        >>> schedule = steep.optim.lr_scheduler.CosineAnnealingLR(sgd, T_max=2)
        >>> sgd.step()
        >>> schedule.step()
        >>> schedule.get_last_lr()
        [0.5]
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Rate]:
        self._warn_unless_in_step()
        low, half = self.eta_min, self.T_max
        rates = [group["lr"] for group in self.optimizer.param_groups]
        if self._is_initial:
            return rates
        if self._step_count == 1 and self.last_epoch > 0:  # begun anew at a later epoch
            return self._get_closed_form_lr()
        if (self.last_epoch - 1 - half) % (2 * half) == 0:  # at the lowest, there is no ratio
            pairs = zip(rates, self.base_lrs, strict=True)
            rise = 1 - math.cos(math.pi / half)
            return [rate + (base - low) * rise / 2 for rate, base in pairs]
        now = 1 + math.cos(math.pi * self.last_epoch / half)
        before = 1 + math.cos(math.pi * (self.last_epoch - 1) / half)
        return [now / before * (rate - low) + low for rate in rates]

    def _get_closed_form_lr(self) -> list[Rate]:
        angle = math.pi * self.last_epoch / self.T_max
        return [
            self.eta_min + (base - self.eta_min) * (1 + math.cos(angle)) / 2
            for base in self.base_lrs
        ]


class CosineAnnealingWarmRestarts(LRScheduler):
    """From the initial rate to `eta_min` along half a cosine, again and again.

    Rate = eta_min + (initial rate - eta_min) * (1 + cos(pi * T_cur / T_i)) / 2, where T_cur counts
    the epochs since the last restart, and T_i is how many there are to the next.

    The first run takes `T_0` epochs, each later one `T_mult` (1) times as many as the last.

    Raises:
        ValueError: if one of these is no positive int, `eta_min` (0) no number, or `step` is given
            a negative epoch.

    Example:
        >>> import steep
        >>> sgd = steep.optim.SGD([steep.ones(1, requires_grad=True)], lr=1.0)
        >>> schedule = steep.optim.lr_scheduler.CosineAnnealingWarmRestarts(sgd, T_0=2)
        >>> for epoch in range(3):
        ...     print(schedule.get_last_lr())
        ...     sgd.step()
        ...     schedule.step()
        [1.0]
        [0.5]
        [1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        if not isinstance(T_0, int) or T_0 <= 0:
            raise ValueError(f"Expected positive integer T_0, but got {T_0}")
        if not isinstance(T_mult, int) or T_mult < 1:
            raise ValueError(f"Expected integer T_mult >= 1, but got {T_mult}")
        if not isinstance(eta_min, (float, int)):
            raise ValueError(
                f"Expected float or int eta_min, but got {eta_min} of type {type(eta_min)}"
            )
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Rate]:
        self._warn_unless_in_step()
        low, angle = self.eta_min, math.pi * self.T_cur / self.T_i
        return [low + (base - low) * (1 + math.cos(angle)) / 2 for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Go on to the next epoch, or to the one given, which need not be whole."""
        before = self.last_epoch, self.T_cur, self.T_i
        if epoch is None and self.last_epoch >= 0:
            self._go_on()
        else:
            self._go_to(0 if epoch is None else epoch)
        try:
            self._set_rates()
        except BaseException:
            self.last_epoch, self.T_cur, self.T_i = before
            raise

    def _go_on(self) -> None:
        self.last_epoch += 1
        self.T_cur += 1
        if self.T_cur >= self.T_i:
            self.T_cur %= self.T_i
            self.T_i *= self.T_mult

    def _go_to(self, epoch: float) -> None:
        if epoch < 0:
            raise ValueError(f"Expected non-negative epoch, but got {epoch}")
        if epoch < self.T_0:
            self.T_i, self.T_cur = self.T_0, epoch
        elif self.T_mult == 1:
            self.T_cur = epoch % self.T_0
        else:
            runs = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
            begun = self.T_0 * (self.T_mult**runs - 1) / (self.T_mult - 1)
            self.T_i, self.T_cur = self.T_0 * self.T_mult**runs, epoch - begun
        self.last_epoch = math.floor(epoch)


_MODES = ("triangular", "triangular2", "exp_range")


class CyclicLR(LRScheduler):
    """Goes along lines from `base_lr` to `max_lr` and back; to be stepped after each batch.

    Rate = base_lr + (max_lr - base_lr) * height * scale, with a height from 0 to 1 and back in
    each cycle. The scale is 1 (``'triangular'``), 1 / 2 ** (cycle - 1) (``'triangular2'``), or
    gamma ** step (``'exp_range'``). Momentum goes from `max_momentum` to `base_momentum` and back.

    Args:
        base_lr: lowest rate, for all groups or each; so are the other bounds.
        step_size_up: steps on the way up (2000); `step_size_down`, as many, on the way down.
        scale_fn: a scale of one's own, of the cycle, from 1 on, or with `scale_mode`
            ``'iterations'`` of the step.
        cycle_momentum: whether momentum, or Adam's beta1, is changed too (``True``).

    Raises:
        ValueError: on an unknown mode, lists of another length than there are groups, or an
            optimiser without momentum.

    Example:
        >>> import steep
        >>> sgd = steep.optim.SGD([steep.ones(1, requires_grad=True)], lr=1.0, momentum=0.9)
        >>> schedule = steep.optim.lr_scheduler.CyclicLR(sgd, 0.25, 0.75, step_size_up=2)
        >>> sgd.step()
        >>> schedule.step()
        >>> schedule.get_last_lr(), round(sgd.param_groups[0]["momentum"], 2)
        ([0.5], 0.85)
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
        self.optimizer = optimizer
        up = float(step_size_up)
        self.total_size = up + (up if step_size_down is None else float(step_size_down))
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
            ends = momentums_per_group(optimizer, base_momentum, max_momentum)
            self.base_momentums, self.max_momentums = ends
        if last_epoch == -1:
            for lr, group in zip(base_lrs, optimizer.param_groups, strict=True):
                store(group, "lr", lr)
            if cycle_momentum:
                begin_momentum(optimizer, *ends, self.use_beta1)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """The factor of a height."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular2":
            return 1 / math.pow(2.0, x - 1)
        return float(self.gamma**x) if self.mode == "exp_range" else 1.0

    def get_lr(self) -> list[Rate]:
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
        state = super().state_dict()
        function = state["_scale_fn_custom"]
        plain = function is None or isinstance(function, types.FunctionType)
        state["_scale_fn_custom"] = None if plain else vars(function).copy()
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        given = dict(state_dict)
        attributes = given.pop("_scale_fn_custom", None)
        super().load_state_dict(given)
        if attributes is not None and self._scale_fn_custom is not None:
            vars(self._scale_fn_custom).update(attributes)


class OneCycleLR(LRScheduler):
    """From ``max_lr / div_factor`` up to `max_lr`, and down to almost nothing; stepped by batch.

    The way down ends at the initial rate over `final_div_factor`; with `three_phase` it is as long
    as that up, ends at the initial rate, and the rest goes on from there. Momentum goes from
    `max_momentum` to `base_momentum` and back.

    Args:
        max_lr: highest rate, for all groups or each; so are the bounds of momentum.
        total_steps: number of steps; ``epochs * steps_per_epoch`` if ``None``.
        pct_start: share of them on the way up (0.3).
        anneal_strategy: along a ``'cos'``, the default, or ``'linear'``.
        cycle_momentum: whether momentum, or Adam's beta1, is changed too (``True``).

    Raises:
        ValueError: on a setting outside its range, and a step beyond the last.

    Example:
        >>> import steep
        >>> sgd = steep.optim.SGD([steep.ones(1, requires_grad=True)], lr=1.0, momentum=0.9)
        >>> schedule = steep.optim.lr_scheduler.OneCycleLR(
        ...     sgd, max_lr=1.0, total_steps=10, anneal_strategy="linear")
        >>> sgd.step()
        >>> schedule.step()
        >>> round(schedule.get_last_lr()[0], 2)
        0.52
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
        peaks = one_per_group("max_lr", optimizer, max_lr)
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = uses_beta1(optimizer)
            ends = momentums_per_group(optimizer, base_momentum, max_momentum)
        if last_epoch == -1:
            for peak, group in zip(peaks, optimizer.param_groups, strict=True):
                low = peak / div_factor
                group.update(initial_lr=low, max_lr=peak, min_lr=low / final_div_factor)
            if cycle_momentum:
                begin_momentum(optimizer, *ends, self.use_beta1)
        super().__init__(optimizer, last_epoch)

    def _anneal_func(self, start: Any, end: Any, share: float) -> Any:
        """What is reached after a share of the way from `start` to `end`."""
        if self._anneal_func_type == "cos":
            return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)
        return (end - start) * share + start

    def get_lr(self) -> list[Rate]:
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
    names = ("end_step", "start_lr", "end_lr", "start_momentum", "end_momentum")
    up, down = float(share * steps) - 1, float(2 * share * steps) - 2
    phases: list[tuple[Any, ...]]
    phases = [(up, "initial_lr", "max_lr", "max_momentum", "base_momentum")]
    if three:
        phases.append((down, "max_lr", "initial_lr", "base_momentum", "max_momentum"))
        phases.append((steps - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum"))
    else:
        phases.append((steps - 1, "max_lr", "min_lr", "base_momentum", "max_momentum"))
    return [dict(zip(names, phase, strict=True)) for phase in phases]
