"""One recorded call of a function: its launches, its result, and what a replay must do besides."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from steep import _core
from steep._core import Tensor
from steep._layers import begin_anew, followers, let_go
from steep.compiler._result import describe
from steep.optim import _recorded

__all__ = ["Recording", "Run", "examine"]


class Run:
    """A call that was recorded: all it has left.

    Attributes:
        result: what the function returned; nobody else here holds it.
        recorder: its launches.
        optimizers: those that took a step, in order of their first.
        version: the structure's version before it.
    """

    __slots__ = ("optimizers", "recorder", "result", "version")

    def __init__(self, function: Callable[..., Any], args: Any, kwargs: Any) -> None:
        """Call the function. What it raises ends the recording and goes on."""
        self.recorder = _core.Recorder()
        self.version = _core.structure_version()
        begin_anew()
        self.optimizers = _recorded.begin()
        try:
            # Profiles of replays want to know where launches came from.
            self.result = self.recorder.run(followers, function, args, kwargs)
        finally:
            let_go()


class Recording:
    """What is known of a recorded call.

    Attributes:
        trace: its launches.
        description: the result with numbers in place of tensors.
        optimizers: those that took a step, in order of their first.
        refusal: why it cannot be replayed, or ``''``.
        restless: whether modules or hooks changed meanwhile; the next call may be different.
    """

    def __init__(
        self,
        trace: Any,
        description: Any,
        optimizers: list[Any],
        refusal: str,
        restless: bool,
    ) -> None:
        self.trace = trace
        self.description = description
        self.optimizers = optimizers
        self.refusal = refusal
        self.restless = restless
        self.version = _core.structure_version()
        self.names: list[tuple[Any, str | None, Any]] = []

    def same_surroundings(self, other: Recording) -> bool:
        """Whether nothing that the function depends on was replaced in between."""
        return self.version == other.version and [*map(id, _flat(self.names))] == [
            *map(id, _flat(other.names))
        ]

    def difference(self, other: Recording) -> str:
        """Where it does something else than another call, or ``''``."""
        found: str = self.trace.difference(other.trace)
        if not found and repr(self.description) != repr(other.description):
            found = f"results {other.description!r} and then {self.description!r}"
        if not found and [*map(id, self.optimizers)] != [*map(id, other.optimizers)]:
            found = "other optimizers"
        return found


def _flat(names: list[tuple[Any, str | None, Any]]) -> list[Any]:
    return [part for entry in names for part in (entry[0], entry[2])]


def examine(run: Run, inputs: list[Tensor]) -> Recording:
    """What a recorded call of `inputs` did.

    Raises:
        MemoryError: if there was not memory enough to keep all of it.
    """
    outputs: list[Tensor] = []
    description = describe(run.result, outputs)
    trace = _core.make_trace(run.recorder, inputs, outputs)
    refusal: str = trace.refusal
    if refusal == "out of memory":
        raise MemoryError
    places = Counter(_places(description))
    for i in range(len(outputs)):
        # What is returned, the list here, and the call itself: whoever else holds it would see a
        # tensor that replays do not renew. (A loop variable would be one more.)
        known = 2 + places[i]
        refusal = refusal or _unfit(outputs[i], inputs)
        if not refusal and sys.getrefcount(outputs[i]) > known:
            refusal = _KEPT
    # The result itself is held by the run and by the call below.
    if not refusal and not isinstance(run.result, Tensor) and sys.getrefcount(run.result) > 2:
        refusal = _KEPT if outputs else ""
    restless = _core.structure_version() != run.version
    return Recording(trace, description, run.optimizers, refusal, restless)


_KEPT = "a tensor it returns is also kept elsewhere, where a replay would not renew it"


def _places(description: Any) -> Iterator[int]:
    """The numbers of the outputs, as often as each is among what the function returned."""
    if isinstance(description, int):
        yield description
    elif description[0] != "value":
        for item in description[-1]:
            yield from _places(item)


def _unfit(output: Tensor, inputs: list[Tensor]) -> str:
    """Why a result cannot be a new tensor at every call, or ``''``."""
    if any(output is x for x in inputs):
        return "it returns one of its arguments itself; return a copy (clone)"
    if output.requires_grad and output.is_leaf:
        return "it returns a leaf that requires a gradient; return detach() of it"
    if output.requires_grad and not _core.graph_is_used_up(output):
        return (
            "it returns a tensor whose graph is still to be used; call backward inside, detach() "
            "it, or call the function under no_grad()"
        )
    return ""
