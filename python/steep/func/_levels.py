"""Which vmaps run on this thread, and what a random draw gives in each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from steep import _core

__all__ = ["Level", "above", "active", "entered", "handled_by", "levels"]


class Level:
    """One vmap while it runs.

    Attributes:
        size: how many examples it maps over.
        randomness: ``'error'``, ``'same'`` or ``'different'``.
        copies: whether all examples are equal in the forward pass, as where a Jacobian is computed
            from copies of its input. Then a number may be read from a tensor.
        depth: how many vmaps it is inside of.
    """

    __slots__ = ("copies", "depth", "randomness", "size")

    def __init__(self, size: int, randomness: str, copies: bool, depth: int) -> None:
        self.size = size
        self.randomness = randomness
        self.copies = copies
        self.depth = depth


class _Running(threading.local):
    """The vmaps of a thread, the outermost first."""

    def __init__(self) -> None:
        self.levels: list[Level] = []


_running = _Running()
_lock = threading.Lock()
_count = 0  # of the vmaps that run, on all threads
_handler: tuple[type, Callable[..., Any]] | None = None


def handled_by(kind: type, handler: Callable[..., Any]) -> None:
    """Say who takes calls with arguments of this type, while a vmap runs."""
    global _handler
    _handler = kind, handler


def levels() -> list[Level]:
    """The vmaps that run on this thread, the outermost first."""
    return _running.levels


def active() -> bool:
    """Whether any vmap runs on this thread."""
    return bool(_running.levels)


def _add(change: int) -> None:
    """Calls go to the handler as long as a vmap runs on any thread."""
    global _count
    with _lock:
        before, _count = _count, _count + change
        if (before == 0) != (_count == 0) and _handler is not None:
            if _count:
                _core.set_call_handler(*_handler)
            else:
                _core.set_call_handler(None, None)


@contextmanager
def entered(size: int, randomness: str = "error", copies: bool = False) -> Iterator[Level]:
    """A vmap over `size` examples, inside of those that run."""
    running = _running.levels
    level = Level(size, randomness, copies, len(running))
    _add(1)
    running.append(level)
    try:
        yield level
    finally:
        running.pop()
        _add(-1)


@contextmanager
def above(level: Level) -> Iterator[None]:
    """What a rule of `level` calls: only the vmaps around it see that."""
    kept = _running.levels
    _running.levels = kept[: level.depth]
    try:
        yield
    finally:
        _running.levels = kept
