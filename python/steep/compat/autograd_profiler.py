"""`torch.autograd.profiler`: the profiler under its old name, and contexts of other tools."""

from __future__ import annotations

import contextlib
from typing import Any

from steep import profiler
from steep.profiler import record_function

__all__ = ["emit_itt", "emit_nvtx", "profile", "record_function"]


class profile(profiler.profile):  # noqa: N801 - PyTorch's name
    """`steep.profiler.profile` as it was called there, with devices besides.

    Args:
        enabled: False: record nothing. Default: ``True``.
        record_shapes: whether events keep the shape of their first operand. Default: ``True``.
        more: PyTorch's other arguments, such as `use_device`, without effect.

    Example:
        >>> import steep.compat.autograd_profiler
        >>> with steep.compat.autograd_profiler.profile() as prof:
        ...     _ = steep.ones(2).exp()
        >>> prof.key_averages()["exp"].calls
        1
    """

    def __init__(self, enabled: bool = True, *, record_shapes: bool = True, **more: Any) -> None:
        super().__init__(
            record_shapes=record_shapes,
            schedule=None if enabled else lambda step: profiler.ProfilerAction.NONE,
        )


def emit_nvtx(enabled: bool = True, record_shapes: bool = False) -> Any:
    """A context that does nothing: there is no GPU whose profiler would listen."""
    return contextlib.nullcontext()


def emit_itt(enabled: bool = True, record_shapes: bool = False) -> Any:
    """A context that does nothing."""
    return contextlib.nullcontext()
