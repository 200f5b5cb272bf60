"""Checkpoints: all that a training needs to go on, in one file, to the same bits."""

from __future__ import annotations

import copy
import os
import random as python_random
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from steep._core import Generator, default_generator
from steep.serialize import load, save

__all__ = ["load_checkpoint", "save_checkpoint"]

_VERSION = 1
_MARK = "checkpoint"
_STREAMS = ("steep", "numpy", "python")


def save_checkpoint(
    path: str | os.PathLike[str], *, random: Iterable[str] = ("steep",), **parts: Any
) -> None:
    """Save a model, its optimiser and whatever else a training needs to go on, in one file.

    The file is a safetensors file that `save` writes: it appears whole or not at all, whatever
    kills the process, and any safetensors reader finds the weights in it. A training that
    `load_checkpoint` resumes goes on to the same bits as one that was never interrupted, if all
    that it depends on is among the parts.

    Save between two steps: gradients are not saved, nor is the mode (`train` or `eval`).

    Args:
        path: file to write.
        random: whose random states to save: ``'steep'`` (the default generator), ``'numpy'`` (that
            of ``numpy.random``'s functions) and ``'python'`` (that of the module ``random``).
            Default: the first alone.
        **parts: under any names, modules, optimisers, learning-rate schedules, a `DataLoader` with
            its position in the epoch, and all else that has a ``state_dict``; generators of steep,
            NumPy and Python; plain values such as the epoch, tensors; dicts, lists and tuples of
            all of these.

    Raises:
        TypeError: if a part can be saved in none of these ways.
        ValueError: if `random` names another generator, or a part is called ``checkpoint``.
        OSError: if the file cannot be written; what was there before is untouched.

    Example:
        >>> import os, steep, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "last.safetensors")
        >>> net = steep.nn.Linear(3, 2)
        >>> adam = steep.optim.Adam(net.parameters())
        >>> steep.save_checkpoint(path, model=net, optimizer=adam, epoch=7)
        >>> other = steep.nn.Linear(3, 2)
        >>> steep.load_checkpoint(path, model=other)["epoch"]
        7
        >>> bool((other.weight == net.weight).all())
        True
    """
    if _MARK in parts:
        raise ValueError(f"save_checkpoint: a part cannot be called {_MARK!r}; choose another name")
    names = [random] if isinstance(random, str) else list(random)
    streams = {name: _state_of(_stream(name)) for name in names}
    states = {name: _states_of(part) for name, part in parts.items()}
    save({_MARK: _VERSION, "random": streams, **states}, path)


def load_checkpoint(
    path: str | os.PathLike[str], *, random: bool = True, **parts: Any
) -> dict[str, Any]:
    """Restore what `save_checkpoint` saved: all of it, or, if anything does not fit, nothing.

    Parameters stay the same objects, so optimisers and compiled functions go on with them.

    Args:
        path: file to read.
        random: whether the random states in the file are restored. Default: ``True``.
        **parts: the objects to restore, under the names and in the dicts and lists with which they
            were saved. Parts that are not named are left alone.

    Returns:
        What else is in the file: plain values, and the states of parts that were not named.

    Raises:
        ValueError: if the file is no checkpoint or damaged, or lacks a part that is named.
        Exception: what an object raises to whose state its part does not fit; all objects are
            then as they were.
        OSError: if the file cannot be read.

    Example:
        >>> import os, steep, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "last.safetensors")
        >>> _ = steep.manual_seed(0)
        >>> steep.save_checkpoint(path, best=0.25)
        >>> x = steep.rand(2)
        >>> steep.load_checkpoint(path)
        {'best': 0.25}
        >>> bool((steep.rand(2) == x).all())
        True
    """
    saved = load(path)
    if not isinstance(saved, dict) or saved.get(_MARK) != _VERSION:
        found = _listed(saved) if isinstance(saved, dict) else type(saved).__name__
        raise ValueError(
            f"{os.fspath(path)}: expected a checkpoint that steep.save_checkpoint wrote, found a "
            f"file with {found}; read it with steep.load"
        )
    states = {name: state for name, state in saved.items() if name not in (_MARK, "random")}
    changes: list[tuple[Any, Any]] = []
    for name, part in parts.items():
        if name not in states:
            raise ValueError(
                f"{os.fspath(path)}: the checkpoint has no {name!r}; it has {_listed(states)}"
            )
        changes += _pairs(part, states[name], name)
    if random:
        changes += [(_stream(name), state) for name, state in saved["random"].items()]
    _restore_all(changes)
    return {name: state for name, state in states.items() if name not in parts}


