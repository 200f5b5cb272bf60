"""Checks of settings that optimisers share."""

from __future__ import annotations

from steep._core import Tensor


def as_float(name: str, value: float | Tensor) -> float:
    """The number in `value`, which may be a tensor of one element."""
    if isinstance(value, Tensor):
        if value.numel() != 1:
            raise ValueError(f"Tensor {name} must be 1-element")
        return float(value.item())
    return value


def reject_differentiable(name: str, differentiable: bool) -> None:
    """Raise if a step that records gradients is asked for: the step is one fused kernel."""
    if differentiable:
        raise ValueError(
            f"{name}: expected differentiable=False, got True; the fused step records no graph"
        )
