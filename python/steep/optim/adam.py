"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from steep._core import Tensor, adam_step
from steep.optim._plan import GroupPlan, MissingState
from steep.optim._settings import (
    as_count,
    as_float,
    number_of,
    reject_differentiable,
    zeros_unless_there,
)
from steep.optim._state import check_shape
from steep.optim.optimizer import Optimizer

__all__ = ["Adam", "AdamW"]


class Adam(Optimizer):
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
        if not as_float("lr", lr) >= 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not eps >= 0.0:
            raise ValueError(f"Invalid epsilon value: {eps}")
        if not 0.0 <= beta1 < 1.0:
            raise ValueError(f"Invalid beta parameter at index 0: {beta1}")
        if not 0.0 <= beta2 < 1.0:
            raise ValueError(f"Invalid beta parameter at index 1: {beta2}")
        if not weight_decay >= 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        reject_differentiable(type(self).__name__, differentiable)
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

    def _lay_out(self, plan: GroupPlan, state: MissingState) -> None:
        names = ["exp_avg", "exp_avg_sq"]
        if plan.flags is not None and plan.flags[0]:
            names.append("max_exp_avg_sq")
        plan.lists = {"step": [], "max_exp_avg_sq": [], **{name: [] for name in names}}
        for p in plan.params:
            plan.lists["step"].append(state.get(p, "step", as_count)[0])
            for name in names:
                plan.lists[name].append(state.get(p, name, zeros_unless_there(p))[0])

    def _calls(
        self, plan: GroupPlan, grads: list[Tensor]
    ) -> list[tuple[Callable[..., Any], tuple[Any, ...]]]:
        lists = plan.lists
        _, maximize, decoupled = plan.flags or (False, False, False)
        arguments = (
            plan.params,
            grads,
            lists["exp_avg"],
            lists["exp_avg_sq"],
            lists["max_exp_avg_sq"],
            lists["step"],
            plan.hyper,
            maximize,
            decoupled,
        )
        return [(adam_step, arguments)]

    def _loaded_state(self, param: Tensor, number: Any, entry: Any) -> Any:
        if not isinstance(entry, dict) or not entry:
            return entry
        for name in ("exp_avg", "exp_avg_sq", "max_exp_avg_sq"):
            if entry.get(name) is not None:
                check_shape(number, name, param, entry[name])
        try:
            return {**entry, "step": as_count(entry.get("step"))}
        except (TypeError, ValueError, RuntimeError) as error:
            raise ValueError(
                f"loaded state dict: expected step of parameter {number} to be one number, got "
                f"{entry['step']!r}"
            ) from error

    def _loaded_group(self, group: dict[str, Any]) -> dict[str, Any]:
        # Saved by an optimiser that did not have them yet.
        return {**{name: self.defaults[name] for name in _LATER}, **group}


_LATER = (
    "amsgrad",
    "maximize",
    "foreach",
    "capturable",
    "differentiable",
    "fused",
    "decoupled_weight_decay",
)


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
