"""The rates of stochastic weight averaging."""

from __future__ import annotations

import math

from steep.optim.lr_scheduler.base import LRScheduler, Rate, one_per_group
from steep.optim.optimizer import Optimizer

__all__ = ["SWALR"]


class SWALR(LRScheduler):
    """From the rate there is to `swa_lr` within `anneal_epochs`, and stays there.

    Args:
        optimizer: see `LRScheduler`.
        swa_lr: the rate of the averaging, for all groups or each.
        anneal_epochs: epochs until it is reached. Default: 10.
        anneal_strategy: along a ``'cos'``, the default, or ``'linear'``.
        last_epoch: see `LRScheduler`. Default: -1.

    Raises:
        ValueError: on an unknown strategy, epochs that are no int from 0 on, or a list of
            another length than there are groups.

    Example:
        >>> import steep
        >>> sgd = steep.optim.SGD([steep.ones(1, requires_grad=True)], lr=1.0)
        >>> schedule = steep.optim.swa_utils.SWALR(
        ...     sgd, swa_lr=0.5, anneal_epochs=2, anneal_strategy="linear")
        >>> sgd.step()
        >>> schedule.step()
        >>> schedule.get_last_lr()
        [0.75]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        rates = one_per_group("swa_lr", optimizer, swa_lr)
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        for rate, group in zip(rates, optimizer.param_groups, strict=True):
            group["swa_lr"] = rate
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _share(self, step: int) -> float:
        """How much of `swa_lr` is in the rate after so many steps."""
        t = max(0, min(1, step / max(1, self.anneal_epochs)))
        return (1 - math.cos(math.pi * t)) / 2 if self._anneal_strategy == "cos" else t

    def get_lr(self) -> list[Rate]:
        """See `LRScheduler.get_lr`."""
        self._warn_unless_in_step()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, share = self._share(step - 1), self._share(step)
        rates: list[Rate] = []
        for group in self.optimizer.param_groups:
            rate, swa = group["lr"], group["swa_lr"]
            # The rate that it began with, out of what is left of it.
            initial = swa if before == 1 else (rate - before * swa) / (1 - before)
            rates.append(swa * share + initial * (1 - share))
        return rates
