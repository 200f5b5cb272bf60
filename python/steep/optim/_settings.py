"""Checks of settings that optimisers share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from steep._core import Tensor, float32, setting, tensor, zeros_like


def as_float(name: str, value: float | Tensor) -> float:
    """The number in `value`, which may be a tensor of one element."""
    if isinstance(value, Tensor):
        if value.numel() != 1:
            raise ValueError(f"Tensor {name} must be 1-element")
        return float(value.item())
    return value


def number_of(value: float | Tensor) -> float:
    """A setting as it is now. Recordings may read it too, for replays do so before they begin."""
    return setting(value) if isinstance(value, Tensor) else float(value)


def as_count(value: Any, start: float = 0.0) -> Tensor:
    """A number of the state as kernels keep it, one float32 number: `value` where it is one."""
    if isinstance(value, Tensor):
        if value.dtype == float32 and value.numel() == 1:
            return value
        value = value.item()
    return tensor(start if value is None else float(value), dtype=float32)


def check_settings(lr: float | Tensor, **values: Any) -> None:
    """Raise unless the learning rate and all others are at least 0, and betas below 1.

    They are looked at in their order, and named as PyTorch names them.
    """
    if not as_float("lr", lr) >= 0.0:
        raise ValueError(f"Invalid learning rate: {lr}")
    for name, value in values.items():
        if name == "betas":
            for i, beta in enumerate(value):
                if not 0.0 <= beta < 1.0:
                    raise ValueError(f"Invalid beta parameter at index {i}: {beta}")
        elif not value >= 0.0:
            raise ValueError(f"Invalid {'epsilon' if name == 'eps' else name} value: {value}")


def zeros_unless_there(param: Tensor) -> Callable[[Any], Tensor]:
    """A function of what a parameter's state has: that itself, or zeros like the parameter."""
    return lambda value: zeros_like(param) if value is None else value


def is_fixed(group: dict[str, Any]) -> bool:
    """Whether a group's settings stay as they are unless the group is changed itself.

    A tensor, an array or a list among them may get other values by itself.
    """
    return all(_is_constant(group[name]) for name in group if not name.startswith("param"))


def _is_constant(value: Any) -> bool:
    if type(value) is tuple:
        return all(map(_is_constant, value))
    return value is None or type(value) in (bool, int, float, complex, str)


def reject_differentiable(name: str, differentiable: bool) -> None:
    """Raise if a step that records gradients is asked for: the step is one fused kernel."""
    if differentiable:
        raise ValueError(
            f"{name}: expected differentiable=False, got True; the fused step records no graph"
        )
