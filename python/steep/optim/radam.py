"""RAdam."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from steep._core import Tensor, where
from steep.optim._settings import check_settings, number_of
from steep.optim._stateful import CompositeOptimizer, sloped

__all__ = ["RAdam"]


class RAdam(CompositeOptimizer):
    """Rectified Adam (Liu et al., ICLR 2020).

    With step t and Adam's moments m and v::

        R = 2 / (1 - beta2) - 1
        r = R - 2 * t * beta2 ** t / (1 - beta2 ** t)
        m' = m / (1 - beta1 ** t)
        p = p - lr * m'                                                       where r <= 5, else
        p = p - lr * m' * sqrt((r - 4) * (r - 2) * R / ((R - 4) * (R - 2) * r))
              * sqrt(1 - beta2 ** t) / (sqrt(v) + eps)

    Args:
        params: parameters or groups; see `Optimizer`.
        lr: learning rate. Default: 1e-3.
        betas: decay of the two moments. Default: (0.9, 0.999).
        eps: added to the denominator. Default: 1e-8.
        weight_decay: factor of the L2 penalty's gradient. Default: 0.
        decoupled_weight_decay: decay as AdamW does. Default: ``False``.
        foreach: accepted for PyTorch's sake, as is `capturable`.
        maximize: ascend instead. Default: ``False``.
        capturable: see `foreach`.
        differentiable: only ``False``.

    Raises:
        ValueError: on a setting outside its range.

    Example:
        >>> import steep
        >>> w = steep.ones(1, requires_grad=True)
        >>> radam = steep.optim.RAdam([w], lr=0.25)
        >>> (w * w).sum().backward()
        >>> radam.step()
        >>> round(w.item(), 4)
        0.5
    """

    _hyper_count = 5
    _kept = ("exp_avg", "exp_avg_sq")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_settings(lr, eps=eps, betas=betas, weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _hyper(self, group: dict[str, Any]) -> tuple[float, ...]:
        return (number_of(group["lr"]), *group["betas"], group["eps"], group["weight_decay"])

    def _flags(self, group: dict[str, Any]) -> tuple[bool, ...]:
        decays, decoupled = group["weight_decay"] != 0, group["decoupled_weight_decay"]
        return (group["maximize"], decays and not decoupled, decays and decoupled)

    @staticmethod
    def _update(
        p: Tensor, g: Tensor, state: list[Tensor], t: Tensor, hyper: list[Tensor], *flags: bool
    ) -> tuple[Tensor, ...]:
        lr, beta1, beta2, eps, decay = hyper
        maximize, decays, shrinks = flags
        m, v = state
        g = sloped(p, g, decay, maximize, decays)
        if shrinks:
            p = p * (1 - lr * decay).to(p.dtype)
        m = m + (1 - beta1).to(p.dtype) * (g - m)
        v = v * beta2.to(p.dtype) + (1 - beta2).to(p.dtype) * g * g
        rest = 1 - beta2**t
        limit = 2 / (1 - beta2) - 1
        length = limit - 2 * t * beta2**t / rest
        factor = (length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length)
        rate = lr / (1 - beta1**t)
        adapted = (rate * (factor * rest).sqrt()).to(p.dtype) / (v.sqrt() + eps.to(p.dtype))
        return p - m * where(length > 5, adapted, rate.to(p.dtype)), m, v
