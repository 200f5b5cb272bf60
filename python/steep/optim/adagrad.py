"""Adagrad."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from steep._core import Tensor, adagrad_step, full_like
from steep.optim._plan import GroupPlan
from steep.optim._settings import as_count, check_settings, number_of
from steep.optim._stateful import StatefulOptimizer

__all__ = ["Adagrad"]


class Adagrad(StatefulOptimizer):
    """Adagrad (Duchi, Hazan and Singer, JMLR 2011), one fused kernel.

    With gradient g, step t and the sum s of all squares::

        g = g + weight_decay * p
        s = s + g ** 2
        p = p - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)

    Args:
        params: parameters or groups; see `Optimizer`.
        lr: learning rate. Default: 1e-2.
        lr_decay: how fast the rate falls. Default: 0.
        weight_decay: factor of the L2 penalty's gradient. Default: 0.
        initial_accumulator_value: what the sums begin with, in all groups. Default: 0.
        eps: added to the denominator. Default: 1e-10.
        foreach: accepted for PyTorch's sake, as is `fused`.
        maximize: ascend instead. Default: ``False``.
        differentiable: only ``False``.
        fused: see `foreach`.

    Raises:
        ValueError: on a setting outside its range.

    Example:
        >>> import steep
        >>> w = steep.ones(1, requires_grad=True)
        >>> adagrad = steep.optim.Adagrad([w], lr=0.25)
        >>> (w * w).sum().backward()
        >>> adagrad.step()
        >>> w.item()
        0.75
    """

    _hyper_count = 4
    _kept = ("sum",)
    _step = adagrad_step

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_settings(
            lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
        )
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:  # as PyTorch does, before there is any gradient
            for p in group["params"]:
                self.state[p] = {"step": as_count(None), "sum": self._sum(p)}

    def _sum(self, param: Tensor) -> Tensor:
        return full_like(param, self.defaults["initial_accumulator_value"], requires_grad=False)

    def _hyper(self, group: dict[str, Any]) -> tuple[float, ...]:
        return (number_of(group["lr"]), group["lr_decay"], group["weight_decay"], group["eps"])

    def _flags(self, group: dict[str, Any]) -> tuple[bool, ...]:
        return (group["maximize"],)

    def _fresh(self, name: str, param: Tensor, plan: GroupPlan) -> Tensor:
        return self._sum(param)
