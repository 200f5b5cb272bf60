"""Where values come from, and effects go, that a replay would lack: generators, clocks, streams."""

from __future__ import annotations

import contextvars
import types
from typing import Any

from steep.compiler._imported import imported, random_types

__all__ = ["draws_from", "is_random_source", "random_source", "random_state"]
__all__ += ["reason_to_refuse"]

_METHODS = (types.BuiltinFunctionType, types.MethodType)
_RANDOM_MODULES = ("numpy.random", "_random")
_CLOCKS = ("time", "datetime")
_STREAMS = ("write", "writelines", "read", "readline", "readlines")
_SYSTEM = {"access", "chdir", "getcwd", "getpid", "listdir", "lstat", "mkdir", "open", "remove"}
_SYSTEM |= {"rename", "replace", "rmdir", "scandir", "stat", "system", "unlink"}
_SETTINGS = {"get_num_threads", "memory_stats", "get_rng_state", "initial_seed", "cpu_level"}
_EFFECTS = {
    ("builtins", "print"): "it prints, which a replay would not; print outside",
    ("builtins", "input"): "it asks for input; ask outside and pass what came as an argument",
    ("_warnings", "warn"): "it warns, which a replay would not; warn outside",
    ("_io", "open"): "it opens a file; do so outside",
    ("io", "open"): "it opens a file; do so outside",
    ("posix", "urandom"): "it draws from os.urandom; draw outside and pass what came",
    ("nt", "urandom"): "it draws from os.urandom; draw outside and pass what came",
}
_EFFECTS |= {
    ("_thread", name): "it starts a thread, which a replay would not; start it outside"
    for name in ("start_new_thread", "start_joinable_thread")
}


def random_source(item: Any) -> Any:
    """The random generator that an object is, or is a method of; None for anything else."""
    kinds = random_types()
    if isinstance(item, kinds):
        return item
    owner = item.__self__ if isinstance(item, _METHODS) else None
    return owner if isinstance(owner, kinds) else None


def is_random_source(cls: type) -> bool:
    """Whether instances of a class may be a random generator, or a method of one."""
    return issubclass(cls, (*_METHODS, *random_types()))


def random_state(source: Any) -> Any:
    """Where a random generator is in its stream, as something that can be compared."""
    draws = imported("numpy.random")
    if draws is None or isinstance(source, imported("random").Random):  # type: ignore[union-attr]
        return source.getstate()
    if isinstance(source, draws.Generator):
        source = source.bit_generator
    state = source.get_state() if isinstance(source, draws.RandomState) else source.state
    return repr(_written_out(state))


def _written_out(state: Any) -> Any:
    """A state whose arrays, which print only in part, are bytes."""
    if isinstance(state, dict):
        return {key: _written_out(value) for key, value in state.items()}
    if isinstance(state, tuple):
        return tuple(map(_written_out, state))
    return state.tobytes() if hasattr(state, "tobytes") else state


def draws_from(source: Any, path: str) -> str:
    """Why a function that draws from `source` cannot be replayed."""
    kind = type(source).__module__
    name = "random" if kind == "random" else "numpy.random"
    return (
        f"it draws from {name} ({path or type(source).__name__}), which a replay would not; use "
        "steep's random functions, or draw outside and pass what came as an argument"
    )


def _home(function: Any) -> str:
    """The module that a function of C belongs to."""
    owner = function.__self__
    known: str | None = function.__module__
    return known or (owner if isinstance(owner, type) else type(owner)).__module__


def reason_to_refuse(function: Any) -> str:
    """Why a function that calls this one, of C, cannot be replayed, or ``''``."""
    owner, name, module = function.__self__, function.__name__, _home(function)
    if module.startswith(_RANDOM_MODULES) and not isinstance(owner, random_types()):
        return draws_from(owner, f"{module}.{name}")
    if module in _CLOCKS and isinstance(owner, types.ModuleType | type):
        return f"it reads the clock ({module}.{name}); read it outside"
    if module == "_io" and name in _STREAMS:
        return "it reads or writes a file or stream, which a replay would not; do so outside"
    if isinstance(owner, contextvars.ContextVar):
        return f"it uses a context variable ({owner.name}); pass its value as an argument"
    if module in ("posix", "nt") and name in _SYSTEM:
        return f"it asks the system (os.{name}), which a replay would not; ask outside"
    if module == "steep._core" and name in _SETTINGS:
        return f"it reads a setting ({name}), which a replay would not; read it outside"
    return _EFFECTS.get((module, name), "")
