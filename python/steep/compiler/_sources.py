"""Where values come from, and effects go, that a replay would lack: generators, clocks, streams."""

from __future__ import annotations

import contextvars
import types
from typing import Any

from steep.compiler._imported import imported, random_types
from steep.compiler._objects import is_a

__all__ = ["READS_OR_WRITES", "draws_from", "is_random_source", "random_source", "random_state"]
__all__ += ["position_of", "reason_to_refuse"]

_METHODS = (types.BuiltinFunctionType, types.MethodType)
_RANDOM_MODULES = ("numpy.random", "_random")
_CLOCKS = ("time", "datetime")
# Of the system's functions those that ask nothing of it.
_SYSTEM = ("posix", "nt")
_SILENT = {"fspath", "strerror", "WIFEXITED", "WEXITSTATUS", "cpu_count"}
# Modules of C that are there for their effects, or for what others do.
_OUTSIDE = {
    "_socket",
    "_ssl",
    "_posixsubprocess",
    "_winapi",
    "_signal",
    "_sqlite3",
    "_multiprocessing",
}
_OUTSIDE |= {"select", "fcntl", "mmap", "termios", "readline", "_curses", "syslog"}
_SETTINGS = {"get_num_threads", "memory_stats", "get_rng_state", "initial_seed", "cpu_level"}
_PRINTS = "it prints, which a replay would not; print outside"
_OPENS = "it opens a file; do so outside"
READS_OR_WRITES = "it reads or writes a file or stream, which a replay would not; do so outside"
_THREAD = "it starts a thread, which a replay would not; start it outside"
_DRAWS = "it draws from os.urandom; draw outside and pass what came"
_EFFECTS = {
    ("builtins", "print"): _PRINTS,
    ("builtins", "input"): "it asks for input; ask outside and pass what came as an argument",
    ("_warnings", "warn"): "it warns, which a replay would not; warn outside",
    ("_warnings", "warn_explicit"): "it warns, which a replay would not; warn outside",
    ("time", "sleep"): "it sleeps, which a replay would not; wait outside",
    ("_io", "open"): _OPENS,
    ("io", "open"): _OPENS,
    ("_pickle", "dump"): READS_OR_WRITES,
    ("_pickle", "load"): READS_OR_WRITES,
    ("marshal", "dump"): READS_OR_WRITES,
    ("marshal", "load"): READS_OR_WRITES,
    ("decimal", "getcontext"): "it asks for the settings of decimal; pass what it needs of them",
    ("posix", "urandom"): _DRAWS,
    ("nt", "urandom"): _DRAWS,
    ("_thread", "start_new_thread"): _THREAD,
    ("_thread", "start_joinable_thread"): _THREAD,
}


# ---- random generators ------------------------------------------------------------------------


def random_source(item: Any) -> Any:
    """The random generator that an object is, or is a method of; None for anything else."""
    kinds = random_types()
    if is_a(item, kinds):
        return item
    owner = item.__self__ if is_a(item, _METHODS) else None
    return owner if is_a(owner, kinds) else None


def is_random_source(cls: type) -> bool:
    """Whether instances of a class may be a random generator, or a method of one."""
    return issubclass(cls, (*_METHODS, *random_types()))


def random_state(source: Any) -> Any:
    """Where a random generator is in its stream, as something that can be compared.

    The system's generator has no state: that it was drawn from is told by `os.urandom`.
    """
    if _is_of_random(source):
        try:
            return source.getstate()
        except NotImplementedError:
            return None
    draws = imported("numpy.random")
    if draws is not None and is_a(source, draws.Generator):
        source = source.bit_generator
    is_old = draws is not None and is_a(source, draws.RandomState)
    return repr(_written_out(source.get_state() if is_old else source.state))


def _is_of_random(source: Any) -> bool:
    random = imported("random")
    return random is not None and is_a(source, random.Random)


def _written_out(state: Any) -> Any:
    """A state whose arrays, which print only in part, are bytes."""
    if isinstance(state, dict):
        return {key: _written_out(value) for key, value in state.items()}
    if isinstance(state, tuple):
        return tuple(map(_written_out, state))
    return state.tobytes() if hasattr(state, "tobytes") else state


def draws_from(source: Any, path: str) -> str:
    """Why a function that draws from `source` cannot be replayed."""
    name = "random" if _is_of_random(source) else "numpy.random"
    return (
        f"it draws from {name} ({path or type(source).__name__}), which a replay would not; use "
        "steep's random functions, or draw outside and pass what came as an argument"
    )


# ---- streams ----------------------------------------------------------------------------------


def position_of(stream: Any) -> Any:
    """Where a stream is, as something that can be compared; '' for one that nobody reads from."""
    try:
        return "" if stream.closed or not stream.readable() else stream.tell()
    except Exception:  # one that is being iterated, or a terminal's
        return None


# ---- functions of C ---------------------------------------------------------------------------


def _home(function: Any) -> str:
    """The module that a function of C belongs to."""
    owner = function.__self__
    known: str | None = function.__module__
    return known or (owner if is_a(owner, type) else type(owner)).__module__


def reason_to_refuse(function: Any) -> str:
    """Why a function that calls this one, of C, cannot be replayed, or ``''``."""
    owner, name, module = function.__self__, function.__name__, _home(function)
    known = _EFFECTS.get((module, name), "")
    if known:
        return known
    if module.startswith(_RANDOM_MODULES) and not is_a(owner, random_types()):
        return draws_from(owner, f"{module}.{name}")
    if module in _CLOCKS and is_a(owner, types.ModuleType | type):
        return f"it reads the clock ({module}.{name}); read it outside"
    if module == "_io" or name in ("tofile", "fromfile"):
        return READS_OR_WRITES
    if is_a(owner, contextvars.ContextVar):
        return f"it uses a context variable ({owner.name}); pass its value as an argument"
    if module in _SYSTEM and name not in _SILENT:
        return f"it asks the system (os.{name}), which a replay would not; ask outside"
    if module in _OUTSIDE:
        return f"it deals with others ({module}.{name}), which a replay would not; do so outside"
    if module == "steep._core" and name in _SETTINGS:
        return f"it reads a setting ({name}), which a replay would not; read it outside"
    if is_a(owner, type) and name == "__subclasses__":
        return "it asks a class for its subclasses; keep those it wants in a list or dict"
    return ""
