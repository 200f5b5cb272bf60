"""Rprop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from steep._core import Tensor, clamp, full_like, where
from steep.optim._plan import GroupPlan
from steep.optim._settings import check_settings, number_of
from steep.optim._stateful import CompositeOptimizer

__all__ = ["Rprop"]


class Rprop(CompositeOptimizer):
    """Resilient backpropagation (Riedmiller and Braun, ICNN 1993).

    With gradient g, that of the last step q and a step size s of each element, which begins as
    lr::

        s = s * etas[1] where g * q > 0, s * etas[0] where g * q < 0, between step_sizes
        g = 0 where g * q < 0
        p = p - sign(g) * s

    Args:
        params: parameters or groups; see `Optimizer`.
        lr: first step size. Default: 1e-2.
        etas: factors that step sizes fall and grow by. Default: (0.5, 1.2).
        step_sizes: their least and greatest. Default: (1e-6, 50).
        capturable: accepted for PyTorch's sake, as is `foreach`.
        foreach: see `capturable`.
        maximize: ascend instead. Default: ``False``.
        differentiable: only ``False``.

    Raises:
        ValueError: on a setting outside its range.

    Example:
        >>> import steep
        >>> w = steep.ones(1, requires_grad=True)
        >>> rprop = steep.optim.Rprop([w], lr=0.25)
        >>> (w * w).sum().backward()
        >>> rprop.step()
        >>> w.item()
        0.75
    """

    _hyper_count = 5
    _kept = ("prev", "step_size")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_settings(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _hyper(self, group: dict[str, Any]) -> tuple[float, ...]:
        return (number_of(group["lr"]), *group["etas"], *group["step_sizes"])

    def _flags(self, group: dict[str, Any]) -> tuple[bool, ...]:
        return (group["maximize"],)

    def _fresh(self, name: str, param: Tensor, plan: GroupPlan) -> Tensor:
        first = plan.numbers[0] if name == "step_size" else 0.0
        return full_like(param, first, requires_grad=False)

    @staticmethod
    def _update(
        p: Tensor, g: Tensor, state: list[Tensor], t: Tensor, hyper: list[Tensor], *flags: bool
    ) -> tuple[Tensor, ...]:
        falls, grows, least, most = (x.to(p.dtype) for x in hyper[1:])
        before, size = state
        g = -g if flags[0] else g
        turn = g * before
        size = size * where(turn > 0, grows, where(turn < 0, falls, 1.0))
        size = clamp(size, least, most)
        g = where(turn < 0, 0.0, g)
        return p - g.sign() * size, g, size
