"""Taking objects that stood in for numbers out of wherever a recorded call has left them."""

from __future__ import annotations

import collections
import contextvars
import functools
import gc
import sys
import types
from typing import Any, NamedTuple

__all__ = ["Kept", "put_back", "tuple_of"]


class Kept(NamedTuple):
    """What has held a stand-in: its class, and the attribute or key if there is one."""

    kind: str
    name: str


def put_back(stand_ins: list[Any], numbers: list[Any]) -> Kept | None:
    """Put numbers in place of the objects that stood in for them, where someone still holds one.

    Nobody else may hold the objects than the list. Returns what has held one, if anything has.
    """
    kept = None
    for i in range(len(stand_ins)):
        if sys.getrefcount(stand_ins[i]) > 2:  # the list's, and that of the call
            kept = _replace(stand_ins[i], numbers[i], {id(stand_ins)}) or kept
    return kept


def _replace(old: Any, new: Any, apart: set[int]) -> Kept | None:
    """Let all who hold one object hold another, but for those whose ids are `apart`.

    No function in here may hold `old`: its variable would be found, too.
    """
    kept = None
    holders = gc.get_referrers(old)
    for holder in holders:
        if holder is holders or id(holder) in apart or isinstance(holder, types.FrameType):
            continue
        if isinstance(holder, tuple):
            kept = _replace(holder, _with(holder, old, new), apart | {id(holders)}) or kept
            continue
        name = _name_in(holder, old)
        if _put(holder, old, new):
            kept = Kept(type(holder).__name__, name)
    return _replace_in_context(old, new) or kept


def _replace_in_context(old: Any, new: Any) -> Kept | None:
    """The same in context variables, of which the collector does not tell."""
    kept = None
    for variable, value in contextvars.copy_context().items():
        if value is old:
            variable.set(new)
            kept = Kept("context variable", variable.name)
    return kept


def _name_in(holder: Any, item: Any) -> str:
    """The key of an item in a dict, if it is a string."""
    pairs = list(dict.items(holder)) if isinstance(holder, dict) else []
    return next((key for key, value in pairs if value is item and type(key) is str), "")


def _put(holder: Any, old: Any, new: Any) -> bool:
    if isinstance(holder, dict):
        _put_into_dict(holder, old, new)
    elif isinstance(holder, list | collections.deque):
        _put_into_sequence(holder, old, new)
    elif isinstance(holder, set):
        set.discard(holder, old)
        set.add(holder, new)
    elif isinstance(holder, types.CellType):
        holder.cell_contents = new
    elif isinstance(holder, BaseException) and holder.args is old:
        holder.args = new
    elif isinstance(holder, types.FunctionType) and holder.__defaults__ is old:
        holder.__defaults__ = new
    elif isinstance(holder, functools.partial):
        args = new if holder.args is old else holder.args
        state = (holder.func, args, holder.keywords, vars(holder))
        holder.__setstate__(state)  # type: ignore[attr-defined]
    else:
        return _put_into_slots(holder, old, new)
    return True


def _with(holder: tuple[Any, ...], old: Any, new: Any) -> tuple[Any, ...]:
    """The same tuple with another item."""
    return tuple_of(holder, [_other(item, old, new) for item in tuple.__iter__(holder)])


def tuple_of(old: tuple[Any, ...], items: list[Any]) -> tuple[Any, ...]:
    """Another tuple of the same class, made without asking that."""
    try:
        new: tuple[Any, ...] = tuple.__new__(type(old), items)
    except TypeError:  # of a class in C with a constructor of its own
        return type(old)(items)
    vars_of_old = getattr(old, "__dict__", None)
    if vars_of_old:
        new.__dict__.update(vars_of_old)
    return new


def _put_into_sequence(holder: Any, old: Any, new: Any) -> None:
    kind = list if isinstance(holder, list) else collections.deque
    for i, item in enumerate(list(kind.__iter__(holder))):
        if item is old:
            kind.__setitem__(holder, i, new)


def _put_into_dict(holder: dict[Any, Any], old: Any, new: Any) -> None:
    # A class finds its attributes by a cache of its own.
    classes = [x for x in gc.get_referrers(holder) if isinstance(x, type)]
    for key, item in list(dict.items(holder)):
        if item is old and classes:
            type.__setattr__(classes[0], key, new)
        elif item is old:
            dict.__setitem__(holder, key, new)
    if any(key is old for key in dict.keys(holder)):
        items = [(_other(key, old, new), item) for key, item in dict.items(holder)]
        dict.clear(holder)
        dict.update(holder, items)


def _put_into_slots(holder: Any, old: Any, new: Any) -> bool:
    found = False
    for cls in type(holder).__mro__:
        for member in vars(cls).values():
            if not isinstance(member, types.MemberDescriptorType):
                continue
            try:
                if member.__get__(holder) is old:
                    member.__set__(holder, new)
                    found = True
            except AttributeError:  # an empty slot, or one of C's own
                continue
    return found


def _other(item: Any, old: Any, new: Any) -> Any:
    return new if item is old else item
