"""Objects of C types, whose contents cannot be inspected."""

from __future__ import annotations

import types
import weakref

from steep._core import found_in_type

__all__ = ["foreign_base", "holds_values"]

_METHODS = (types.MethodDescriptorType, types.GetSetDescriptorType, types.WrapperDescriptorType)
_IN_EVERY_CLASS = ("__dict__", "__weakref__")
# Modules whose C types never change, or whose changes do not matter to a replay, such as locks, and
# those of NumPy and steep themselves.
_KNOWN = {"re", "datetime", "zoneinfo", "types", "typing", "functools", "_struct", "_random"}
_KNOWN |= {"builtins", "pybind11_builtins", "numpy", "steep", "_thread", "uuid", "_abc"}
_CONSTANT = ("decimal.Decimal", "weakref.ReferenceType")
_VALUES = ["len", "getitem", "iter", "contains", "bool", "float", "int", "index"]


def foreign_base(cls: type) -> type | None:
    """The C type, among a class and its bases, of which nothing is known; None if there is none."""
    for base in cls.__mro__:
        if base is not object and _is_of_c(base):
            return None if _is_harmless(base) else base
    return None


def holds_values(cls: type) -> bool:
    """Whether C functions and operators may read values from instances of a C type."""
    slots = (found_in_type(cls, f"__{name}__") for name in _VALUES)
    return any(isinstance(slot, types.WrapperDescriptorType) for slot in slots)


def _is_of_c(cls: type) -> bool:
    """Whether it has methods written in C; a class made in Python has none of its own."""
    known = _of_c.get(cls)
    if known is None:
        known = _of_c[cls] = any(
            isinstance(x, _METHODS) and x.__objclass__ is cls and name not in _IN_EVERY_CLASS
            for name, x in vars(cls).items()
        )
    return known


_of_c: weakref.WeakKeyDictionary[type, bool] = weakref.WeakKeyDictionary()


def _is_harmless(cls: type) -> bool:
    module = str(cls.__module__)
    return (
        module.partition(".")[0] in _KNOWN
        or issubclass(cls, BaseException)
        or f"{module}.{cls.__name__}" in _CONSTANT
    )
