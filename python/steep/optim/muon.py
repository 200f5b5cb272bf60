"""Muon."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from steep._core import Tensor, clamp
from steep.optim._plan import GroupPlan
from steep.optim._settings import as_float, number_of
from steep.optim._stateful import CompositeOptimizer

__all__ = ["Muon"]

_MOST_STEPS = 100  # as PyTorch has it
_RATES = ("original", "match_rms_adamw")


class Muon(CompositeOptimizer):
    """Momentum orthogonalised by Newton-Schulz iterations (Jordan et al., 2024), for matrices.

    With gradient G of a parameter of shape (m, n)::

        B = momentum * B + (1 - momentum) * G
        U = momentum * B + (1 - momentum) * G if nesterov, else B
        X = U / max(|U|, eps)                                            (Frobenius norm)
        A = X @ X.T;  X = a * X + (b * A + c * A @ A) @ X                ns_steps times
        p = p - lr * weight_decay * p
        p = p - lr * r * X

    so that the singular values of X come near 1. Where m > n, the iteration is that of the
    transpose, whose A is smaller. r is ``sqrt(max(1, m / n))``, or ``0.2 * sqrt(max(m, n))``
    (Liu et al., 2025), with which rates and decays tuned for AdamW can be used as they are.

    It is meant for the weights of hidden layers. Biases, norms, embeddings and the output layer
    are for another optimiser, such as `AdamW`.

    Args:
        params: parameters or groups, all of two dimensions; see `Optimizer`.
        lr: learning rate. Default: 1e-3.
        weight_decay: rate of the decoupled decay. Default: 0.1.
        momentum: share of the old average. Default: 0.95.
        nesterov: look one step ahead. Default: ``True``.
        ns_coefficients: a, b and c. Default: (3.4445, -4.775, 2.0315).
        eps: least norm that is divided by. Default: 1e-7.
        ns_steps: count of iterations, below 100. Default: 5.
        adjust_lr_fn: the rule of r, ``'original'`` or ``'match_rms_adamw'``; ``None``, the
            default, is the former.

    The iterations compute in the parameter's dtype; PyTorch's are in bfloat16.

    Raises:
        ValueError: on a setting outside its range, or a parameter that is no matrix.

    Example:
        >>> import steep
        >>> w = steep.zeros(2, 3, requires_grad=True)
        >>> muon = steep.optim.Muon([w], lr=0.5)
        >>> (w * steep.tensor([[3.0, 0.0, 0.0], [0.0, 1.0, 0.0]])).sum().backward()
        >>> muon.step()
        >>> w.data
        tensor([[-0.3765,  0.0000,  0.0000],
                [ 0.0000, -0.5669,  0.0000]])
    """

    _hyper_count = 7
    _kept = ("momentum_buffer",)
    _counted = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        if not as_float("lr", lr) >= 0.0:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not momentum >= 0.0:
            raise ValueError(f"momentum should be >= 0 but is: {momentum}")
        if not weight_decay >= 0.0:
            raise ValueError(f"weight decay should be >= 0 but is: {weight_decay}")
        _check_iteration(ns_coefficients, ns_steps)
        _check_rule(adjust_lr_fn)
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        super().add_param_group(param_group)
        for p in self.param_groups[-1]["params"]:
            if p.dim() != 2:
                self.param_groups.pop()
                raise ValueError(
                    "Muon only supports 2D parameters whereas we found a parameter with size: "
                    f"{p.size()}; give it to another optimizer, such as AdamW"
                )

    def _hyper(self, group: dict[str, Any]) -> tuple[float, ...]:
        _check_iteration(group["ns_coefficients"], group["ns_steps"])
        rates = (number_of(group["lr"]), group["weight_decay"], group["momentum"])
        return (*rates, *group["ns_coefficients"], group["eps"])

    def _flags(self, group: dict[str, Any]) -> tuple[Any, ...]:
        _check_rule(group["adjust_lr_fn"])
        return (group["nesterov"], group["ns_steps"], group["adjust_lr_fn"] or "original")

    def _lay_out(self, plan: GroupPlan, state: Any) -> None:
        for p in plan.params:
            if p.dim() != 2:  # its memory was replaced
                raise RuntimeError(f"Muon: expected a matrix, got a parameter of size {p.size()}")
        super()._lay_out(plan, state)

    @staticmethod
    def _update(
        p: Tensor, g: Tensor, state: list[Tensor], t: None, hyper: list[Tensor], *flags: Any
    ) -> tuple[Tensor, ...]:
        nesterov, steps, rule = flags
        lr, decay, momentum, *numbers = hyper
        share = (1 - momentum).to(p.dtype)
        average = state[0] + share * (g - state[0])
        update = average + share * (g - average) if nesterov else average
        update = _orthogonalized(update, [x.to(p.dtype) for x in numbers], steps)
        p = p * (1 - lr * decay).to(p.dtype)
        return p - (lr * _size_of_step(rule, *p.shape)).to(p.dtype) * update, average


def _orthogonalized(g: Tensor, numbers: list[Tensor], steps: int) -> Tensor:
    """U V' of ``g = U S V'``, about: singular values end up between 0.7 and 1.2."""
    a, b, c, eps = numbers
    tall = g.shape[0] > g.shape[1]
    x = g.t() if tall else g
    x = x / clamp(x.norm(), eps)  # no singular value is beyond 1 now
    for _ in range(steps):
        gram = x @ x.t()
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x.t() if tall else x


def _size_of_step(rule: str, rows: int, columns: int) -> float:
    if rule == "original":
        return math.sqrt(max(1, rows / max(columns, 1)))
    return 0.2 * math.sqrt(max(rows, columns))


def _check_iteration(coefficients: Any, steps: Any) -> None:
    if len(coefficients) != 3:
        raise ValueError(f"Coefficients must be a tuple of exactly 3 values, got {coefficients}")
    if not (isinstance(steps, int) and 0 <= steps < _MOST_STEPS):
        raise ValueError(
            f"Number of steps must be less than {_MOST_STEPS} for computational efficiency, and "
            f"not negative, got {steps}"
        )


def _check_rule(rule: Any) -> None:
    if rule is not None and rule not in _RATES:
        raise ValueError(
            f"Adjust learning rate function {rule} is not supported; expected None, "
            + " or ".join(map(repr, _RATES))
        )