def _listed(names: Iterable[Any]) -> str:
    return ", ".join(repr(name) for name in names) or "nothing"


# ---- parts --------------------------------------------------------------------------------------


def _is_restored(part: Any) -> bool:
    """Whether a part is an object whose state is saved, and not a value or a dict of parts."""
    return hasattr(part, "state_dict") or _stream_methods(part) is not None


def _states_of(part: Any) -> Any:
    """A part with all objects in it replaced by their states."""
    if _is_restored(part):
        return _state_of(part)
    if isinstance(part, Mapping):
        return {key: _states_of(value) for key, value in part.items()}
    if isinstance(part, (list, tuple)):
        values = [_states_of(value) for value in part]
        return tuple(values) if isinstance(part, tuple) else values
    return part


def _pairs(part: Any, state: Any, name: str) -> list[tuple[Any, Any]]:
    """The objects in a part, each with its state."""
    if _is_restored(part):
        return [(part, state)]
    if isinstance(part, Mapping) and isinstance(state, Mapping):
        if part.keys() != state.keys():
            raise ValueError(
                f"load_checkpoint: expected {name!r} to have the parts {_listed(state)}, got "
                f"{_listed(part)}"
            )
        return [pair for key in part for pair in _pairs(part[key], state[key], f"{name}.{key}")]
    if isinstance(part, (list, tuple)) and isinstance(state, (list, tuple)):
        if len(part) != len(state):
            raise ValueError(
                f"load_checkpoint: expected {len(state)} parts for {name!r}, got {len(part)}"
            )
        both = enumerate(zip(part, state, strict=True))
        return [pair for i, (p, s) in both for pair in _pairs(p, s, f"{name}.{i}")]
    raise TypeError(
        f"load_checkpoint: expected for {name!r} an object with a load_state_dict, a generator, or "
        f"a dict or list of these as they were saved, got {type(part).__name__}; plain values are "
        "returned"
    )


def _state_of(part: Any) -> Any:
    methods = _stream_methods(part)
    return part.state_dict() if methods is None else methods[0]()


def _restore(part: Any, state: Any) -> None:
    methods = _stream_methods(part)
    if methods is None:
        part.load_state_dict(state)
    else:
        methods[1](state)


def _restore_all(changes: list[tuple[Any, Any]]) -> None:
    """Give each object its state; if one refuses, all have their old ones again."""
    before: list[tuple[Any, Any]] = []
    try:
        for part, state in changes:
            before.append((part, copy.deepcopy(_state_of(part))))
            _restore(part, state)
    except BaseException:
        for part, state in reversed(before):
            _restore(part, state)
        raise


# ---- random states ------------------------------------------------------------------------------


def _stream(name: str) -> Any:
    """The generator behind a name."""
    if name == "steep":
        return default_generator
    if name == "python":
        return python_random
    if name == "numpy":
        import numpy as np

        return np.random
    raise ValueError(f"checkpoint: expected random states of {_listed(_STREAMS)}, got {name!r}")


def _stream_methods(part: Any) -> tuple[Callable[[], Any], Callable[[Any], Any]] | None:
    """What gives and takes a generator's state as plain values, or ``None`` for other objects."""
    if isinstance(part, Generator):
        return part.get_state, part.set_state
    if part is python_random or isinstance(part, python_random.Random):
        return part.getstate, part.setstate
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return None
    if part is numpy.random or isinstance(part, numpy.random.RandomState):
        return lambda: _plain(part.get_state(legacy=False)), lambda s: part.set_state(_arrays(s))
    if isinstance(part, numpy.random.Generator):
        bits = part.bit_generator
        return lambda: _plain(bits.state), lambda s: setattr(bits, "state", _arrays(s))
    return None


def _plain(state: Any) -> Any:
    """A state of a generator of NumPy's with lists in the place of arrays."""
    if isinstance(state, Mapping):
        return {key: _plain(value) for key, value in state.items()}
    if hasattr(state, "dtype"):
        return {"array": str(state.dtype), "values": state.tolist()}
    return state


def _arrays(state: Any) -> Any:
    """The reverse."""
    if not isinstance(state, Mapping):
        return state
    if state.keys() == {"array", "values"}:
        return sys.modules["numpy"].array(state["values"], state["array"])
    return {key: _arrays(value) for key, value in state.items()}
