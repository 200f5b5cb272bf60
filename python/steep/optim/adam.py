"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from steep._core import Tensor, adam_step
from steep.optim._settings import as_float, check_settings, number_of
from steep.optim._stateful import StatefulOptimizer

__all__ = ["Adam", "AdamW"]


class Adam(StatefulOptimizer):
    """Adam (Kingma and Ba, ICLR 2015), with AMSGrad (Reddi et al., ICLR 2018) if wanted.

    With gradient g, step t and moments m and v, which begin at zero::

        g = g + weight_decay * p
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g ** 2            (AMSGrad: the greatest v so far)
        p = p - lr / (1 - beta1 ** t) * m / (sqrt(v / (1 - beta2 ** t)) + eps)

    Args:
        params: parameters or groups; see `Optimizer`.
        lr: learning rate. Default: 1e-3.
        betas: decay of the two moments. Default: (0.9, 0.999).
        eps: added to the denominator. Default: 1e-8.
        weight_decay: factor of the L2 penalty's gradient. Default: 0.
        amsgrad: divide by the greatest second moment so far. Default: ``False``.
        foreach: accepted for PyTorch's sake, as are `capturable` and `fused`; every step here is
            fused, and its numbers are read when it runs.
        maximize: ascend instead. Default: ``False``.
        capturable: see `foreach`.
        differentiable: only ``False``.
        fused: see `foreach`.
        decoupled_weight_decay: decay as AdamW does. Default: ``False``.

    Raises:
        ValueError: on a setting outside its range.

    Example:
        >>> import steep
        >>> w = steep.ones(1, requires_grad=True)
        >>> adam = steep.optim.Adam([w], lr=0.25)
        >>> (w * w).sum().backward()
        >>> adam.step()
        >>> round(w.item(), 4)
        0.75
    """

    _hyper_count = 5
    _kept = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")
    _optional = (("max_exp_avg_sq", 0),)
    _used = slice(1, None)
    _step = adam_step

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        beta1, beta2 = as_float("betas[0]", betas[0]), as_float("betas[1]", betas[1])
        check_settings(lr, eps=eps, betas=(beta1, beta2), weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "betas": (beta1, beta2),
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def _hyper(self, group: dict[str, Any]) -> tuple[float, ...]:
        beta1, beta2 = group["betas"]
        return (number_of(group["lr"]), beta1, beta2, group["eps"], group["weight_decay"])

    def _flags(self, group: dict[str, Any]) -> tuple[bool, ...]:
        return (group["amsgrad"], group["maximize"], group["decoupled_weight_decay"])


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, ICLR 2019).

    The parameter is first multiplied by ``1 - lr * weight_decay``; the moments see the bare
    gradient. Otherwise as `Adam`.

    Args:
        params: parameters or groups; see `Optimizer`.
        lr: learning rate. Default: 1e-3.
        betas: decay of the two moments. Default: (0.9, 0.999).
        eps: added to the denominator. Default: 1e-8.
        weight_decay: rate of the decay. Default: 1e-2.
        amsgrad: divide by the greatest second moment so far. Default: ``False``.
        maximize: ascend instead. Default: ``False``.
        foreach: accepted for PyTorch's sake, as are `capturable` and `fused`; see `Adam`.
        capturable: see `foreach`.
        differentiable: only ``False``.
        fused: see `foreach`.

    Raises:
        ValueError: on a setting outside its range.

    Example:
        >>> import steep
        >>> w = steep.ones(1, requires_grad=True)
        >>> w.grad = steep.zeros(1)
        >>> steep.optim.AdamW([w], lr=0.5, weight_decay=0.5).step()
        >>> w.item()
        0.75
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def _loaded_group(self, group: dict[str, Any]) -> dict[str, Any]:
        # The decay stays decoupled, whatever was saved.
        return {**super()._loaded_group(group), "decoupled_weight_decay": True}
