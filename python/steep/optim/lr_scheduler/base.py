"""`LRScheduler`: what all learning-rate schedules share."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, TypeAlias

from steep._core import Tensor, refuse_recording
from steep.optim._recorded import follow_steps, step_is_replaced
from steep.optim.optimizer import Optimizer

__all__ = [
    "INSIDE",
    "LRScheduler",
    "Rate",
    "check_optimizer",
    "one_per_group",
    "settings_of",
    "store",
]

Rate: TypeAlias = float | Tensor

INSIDE = "it steps a learning-rate schedule; call scheduler.step() outside the function"
_EPOCH = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where "
    "possible. Please use `scheduler.step()` to step the scheduler. With an epoch the closed form "
    "is used instead of the chainable form, where there is one."
)
_REPLACED = (
    "Seems like `optimizer.step()` has been overridden after learning rate scheduler "
    "initialization. Please, make sure to call `optimizer.step()` before `lr_scheduler.step()`."
)
_TOO_EARLY = (
    "Detected call of `lr_scheduler.step()` before `optimizer.step()`. Call them in the opposite "
    "order: `optimizer.step()` before `lr_scheduler.step()`, or the first value of the learning "
    "rate schedule is skipped."
)


def check_optimizer(optimizer: Any) -> None:
    """Raise unless it is an optimiser."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


def settings_of(optimizer: Optimizer, name: str) -> list[Any]:
    """One setting of all groups. Tensors are copied: a step writes into those of the groups."""
    values = [group[name] for group in optimizer.param_groups]
    return [value.clone() if isinstance(value, Tensor) else value for value in values]


def store(group: dict[str, Any], name: str, value: Rate) -> None:
    """Set a group's setting; one that is a tensor stays that tensor."""
    held = group[name]
    if isinstance(held, Tensor):
        held.fill_(value.item() if isinstance(value, Tensor) else value)
    else:
        group[name] = value


def one_per_group(name: str, optimizer: Optimizer, given: Any) -> list[Any]:
    """A value for each group: those given, or the one given for all."""
    count = len(optimizer.param_groups)
    if not isinstance(given, (list, tuple)):
        given = [given] * count
    elif len(given) != count:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. {name} has "
            f"{len(given)} values, param_groups has {count}."
        )
    return [value.clone() if isinstance(value, Tensor) else value for value in given]


def warn_of_epoch() -> None:
    """Warn that `step` was given an epoch."""
    warnings.warn(_EPOCH, UserWarning, stacklevel=3)


