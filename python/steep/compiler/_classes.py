"""What instances get from their class: cells of what it has and lacks."""

from __future__ import annotations

import abc
import types
from typing import Any

from steep._core import Tensor, found_in_type
from steep.autograd.function import Function
from steep.compiler._answers import MRO, REGISTERED
from steep.compiler._cells import SLOT, TYPE, absent
from steep.compiler._code import Names
from steep.compiler._objects import SPECIAL, dict_of_class, is_a, is_immutable, is_of_a_library
from steep.compiler._walker import Shared, Walker
from steep.nn.module import Module

__all__ = ["look_at_registered", "of_class", "share"]

# What calling a module reads without naming it in Python code.
_OF_MODULES = frozenset({"_hooks", "forward", "training"})
# And what `apply` of an autograd.Function reads.
_OF_FUNCTIONS = frozenset({"backward", "forward", "setup_context"})
_IN_C = (types.MemberDescriptorType, types.GetSetDescriptorType)
_TOLD_OTHERWISE = frozenset({"__class__", "__dict__", "__weakref__"})


def share(walker: Walker, cls: type, names: Names) -> Shared:
    """Look at a class on behalf of its instances, once for the names of each code object."""
    wanted = names.attributes
    if issubclass(cls, Module):
        wanted |= _OF_MODULES
    elif issubclass(cls, Function):
        wanted |= _OF_FUNCTIONS
    users = [base for base in cls.__mro__ if not is_of_a_library(base)]
    for base in users:
        _look_at_class(walker, base, names)
    if names.dynamic and not names.of_library:
        _look_at_all(walker, cls, users, names)
    sure: list[str] = []
    rare: list[str] = []
    slots: list[tuple[str, Any]] = []
    lacks = rare if names.of_library else sure
    # Most classes lack most names, of which no cell is kept then.
    is_quiet = not users and (names.of_library or is_immutable(cls))
    for name in wanted:
        if is_quiet and found_in_type(cls, name) is absent:
            lacks.append(name)
            continue
        value = of_class(walker, cls, users, name, names)
        if is_a(value, _IN_C):
            if name not in _TOLD_OTHERWISE and not issubclass(cls, Tensor):
                slots.append((name, value))
        elif value is absent:
            lacks.append(name)
        elif not is_a(value, property):
            sure.append(name)
    return Shared(tuple(sure), tuple(rare), tuple(slots))


def of_class(walker: Walker, cls: type, users: list[type], name: str, names: Names) -> Any:
    """What a class has under a name; keeps cells of it, and of what super() would find."""
    value = found_in_type(cls, name)
    if value is not absent:
        walker.find(value, f"{cls.__name__}.{name}", names)
    if not is_immutable(cls) and (value is not absent or not names.of_library):
        walker.cells.keep((TYPE, cls, name, value), f"{cls.__name__}.{name}", name)
    for base in users:
        below = value if base is cls else found_in_type(base, name)
        if base is not cls and (below is not absent or not names.of_library):
            walker.cells.keep((TYPE, base, name, below), f"{base.__name__}.{name}", name)
            if below is not absent and below is not value:
                walker.find(below, f"{base.__name__}.{name}", names)
    return value


def _look_at_class(walker: Walker, cls: type, names: Names) -> None:
    """Keep its bases, and the special methods that it has or lacks."""
    known = walker.specials.get(cls)
    if known is None:
        known = walker.specials[cls] = []
        walker.cells.keep((SLOT, cls, MRO, cls.__mro__), f"the bases of {cls.__name__}")
        for name in SPECIAL:
            value = found_in_type(cls, name)
            walker.cells.keep((TYPE, cls, name, value), f"{cls.__name__}.{name}", name)
            if value is not absent and not is_a(value, types.WrapperDescriptorType):
                known.append((value, f"{cls.__name__}.{name}"))
    for value, path in known:
        walker.find(value, path, names)


def _look_at_all(walker: Walker, cls: type, users: list[type], names: Names) -> None:
    """Keep all that it has, for code that reads attributes whose names are data."""
    for base in cls.__mro__:
        if base in users:
            walker.find_items(dict_of_class(base), base.__name__, names)
        elif not is_immutable(base):
            walker.keep_items(dict_of_class(base), base.__name__)


def look_at_registered(walker: Walker) -> None:
    """Keep which classes are virtual subclasses, which isinstance() may ask for."""
    walker.cells.keep((SLOT, abc.ABC, REGISTERED, abc.get_cache_token()), "ABC.register")
