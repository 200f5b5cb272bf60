"""What keeps results, and what is stored, from being new objects at every call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from steep._core import Tensor, references
from steep.compiler._explain import one_of
from steep.compiler._objects import is_a
from steep.compiler._result import values_to_make

__all__ = ["kept_elsewhere", "leaves"]

Parts = Callable[[], list[Any]]  # the result, and what is stored, which nothing holds meanwhile


def kept_elsewhere(
    parts: Parts, outputs: list[Tensor], description: Any, inputs: list[Tensor]
) -> str:
    """Why something that a call has returned or stored cannot be new at every call, or ``''``."""
    return _unfit_outputs(outputs, description, inputs) or _container_kept(parts, outputs)


def _container_kept(parts: Parts, outputs: list[Tensor]) -> str:
    """Why a container cannot be a new one at every call, or ``''``: something besides the result,
    the places and other such containers holds it.
    """
    made = {id(x) for x in outputs}
    counts: Counter[int] = Counter()  # how often each container occurs, by id
    found: dict[int, Any] = {}
    waiting = parts()
    part: Any = None
    while waiting:
        part = waiting.pop()
        items = _parts_of(part)
        if items is None:
            continue
        counts[id(part)] += 1
        if id(part) not in found:
            found[id(part)] = part
            waiting += items
    part = items = None
    # A tuple of what exists may be any other that is equal.
    containers = [
        x for x in found.values() if not is_a(x, tuple) or any(id(item) in made for item in x)
    ]
    found.clear()
    for x, count in zip(containers, references(containers), strict=True):
        if count > counts[id(x)]:
            kind = one_of(type(x).__name__)
            return _KEPT if is_a(x, tuple) else _KEPT_CONTAINER.format(kind)
    return ""


def _parts_of(value: Any) -> list[Any] | None:
    """What a container holds that a replay makes anew; ``None`` for anything else."""
    if is_a(value, tuple):
        return [*value]
    values = values_to_make(value)
    if type(value) is list:
        return [*value]
    return None if values is None else [*values.values()]


def _unfit_outputs(outputs: list[Tensor], description: Any, inputs: list[Tensor]) -> str:
    """Why one of the results cannot be a new tensor at every call, or ``''``."""
    # An array holds a reference to its tensor.
    places = Counter(number for _, number in leaves(description))
    given = {id(x) for x in inputs}
    # Anything else that holds one would keep a tensor that replays do not update.
    for i, count in enumerate(references(outputs)):
        if reason := _unfit(outputs[i], given):
            return reason
        if count > places[i]:
            return _KEPT
    return ""


_KEPT_CONTAINER = (
    "{} it returns is also kept elsewhere, where a replay would not update it; return a copy"
)
_KEPT = (
    "a tensor it returns is also kept elsewhere, where a replay would not update it; keep a copy "
    "(clone)"
)


def leaves(description: Any) -> Iterator[tuple[str, int]]:
    """The outputs in a description: what each is returned as, and its number."""
    if isinstance(description, int):
        yield "tensor", description
    elif description[0] == "array":
        yield "array", description[1]
    elif description[0] not in ("value", "item", "given", "argument", "again"):
        for item in description[-1]:
            yield from leaves(item)


def _unfit(output: Tensor, given: set[int]) -> str:
    """Why a result cannot be a new tensor at every call, or ``''``; `given` are arguments' ids."""
    if id(output) in given:
        return "it returns one of its arguments itself; return a copy (clone)"
    if output.requires_grad and output.is_leaf:
        return "it returns a leaf that requires a gradient; return its detach()"
    return ""
