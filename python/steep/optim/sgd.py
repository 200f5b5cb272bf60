"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from steep._core import Tensor, sgd_step
from steep.optim._plan import GroupPlan, MissingState
from steep.optim._settings import as_float, number_of, reject_differentiable, zeros_unless_there
from steep.optim._state import check_shape
from steep.optim.optimizer import Optimizer

__all__ = ["SGD"]


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum, Nesterov's variant and weight decay.

    With gradient g, parameter p and buffer b (Sutskever et al., ICML 2013, with the learning rate
    outside the buffer as in PyTorch)::

        g = g + weight_decay * p
        b = g at the first step, then momentum * b + (1 - dampening) * g
        g = g + momentum * b if nesterov, else b        (if momentum is not 0)
        p = p - lr * g

    Args:
        params: parameters or groups; see `Optimizer`.
        lr: learning rate. Default: 1e-3.
        momentum: share of the buffer kept. Default: 0.
        dampening: share of the gradient kept out of the buffer. Default: 0.
        weight_decay: factor of the L2 penalty's gradient. Default: 0.
        nesterov: look ahead along the buffer. Default: ``False``.
        maximize: ascend instead. Default: ``False``.
        foreach: accepted for PyTorch's sake, as is `fused`; every step here is fused.
        differentiable: only ``False``.
        fused: see `foreach`.

    Raises:
        ValueError: on a negative setting, or Nesterov without momentum or with dampening.

    Example:
        >>> import steep
        >>> w = steep.ones(1, requires_grad=True)
        >>> sgd = steep.optim.SGD([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> sgd.step()
        >>> w.item()
        0.0
    """

    _hyper_count = 4

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        if not as_float("lr", lr) >= 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not momentum >= 0.0:
            raise ValueError(f"Invalid momentum value: {momentum}")
        if not weight_decay >= 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        reject_differentiable("SGD", differentiable)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def _hyper(self, group: dict[str, Any]) -> tuple[float, ...]:
        return (
            number_of(group["lr"]),
            group["momentum"],
            group["dampening"],
            group["weight_decay"],
        )

    def _flags(self, group: dict[str, Any]) -> tuple[bool, ...]:
        return (group["nesterov"], group["maximize"], group["momentum"] != 0)

    def _lay_out(self, plan: GroupPlan, state: MissingState) -> None:
        if plan.flags is None or not plan.flags[2]:
            return
        buffers = plan.lists["momentum_buffer"] = []
        for i, p in enumerate(plan.params):
            buffer, is_new = state.get(p, "momentum_buffer", zeros_unless_there(p))
            buffers.append(buffer)
            if is_new:
                plan.fresh.append(i)

    def _calls(
        self, plan: GroupPlan, grads: list[Tensor]
    ) -> list[tuple[Callable[..., Any], tuple[Any, ...]]]:
        nesterov, maximize, _ = plan.flags or (False, False, False)
        params = plan.params
        buffers = plan.lists.get("momentum_buffer", [])
        if not plan.fresh:
            return [(sgd_step, (params, grads, buffers, plan.hyper, nesterov, maximize, False))]
        # Buffers just made take the gradient as it is; those that were there go on as usual.
        fresh = set(plan.fresh)
        calls: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []
        for first in (True, False):
            chosen = [i for i in range(len(params)) if (i in fresh) is first]
            if chosen:
                some, theirs, old = (
                    [source[i] for i in chosen] for source in (params, grads, buffers)
                )
                arguments = (some, theirs, old, plan.hyper, nesterov, maximize, first)
                calls.append((sgd_step, arguments))
        return calls

    def _loaded_state(self, param: Tensor, number: Any, entry: Any) -> Any:
        if isinstance(entry, dict) and entry.get("momentum_buffer") is not None:
            check_shape(number, "momentum_buffer", param, entry["momentum_buffer"])
        return entry
