"""`torch.jit`: functions and modules as they are."""

from __future__ import annotations

import functools
import warnings
from typing import Any

__all__ = ["ScriptModule", "export", "ignore", "is_scripting", "is_tracing", "script", "trace"]

from steep.nn import Module as ScriptModule


@functools.cache
def _say_once() -> None:
    warnings.warn(
        "jit: functions and modules are used as they are; steep.compile makes them quick",
        stacklevel=4,
    )


def script(obj: Any = None, *_: Any, **__: Any) -> Any:
    """The object itself, which a warning says once; a decorator if there is none."""
    _say_once()
    return obj if obj is not None else script


def trace(func: Any, example_inputs: Any = None, *_: Any, **__: Any) -> Any:
    """The function or module itself, which a warning says once."""
    _say_once()
    return func


def export(function: Any) -> Any:
    """The function itself."""
    return function


def ignore(function: Any = None, **_: Any) -> Any:
    """The function itself; a decorator if there is none."""
    return function if function is not None else ignore


unused = ignore


def is_scripting() -> bool:
    """False."""
    return False


def is_tracing() -> bool:
    """False."""
    return False
