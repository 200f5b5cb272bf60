"""What a compiled function may return: tensors and plain values, in containers of many kinds."""

from __future__ import annotations

import collections
import types
from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

from steep._core import (
    Size,
    Tensor,
    absent,
    device,
    dtype,
    found_in_type,
    graph_is_used_up,
    same_value,
)
from steep.compiler._explain import one_of, shown
from steep.compiler._imported import is_ndarray
from steep.compiler._leaks import tuple_of
from steep.compiler._objects import DICTS, are_same_objects, is_a, values_of
from steep.compiler._symbolic import Numbers, is_symbolic, plain

__all__ = ["ReadNumber", "describe", "detach_used", "detached", "difference"]
__all__ += ["values_to_make"]

_PLAIN = (type(None), bool, int, float, str, bytes, complex, dtype, device, Size)


class ReadNumber(NamedTuple):
    """A number or array that the function has read from a tensor and only returns.

    Attributes:
        number: itself.
        source: the tensor.
        writes: how often the memory of the tensor had been written to when it was read.
    """

    number: Any
    source: Tensor
    writes: int


def describe(
    result: Any,
    outputs: list[Tensor],
    numbers: dict[int, ReadNumber] | None = None,
    returned: list[int] | None = None,
    recorded: Numbers | None = None,
    stored: Stored | None = None,
) -> Any:
    """The result with an index into `outputs` in place of each tensor; `outputs` gets the tensors.

    `numbers` are the numbers and arrays, by id, that were read from tensors; if None, arrays are
    plain values. `returned` gets the steps of stand-ins in it, which must belong to `recorded`. If
    the function has also `stored` something, the description is that of a tuple: the result, and
    what was stored, one by one.

    Raises:
        TypeError: if it holds something other than tensors and plain values, or itself.
    """
    steps = [] if returned is None else returned
    description = _Description(outputs, numbers, steps, recorded)
    try:
        if stored is None:
            return description.of(result, True)
        return ("tuple", [*description.of_all(result, *stored)])
    except RecursionError:
        raise TypeError(_TOO_DEEP) from None


# Values, and descriptions by id: of tensors that were there, and of all that are known.
Stored = tuple[list[Any], dict[int, Any], dict[int, Any]]


