"""Schedules given by the user's functions."""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from steep.optim.lr_scheduler.base import LRScheduler, Rate, check_optimizer, settings_of
from steep.optim.optimizer import Optimizer

__all__ = ["LambdaLR", "MultiplicativeLR"]

Factor: TypeAlias = Callable[[int], float]


class _ByFunctions(LRScheduler):
    """A factor from a function of the epoch, one for each group."""

    lr_lambdas: list[Factor]

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Factor | Sequence[Factor], last_epoch: int = -1
    ) -> None:
        check_optimizer(optimizer)
        count = len(optimizer.param_groups)
        if not isinstance(lr_lambda, (list, tuple)):
            lr_lambda = [lr_lambda] * count  # type: ignore[list-item]
        elif len(lr_lambda) != count:
            raise ValueError(f"Expected {count} lr_lambdas, but got {len(lr_lambda)}")
        for function in lr_lambda:
            if not callable(function):
                raise TypeError(
                    f"lr_lambda should be a function, but got {type(function).__name__}"
                )
        self.optimizer = optimizer
        self.lr_lambdas = list(lr_lambda)
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """Its attributes but the optimiser and functions; of callable objects, their attributes."""
        state = super().state_dict()
        state["lr_lambdas"] = [
            None if isinstance(function, types.FunctionType) else vars(function).copy()
            for function in self.lr_lambdas
        ]
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned; functions stay, callable objects are updated."""
        given = dict(state_dict)
        saved = given.pop("lr_lambdas")
        super().load_state_dict(given)
        for function, attributes in zip(self.lr_lambdas, saved, strict=False):
            if attributes is not None:
                vars(function).update(attributes)


class LambdaLR(_ByFunctions):
    """Rate = initial rate * lr_lambda(epoch).

    Args:
        optimizer: see `LRScheduler`.
        lr_lambda: function of the epoch, or a list of them, one for each group.
        last_epoch: see `LRScheduler`. Default: -1.

    Raises:
        ValueError: if there are not as many functions as groups.
        TypeError: if one cannot be called.

    Example:
        >>> import steep
        >>> sgd = steep.optim.SGD([steep.ones(1, requires_grad=True)], lr=1.0)
        >>> warm_up = steep.optim.lr_scheduler.LambdaLR(sgd, lambda epoch: min(1, (epoch + 1) / 4))
        >>> warm_up.get_last_lr()
        [0.25]
    """

    def get_lr(self) -> list[Rate]:
        """See `LRScheduler.get_lr`."""
        self._warn_unless_in_step()
        pairs = zip(self.base_lrs, self.lr_lambdas, strict=True)
        return [base * function(self.last_epoch) for base, function in pairs]


class MultiplicativeLR(_ByFunctions):
    """Rate = last rate * lr_lambda(epoch), from the second epoch on.

    Args:
        optimizer: see `LRScheduler`.
        lr_lambda: function of the epoch, or a list of them, one for each group.
        last_epoch: see `LRScheduler`. Default: -1.

    Raises:
        ValueError: if there are not as many functions as groups.
        TypeError: if one cannot be called.

    Example:
        >>> import steep
        >>> sgd = steep.optim.SGD([steep.ones(1, requires_grad=True)], lr=1.0)
        >>> decay = steep.optim.lr_scheduler.MultiplicativeLR(sgd, lambda epoch: 0.5)
        >>> sgd.step()
        >>> decay.step()
        >>> decay.get_last_lr()
        [0.5]
    """

    def get_lr(self) -> list[Rate]:
        """See `LRScheduler.get_lr`."""
        self._warn_unless_in_step()
        rates = settings_of(self.optimizer, "lr")
        if self._is_initial:
            return rates
        pairs = zip(rates, self.lr_lambdas, strict=True)
        return [rate * function(self.last_epoch) for rate, function in pairs]
