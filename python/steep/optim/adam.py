"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from steep._core import Tensor, adam_step, float32, tensor, zeros_like
from steep.optim._plan import GroupPlan
from steep.optim._settings import as_float, reject_differentiable
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
        return (float(group["lr"]), beta1, beta2, group["eps"], group["weight_decay"])

    def _flags(self, group: dict[str, Any]) -> tuple[bool, ...]:
        return (group["amsgrad"], group["maximize"], group["decoupled_weight_decay"])

    def _lay_out(self, plan: GroupPlan) -> None:
        names = ["exp_avg", "exp_avg_sq"]
        if plan.flags is not None and plan.flags[0]:
            names.append("max_exp_avg_sq")
        plan.lists = {"step": [], "max_exp_avg_sq": [], **{name: [] for name in names}}
        for p in plan.params:
            state = self.state[p]
            if "step" not in state:
                state["step"] = tensor(0.0, dtype=float32)
            plan.lists["step"].append(state["step"])
            for name in names:
                if name not in state:
                    state[name] = zeros_like(p)
                plan.lists[name].append(state[name])

    def _launch(self, plan: GroupPlan, grads: list[Tensor]) -> None:
        lists = plan.lists
        amsgrad, maximize, decoupled = plan.flags or (False, False, False)
        adam_step(
            plan.params,
            grads,
            lists["exp_avg"],
            lists["exp_avg_sq"],
            lists["max_exp_avg_sq"],
            lists["step"],
            plan.hyper,
            amsgrad,
            maximize,
            decoupled,
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

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As in `Optimizer`; the decay stays decoupled, whatever was saved."""
        super().load_state_dict(state_dict)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True
