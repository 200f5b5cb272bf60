"""Runs a program without and with `steep.compile`, and compares all that it shows."""

from __future__ import annotations

import array
import collections
import contextlib
import copy
import dataclasses
import enum
import fractions
import functools
import heapq
import itertools
import json
import linecache
import math
import operator
import pickle
import random
import re
import statistics
import sys
import types
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

import steep
from fuzzing.functions.describe import MODULE, describe, difference
from fuzzing.functions.program import Program
from steep.compiler._result import detached

__all__ = ["Shown", "compare", "run"]

_MODULES = (array, collections, contextlib, copy, dataclasses, enum, fractions, functools)
_MODULES += (
    heapq,
    itertools,
    json,
    math,
    operator,
    pickle,
    random,
    statistics,
    sys,
    types,
    weakref,
    steep,
)
_REASON = re.compile(r"compile: .*? runs eagerly: (.*)", re.DOTALL)
_ADDRESS = re.compile(r"0x[0-9a-f]+")
# A replay writes to a tensor once, by the name of a kernel (docs/programs-in-detail.md).
_WRITES = re.compile(r" was changed by \w+; it is at version \d+, expected version \d+")


@functools.lru_cache(maxsize=512)
def _values(seed: int, rows: int) -> Any:
    return np.random.default_rng((seed, rows)).normal(size=(rows, 4)).astype(np.float32)


def batch(seed: int, rows: int = 3) -> Any:
    """The first argument of a call."""
    return steep.tensor(_values(seed, rows))


@dataclasses.dataclass
class Record:
    """What a call may be given."""

    a: float
    parts: Any = None


def doubled(h: Any) -> Any:
    return h * 2


Pack = collections.namedtuple("Pack", "a b")
Result = collections.namedtuple("Result", "first second")

BASE: dict[str, Any] = {
    **{module.__name__: module for module in _MODULES},
    "np": np, "nn": steep.nn, "F": steep.nn.functional,
    "batch": batch, "Record": Record, "Pack": Pack, "Result": Result, "doubled": doubled,
}  # fmt: skip


@dataclasses.dataclass
class Shown:
    """What one run of a program has shown.

    Attributes:
        calls: for each call, what came of it and how things stood then.
        replays: how many calls were replayed.
        reasons: why some ran eagerly.
    """

    calls: list[Any]
    replays: int = 0
    reasons: list[str] = dataclasses.field(default_factory=list)


def _fresh() -> None:
    steep.manual_seed(0)
    random.seed(0)
    steep.set_grad_enabled(True)
    steep.set_default_dtype(steep.float32)
    steep.set_num_threads(1)


@functools.lru_cache(maxsize=8192)
def _code(text: str, kind: str) -> types.CodeType:
    return compile(text, "<between>", kind)


def run(program: Program, compiling: bool) -> Shown:
    """Run all of it; what the setup raises is raised."""
    _fresh()
    source = program.source()
    name = f"<{MODULE}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    module = types.ModuleType(MODULE)
    sys.modules[MODULE] = module
    space = module.__dict__
    originals: list[Any] = []

    def compiled(function: Any) -> Any:
        originals.append(function)
        return steep.compile(function) if compiling else function

    space.update(BASE, compiled=compiled, shared_object=types.SimpleNamespace(a=1.0))
    space["x_like"] = batch(1)
    ours = {*space, "step", "handle"} - {"shared_object", "x_like"}
    shown = Shown([])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        exec(compile(source, name, "exec"), space)
        held: list[Any] = []
        for call in program.calls:
            left = {"between": [_attempt(_code(line, "exec"), space) for line in call.before]}
            left |= _call(space, call.arguments(), compiling, held)
            mine = {k: v for k, v in space.items() if k not in ours and k[:2] != "__"}
            shown.calls.append(describe({**left, "state": mine, "functions": originals}))
        shown.calls.append(describe({"results in the end": held}))
        shown.calls.append(
            describe(
                {
                    "warnings": [
                        str(w.message) for w in caught if not str(w.message).startswith("compile: ")
                    ]
                }
            )
        )
    shown.replays = _replays(space["step"]) if compiling else 0
    shown.reasons = [m[1] for w in caught if (m := _REASON.match(str(w.message)))]
    _fresh()
    return shown


def _attempt(code: types.CodeType, space: dict[str, Any]) -> str | None:
    try:
        exec(code, space)
    except Exception as error:
        return _told(error)
    return None


def _told(error: Exception) -> str:
    text = _ADDRESS.sub("0x", str(error))
    return f"{type(error).__name__}: {_WRITES.sub('', text)}"


def _call(space: dict[str, Any], text: str, compiling: bool, held: list[Any]) -> dict[str, Any]:
    """One call: what it gave or raised, what was passed, the random streams."""
    raised = result = given = None
    pass_on: Callable[..., Any] = eval(_code(f"lambda f: f({text})", "eval"), space)
    try:
        given = pass_on(lambda *args, **kwargs: (args, kwargs))
        result = space["step"](*given[0], **given[1])
    except Exception as error:
        raised = _told(error)
    if not compiling:
        result = detached(result)  # as compiled functions return what backward has used up
    held.append(result)
    grads = steep.is_grad_enabled()
    return {
        "raised": raised,
        "result": result,
        "arguments": given,
        "streams": [steep.get_rng_state(), hash(random.getstate())],
        "settings": [grads, str(steep.get_default_dtype())],
    }


def _replays(step: Any) -> int:
    compiled = step.__dict__.get("_compiled", step) if isinstance(step, steep.nn.Module) else step
    return sum(program.runs for program in compiled.programs())


def compare(plain: Shown, other: Shown) -> str:
    """Where they differ first, or ``''``."""
    for i, (expected, got) in enumerate(zip(plain.calls, other.calls, strict=True)):
        if expected != got:
            return f"call {i}: {difference(expected, got)}"
    return ""
