"""What a compiled function says of itself: why it runs eagerly, and what its programs do."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable
from typing import Any

from steep.compiler._learner import Learner
from steep.compiler._newcomers import Newcomers
from steep.compiler._place import Place
from steep.compiler._signature import Signature

__all__ = ["Reporting"]

_VALUES = re.compile(r"\S+ in one run and \S+ in the next")


class Reporting(Learner):
    """Warns, once for each reason, and explains."""

    _function: Callable[..., Any]
    _fullgraph: bool
    _signatures: dict[bytes, Signature]
    _newcomers: Newcomers
    _said: set[str]

    def _say(self, reason: str) -> None:
        """Warn, once for each reason, that it runs eagerly; under `fullgraph` raise instead."""
        if self._fullgraph:
            raise RuntimeError(self._text(reason))
        cause = _VALUES.sub("", reason)  # values may differ every time
        if cause not in self._said:
            self._said.add(cause)
            warnings.warn(self._text(reason), UserWarning, stacklevel=_outside())

    def _text(self, reason: str) -> str:
        return f"compile: {self._name()} runs eagerly: {reason}"

    def _name(self) -> str:
        """The name of the function, or of another object's class; none of its code is run."""
        name = self.__dict__.get("__qualname__", type(self._function).__qualname__)
        return name if isinstance(name, str) else type(self._function).__qualname__

    def programs(self) -> list[Any]:
        """The programs made so far: for each call its own, then those of its backward passes."""
        return [
            program
            for signature in list(self._signatures.values())
            for forward, recording in signature.programs
            for program in (forward, *recording.backward_programs())
        ]

    def _places_of(self, program: Any) -> tuple[list[Place], list[Place]]:
        """Where a program leaves numbers, and where it takes and leaves tensors."""
        for signature in list(self._signatures.values()):
            for made, recording in signature.programs:
                if made is program:
                    stand_ins = recording.stand_ins
                    numbers = [stand_ins.places[i] for i, _ in stand_ins.writes]
                    return numbers, recording.stored.places
        return [], []

    def explain(self) -> str:
        """What replays run, launch by launch, and why the function runs eagerly where it does.

        Each line is a step: its estimated time on one thread, the bytes it moves, its operations,
        who runs it, and its launches, with their operands as ``kind number [shape]``: ``in`` an
        argument, ``s`` state from outside, ``g`` a gradient from before, ``c`` a constant, ``t``
        the program's own memory, ``out`` a result or gradient. A bar marks a barrier before the
        step. At the end are the layer and the phase of the step.

        Returns:
            The text; print it.
        """
        name = self._name()
        parts = []
        for number, signature in enumerate(list(self._signatures.values()), 1):
            signature.eager += self._table.waited(signature.key)
            head = f"{name}, signature {number} of {len(self._signatures)}: "
            parts.append(head + signature.report())
        if self._newcomers.reason:
            parts.append(f"{name}, calls of new kinds: {self._newcomers.reason}\n")
        if parts:
            return "".join(parts)
        return f"{name}: {'still warming up' if self._table.has_met(None) else 'not called yet'}\n"


def _outside() -> int:
    """How many frames up from the caller the first one outside of steep is."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("steep."):
        frame, level = frame.f_back, level + 1
    return level
