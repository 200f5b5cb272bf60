"""`torch.autograd.profiler`: the profiler under its old name, and contexts of other tools."""

from __future__ import annotations

import contextlib
from typing import Any

from steep.profiler import profile, record_function

__all__ = ["emit_itt", "emit_nvtx", "profile", "record_function"]


def emit_nvtx(enabled: bool = True, record_shapes: bool = False) -> Any:
    """A context that does nothing: there is no GPU whose profiler would listen."""
    return contextlib.nullcontext()


def emit_itt(enabled: bool = True, record_shapes: bool = False) -> Any:
    """A context that does nothing."""
    return contextlib.nullcontext()
