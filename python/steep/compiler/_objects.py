"""What objects and classes are, asked without running code of theirs."""

from __future__ import annotations

import sys
import types
from typing import Any

from steep._core import absent

__all__ = ["attributes_of", "contents_of", "is_of_a_library", "is_special", "module_of", "slot_of"]


def module_of(cls: type) -> str:
    """The name of the module that a class was made in, or ``''``."""
    name = cls.__module__
    return name if isinstance(name, str) else ""


def is_of_a_library(cls: type) -> bool:
    """Whether a class is steep's, Python's or NumPy's, whose attributes are their own business."""
    top = module_of(cls).partition(".")[0]
    return top in ("steep", "numpy") or top in sys.stdlib_module_names


def is_special(name: str, value: Any) -> bool:
    """Whether a member of a class is one that operators, calls and the like look for."""
    return name.startswith("__") and isinstance(value, types.FunctionType)


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
    """What a container, namespace or dataclass holds."""
    if isinstance(item, dict):
        return list(dict.values(item))
    return list(item) if isinstance(item, list | tuple) else [attributes_of(item)]
