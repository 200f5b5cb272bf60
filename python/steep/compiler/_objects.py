"""What objects and classes are, asked without running code of theirs."""

from __future__ import annotations

import collections
import sys
import types
from typing import Any

from steep._core import absent
from steep.compiler._code import Names
from steep.nn.module import Module

# What the call of a module looks at without naming it in Python code.
_OF_MODULES = frozenset({"_hooks", "forward", "training"})

__all__ = ["attributes_of", "contents_of", "is_of_a_library", "module_of"]
__all__ += ["names_wanted", "slot_of"]


def module_of(cls: type) -> str:
    """The name of the module that a class was made in, or ``''``."""
    name = cls.__module__
    return name if isinstance(name, str) else ""


def is_of_a_library(cls: type) -> bool:
    """Whether a class is steep's, Python's or NumPy's, whose attributes are their own business."""
    top = module_of(cls).partition(".")[0]
    return top in ("steep", "numpy") or top in sys.stdlib_module_names


def attributes_of(item: Any) -> dict[str, Any] | None:
    """Its `__dict__`, if it has one."""
    try:
        values = object.__getattribute__(item, "__dict__")
    except AttributeError:
        return None
    return values if isinstance(values, dict) else None


def slot_of(item: Any, descriptor: Any) -> Any:
    """What is in one of its `__slots__`, if anything is."""
    try:
        return descriptor.__get__(item, type(item))
    except AttributeError:
        return absent


def contents_of(item: Any) -> list[Any]:
    """What a container, namespace or dataclass holds, and has besides."""
    if isinstance(item, dict):
        parts = list(dict.values(item))
        if isinstance(item, collections.defaultdict):
            parts.append(item.default_factory)
    else:
        parts = list(item) if isinstance(item, list | tuple) else []
    return [*parts, attributes_of(item)]


def names_wanted(cls: type, names: Names, values: dict[str, Any] | None) -> frozenset[str]:
    """The names that code may read of an instance with these attributes of its own."""
    wanted = names.attributes
    if issubclass(cls, Module):
        wanted |= _OF_MODULES
    own = [base for base in cls.__mro__ if not is_of_a_library(base)]
    for base in own:  # operators, calls, items: code names none of them
        wanted |= {name for name, value in vars(base).items() if _is_special(name, value)}
    if names.dynamic:
        wanted |= (values or {}).keys()
        for base in own:
            wanted |= {name for name in vars(base) if not name.startswith("__")}
    return wanted


def _is_special(name: str, value: Any) -> bool:
    """Whether a member of a class is one that operators, calls and the like look for."""
    return name.startswith("__") and isinstance(value, types.FunctionType)
