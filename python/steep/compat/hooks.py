"""`torch.utils.hooks`: what registering a hook returns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from steep.nn._hooks import RemovableHandle

__all__ = ["RemovableHandle", "unserializable_hook", "warn_if_has_hooks"]


def unserializable_hook(f: Callable[..., Any]) -> Callable[..., Any]:
    """The hook itself: hooks of tensors are never saved."""
    return f


def warn_if_has_hooks(tensor: Any) -> None:
    """Nothing: hooks of tensors are never saved."""
