"""Attributes of a module that are computed when they are read, from its parameters and buffers."""

from __future__ import annotations

import copyreg
from typing import Any

__all__ = ["base_class", "computed", "set_computed"]


def base_class(module: Any) -> type:
    """The class that a module had before any of its attributes was computed."""
    found: type = getattr(type(module), "_computed_base", type(module))
    return found


def computed(module: Any) -> dict[str, property]:
    """Its computed attributes."""
    return dict(getattr(type(module), "_computed", {}))


def set_computed(module: Any, attributes: dict[str, property], prefix: str | None = None) -> None:
    """Give a module a class of its own with these attributes, or its own class back without any.

    Each module has a class of its own, so that what is taken off one copy stays on the others.
    `prefix` begins its name; the one it has by default.
    """
    if prefix is None:
        prefix = getattr(type(module), "_computed_prefix", "")
    module.__class__ = _class(base_class(module), attributes, prefix)


def _class(base: Any, attributes: dict[str, property], prefix: str) -> Any:
    if not attributes:
        return base
    names = {
        "__module__": base.__module__,
        "__qualname__": prefix + base.__qualname__,
        "__reduce_ex__": _reduce,
        "_computed": attributes,
        "_computed_base": base,
        "_computed_prefix": prefix,
    }
    return type(prefix + base.__name__, (base,), {**names, **attributes})


def _reduce(module: Any, protocol: Any) -> Any:
    """For copies and pickles: the class is made anew."""
    cls = type(module)
    made = cls._computed_base.__reduce_ex__(module, 2)
    if made[0] is not copyreg.__newobj__:  # type: ignore[attr-defined]
        return made
    attributes = {name: (p.fget, p.fset) for name, p in cls._computed.items()}
    return _rebuild, (cls._computed_base, attributes, cls._computed_prefix), *made[2:]


def _rebuild(base: type, attributes: dict[str, Any], prefix: str) -> Any:
    made = _class(base, {name: property(*both) for name, both in attributes.items()}, prefix)
    return made.__new__(made)