class _Description:
    """Describes one result, part by part."""

    def __init__(
        self,
        outputs: list[Tensor],
        numbers: dict[int, ReadNumber] | None,
        returned: list[int],
        recorded: Numbers | None,
    ) -> None:
        self._outputs = outputs
        self._numbers = numbers or {}
        self._shows_arrays = numbers is None
        self._returned = returned
        self._recorded = recorded
        self._known: dict[int, int] = {}  # indices of outputs, by id
        self._existing: dict[int, Any] = {}  # descriptions of tensors that were not made, by id
        # By id: which container it is, of those that are complete, and how many parts it has.
        self._made: dict[int, tuple[int, int]] = {}
        self._complete = 0
        self._parts = 0  # so far, also in containers that are met again
        self._again = 0  # of these, those that are met again

    def of_all(
        self, result: Any, values: list[Any], found: dict[int, Any], known: dict[int, Any]
    ) -> Iterator[Any]:
        """Describes the result, in which tensors may be that were `found`, and then the values that
        were stored, in which all that are `known` may be.
        """
        self._existing = found
        yield self.of(result, True)
        self._existing = known
        for value in values:
            yield self.of(value, False)

    def of(self, part: Any, may_read: bool) -> Any:
        """See `describe`; `may_read`: whether it may be a number read from a tensor."""
        if may_read and id(part) in self._numbers:
            output = self._tensor(self._numbers[id(part)].source)
            return ("array", output) if is_ndarray(part) else ("item", output, type(part))
        if is_symbolic(part):
            return self._given(part)
        kind = type(part)
        if issubclass(kind, Tensor):
            return self._existing.get(id(part)) or self._tensor(part)
        if issubclass(kind, _PLAIN):
            return ("value", part)
        if self._shows_arrays and is_ndarray(part):
            return ("value", (part.dtype.str, part.shape, part.tobytes()))
        if id(part) in self._made:
            return self._met_again(*self._made[id(part)])
        before = self._parts
        description = self._container(part, kind, may_read)
        # Equal tuples of constants may be one object in one call, and two in the next.
        if not is_a(part, tuple) or any(_is_made(item) for item in description[-1]):
            self._made[id(part)] = self._complete, self._parts - before
        self._complete += 1
        return description

    def _met_again(self, number: int, parts: int) -> Any:
        self._parts += parts
        self._again += parts
        if self._again > _MOST_AGAIN:  # over many levels, it would take for ever to look at them
            raise TypeError(_TOO_OFTEN)
        return ("again", number)

    def _container(self, part: Any, kind: type, may_read: bool) -> Any:
        if kind is tuple or kind is list:
            return (kind.__name__, self._items(part, may_read))
        if _is_named(kind):
            # No such numbers inside: its class may look at them when it is made, before they have
            # values.
            return ("named", kind, self._items(part, False))
        if _is_of_operation(kind):
            return ("sequence", kind, self._items(part, False))
        if (values := values_to_make(part)) is None:
            raise TypeError(
                f"it returns {one_of(kind.__name__)}, which a replay cannot create; return "
                "tensors, numbers, strings or None, or tuples, lists, dicts, namespaces and "
                "dataclasses of them"
            )
        before = len(self._outputs)
        items = self._items(values.values(), may_read)
        keys = tuple(map(_plain_key, values))
        if kind is dict:
            return ("dict", keys, items)
        read = {id(number.source) for number in self._numbers.values()}
        if any(graph_is_used_up(x) for x in self._outputs[before:] if id(x) not in read):
            raise TypeError(
                f"it returns {one_of(kind.__name__)} with a tensor whose graph backward has freed, "
                "and which a replay would return without a graph; put its detach() there"
            )
        return ("made", kind, _maker_of(part), keys, items)

    def _tensor(self, tensor: Tensor) -> int:
        number = self._known.setdefault(id(tensor), len(self._outputs))
        if number == len(self._outputs):
            self._outputs.append(tensor)
        return number

    def _given(self, symbol: Any) -> Any:
        if symbol._numbers is not self._recorded:
            raise TypeError("it returns a number that belongs to a recording of another thread")
        self._returned.append(symbol._node)
        return ("given", len(self._returned) - 1)

    def _items(self, parts: Collection[Any], may_read: bool) -> list[Any]:
        self._parts += len(parts)
        return [self.of(part, may_read) for part in parts]


def _plain_key(key: Any) -> Any:
    """A key with plain numbers for stand-ins, whose hashes have already asked for the numbers."""
    if not issubclass(type(key), tuple):
        return plain(key)
    parts = [*tuple.__iter__(key)]
    keys = [*map(_plain_key, parts)]
    return key if are_same_objects(keys, parts) else tuple_of(key, keys)


def _is_made(description: Any) -> bool:
    """Whether a replay makes what was described."""
    return isinstance(description, int) or description[0] != "value"


def _is_named(kind: type) -> bool:
    return issubclass(kind, tuple) and found_in_type(kind, "_make") is not absent


def _is_of_operation(kind: type) -> bool:
    """Whether it is the named tuple of an operation, such as max(x, dim)."""
    return kind.__module__ == "steep.return_types" and issubclass(kind, tuple)


# ---- containers that are made anew --------------------------------------------------------------


def values_to_make(result: Any) -> dict[Any, Any] | None:
    """The values of a dict, namespace or dataclass that a replay can create; None for other
    objects.
    """
    cls, values = type(result), values_of(result)
    if values is None or cls is dict or cls in DICTS:
        return values
    base = types.SimpleNamespace if issubclass(cls, types.SimpleNamespace) else object
    return values if found_in_type(cls, "__new__") is found_in_type(base, "__new__") else None


