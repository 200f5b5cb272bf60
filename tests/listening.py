"""Listeners that count what they are told of while a call is recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import steep
from steep import _core
from steep._layers import followers
from steep.compiler._reads import Reads


class Holder:
    def __init__(self, value: float) -> None:
        self.value = value


class Told(Reads):
    """Counts how often it is told of code that begins."""

    entries = 0

    def entered(self, frame: Any) -> None:
        self.entries += 1
        super().entered(frame)


class ToldOfAll(Told):
    familiar = None  # type: ignore[assignment]


def listened(kind: type[Told], function: Callable[..., Any], *args: Any) -> Told:
    """What a recorded call of a function reads."""
    given = [x for x in args if isinstance(x, list | dict | steep.Tensor)]
    reads, recorder = kind(function, given), _core.Recorder()
    told = (reads, function, args, {})
    result, untold, _ = recorder.run(followers, _core.follow, told, {}, [], [])
    del told
    assert not untold
    del result
    reads.close([], [])
    return reads
