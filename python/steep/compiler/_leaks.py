"""Replacing stand-ins by numbers wherever a recorded call has left them."""

from __future__ import annotations

import collections
import contextvars
import functools
import gc
import sys
import types
from typing import Any, NamedTuple

from steep._core import exchange_keys
from steep.compiler._objects import attributes_of

__all__ = ["Kept", "put_back", "tuple_of"]

News = dict[int, Any]  # the replacement of an object, by the object's id

_DEEPEST = 64  # nested tuples and the like; each level asks the collector once more


class Kept(NamedTuple):
    """What held a stand-in: its class, and the attribute or key if there is one."""

    kind: str
    name: str


def put_back(stand_ins: list[Any], numbers: list[Any]) -> Kept | None:
    """Put numbers in place of the objects that stood in for them, wherever they are held.

    Returns what held one, if anything besides the list did.
    """
    if not stand_ins:
        return None
    news = dict(zip(map(id, stand_ins), numbers, strict=True))
    going = [*stand_ins]
    kept, holders = _holders_of(going, {id(stand_ins), id(going)})
    _make_anew(going[len(stand_ins) :], news)
    for holder in holders:
        found = _replace(holder, news)
        kept = kept if kept is not None and kept.name else found
    return _replace_in_context(news) or kept


def _holders_of(going: list[Any], apart: set[int]) -> tuple[Kept | None, list[Any]]:
    """All that hold one of some objects, except those whose ids are in `apart`.

    An immutable holder, such as a tuple, has to be made anew: it is added to `going`, and its
    holders are found too. The first result is such a holder if they are nested too deeply.
    """
    found: list[Any] = []
    known, begin = {*apart, *map(id, going)}, 0
    for _ in range(_DEEPEST):
        holders = gc.get_referrers(*going[begin:])
        begin = len(going)
        for holder in holders:
            if id(holder) in known or type(holder) is types.FrameType:
                continue
            known.add(id(holder))
            (going if issubclass(type(holder), _UNCHANGEABLE) else found).append(holder)
        holders.clear()  # otherwise the list would be found as a holder
        if len(going) == begin:
            return None, found
    return Kept(type(going[-1]).__name__, ""), found


_UNCHANGEABLE = (tuple, frozenset, slice, types.MethodType)


def _parts_of(item: Any) -> list[Any]:
    """The parts of an immutable object."""
    if issubclass(type(item), slice):
        return [item.start, item.stop, item.step]
    if type(item) is types.MethodType:
        return [item.__self__]
    return [*(tuple if issubclass(type(item), tuple) else frozenset).__iter__(item)]


def _make_anew(items: list[Any], news: News) -> None:
    """Make replacements of them, innermost first; `news` gets these."""
    left, begun = {id(item) for item in items}, set()
    waiting = [*items]
    while waiting:
        item = waiting[-1]
        inner = [x for x in _parts_of(item) if id(x) in left and id(x) not in begun]
        if inner and id(item) in left:
            begun.add(id(item))
            waiting += inner
            continue
        waiting.pop()
        if id(item) in left:
            left.discard(id(item))
            news[id(item)] = _anew(item, news)


def _anew(item: Any, news: News) -> Any:
    """The same with replaced parts, or the object itself if that cannot be made."""
    parts = [_other(part, news) for part in _parts_of(item)]
    kind = type(item)
    try:
        if issubclass(kind, tuple):
            return tuple_of(item, parts)
        if kind is slice:
            return slice(*parts)
        if kind is types.MethodType:
            of_number = id(item.__self__) in news and type(parts[0]) in (int, float)
            name = item.__func__.__name__
            return getattr(parts[0], name) if of_number else types.MethodType(item.__func__, *parts)
        new = frozenset.__new__(kind, parts)
        if values := attributes_of(item):
            new.__dict__.update(values)
        return new
    except Exception:  # the user's class, or the hash of a key, raises: keep the old one
        return item