def _maker_of(result: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """What creates another one without its values, and the arguments; it runs no user code."""
    cls = type(result)
    if cls is collections.OrderedDict:
        return cls, ()
    if cls is collections.defaultdict:
        return cls, (result.default_factory,)
    if issubclass(cls, types.SimpleNamespace):
        return types.SimpleNamespace.__new__, (cls,)
    return object.__new__, (cls,)


def detach_used(result: Any) -> Any:
    """The result without graphs that backward has freed, as a replay returns it."""
    return _detach_used(result, {})


def _detach_used(result: Any, known: dict[int, Any]) -> Any:
    """See `detach_used`; `known` are the containers that were looked through, by id."""
    kind = type(result)
    if issubclass(kind, Tensor) and id(result) not in known:
        known[id(result)] = result.detach() if graph_is_used_up(result) else result
    if issubclass(kind, Tensor):
        return known[id(result)]
    # Only their own code could make new objects of other classes.
    if kind not in (dict, tuple, list) and not _is_named(kind) and not _is_of_operation(kind):
        return result
    if id(result) not in known:
        known[id(result)] = _detach_used_in(result, known)
    return known[id(result)]


def _detach_used_in(result: Any, known: dict[int, Any]) -> Any:
    old = result.values() if type(result) is dict else result
    items = [_detach_used(item, known) for item in old]
    if are_same_objects(items, old):  # the same object, in case identity matters
        return result
    if type(result) is dict:
        return dict(zip(result, items, strict=True))
    return type(result)._make(items) if _is_named(type(result)) else type(result)(items)


def detached(result: Any) -> Any:
    """See `detach_used`; the unchanged result if that fails."""
    try:
        return detach_used(result)
    except Exception:  # no memory, or it contains itself, or a class of the user's raises
        return result


_MOST_AGAIN = 4096  # parts in containers that occur again in a result
_TOO_OFTEN = "it returns containers that contain the same ones many times over; return each once"
_TOO_DEEP = (
    "it returns a container that contains itself, or is nested too deeply; return a flat one of "
    "tensors"
)

_OF_TYPES = ("named", "sequence", "made")  # described with their type

# ---- two results compared ---------------------------------------------------------------------


def difference(first: Any, second: Any) -> str:
    """How the second of two described results differs from the first, or ``''``."""
    if isinstance(first, int) or isinstance(second, int):
        if type(first) is type(second):
            return "" if first == second else "it returns a tensor in a different place than before"
        return f"it returns {_named(first)} and then {_named(second)}"
    kind = first[0]
    if kind != second[0] or (kind in _OF_TYPES and first[1] is not second[1]):
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
    if kind == "array":
        return difference(first[1], second[1])
    if kind == "argument":
        return "" if first == second else "it stores a different one of its arguments"
    if kind == "given":
        return "" if first == second else "it returns a different one of the numbers that change"
    if kind == "again":
        return "" if first == second else "it returns another of its containers a second time"
    items, others = first[-1], second[-1]
    if len(items) != len(others):
        return f"it returns {_named(first)} of {len(items)} items and then one of {len(others)}"
    if kind in ("dict", "made") and not all(map(_is_same, first[-2], second[-2])):
        return f"it returns {_named(first)} with other keys than before"
    if kind == "made" and not are_same_objects(first[2][1], second[2][1]):
        return f"it returns {_named(first)} with another default_factory than before"
    found = (difference(item, other) for item, other in zip(items, others, strict=True))
    return next(filter(None, found), "")


def _named(description: Any) -> str:
    if isinstance(description, int):
        return "a tensor"
    what = description[0]
    names = {"value": "a plain value", "item": "a number read out of a tensor"}
    names.update(given="a number that changes", array="an array", argument="an argument")
    names.update(again="a container for a second time")
    kind = description[1].__name__ if what in _OF_TYPES else what
    return names.get(what, one_of(kind))


# How to get the plain value from an instance of a subclass: NumPy's numbers, members of
# enumerations.
_AS_PLAIN: tuple[tuple[type, Any], ...] = (
    (float, float.__pos__),
    (int, int.__pos__),
    (complex, complex.__pos__),
    (str, str.__str__),
)


def _is_same(value: Any, other: Any) -> bool:
    """Whether two values have the same type and are equal to the last bit."""
    if same_value(value, other):
        return True
    if type(value) is not type(other) or type(value) in (int, float, complex, str, bytes, bool):
        return False
    if type(value) is tuple:
        return len(value) == len(other) and all(map(_is_same, value, other))
    for base, read in _AS_PLAIN:
        if issubclass(type(value), base):
            return bool(same_value(read(value), read(other)))
    try:
        return bool(value == other)
    except Exception:  # of the user's class
        return False
