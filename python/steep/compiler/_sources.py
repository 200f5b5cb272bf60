"""Functions of C whose answers, or whose effects, a replay would lack."""

from __future__ import annotations

import contextvars
import pickle
import random
import types
from typing import Any

import numpy as np

__all__ = ["draws_from", "random_source", "random_state", "reason_to_refuse"]

_CLOCKS = ("time", "datetime")
_RANDOM = (random.Random, np.random.Generator, np.random.RandomState, np.random.BitGenerator)
_METHODS = (types.BuiltinFunctionType, types.MethodType, type(np.random.default_rng(0).random))
_RANDOM_MODULES = ("numpy.random", "_random", "secrets")
_SYSTEM = {"access", "chdir", "getcwd", "getpid", "listdir", "lstat", "mkdir", "open", "remove"}
_SYSTEM |= {"rename", "replace", "rmdir", "scandir", "stat", "system", "unlink"}
_SETTINGS = ("get_num_threads", "memory_stats", "get_rng_state", "initial_seed", "cpu_level")
_EFFECTS = {
    "print": "it prints, which a replay would not; print outside",
    "input": "it asks for input; ask outside and pass what came as an argument",
    "warn": "it warns, which a replay would not; warn outside",
    "open": "it opens a file; do so outside",
    "start_new_thread": "it starts a thread, which a replay would not; start it outside",
    "start_joinable_thread": "it starts a thread, which a replay would not; start it outside",
    "urandom": "it draws from os.urandom; draw outside and pass what came as an argument",
}


def random_source(item: Any) -> Any:
    """The random generator that an object is, or is a method of; None for anything else."""
    if isinstance(item, _RANDOM):
        return item
    owner = getattr(item, "__self__", None) if isinstance(item, _METHODS) else None
    return owner if isinstance(owner, _RANDOM) else None


def random_state(source: Any) -> bytes:
    """Where a random generator is in its stream."""
    state: Any
    if isinstance(source, random.Random):
        state = source.getstate()
    elif isinstance(source, np.random.Generator):
        state = source.bit_generator.state
    else:
        state = source.get_state() if isinstance(source, np.random.RandomState) else source.state
    return pickle.dumps(state)


def draws_from(source: Any, path: str) -> str:
    """Why a function that draws from `source` cannot be replayed."""
    kind = "random" if isinstance(source, random.Random) else "numpy.random"
    return (
        f"it draws from {kind} ({path or type(source).__name__}), which a replay would not; use "
        "steep's random functions, or draw outside and pass what came as an argument"
    )


def reason_to_refuse(function: types.BuiltinFunctionType | Any) -> str:
    """Why a function that calls this one cannot be replayed, or ``''``."""
    owner = getattr(function, "__self__", None)
    name = function.__name__
    module = getattr(function, "__module__", None) or getattr(owner, "__name__", "") or ""
    if module.startswith(_RANDOM_MODULES) and not isinstance(owner, _RANDOM):
        return draws_from(owner, f"{module}.{name}")
    if isinstance(owner, type):
        module = owner.__module__
    if module in _CLOCKS:
        return f"it reads the clock ({module}.{name}); read it outside"
    if (type(owner).__module__ or "").startswith("_io") and name in ("write", "writelines", "read"):
        return "it reads or writes a file or stream, which a replay would not; do so outside"
    if isinstance(owner, contextvars.ContextVar):
        return f"it uses a context variable ({owner.name}); pass its value as an argument"
    if module in ("posix", "nt") and name in _SYSTEM:
        return f"it asks the system (os.{name}), which a replay would not; ask outside"
    if module == "steep._core" and name in _SETTINGS:
        return f"it reads a setting ({name}), which a replay would not; read it outside"
    if isinstance(owner, types.ModuleType) or owner is None:
        return _EFFECTS.get(name, "")
    return ""