def _replace(holder: Any, news: News) -> Kept:
    """Replace what one object holds. Returns what it is, even if that cannot be done."""
    kept = Kept(type(holder).__name__, _name_in(holder, news))
    _put(holder, news)
    _put_into_attributes(holder, news)
    return kept


def _replace_in_context(news: News) -> Kept | None:
    """The same for context variables, which the collector does not report."""
    kept = None
    for variable, value in contextvars.copy_context().items():
        if id(value) in news:
            variable.set(news[id(value)])
            kept = Kept("context variable", variable.name)
    return kept


def _name_in(holder: Any, news: News) -> str:
    """The dict key or attribute under which it holds one of them, if that is a string."""
    values = holder if issubclass(type(holder), dict) else attributes_of(holder) or {}
    pairs = list(dict.items(values))
    return next((key for key, value in pairs if id(value) in news and type(key) is str), "")


def _put(holder: Any, news: News) -> None:
    """Replace what a container, a function or the like holds."""
    kind = type(holder)
    if issubclass(kind, dict):
        _put_into_dict(holder, news)
    elif issubclass(kind, list | collections.deque):
        _put_into_sequence(holder, news)
    elif issubclass(kind, set):
        exchange_keys(holder, news)
    elif kind is types.CellType:
        holder.cell_contents = _other(holder.cell_contents, news)
    elif kind is types.FunctionType:
        holder.__defaults__ = _other(holder.__defaults__, news)
        if sys.version_info < (3, 14):  # before, they are kept as a tuple until they are asked for
            _put_into_dict(holder.__annotations__, news)
    elif issubclass(kind, BaseException) and id(holder.args) in news:
        holder.args = news[id(holder.args)]
    elif issubclass(kind, functools.partial):
        state = (holder.func, _other(holder.args, news), holder.keywords, vars(holder))
        holder.__setstate__(state)


def tuple_of(old: tuple[Any, ...], items: list[Any]) -> tuple[Any, ...]:
    """Another tuple of the same class, made without calling the class."""
    try:
        new: tuple[Any, ...] = tuple.__new__(type(old), items)
    except TypeError:  # a C class with a constructor of its own
        return type(old)(items)
    vars_of_old = getattr(old, "__dict__", None)
    if vars_of_old:
        new.__dict__.update(vars_of_old)
    return new


def _put_into_sequence(holder: Any, news: News) -> None:
    kind = list if issubclass(type(holder), list) else collections.deque
    for i, item in enumerate(list(kind.__iter__(holder))):
        if id(item) in news:
            kind.__setitem__(holder, i, news[id(item)])


def _put_into_dict(holder: dict[Any, Any], news: News) -> None:
    cls = _class_with(holder)
    for key, item in list(dict.items(holder)):
        if id(item) in news and cls is not None:
            type.__setattr__(cls, key, news[id(item)])
        elif id(item) in news:
            dict.__setitem__(holder, key, news[id(item)])
    if any(id(key) in news for key in dict.keys(holder)):
        exchange_keys(holder, news)


def _class_with(values: dict[Any, Any]) -> type | None:
    """The class whose dict it is, if any: attributes of a class are cached, so they must be set on
    the class.
    """
    if "__doc__" not in values:  # every class has it
        return None
    return next((x for x in gc.get_referrers(values) if issubclass(type(x), type)), None)


def _put_into_attributes(holder: Any, news: News) -> None:
    """Replace what it holds in its `__dict__`, which may not exist yet, and in slots."""
    values = attributes_of(holder)
    if values and any(id(value) in news for value in dict.values(values)):
        _put_into_dict(values, news)
    for cls in type(holder).__mro__:
        for member in vars(cls).values():
            if type(member) is not types.MemberDescriptorType:
                continue
            try:
                value = member.__get__(holder)
                if id(value) in news:
                    member.__set__(holder, news[id(value)])
            except (AttributeError, TypeError):  # an empty slot, or one of a C type
                continue


def _other(item: Any, news: News) -> Any:
    return news.get(id(item), item)
