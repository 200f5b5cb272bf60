"""What a compiled function may return: tensors and plain values, in tuples, lists and dicts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from steep._core import Tensor, device, dtype, graph_is_used_up

__all__ = ["ReadNumber", "describe", "detach_used", "detached"]

_PLAIN = (type(None), bool, int, float, str, bytes, complex, dtype, device)


class ReadNumber(NamedTuple):
    """A number that the function has read out of a tensor to return it.

    Attributes:
        number: itself.
        source: the tensor.
        version: that of the tensor's memory when it was read.
    """

    number: float
    source: Tensor
    version: int


def describe(
    result: Any, outputs: list[Tensor], numbers: dict[int, ReadNumber] | None = None
) -> Any:
    """The result with the number of an output in place of each tensor, which `outputs` gets.

    `numbers` are floats in it, by id, that were read out of tensors.

    Raises:
        TypeError: if it holds something else than tensors and plain values.
    """
    return _described(result, outputs, {}, numbers or {})


def _described(
    result: Any, outputs: list[Tensor], known: dict[int, int], numbers: dict[int, ReadNumber]
) -> Any:
    """See `describe`; `known` are the numbers of the outputs, by id."""
    if id(result) in numbers:
        return ("item", _described(numbers[id(result)].source, outputs, known, {}))
    if isinstance(result, Tensor):
        number = known.setdefault(id(result), len(outputs))
        if number == len(outputs):
            outputs.append(result)
        return number
    if isinstance(result, _PLAIN):
        return ("value", result)
    if type(result) in (tuple, list):
        items = [_described(item, outputs, known, numbers) for item in result]
        return (type(result).__name__, items)
    if isinstance(result, tuple) and hasattr(result, "_make"):
        # No numbers inside: its class may look at them when it is made, before they have values.
        items = [_described(item, outputs, known, {}) for item in result]
        return ("named", type(result), items)
    if type(result) is dict:
        items = [_described(item, outputs, known, numbers) for item in result.values()]
        return ("dict", tuple(result), items)
    raise TypeError(
        f"it returns a {type(result).__name__}, which a replay could not make anew; return "
        "tensors, numbers, strings or None, or tuples, lists and dicts of them"
    )


def detach_used(result: Any) -> Any:
    """The result without the graphs that backward has used up, as a replay returns it."""
    if isinstance(result, Tensor):
        return result.detach() if graph_is_used_up(result) else result
    if type(result) is dict:
        values = [detach_used(item) for item in result.values()]
        return result if _same(values, result.values()) else dict(zip(result, values, strict=True))
    # Of other classes nobody but their own code knows how to make another.
    if type(result) not in (tuple, list) and not (
        isinstance(result, tuple) and hasattr(result, "_make")
    ):
        return result
    items = [detach_used(item) for item in result]
    if _same(items, result):  # the very object, which someone may know
        return result
    return type(result)._make(items) if hasattr(result, "_make") else type(result)(items)


def detached(result: Any) -> Any:
    """See `detach_used`; the result as it is where there is no memory for that."""
    try:
        return detach_used(result)
    except MemoryError:
        return result


def _same(items: Iterable[Any], others: Iterable[Any]) -> bool:
    return all(item is other for item, other in zip(items, others, strict=True))
