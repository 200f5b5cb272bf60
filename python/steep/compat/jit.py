"""`torch.jit`: functions and modules as they are."""

from __future__ import annotations

import functools
import warnings
from typing import Any, Final, NoReturn

__all__ = [
    "Final",
    "ScriptModule",
    "annotate",
    "export",
    "freeze",
    "ignore",
    "is_scripting",
    "is_tracing",
    "load",
    "optimize_for_inference",
    "save",
    "script",
    "script_if_tracing",
    "script_method",
    "trace",
    "trace_module",
    "unused",
]

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


trace_module = trace


def freeze(mod: Any, *_: Any, **__: Any) -> Any:
    """The module itself."""
    return mod


optimize_for_inference = freeze


def save(m: Any, f: Any, *_: Any, **__: Any) -> NoReturn:
    """Refused: what a program is made of is its code.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError(
        "jit.save: there are no files of programs; save the weights with "
        "steep.save(model.state_dict(), path), and make the model by its code"
    )


def load(f: Any, *_: Any, **__: Any) -> NoReturn:
    """Refused: what a program is made of is its code.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError(
        "jit.load: there are no files of programs; make the model by its code, and load weights "
        "with model.load_state_dict(steep.load(path))"
    )


def annotate(the_type: Any, the_value: Any) -> Any:
    """The value."""
    return the_value


def export(function: Any) -> Any:
    """The function itself."""
    return function


def ignore(function: Any = None, **_: Any) -> Any:
    """The function itself; a decorator if there is none."""
    return function if function is not None else ignore


unused = ignore
script_if_tracing = script_method = export


def is_scripting() -> bool:
    """False."""
    return False


def is_tracing() -> bool:
    """False."""
    return False
