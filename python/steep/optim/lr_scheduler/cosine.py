"""Schedules along a cosine (Loshchilov and Hutter, SGDR, ICLR 2017)."""

from __future__ import annotations

import math

from steep.optim.lr_scheduler.base import LRScheduler, Rate
from steep.optim.optimizer import Optimizer

__all__ = ["CosineAnnealingLR", "CosineAnnealingWarmRestarts"]


class CosineAnnealingLR(LRScheduler):
    """From the initial rate to `eta_min` along half a cosine of `T_max` epochs, and back again.

    Rate = eta_min + (initial rate - eta_min) * (1 + cos(pi * epoch / T_max)) / 2, computed from
    the last rate, so that other schedules of the same optimiser count.

    Args:
        optimizer: see `LRScheduler`.
        T_max: epochs from the highest rate to the lowest.
        eta_min: the lowest rate. Default: 0.
        last_epoch: see `LRScheduler`. Default: -1.

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
        """See `LRScheduler.get_lr`."""
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
    the epochs since the last restart, and T_i is the length of this run.

    Args:
        optimizer: see `LRScheduler`.
        T_0: epochs of the first run.
        T_mult: by how much each run is longer than the last. Default: 1.
        eta_min: the lowest rate. Default: 0.
        last_epoch: see `LRScheduler`. Default: -1.

    Raises:
        ValueError: if `T_0` or `T_mult` is no positive int, `eta_min` no number, or `step` is
            given a negative epoch.

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
        """See `LRScheduler.get_lr`."""
        self._warn_unless_in_step()
        low, angle = self.eta_min, math.pi * self.T_cur / self.T_i
        return [low + (base - low) * (1 + math.cos(angle)) / 2 for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Go on to the next epoch, or to the one given, which need not be whole.

        ``step(epoch + i / batches)`` after each batch `i` follows the cosine within the epoch.
        """
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
