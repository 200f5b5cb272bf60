"""Questions about objects and classes, answered without running their code."""

from __future__ import annotations

import collections
import gc
import sys
import types
from collections.abc import Iterable
from typing import Any

from steep._core import absent, found_in_type

__all__ = ["SPECIAL", "are_same_objects", "attributes_of", "content_of", "contents_of"]
__all__ += ["DICTS", "dict_of_class", "is_a", "is_immutable", "is_of_a_library", "is_of_python"]
__all__ += ["module_of", "slot_of", "values_of"]

# Special methods, which operators, statements, calls and C functions look up in a class: no code
# names them, and one that is added later takes effect too.
_OPERATORS = "add sub mul matmul truediv floordiv mod divmod pow lshift rshift and xor or"
_OTHERS = """
    abs aenter aexit aiter anext await array array_function array_ufunc bool buffer bytes call ceil
    class_getitem complex contains copy deepcopy delattr delete delitem dir enter eq exit float
    floor format fspath ge get getattr getattribute getitem gt hash index init instancecheck int
    invert iter le len length_hint lt match_args missing ne neg new next pos repr reversed round
    set setattr setitem str subclasscheck subclasshook trunc
"""
SPECIAL = tuple(
    f"__{name}__"
    for name in (
        *_OTHERS.split(),
        *(f"{side}{name}" for side in ("", "r", "i") for name in _OPERATORS.split()),
    )
)


def module_of(cls: type) -> str:
    """The name of the module that a class was made in, or ``''``."""
    name = cls.__module__
    return name if isinstance(name, str) else ""


def is_of_a_library(cls: type) -> bool:
    """Whether a class is steep's, Python's or NumPy's, whose attributes are not followed."""
    top = module_of(cls).partition(".")[0]
    return top in ("steep", "numpy") or top in sys.stdlib_module_names


def is_a(item: Any, kinds: type | types.UnionType | tuple[Any, ...]) -> bool:
    """As `isinstance`, but without asking the object for its `__class__`."""
    return issubclass(type(item), kinds)


def are_same_objects(items: Iterable[Any], others: Iterable[Any]) -> bool:
    """Whether two sequences of one length hold the same objects."""
    return all(item is other for item, other in zip(items, others, strict=True))


def content_of(cell: types.CellType) -> Any:
    """The value of a closure's variable, or `absent`."""
    try:
        return cell.cell_contents
    except ValueError:
        return absent


def attributes_of(item: Any) -> dict[str, Any] | None:
    """Its `__dict__`, if it has one."""
    try:
        values = object.__getattribute__(item, "__dict__")
    except AttributeError:
        return None
    return values if isinstance(values, dict) else None


def dict_of_class(cls: type) -> dict[str, Any]:
    """The dict in which a class keeps its attributes, itself."""
    found: dict[str, Any] = gc.get_referents(vars(cls))[0]
    return found


def slot_of(item: Any, descriptor: Any) -> Any:
    """The value in one of its `__slots__`, or `absent`."""
    try:
        return descriptor.__get__(item, type(item))
    except AttributeError:
        return absent


def contents_of(item: Any) -> list[Any]:
    """What a container, namespace or dataclass holds, including its own attributes."""
    parts: list[Any] = []
    if is_a(item, dict):
        parts = [part for pair in dict.items(item) for part in pair]
        if is_a(item, collections.defaultdict):
            parts.append(item.default_factory)
    elif is_a(item, tuple):
        parts = list(tuple.__iter__(item))
    elif is_a(item, list):
        parts = list(list.__iter__(item))
    return [*parts, values] if (values := attributes_of(item)) else parts


DICTS = (collections.OrderedDict, collections.defaultdict)


def values_of(item: Any) -> dict[Any, Any] | None:
    """The dict in which a dict, namespace or dataclass has its values; None for other objects."""
    kind = type(item)
    if kind is dict or kind in DICTS:
        values: dict[Any, Any] = item
        return None if kind in DICTS and attributes_of(item) else values
    is_dataclass = found_in_type(kind, "__dataclass_fields__") is not absent
    if not is_dataclass and not issubclass(kind, types.SimpleNamespace):
        return None
    if issubclass(kind, (type, dict, list, tuple, int, float)) or _has_slots(kind):
        return None
    return attributes_of(item)


def _has_slots(cls: type) -> bool:
    """Whether instances have values in slots, outside of their __dict__."""
    own = [base for base in cls.__mro__ if is_of_python(base)]
    return any(
        type(value) is types.MemberDescriptorType for base in own for value in vars(base).values()
    )


def is_of_python(cls: type) -> bool:
    """Whether a class was made at run time, as classes of Python code are."""
    return bool(cls.__flags__ & _HEAP_TYPE)


def is_immutable(cls: type) -> bool:
    """Whether the attributes of a class cannot be changed."""
    return bool(cls.__flags__ & _IMMUTABLE_TYPE)


_IMMUTABLE_TYPE, _HEAP_TYPE = 1 << 8, 1 << 9  # flags of types: Py_TPFLAGS_...
