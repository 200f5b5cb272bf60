"""NAdam."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from steep._core import Tensor, nadam_step
from steep.optim._settings import check_settings, number_of
from steep.optim._stateful import StatefulOptimizer

__all__ = ["NAdam"]


class NAdam(StatefulOptimizer):
    """Adam with Nesterov's momentum (Dozat, ICLR workshop 2016), one fused kernel.

    With gradient g, step t and Adam's moments m and v::

        mu_t = beta1 * (1 - 0.96 ** (t * momentum_decay) / 2)
        P_t = mu_1 * ... * mu_t
        m' = mu_t+1 * m / (1 - P_t+1) + (1 - mu_t) * g / (1 - P_t)
        p = p - lr * m' / (sqrt(v / (1 - beta2 ** t)) + eps)

    Args:
        params: parameters or groups; see `Optimizer`.
        lr: learning rate. Default: 2e-3.
        betas: decay of the two moments. Default: (0.9, 0.999).
        eps: added to the denominator. Default: 1e-8.
        weight_decay: factor of the L2 penalty's gradient. Default: 0.
        momentum_decay: how fast the momentum is warmed up. Default: 4e-3.
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
        >>> nadam = steep.optim.NAdam([w], lr=0.25, betas=(0.0, 0.9))
        >>> (w * w).sum().backward()
        >>> nadam.step()
        >>> round(w.item(), 4)
        0.75
    """

    _hyper_count = 6
    _kept = ("exp_avg", "exp_avg_sq", "mu_product")
    _numbers = (("mu_product", 1.0),)
    _step = nadam_step

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_settings(
            lr, eps=eps, betas=betas, weight_decay=weight_decay, momentum_decay=momentum_decay
        )
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _hyper(self, group: dict[str, Any]) -> tuple[float, ...]:
        numbers = (group["eps"], group["weight_decay"], group["momentum_decay"])
        return (number_of(group["lr"]), *group["betas"], *numbers)

    def _flags(self, group: dict[str, Any]) -> tuple[bool, ...]:
        return (group["maximize"], group["decoupled_weight_decay"])
