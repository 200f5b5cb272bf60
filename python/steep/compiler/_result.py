"""What a compiled function may return: tensors and plain values, in containers of many kinds."""

from __future__ import annotations

import collections
import types
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from steep._core import (
    Size,
    Tensor,
    device,
    dtype,
    found_in_type,
    graph_is_used_up,
    same_value,
)
from steep.compiler._explain import one_of, shown
from steep.compiler._objects import DICTS, values_of
from steep.compiler._symbolic import is_symbolic

__all__ = ["ReadNumber", "describe", "detach_used", "detached", "difference"]
__all__ += ["values_to_make"]

_PLAIN = (type(None), bool, int, float, str, bytes, complex, dtype, device, Size)


class ReadNumber(NamedTuple):
    """A number that the function has read out of a tensor to return it.

    Attributes:
        number: itself.
        source: the tensor.
        version: that of the tensor's memory when it was read.
    """

    number: float | int
    source: Tensor
    version: int


def describe(
    result: Any,
    outputs: list[Tensor],
    numbers: dict[int, ReadNumber] | None = None,
    returned: list[int] | None = None,
) -> Any:
    """The result with the number of an output in place of each tensor, which `outputs` gets.

    `numbers` are those in it, by id, that were read out of tensors; `returned` gets the steps that
    have made those that objects stand in for.

    Raises:
        TypeError: if it holds something else than tensors and plain values, or itself.
    """
    given = [] if returned is None else returned
    try:
        return _described(result, outputs, {}, numbers or {}, given)
    except RecursionError:
        raise TypeError(_TOO_DEEP) from None


def _described(
    result: Any,
    outputs: list[Tensor],
    known: dict[int, int],
    numbers: dict[int, ReadNumber],
    returned: list[int],
) -> Any:
    """See `describe`; `known` are the numbers of the outputs, by id."""
    if id(result) in numbers:
        source = _described(numbers[id(result)].source, outputs, known, {}, returned)
        return ("item", source, type(result))
    if is_symbolic(result):
        returned.append(result._node)
        return ("given", len(returned) - 1)
    if isinstance(result, Tensor):
        number = known.setdefault(id(result), len(outputs))
        if number == len(outputs):
            outputs.append(result)
        return number
    if isinstance(result, _PLAIN):
        return ("value", result)
    if type(result) in (tuple, list):
        items = [_described(item, outputs, known, numbers, returned) for item in result]
        return (type(result).__name__, items)
    if isinstance(result, tuple) and hasattr(result, "_make"):
        # No numbers inside: its class may look at them when it is made, before they have values.
        items = [_described(item, outputs, known, {}, returned) for item in result]
        return ("named", type(result), items)
    if (values := values_to_make(result)) is None:
        raise TypeError(
            f"it returns {one_of(type(result).__name__)}, which a replay could not make anew; "
            "return tensors, numbers, strings or None, or tuples, lists, dicts, namespaces and "
            "dataclasses of them"
        )
    before = len(outputs)
    items = [_described(item, outputs, known, numbers, returned) for item in values.values()]
    if type(result) is dict:
        return ("dict", tuple(values), items)
    read = {id(number.source) for number in numbers.values()}
    if any(graph_is_used_up(x) for x in outputs[before:] if id(x) not in read):
        raise TypeError(
            f"it returns {one_of(type(result).__name__)} with a tensor whose graph backward has "
            "used up, which a replay would return without; put detach() of it there"
        )
    return ("made", type(result), _maker_of(result), tuple(values), items)


# ---- containers that are made anew --------------------------------------------------------------


def values_to_make(result: Any) -> dict[Any, Any] | None:
    """What a dict, a namespace or a dataclass holds that can be made anew; None for others."""
    cls, values = type(result), values_of(result)
    if values is None or cls is dict or cls in DICTS:
        return values
    base = types.SimpleNamespace if issubclass(cls, types.SimpleNamespace) else object
    return values if found_in_type(cls, "__new__") is found_in_type(base, "__new__") else None


def _maker_of(result: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """What makes another without its values, and with which arguments; no code of a user's."""
    cls = type(result)
    if cls is collections.OrderedDict:
        return cls, ()
    if cls is collections.defaultdict:
        return cls, (result.default_factory,)
    if issubclass(cls, types.SimpleNamespace):
        return types.SimpleNamespace.__new__, (cls,)
    return object.__new__, (cls,)


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
    """See `detach_used`; the result as it is where that cannot be done."""
    try:
        return detach_used(result)
    except Exception:  # no memory, or it holds itself, or a class of its own refuses: it is there
        return result


_TOO_DEEP = "it returns a container that holds itself, or others too deep; return one of tensors"

# ---- two results compared ---------------------------------------------------------------------


def difference(first: Any, second: Any) -> str:
    """In what the second of two results, as `describe` gives them, is another one, or ``''``."""
    if isinstance(first, int) or isinstance(second, int):
        if type(first) is type(second):
            return "" if first == second else "it returns a tensor in another place than before"
        return f"it returns {_named(first)} and then {_named(second)}"
    kind = first[0]
    if kind != second[0] or (kind in ("named", "made") and first[1] is not second[1]):
        return f"it returns {_named(first)} and then {_named(second)}"
    if kind == "value":
        return "" if _is_same(first[1], second[1]) else (
            f"it returns {shown(first[1])} and then {shown(second[1])}; return a tensor, or pass "
            "what it depends on as an argument"
        )  # fmt: skip
    if kind == "item" and first[2] is second[2]:
        return difference(first[1], second[1])
    if kind == "item":
        return f"it returns {one_of(first[2].__name__)} and then {one_of(second[2].__name__)}"
    if kind == "given":
        return "" if first == second else "it returns another of the numbers that change"
    items, others = first[-1], second[-1]
    if len(items) != len(others):
        return f"it returns {_named(first)} of {len(items)} items and then one of {len(others)}"
    if kind in ("dict", "made") and not all(map(_is_same, first[-2], second[-2])):
        return f"it returns {_named(first)} with other keys than before"
    if kind == "made" and not _same(first[2][1], second[2][1]):
        return f"it returns {_named(first)} with another default_factory than before"
    found = (difference(item, other) for item, other in zip(items, others, strict=True))
    return next(filter(None, found), "")


def _named(description: Any) -> str:
    if isinstance(description, int):
        return "a tensor"
    what = description[0]
    names = {"value": "a plain value", "item": "a number read out of a tensor"}
    names["given"] = "a number that changes"
    kind = description[1].__name__ if what in ("named", "made") else what
    return names.get(what, one_of(kind))


# What a subclass of a plain type has of that: NumPy's numbers, members of enumerations.
_AS_PLAIN: tuple[tuple[type, Any], ...] = (
    (float, float.__pos__),
    (int, int.__pos__),
    (complex, complex.__pos__),
    (str, str.__str__),
)


def _is_same(value: Any, other: Any) -> bool:
    """Whether a value is of the same type as another, and the same to the last bit."""
    if same_value(value, other):
        return True
    if type(value) is not type(other) or type(value) in (int, float, complex, str, bytes, bool):
        return False
    if type(value) is tuple:
        return len(value) == len(other) and all(map(_is_same, value, other))
    for base, plain in _AS_PLAIN:
        if isinstance(value, base):
            return bool(same_value(plain(value), plain(other)))
    try:
        return bool(value == other)
    except Exception:  # of a user's class
        return False


def _same(items: Iterable[Any], others: Iterable[Any]) -> bool:
    return all(item is other for item, other in zip(items, others, strict=True))