class LRScheduler:
    """Base class of all schedules: sets the learning rates of an optimiser's groups.

    A subclass defines `get_lr`, which returns one rate for each group from `last_epoch`,
    `base_lrs` and `optimizer.param_groups`. Several schedules may share one optimiser: those that
    multiply the rate there is are then multiplied with each other.

    Args:
        optimizer: the optimiser whose rates are set. A rate that is a tensor is written into.
        last_epoch: how often a schedule that is resumed has been stepped. Default: -1, the
            beginning, which stores each group's rate as its ``'initial_lr'``.

    Raises:
        TypeError: if `optimizer` is no optimiser.
        KeyError: if `last_epoch` is given and a group has no ``'initial_lr'``.

    Example:
        >>> import steep
        >>> class Halving(steep.optim.lr_scheduler.LRScheduler):
        ...     def get_lr(self):
        ...         return [base / 2**self.last_epoch for base in self.base_lrs]
        >>> sgd = steep.optim.SGD([steep.ones(1, requires_grad=True)], lr=1.0)
        >>> halving = Halving(sgd)
        >>> sgd.step()
        >>> halving.step()
        >>> halving.get_last_lr()
        [0.5]
    """

    _get_lr_called_within_step = False
    _is_initial = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        check_optimizer(optimizer)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                rate = group["lr"]
                initial = rate.clone() if isinstance(rate, Tensor) else rate
                group.setdefault("initial_lr", initial)
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming a "
                    "scheduler with last_epoch >= 0; load the optimizer's state_dict first, or "
                    "begin with last_epoch=-1"
                )
        self.optimizer = optimizer
        self.base_lrs: list[Any] = settings_of(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        follow_steps(optimizer)
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def state_dict(self) -> dict[str, Any]:
        """All its attributes but the optimiser, as a dict."""
        return {name: value for name, value in vars(self).items() if name != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned; load the optimiser's state as well."""
        vars(self).update(state_dict)
        if self.optimizer._opt_called is False:
            self.optimizer._opt_called = None  # its steps may have been taken before the save

    def get_last_lr(self) -> list[Any]:
        """The rates that the last step has set, one for each group."""
        return self._last_lr

    def get_lr(self) -> Sequence[Rate]:
        """The rates of the epoch `last_epoch`; every subclass defines it. Called by `step`."""
        raise NotImplementedError(f"{type(self).__name__} does not define get_lr()")

    def _warn_unless_in_step(self) -> None:
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use "
                "`get_last_lr()`.",
                UserWarning,
                stacklevel=3,
            )

    def step(self, epoch: int | None = None) -> None:
        """Go on to the next epoch, or to the one given, and set the rates of all groups.

        When it raises, neither the schedule nor the rates have changed.
        """
        if self._step_count == 1:
            if step_is_replaced(self.optimizer):
                warnings.warn(_REPLACED, UserWarning, stacklevel=2)
            elif self.optimizer._opt_called is False:
                warnings.warn(_TOO_EARLY, UserWarning, stacklevel=2)
        if epoch is not None:
            warn_of_epoch()
        self._step_count += 1
        try:
            self._update_lr(epoch)
        except BaseException:
            self._step_count -= 1
            raise

    def _update_lr(self, epoch: int | None = None) -> None:
        before = self.last_epoch
        self.last_epoch = before + 1 if epoch is None else epoch
        try:
            closed = None if epoch is None else getattr(self, "_get_closed_form_lr", None)
            self._set_rates(closed)
        except BaseException:
            self.last_epoch = before
            raise

    def _set_rates(self, compute: Any = None) -> None:
        """Set what `compute` returns, by default `get_lr`, as the groups' rates."""
        refuse_recording(INSIDE)
        groups = self.optimizer.param_groups
        self._get_lr_called_within_step = True
        try:
            rates = (compute or self.get_lr)()
        finally:
            self._get_lr_called_within_step = False
        if len(rates) != len(groups):
            raise ValueError(
                f"{type(self).__name__}: expected one learning rate for each of the optimizer's "
                f"{len(groups)} param_groups, got {len(rates)}; make the scheduler after the last "
                "group is added"
            )
        for group, rate in zip(groups, rates, strict=True):
            store(group, "lr", rate)
        self._last_lr: list[Any] = settings_of(self.optimizer, "lr")


# ---- momentum that goes against the rate -------------------------------------------------------


def uses_beta1(optimizer: Optimizer) -> bool:
    """Whether beta1 stands for momentum, as in Adam; ValueError where there is neither."""
    if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
        raise ValueError(
            "optimizer must support momentum or beta1 with `cycle_momentum` option enabled"
        )
    return "betas" in optimizer.defaults


def set_momentum(group: dict[str, Any], value: Any, beta1: bool) -> None:
    """Set a group's momentum, or its beta1."""
    if beta1:
        group["betas"] = (value, *group["betas"][1:])
    else:
        group["momentum"] = value


def momentums_per_group(optimizer: Optimizer, base: Any, most: Any) -> tuple[list[Any], list[Any]]:
    """The lowest and the highest momentum of each group."""
    lowest = one_per_group("base_momentum", optimizer, base)
    return lowest, one_per_group("max_momentum", optimizer, most)


def begin_momentum(
    optimizer: Optimizer, lowest: list[Any], highest: list[Any], beta1: bool
) -> None:
    """Set all groups to their highest momentum, and note both ends in them."""
    for low, high, group in zip(lowest, highest, optimizer.param_groups, strict=True):
        set_momentum(group, high, beta1)
        group["max_momentum"] = high
        group["base_momentum"] = low
