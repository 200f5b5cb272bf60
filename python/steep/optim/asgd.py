"""Averaged stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from steep._core import Tensor, clamp, float32, where
from steep.optim._plan import GroupPlan
from steep.optim._settings import check_settings, number_of
from steep.optim._stateful import CompositeOptimizer, sloped

__all__ = ["ASGD"]


class ASGD(CompositeOptimizer):
    """Averaged stochastic gradient descent (Polyak and Juditsky, 1992; Bottou, 2010).

    With gradient g, step t, the rate eta, which begins as lr, and the average a, which is kept as
    ``ax`` in the state::

        g = g + weight_decay * p
        p = (1 - lambd * eta) * p - eta * g
        a = a + mu * (p - a)
        eta = lr / (1 + lambd * lr * t) ** alpha
        mu = 1 / max(1, t - t0)

    eta and mu are float32 numbers, as in PyTorch.

    Args:
        params: parameters or groups; see `Optimizer`.
        lr: learning rate. Default: 1e-2.
        lambd: decay of the parameters and of the rate. Default: 1e-4.
        alpha: power of the rate's decay. Default: 0.75.
        t0: the step after which parameters are averaged. Default: 1e6.
        weight_decay: factor of the L2 penalty's gradient. Default: 0.
        foreach: accepted for PyTorch's sake, as is `capturable`.
        maximize: ascend instead. Default: ``False``.
        differentiable: only ``False``.
        capturable: see `foreach`.

    Raises:
        ValueError: on a setting outside its range.

    Example:
        >>> import steep
        >>> w = steep.ones(1, requires_grad=True)
        >>> asgd = steep.optim.ASGD([w], lr=0.25, lambd=0.0)
        >>> (w * w).sum().backward()
        >>> asgd.step()
        >>> w.item()
        0.5
    """

    _hyper_count = 5
    _kept = ("ax", "eta", "mu")
    _numbers = (("eta", 0.0), ("mu", 1.0))
    _of_own_shape = ("eta", "mu")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_settings(lr, weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _hyper(self, group: dict[str, Any]) -> tuple[float, ...]:
        numbers = (group["lambd"], group["alpha"], group["t0"], group["weight_decay"])
        return (number_of(group["lr"]), *numbers)

    def _flags(self, group: dict[str, Any]) -> tuple[bool, ...]:
        return (group["maximize"], group["weight_decay"] != 0)

    def _first(self, name: str, plan: GroupPlan) -> float:
        return plan.numbers[0] if name == "eta" else super()._first(name, plan)

    @staticmethod
    def _update(
        p: Tensor, g: Tensor, state: list[Tensor], t: Tensor, hyper: list[Tensor], *flags: bool
    ) -> tuple[Tensor, ...]:
        lr, lambd, alpha, t0, decay = hyper
        average, eta, mu = state
        g = sloped(p, g, decay, *flags)
        rate = eta.double()
        p = p * (1 - lambd * rate).to(p.dtype) - rate.to(p.dtype) * g
        average = where(mu == 1, p, average + mu.to(p.dtype) * (p - average))
        eta = lr / (1 + lambd * lr * t) ** alpha
        mu = 1 / clamp(t - t0, 1)
        return p, average, eta.to(float32), mu.to(float32)
