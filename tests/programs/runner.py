"""Runs a program as it is and through `steep.compile`, and keeps all that it shows."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import enum
import functools
import importlib
import io
import random
import struct
import threading
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import steep
from programs import helpers

__all__ = ["PROGRAMS", "Outcome", "Program", "Runner", "outcome", "program"]


@dataclasses.dataclass(frozen=True)
class Program:
    """A user's program.

    Attributes:
        name: its file and function.
        function: called with a `Runner`.
        replays: whether the last calls are replayed; ``False`` where the function must stay eager
            and say so once; ``None`` where either is right.
        says: a pattern of what the warning names.
    """

    name: str
    function: Callable[[Runner], None]
    replays: bool | None
    says: str


PROGRAMS: dict[str, Program] = {}


def program(*, replays: bool | None, says: str = "") -> Callable[[Any], Any]:
    """Register a program; see `Program`."""

    def register(function: Callable[[Runner], None]) -> Callable[[Runner], None]:
        name = f"{function.__module__.rpartition('.')[2]}-{function.__name__}"
        assert name not in PROGRAMS, name
        PROGRAMS[name] = Program(name, function, replays, says)
        return function

    return register


@dataclasses.dataclass
class Outcome:
    """All that a program showed.

    Attributes:
        seen: what it passed to `Runner.saw`.
        error: what it raised in the end, or ``None``.
        printed: what it printed.
        streams: the states of all random generators afterwards.
        warned: its warnings besides those of `steep.compile`.
        reasons: the warnings of `steep.compile`.
        calls: for each compiled function, which of its calls were replayed.
    """

    seen: list[Any]
    error: Any
    printed: str
    streams: Any
    warned: list[str]
    reasons: list[str]
    calls: list[list[bool]]

    def difference(self, other: Outcome) -> str:
        """Where another run showed something else, or ``''``."""
        if self.error != other.error:
            return f"it raised {other.error}, not {self.error}"
        for i, (mine, others) in enumerate(zip(self.seen, other.seen, strict=False)):
            if mine != others:
                return f"number {i} of what it saw is {others!r:.150}, not {mine!r:.150}"
        for name in ("printed", "warned", "streams"):
            if getattr(self, name) != getattr(other, name):
                return f"{name}: {getattr(other, name)!r:.200}, not {getattr(self, name)!r:.200}"
        return "" if len(self.seen) == len(other.seen) else "it saw more, or less"


class Runner:
    """What a program gets: `compile`, which does nothing in the eager run, and `saw`."""

    def __init__(self, compiling: bool) -> None:
        self.compiling = compiling
        self.seen: list[Any] = []
        self._calls: dict[int, tuple[Any, list[bool]]] = {}
        self._inside = threading.local()

    def compile(self, function: Any) -> Any:
        """`steep.compile`, or the function as it is."""
        return steep.compile(function) if self.compiling else function

    def saw(self, *values: Any) -> None:
        """Keep values as they are now: tensors by their bytes, numbers by their bits."""
        self.seen += [described(value) for value in values]

    @contextlib.contextmanager
    def counting(self) -> Iterator[None]:
        """Notes which calls of compiled functions are replayed."""
        kind = type(steep.compile(len))
        original = kind.__call__

        def call(compiled: Any, *args: Any, **kwargs: Any) -> Any:
            if getattr(self._inside, "call", False):
                return original(compiled, *args, **kwargs)
            before = runs(compiled)
            self._inside.call = True
            try:
                result = original(compiled, *args, **kwargs)
            finally:
                self._inside.call = False
            calls = self._calls.setdefault(id(compiled), (compiled, []))[1]
            calls.append(runs(compiled) > before)
            return result

        kind.__call__ = call
        try:
            yield
        finally:
            kind.__call__ = original

    def calls(self) -> list[list[bool]]:
        return [calls for _, calls in self._calls.values()]


def runs(compiled: Any) -> int:
    """How often a compiled function has been replayed."""
    return sum(program.runs for program in compiled.programs())


@functools.cache
def outcome(name: str, compiling: bool) -> Outcome:
    """Run a program from the same seeds as ever."""
    runner = Runner(compiling)
    importlib.reload(helpers)
    steep.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
    error = None
    printed = io.StringIO()
    with (
        warnings.catch_warnings(record=True) as caught,
        contextlib.redirect_stdout(printed),
        runner.counting(),
    ):
        warnings.simplefilter("always")
        try:
            PROGRAMS[name].function(runner)
        except Exception as raised:
            error = described(raised)
    said = [str(w.message) for w in caught]
    return Outcome(
        seen=runner.seen,
        error=error,
        printed=printed.getvalue(),
        streams=described([steep.get_rng_state(), random.getstate(), list(np.random.get_state())]),
        warned=[text for text in said if not text.startswith("compile:")],
        reasons=[text for text in said if text.startswith("compile:")],
        calls=runner.calls(),
    )


# ---- values, so that they can be compared -------------------------------------------------------


def described(value: Any) -> Any:
    """A value's kind and bits. Graphs are left out: results of compiled functions have none."""
    kind = type(value).__name__
    if isinstance(value, steep.Tensor):
        array = value.detach().numpy()
        return ("tensor", str(value.dtype), tuple(value.shape), array.tobytes())
    if isinstance(value, np.ndarray | np.generic):
        return (kind, value.dtype.str, value.shape, value.tobytes())
    if isinstance(value, enum.Enum):
        return (kind, value.name)
    if isinstance(value, float):
        return (kind, struct.pack("d", value))
    if value is None or isinstance(value, bool | int | str | bytes | steep.dtype):
        return (kind, str(value))
    if isinstance(value, steep.nn.Module):
        modes = [module.training for module in value.modules()]
        return (kind, described(value.state_dict()), modes)
    if isinstance(value, steep.optim.Optimizer):
        return (kind, described(value.state_dict()))
    if isinstance(value, steep.Generator):
        return (kind, described(value.get_state()))
    return (kind, _parts(value))


def _parts(value: Any) -> Any:
    if isinstance(value, BaseException):
        return str(value)
    if isinstance(value, list | tuple | collections.deque):
        return [described(item) for item in value]
    if isinstance(value, dict):
        return [(described(key), described(item)) for key, item in value.items()]
    if dataclasses.is_dataclass(value):
        return [
            (field.name, described(getattr(value, field.name)))
            for field in dataclasses.fields(value)
        ]
    if isinstance(value, types.SimpleNamespace):
        return described(vars(value))
    raise TypeError(f"a program showed {type(value).__name__}, which has no bits to compare")
