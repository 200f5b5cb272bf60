"""Automatic mixed precision, of which there is none: everything is computed as it is."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

from steep._core import Tensor

__all__ = [
    "GradScaler",
    "autocast",
    "custom_bwd",
    "custom_fwd",
    "is_autocast_available",
    "is_autocast_enabled",
]

_F = TypeVar("_F", bound=Callable[..., Any])


class autocast:  # noqa: N801  PyTorch's name
    """A context, or a decorator, in which everything is computed in its own dtype.

    Where a lower precision is asked for, a warning says once that there is none.

    Example:
        >>> import steep
        >>> with steep.compat.amp.autocast("cpu", enabled=False):
        ...     steep.ones(2).dtype
        steep.float32
    """

    def __init__(
        self,
        device_type: Any = "cpu",
        dtype: Any = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        if isinstance(device_type, bool):  # of torch.cuda.amp.autocast(enabled)
            enabled = device_type
        if enabled:
            warnings.warn(
                "autocast: there is no lower precision; everything is computed in its own dtype",
                stacklevel=2,
            )

    def __enter__(self) -> autocast:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: Any, trace: TracebackType | None
    ) -> None:
        pass

    def __call__(self, function: _F) -> _F:
        return function


def is_autocast_available(device_type: str) -> bool:
    """False."""
    return False


def custom_fwd(function: Any = None, **_: Any) -> Any:
    """The function itself; a decorator if there is none."""
    return function if function is not None else functools.partial(custom_fwd)


def custom_bwd(function: Any = None, **_: Any) -> Any:
    """The function itself; a decorator if there is none."""
    return function if function is not None else functools.partial(custom_bwd)


def is_autocast_enabled(device_type: Any = None) -> bool:
    """False: everything is computed in its own dtype.

    Example:
        >>> import steep
        >>> with steep.autocast("cpu", enabled=False):
        ...     steep.is_autocast_enabled()
        False
    """
    return False


class GradScaler:
    """A scaler whose scale is 1: losses and gradients stay what they are.

    One for the CPU leaves out steps with a gradient that is not finite. One for another device,
    such as the default, is disabled as in PyTorch where that device is missing, and so is one of
    ``enabled=False``: every step is taken, and a compiled function replays it.

    Args:
        device: ``'cpu'``, or one that there is not; without it, CUDA.
        enabled: whether to look at gradients at all. Default: True.

    Example:
        >>> import steep
        >>> scaler = steep.compat.amp.GradScaler("cpu")
        >>> scaler.scale(steep.tensor(2.0)).item(), scaler.get_scale()
        (2.0, 1.0)
    """

    def __init__(self, device: Any = "cuda", *_: Any, enabled: bool = True, **__: Any) -> None:
        self._looks = enabled and str(device).startswith("cpu")

    def scale(self, outputs: Any) -> Any:
        """What is given."""
        return outputs

    def unscale_(self, optimizer: Any) -> None:
        """Nothing."""

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """``optimizer.step(...)``, unless a gradient is not finite and this is not disabled."""
        for group in optimizer.param_groups if self._looks else ():
            for param in group["params"]:
                if isinstance(param.grad, Tensor) and not param.grad.isfinite().all():
                    return None
        return optimizer.step(*args, **kwargs)

    def update(self, new_scale: Any = None) -> None:
        """Nothing."""

    def get_scale(self) -> float:
        """1."""
        return 1.0

    def is_enabled(self) -> bool:
        """False."""
        return False

    def state_dict(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Nothing."""
