"""Schedules that go from one rate to another within some epochs, and stay there."""

from __future__ import annotations

from steep.optim.lr_scheduler.base import LRScheduler, Rate, settings_of
from steep.optim.optimizer import Optimizer

__all__ = ["ConstantLR", "LinearLR", "PolynomialLR"]


class ConstantLR(LRScheduler):
    """Multiplies the rate by `factor` until epoch `total_iters`, and undoes that there.

    Args:
        optimizer: see `LRScheduler`.
        factor: between 0 and 1. Default: 1/3.
        total_iters: the epoch. Default: 5.
        last_epoch: see `LRScheduler`. Default: -1.

    Raises:
        ValueError: if the factor is not between 0 and 1.

    Example:
        >>> import steep
        >>> sgd = steep.optim.SGD([steep.ones(1, requires_grad=True)], lr=1.0)
        >>> schedule = steep.optim.lr_scheduler.ConstantLR(sgd, factor=0.5, total_iters=1)
        >>> schedule.get_last_lr()
        [0.5]
        >>> sgd.step()
        >>> schedule.step()
        >>> schedule.get_last_lr()
        [1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if factor > 1.0 or factor < 0:
            raise ValueError("Constant multiplicative factor expected to be between 0 and 1.")
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Rate]:
        """See `LRScheduler.get_lr`."""
        self._warn_unless_in_step()
        rates = settings_of(self.optimizer, "lr")
        if self.last_epoch == 0:
            return [rate * self.factor for rate in rates]
        if self.last_epoch != self.total_iters:
            return rates
        return [rate * (1.0 / self.factor) for rate in rates]

    def _get_closed_form_lr(self) -> list[Rate]:
        factor = self.factor + (self.last_epoch >= self.total_iters) * (1 - self.factor)
        return [base * factor for base in self.base_lrs]


class LinearLR(LRScheduler):
    """The rate's factor goes along a line from `start_factor` to `end_factor` in `total_iters`.

    Args:
        optimizer: see `LRScheduler`.
        start_factor: factor of the first epoch. Default: 1/3.
        end_factor: factor from epoch `total_iters` on. Default: 1.
        total_iters: epochs on the way. Default: 5.
        last_epoch: see `LRScheduler`. Default: -1.

    Raises:
        ValueError: if a factor is not between 0 and 1, or the first is 0.

    Example:
        >>> import steep
        >>> sgd = steep.optim.SGD([steep.ones(1, requires_grad=True)], lr=1.0)
        >>> warm_up = steep.optim.lr_scheduler.LinearLR(sgd, start_factor=0.5, total_iters=4)
        >>> sgd.step()
        >>> warm_up.step()
        >>> warm_up.get_last_lr()
        [0.625]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if start_factor > 1.0 or start_factor <= 0:
            raise ValueError(
                "Starting multiplicative factor expected to be greater than 0 and less or equal "
                "to 1."
            )
        if end_factor > 1.0 or end_factor < 0:
            raise ValueError("Ending multiplicative factor expected to be between 0 and 1.")
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Rate]:
        """See `LRScheduler.get_lr`."""
        self._warn_unless_in_step()
        rates = settings_of(self.optimizer, "lr")
        if self.last_epoch == 0:
            return [rate * self.start_factor for rate in rates]
        if self._is_initial or self.last_epoch > self.total_iters:
            return rates
        rise = self.end_factor - self.start_factor
        last = self.total_iters * self.start_factor + (self.last_epoch - 1) * rise
        return [rate * (1.0 + rise / last) for rate in rates]

    def _get_closed_form_lr(self) -> list[Rate]:
        rise = self.end_factor - self.start_factor
        done = min(self.total_iters, self.last_epoch)
        return [
            base * (self.start_factor + rise * done / self.total_iters) for base in self.base_lrs
        ]


class PolynomialLR(LRScheduler):
    """Rate = initial rate * (1 - epoch / total_iters) ** power, and 0 afterwards.

    Args:
        optimizer: see `LRScheduler`.
        total_iters: epochs until 0. Default: 5.
        power: the exponent. Default: 1.
        last_epoch: see `LRScheduler`. Default: -1.

    Example:
        >>> import steep
        >>> sgd = steep.optim.SGD([steep.ones(1, requires_grad=True)], lr=1.0)
        >>> schedule = steep.optim.lr_scheduler.PolynomialLR(sgd, total_iters=4)
        >>> sgd.step()
        >>> schedule.step()
        >>> schedule.get_last_lr()
        [0.75]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        total_iters: int = 5,
        power: float = 1.0,
        last_epoch: int = -1,
    ) -> None:
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Rate]:
        """See `LRScheduler.get_lr`."""
        self._warn_unless_in_step()
        rates = settings_of(self.optimizer, "lr")
        if self._is_initial or self.last_epoch > self.total_iters:
            return rates
        left = 1.0 - self.last_epoch / self.total_iters
        before = 1.0 - (self.last_epoch - 1) / self.total_iters
        return [rate * (left / before) ** self.power for rate in rates]

    def _get_closed_form_lr(self) -> list[Rate]:
        left = 1.0 - min(self.total_iters, self.last_epoch) / self.total_iters
        return [base * left**self.power for base in self.base_lrs]
