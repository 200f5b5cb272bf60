"""Adadelta."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from steep._core import Tensor
from steep.optim._settings import check_settings, number_of
from steep.optim._stateful import CompositeOptimizer, sloped

__all__ = ["Adadelta"]


class Adadelta(CompositeOptimizer):
    """Adadelta (Zeiler, 2012).

    With gradient g, its mean square v and that of the steps, u::

        g = g + weight_decay * p
        v = rho * v + (1 - rho) * g ** 2
        d = sqrt(u + eps) / sqrt(v + eps) * g
        u = rho * u + (1 - rho) * d ** 2
        p = p - lr * d

    Args:
        params: parameters or groups; see `Optimizer`.
        lr: factor of the step. Default: 1.
        rho: share of the mean squares kept. Default: 0.9.
        eps: added to the mean squares. Default: 1e-6.
        weight_decay: factor of the L2 penalty's gradient. Default: 0.
        foreach: accepted for PyTorch's sake, as is `capturable`.
        capturable: see `foreach`.
        maximize: ascend instead. Default: ``False``.
        differentiable: only ``False``.

    Raises:
        ValueError: on a setting outside its range.

    Example:
        >>> import steep
        >>> w = steep.ones(1, requires_grad=True)
        >>> adadelta = steep.optim.Adadelta([w], rho=0.0, eps=1.0)
        >>> (w * 0).sum().backward()
        >>> adadelta.step()
        >>> w.item()
        1.0
    """

    _hyper_count = 4
    _kept = ("square_avg", "acc_delta")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_settings(lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        check_settings(lr, eps=eps, weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _hyper(self, group: dict[str, Any]) -> tuple[float, ...]:
        return (number_of(group["lr"]), group["rho"], group["eps"], group["weight_decay"])

    def _flags(self, group: dict[str, Any]) -> tuple[bool, ...]:
        return (group["maximize"], group["weight_decay"] != 0)

    @staticmethod
    def _update(
        p: Tensor, g: Tensor, state: list[Tensor], t: Tensor, hyper: list[Tensor], *flags: bool
    ) -> tuple[Tensor, ...]:
        lr, rho, eps, rest = (x.to(p.dtype) for x in (*hyper[:3], 1 - hyper[1]))
        v, u = state
        g = sloped(p, g, hyper[3], *flags)
        v = v * rho + rest * g * g
        d = (u + eps).sqrt() / (v + eps).sqrt() * g
        return p - lr * d, v, u * rho + rest * d * d
