"""Trying something out without leaving a trace: copies of models, and the random stream."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from typing import TypeVar

from steep._core import get_rng_state, set_rng_state
from steep.nn.module import Module

__all__ = ["copied", "untouched_randomness"]

_M = TypeVar("_M", bound=Module)


@contextlib.contextmanager
def untouched_randomness() -> Iterator[None]:
    """Within it draws from the default generator do not count: it goes on where it was."""
    state = get_rng_state()
    try:
        yield
    finally:
        set_rng_state(state)


def copied(model: _M) -> _M:
    """A deep copy without gradients, whose training leaves the model as it is."""
    twin = copy.deepcopy(model)
    for param in twin.parameters():
        param.grad = None
    return twin
