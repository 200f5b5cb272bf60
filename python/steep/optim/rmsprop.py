"""RMSprop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from steep._core import Tensor, rmsprop_step
from steep.optim._settings import check_settings, number_of
from steep.optim._stateful import StatefulOptimizer

__all__ = ["RMSprop"]


class RMSprop(StatefulOptimizer):
    """RMSprop (Tieleman and Hinton, 2012), centred as in Graves, 2013; one fused kernel.

    With gradient g, its mean square v and, where they are wanted, its mean m and buffer b::

        g = g + weight_decay * p
        v = alpha * v + (1 - alpha) * g ** 2
        m = alpha * m + (1 - alpha) * g                         (centered: v - m ** 2 for v below)
        b = momentum * b + g / (sqrt(v) + eps)
        p = p - lr * b

    Args:
        params: parameters or groups; see `Optimizer`.
        lr: learning rate. Default: 1e-2.
        alpha: share of the mean square kept. Default: 0.99.
        eps: added to the denominator. Default: 1e-8.
        weight_decay: factor of the L2 penalty's gradient. Default: 0.
        momentum: share of the buffer kept. Default: 0.
        centered: divide by an estimate of the standard deviation. Default: ``False``.
        capturable: accepted for PyTorch's sake, as is `foreach`.
        foreach: see `capturable`.
        maximize: ascend instead. Default: ``False``.
        differentiable: only ``False``.

    Raises:
        ValueError: on a setting outside its range.

    Example:
        >>> import steep
        >>> w = steep.ones(1, requires_grad=True)
        >>> rmsprop = steep.optim.RMSprop([w], lr=0.25, alpha=0.0)
        >>> (w * w).sum().backward()
        >>> rmsprop.step()
        >>> w.item()
        0.75
    """

    _hyper_count = 5
    _kept = ("square_avg", "grad_avg", "momentum_buffer")
    _optional = (("grad_avg", 0), ("momentum_buffer", 1))
    _used = slice(2, None)
    _step = rmsprop_step

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_settings(lr, eps=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _hyper(self, group: dict[str, Any]) -> tuple[float, ...]:
        numbers = (group["alpha"], group["eps"], group["weight_decay"], group["momentum"])
        return (number_of(group["lr"]), *numbers)

    def _flags(self, group: dict[str, Any]) -> tuple[bool, ...]:
        return (group["centered"], group["momentum"] > 0, group["maximize"])
