"""Adamax."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from steep._core import Tensor, maximum
from steep.optim._settings import check_settings, number_of
from steep.optim._stateful import CompositeOptimizer, sloped

__all__ = ["Adamax"]


class Adamax(CompositeOptimizer):
    """Adam by the infinity norm (Kingma and Ba, ICLR 2015, section 7.1).

    With gradient g, step t, moment m and norm u::

        g = g + weight_decay * p
        m = beta1 * m + (1 - beta1) * g
        u = max(beta2 * u, abs(g) + eps)
        p = p - lr / (1 - beta1 ** t) * m / u

    Args:
        params: parameters or groups; see `Optimizer`.
        lr: learning rate. Default: 2e-3.
        betas: decay of the moment and of the norm. Default: (0.9, 0.999).
        eps: added to the size of the gradient. Default: 1e-8.
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
        >>> adamax = steep.optim.Adamax([w], lr=0.25)
        >>> (w * w).sum().backward()
        >>> adamax.step()
        >>> round(w.item(), 4)
        0.75
    """

    _hyper_count = 5
    _kept = ("exp_avg", "exp_inf")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_settings(lr, eps=eps, betas=betas, weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _hyper(self, group: dict[str, Any]) -> tuple[float, ...]:
        return (number_of(group["lr"]), *group["betas"], group["eps"], group["weight_decay"])

    def _flags(self, group: dict[str, Any]) -> tuple[bool, ...]:
        return (group["maximize"], group["weight_decay"] != 0)

    @staticmethod
    def _update(
        p: Tensor, g: Tensor, state: list[Tensor], t: Tensor, hyper: list[Tensor], *flags: bool
    ) -> tuple[Tensor, ...]:
        lr, beta1, beta2, eps, decay = hyper
        m, u = state
        g = sloped(p, g, decay, *flags)
        m = m + (1 - beta1).to(p.dtype) * (g - m)
        u = maximum(u * beta2.to(p.dtype), g.abs() + eps.to(p.dtype))
        return p - (lr / (1 - beta1**t)).to(p.dtype) * m / u, m, u
