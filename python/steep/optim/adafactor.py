"""Adafactor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from steep._core import Tensor, clamp, maximum, minimum, zeros
from steep._info import finfo
from steep.optim._plan import GroupPlan
from steep.optim._settings import as_float, number_of
from steep.optim._state import check_shape
from steep.optim._stateful import CompositeOptimizer

__all__ = ["Adafactor"]


class Adafactor(CompositeOptimizer):
    """Adafactor (Shazeer and Stern, ICML 2018), which keeps rows and columns of squares only.

    With gradient g, step t, and means over rows R and columns C of its squares, each kept by
    ``1 - t ** beta2_decay``::

        r = max(eps[1], rms(p)) * min(lr, 1 / sqrt(t))
        p = p - lr * weight_decay * p
        v = R @ C / max(mean(R), eps[0])         (the mean square itself, where p is a vector)
        u = g / sqrt(max(v, eps[0] ** 2))
        p = p - r * u / max(1, rms(u) / d)

    Args:
        params: parameters or groups; see `Optimizer`.
        lr: greatest relative step. Default: 1e-2.
        beta2_decay: power of t that is the share of new squares. Default: -0.8.
        eps: least root of squares, ``None`` for the dtype's eps; least size of the parameter.
            Default: (None, 1e-3).
        d: greatest size of the update. Default: 1.
        weight_decay: rate of the decoupled decay. Default: 0.
        foreach: accepted for PyTorch's sake.
        maximize: ascend instead. Default: ``False``.

    Raises:
        ValueError: on a setting outside its range.

    Example:
        >>> import steep
        >>> w = steep.ones(1, requires_grad=True)
        >>> adafactor = steep.optim.Adafactor([w], lr=0.25)
        >>> (w * w).sum().backward()
        >>> adafactor.step()
        >>> w.item()
        0.75
    """

    _hyper_count = 6
    _kept = ("row_var", "col_var", "variance")
    _of_own_shape = _kept

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        if not as_float("lr", lr) >= 0.0:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not beta2_decay <= 0.0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None and not eps[0] >= 0.0:
            raise ValueError(f"epsilon1 should be >= 0 but is: {eps[0]}")
        if not eps[1] >= 0.0:
            raise ValueError(f"epsilon2 should be >= 0 but is: {eps[1]}")
        if not d >= 1.0:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        if not weight_decay >= 0.0:
            raise ValueError(f"weight_decay should be >= 0 but is: {weight_decay}")
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _hyper(self, group: dict[str, Any]) -> tuple[float, ...]:
        eps1, eps2 = group["eps"]
        numbers = (group["beta2_decay"], eps1 or 0.0, eps2, group["d"], group["weight_decay"])
        return (number_of(group["lr"]), *numbers)

    def _flags(self, group: dict[str, Any]) -> tuple[bool, ...]:
        return (group["maximize"], group["weight_decay"] != 0, group["eps"][0] is None)

    def _keeps(self, name: str, param: Tensor) -> bool:
        return name == "step" or (name == "variance") == (param.dim() < 2)

    def _fresh(self, name: str, param: Tensor, plan: GroupPlan) -> Tensor:
        return zeros(_shape_of(name, param), dtype=param.dtype)

    def _check_loaded(self, number: Any, name: str, param: Tensor, value: Any) -> None:
        if self._keeps(name, param):
            check_shape(number, name, zeros(_shape_of(name, param)), value)

    @staticmethod
    def _update(
        p: Tensor, g: Tensor, state: list[Tensor], t: Tensor, hyper: list[Tensor], *flags: bool
    ) -> tuple[Tensor, ...]:
        lr, power, eps1, eps2, d, decay = hyper
        maximize, decays, own_eps = flags
        g = -g if maximize else g
        least = finfo(p.dtype).eps if own_eps else eps1.to(p.dtype)
        share = (t**power).to(p.dtype)
        rate = maximum(eps2, _size(p)) * minimum(lr, 1 / t.sqrt())
        if decays:
            p = p * (1 - lr * decay).to(p.dtype)
        squares = g * g
        means = [squares] if p.dim() < 2 else [squares.mean(dim, keepdim=True) for dim in (-1, -2)]
        state = [old + share * (new - old) for old, new in zip(state, means, strict=True)]
        v = state[0]
        if p.dim() > 1:
            v = v @ state[1] / clamp(v.mean(-2, keepdim=True), least)
        u = g * clamp(v, least * least).rsqrt()
        rate = rate / clamp(_size(u) / d, 1)
        return p - rate.to(p.dtype) * u, *state


def _size(x: Tensor) -> Tensor:
    """The root of the mean square, as a float64 number; 0 of nothing."""
    size: Tensor = x.norm().double() / max(x.numel(), 1) ** 0.5
    return size


def _shape_of(name: str, param: Tensor) -> list[int]:
    shape = list(param.shape)
    if name != "variance":
        shape[-1 if name == "row_var" else -2] = 1
    return shape
