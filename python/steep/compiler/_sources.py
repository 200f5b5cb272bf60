"""Sources and effects that a replay would miss: random generators, clocks, streams."""

from __future__ import annotations

import contextvars
import os
import types
from typing import Any

from steep.compiler._imported import imported, random_types
from steep.compiler._objects import is_a

__all__ = ["READS_OR_WRITES", "draws_from", "is_random_source", "random_source", "random_state"]
__all__ += ["position_of", "reason_of_library", "reason_to_refuse"]

_METHODS = (types.BuiltinFunctionType, types.MethodType)
_RANDOM_MODULES = ("numpy.random", "_random")
_CLOCKS = ("time", "datetime")
# Functions of the os module that do not call the system.
_SYSTEM = ("posix", "nt")
_SILENT = {"fspath", "strerror", "WIFEXITED", "WEXITSTATUS", "cpu_count"}
# C modules that exist for their effects, or to communicate with others.
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
_PRINTS = "it prints, which a replay would not do; print outside the function"
_OPENS = "it opens a file; open it outside the function"
READS_OR_WRITES = (
    "it reads or writes a file or stream, which a replay would not do; do so outside the function"
)
_THREAD = "it starts a thread, which a replay would not do; start it outside the function"
_DRAWS = "it reads os.urandom; read it outside the function and pass the bytes as an argument"
_INPUT = "it calls input(); call it outside the function and pass the text as an argument"
_WARNS = "it issues a warning, which a replay would not do; warn outside the function"
_DECIMAL = "it reads the context of decimal; pass the settings it needs as arguments"
_INTERPRETER = "it reads the interpreter's state ({}), which may change; read it outside of it"
_EFFECTS = {
    **{
        (module, name): _INTERPRETER.format(f"{module}.{name}")
        for module, names in (
            ("gc", ("get_count", "get_debug", "get_objects", "get_stats", "get_threshold")),
            ("gc", ("get_referrers", "isenabled")),
            ("sys", ("getallocatedblocks", "getprofile", "getrecursionlimit")),
        )
        for name in names
    },
    ("builtins", "print"): _PRINTS,
    ("builtins", "input"): _INPUT,
    ("_warnings", "warn"): _WARNS,
    ("_warnings", "warn_explicit"): _WARNS,
    ("time", "sleep"): "it sleeps, which a replay would not do; sleep outside the function",
    ("_io", "open"): _OPENS,
    ("io", "open"): _OPENS,
    ("_pickle", "dump"): READS_OR_WRITES,
    ("_pickle", "load"): READS_OR_WRITES,
    ("marshal", "dump"): READS_OR_WRITES,
    ("marshal", "load"): READS_OR_WRITES,
    ("decimal", "getcontext"): _DECIMAL,
    ("posix", "urandom"): _DRAWS,
    ("nt", "urandom"): _DRAWS,
    ("_thread", "start_new_thread"): _THREAD,
    ("_thread", "start_joinable_thread"): _THREAD,
}


# Functions of the standard library that read variables of their own modules.
_READING = {
    (os.path.join(os.path.dirname(os.__file__), file), name)
    for file, names in (("threading.py", ("active_count", "enumerate")),)
    for name in names
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

    The system's generator has no state: `os.urandom` reports that it was drawn from.
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
    """A state with bytes in place of arrays, which print only in part."""
    if isinstance(state, dict):
        return {key: _written_out(value) for key, value in state.items()}
    if isinstance(state, tuple):
        return tuple(map(_written_out, state))
    return state.tobytes() if hasattr(state, "tobytes") else state


def draws_from(source: Any, path: str) -> str:
    """Why a function that draws from `source` cannot be replayed."""
    name = "random" if _is_of_random(source) else "numpy.random"
    return (
        f"it draws from {name} ({path or type(source).__name__}), which a replay would not do; "
        "use steep's random functions, or draw outside the function and pass the numbers as an "
        "argument"
    )


# ---- streams ----------------------------------------------------------------------------------


def position_of(stream: Any) -> Any:
    """The position of a stream; '' if it cannot be read from, None if it has no position."""
    try:
        return "" if stream.closed or not stream.readable() else stream.tell()
    except Exception:  # it is being iterated, or is a terminal
        return None


# ---- functions of C ---------------------------------------------------------------------------


def _home(function: Any) -> str:
    """The module that a C function belongs to."""
    owner = function.__self__
    known: str | None = function.__module__
    return known or (owner if is_a(owner, type) else type(owner)).__module__


def reason_of_library(code: types.CodeType) -> str:
    """Why a function that runs this code of a library cannot be replayed, or ``''``."""
    if (code.co_filename, code.co_name) not in _READING:
        return ""
    module = os.path.basename(code.co_filename).removesuffix(".py")
    return _INTERPRETER.format(f"{module}.{code.co_name}")


def reason_to_refuse(function: Any) -> str:
    """Why a function that calls this C function cannot be replayed, or ``''``."""
    owner, name, module = function.__self__, function.__name__, _home(function)
    known = _EFFECTS.get((module, name), "")
    if known:
        return known
    if module.startswith(_RANDOM_MODULES) and not is_a(owner, random_types()):
        return draws_from(owner, f"{module}.{name}")
    if module in _CLOCKS and is_a(owner, types.ModuleType | type):
        return f"it reads the clock ({module}.{name}); read it outside the function"
    if module == "_io" or name in ("tofile", "fromfile"):
        return READS_OR_WRITES
    if is_a(owner, contextvars.ContextVar):
        if owner.name == "numpy.ufunc.extobj":
            return (
                "NumPy computes in it (steep.linalg, or numpy.errstate), which a replay would not "
                "do; do so outside the function"
            )
        return f"it uses a context variable ({owner.name}); pass its value as an argument"
    if module in _SYSTEM and name not in _SILENT:
        return (
            f"it calls the operating system (os.{name}), which a replay would not do; call it "
            "outside the function"
        )
    if module in _OUTSIDE:
        return (
            f"it communicates with the outside world ({module}.{name}), which a replay would not "
            "do; do so outside the function"
        )
    if module == "steep._core" and name in _SETTINGS:
        return f"it reads a setting ({name}), which may change; read it outside the function"
    if is_a(owner, type) and name == "__subclasses__":
        return "it lists the subclasses of a class; keep the classes it needs in a list or dict"
    return ""
