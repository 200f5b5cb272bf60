"""From an object to all that code can reach from it by the names in it.

The way leads along attributes and into containers; what is passed is kept as cells. Which objects
are looked into in which way is one table, at the end.
"""

from __future__ import annotations

import collections
import functools
import gc
import io
import operator
import sys
import threading
import types
import weakref
from collections.abc import Callable
from typing import Any

from steep._core import Tensor, found_in_type, hooks_of, state_of
from steep.compiler._cells import (
    ARRAY,
    DICT,
    FUNCTION,
    INSTANCE,
    ITEM,
    SEQUENCE,
    SET,
    SLOT,
    TYPE,
    Cells,
    absent,
)
from steep.compiler._code import Names, names_of
from steep.compiler._imported import array_types, plain_types
from steep.compiler._objects import (
    attributes_of,
    contents_of,
    is_of_a_library,
    module_of,
    names_wanted,
    slot_of,
)
from steep.compiler._sources import is_random_source, random_source, random_state
from steep.nn.module import Module

__all__ = ["Traversal"]

MOST_ITEMS = 4096  # of a container that is looked through at every replay
MOST_BYTES = 65536  # of an array, likewise

_OWN = ("steep.compiler", "steep._core", "steep.autograd", "steep.profiler")

Found = list[tuple[Any, str]]  # objects, and how a user would call them
Way = Callable[["Traversal", Any, Names, str], Found]


class Traversal:
    """Looks into objects, one after the other, and remembers where it has been.

    Attributes:
        cells: what was passed, with what was there.
        refusal: why no replay can follow what was met, or ``''``.
        getters: whether objects were met that read by names of their own.
        sources: random generators by id, with their state and how a user would call them.
        iterators: how a user would call them, by id.
        tensors: with their state and their hooks, by id.
    """

    def __init__(self, given: list[Any]) -> None:
        """`given` is known call by call: what of it is looked into again each time."""
        self.cells = Cells()
        self.refusal = ""
        self.getters = False
        self.sources: dict[int, tuple[Any, Any, str]] = {}
        self.iterators: dict[int, str] = {}
        self.tensors: dict[int, tuple[Tensor, int, tuple[Any, ...]]] = {}
        self._given = {id(item): item for item in given}
        self._seen: set[tuple[int, Names]] = set()  # objects by id, which `cells` holds
        self._functions: dict[int, list[types.FunctionType]] = {}  # by the id of their code
        self._ways: dict[type, tuple[Way | None, bool]] = {}

    def let_go(self) -> None:
        """Of what would keep alive what the call has made."""
        self._functions.clear()
        self._given.clear()

    def look_into(self, value: Any, names: Names, whence: str) -> None:
        """Along the names from one object, and from all that are found."""
        waiting, opened = [(value, whence)], set()
        while waiting:
            item, path = waiting.pop()
            mark = (id(item), names)
            if mark in self._seen:
                continue
            way, may_draw = self._way_into(type(item))
            if may_draw:
                self._source(item, path)
            if way is None:
                if isinstance(item, Tensor):
                    waiting += self._tensor(item, names, path)
                continue
            if id(item) in self._given:
                if id(item) not in opened:
                    opened.add(id(item))
                    waiting += [(part, path) for part in contents_of(item)]
                    waiting += self._shared(item, names)
                continue
            self._seen.add(mark)
            self.cells.objects.setdefault(id(item), item)
            waiting += way(self, item, names, path)

    def functions_of(self, code: types.CodeType, values: Any) -> list[types.FunctionType]:
        """The functions that code belongs to; `values` are the variables it begins with."""
        if code.co_freevars and id(code) not in self._functions:
            self._find_method(code, values)
        return self._functions.get(id(code), [])

    def _way_into(self, cls: type) -> tuple[Way | None, bool]:
        """How instances of a class are looked into, None for those with nothing in them; and
        whether they may draw random numbers.
        """
        known = self._ways.get(cls)
        if known is None:
            known = self._ways[cls] = (_way_into(cls), is_random_source(cls))
        return known

    def _source(self, item: Any, path: str) -> None:
        source = random_source(item)
        if source is not None and id(source) not in self.sources:
            self.sources[id(source)] = (source, random_state(source), path)

    def _tensor(self, item: Tensor, names: Names, path: str) -> Found:
        """Another requires_grad, hooks or memory make another function, also of what fails."""
        hooks: tuple[Any, ...] = ()
        if id(item) not in self._given and id(item) not in self.tensors:
            state = state_of(item)
            if state is not None:
                hooks = hooks_of(item) if state & 1 else ()
                self.tensors[id(item)] = (item, state, hooks)
        # What a user has put on it, such as a learning rate of its own.
        values = attributes_of(item) or {}
        for name in names.attributes & values.keys():
            self.cells.add((ITEM, values, name, values[name]), f"{path}.{name}", name)
        return [(hook, f"a hook of {path}") for hook in hooks]

    # ---- containers ---------------------------------------------------------------------------

    def _too_much(self, what: str, path: str) -> Found:
        self.refusal = self.refusal or f"it reads {what} ({path}); pass it as an argument"
        return []

    def _is_too_long(self, item: Any, path: str) -> bool:
        if len(item) > MOST_ITEMS:
            kind = type(item).__name__
            self._too_much(f"a {kind} of {len(item)} items, too large to be watched", path)
        return len(item) > MOST_ITEMS

    def _tuple(self, item: Any, names: Names, path: str) -> Found:
        return [(part, f"{path}[{i}]") for i, part in enumerate(tuple.__iter__(item))]

    def _sequence(self, item: Any, names: Names, path: str) -> Found:
        if self._is_too_long(item, path):
            return []
        cls = list if isinstance(item, list) else collections.deque
        items = tuple(cls.__iter__(item))
        self.cells.add((SEQUENCE, item, None, items), path)
        found = [(part, f"{path}[{i}]") for i, part in enumerate(items)]
        return found + self._own_part(item, names, path)

    def _dict(self, item: dict[Any, Any], names: Names, path: str) -> Found:
        if item is sys.modules:
            self.refusal = self.refusal or "it looks modules up in sys.modules; import them by name"
            return []
        return self._items(item, path) + self._own_part(item, names, path)

    def _items(self, item: dict[Any, Any], path: str) -> Found:
        if self._is_too_long(item, path):
            return []
        if isinstance(item, collections.OrderedDict):
            self.cells.add((SEQUENCE, item, None, tuple(item)), path)
        pairs = list(dict.items(item))
        self.cells.add((DICT, item, None, tuple(part for pair in pairs for part in pair)), path)
        return [(part, f"{path}[{key!r}]" if isinstance(key, str | int) else path)
                for key, part in pairs]  # fmt: skip

    def _set(self, item: Any, names: Names, path: str) -> Found:
        if not self._is_too_long(item, path):
            cls = set if isinstance(item, set) else frozenset
            self.cells.add((SET, item, None, tuple(cls.__iter__(item))), path)
        return []

    def _array(self, item: Any, names: Names, path: str) -> Found:
        try:
            memory = memoryview(item)
        except (ValueError, TypeError, BufferError):
            memory = None
        if memory is None or "O" in memory.format:
            return self._too_much(f"a {type(item).__name__} of objects or dates", path)
        if memory.nbytes > MOST_BYTES:
            kind = type(item).__name__
            return self._too_much(f"{kind} of {memory.nbytes} bytes, too large to be watched", path)
        form = (memory.format, *(memory.shape or ()))
        self.cells.add((ARRAY, item, form, memory.tobytes()), path)
        return []

    def _own_part(self, item: Any, names: Names, path: str) -> Found:
        """The attributes of a container, if its class is a user's."""
        return [] if is_of_a_library(type(item)) else self._instance(item, names, path)

    # ---- what holds or wraps others -----------------------------------------------------------

    def _iterator(self, item: Any, names: Names, path: str) -> Found:
        if not isinstance(item, io.IOBase):
            self.iterators[id(item)] = path or type(item).__name__
        return []

    def _thread_local(self, item: Any, names: Names, path: str) -> Found:
        self.refusal = self.refusal or f"it reads a thread's own variables ({path}); pass them"
        return []

    def _getter(self, item: Any, names: Names, path: str) -> Found:
        self.getters = True
        return []

    def _module(self, item: types.ModuleType, names: Names, path: str) -> Found:
        found = []
        values = item.__dict__
        if names.dynamic:
            self._items(values, item.__name__)
        own = item.__name__.partition(".")[0] not in ("steep", "numpy", *sys.stdlib_module_names)
        for name in names.attributes:
            value = values.get(name, absent)
            if value is not absent or own:
                self.cells.add((ITEM, values, name, value), f"{item.__name__}.{name} of", name)
            if value is not absent:
                found.append((value, f"{item.__name__}.{name}"))
        return found

    def _function(self, item: types.FunctionType, names: Names, path: str) -> Found:
        own = names_of(item.__code__)
        if own is None:
            return []
        known = self._functions.setdefault(id(item.__code__), [])
        if not any(item is other for other in known):
            known.append(item)
        if own.of_library:
            return []
        parts = (item.__code__, item.__defaults__, item.__kwdefaults__)
        self.cells.add((FUNCTION, item, None, parts), f"the function {item.__name__}")
        found = [(part, f"a default of {item.__name__}") for part in parts[1:]]
        values = item.__dict__
        for name in names.attributes & values.keys():
            self.cells.add((ITEM, values, name, values[name]), f"{item.__name__}.", name)
            found.append((values[name], f"{item.__name__}.{name}"))
        if "__wrapped__" in values:
            found.append((values["__wrapped__"], item.__name__))
        return found

    def _compiled(self, item: Any, names: Names, path: str) -> Found:
        """Of steep's own: what a compiled function wraps, and what a user has put on it."""
        values = attributes_of(item) or {}
        found = [(values["__wrapped__"], path)] if "__wrapped__" in values else []
        for name in names.attributes & values.keys():
            if not name.startswith("_"):
                self.cells.add((ITEM, values, name, values[name]), f"{path}.{name}", name)
                found.append((values[name], f"{path}.{name}"))
        return found

    # ---- classes and their instances ----------------------------------------------------------

    def _class(self, item: type, names: Names, path: str) -> Found:
        if module_of(item) in ("builtins", "steep._core"):
            return []
        wanted = names.attributes
        if type(item) is not type and not is_of_a_library(type(item)):
            for name in wanted:
                self._of_class(type(item), name)
        if names.dynamic and not is_of_a_library(item):
            wanted = wanted | {name for name in vars(item) if not name.startswith("__")}
        return [
            (value, f"{item.__name__}.{name}")
            for name in wanted
            if (value := self._of_class(item, name)) is not absent
        ]

    def _of_class(self, cls: type, name: str) -> Any:
        """What a class has under a name; a cell of it."""
        value = found_in_type(cls, name)
        for base in cls.__mro__[1:]:  # which super() may ask
            if name in vars(base) and not is_of_a_library(base):
                cell = (TYPE, base, name, found_in_type(base, name))
                self.cells.add(cell, f"{base.__name__}.{name} of", name)
        if module_of(cls) != "builtins" and (value is not absent or not is_of_a_library(cls)):
            self.cells.add((TYPE, cls, name, value), f"{cls.__name__}.{name} of", name)
        return value

    def _instance(self, item: Any, names: Names, path: str) -> Found:
        cls = type(item)
        values = attributes_of(item)
        kind = (cls, None if isinstance(item, Module) else values)
        self.cells.add((INSTANCE, item, None, kind), f"the class of {path or cls.__name__}")
        if names.dynamic and values is not None and not is_of_a_library(cls):
            self._items(values, path)
        found = []
        for name in names_wanted(cls, names, values):
            label = f"{path}.{name}" if path else f"{cls.__name__}.{name}"
            shared = self._of_class(cls, name)
            if isinstance(shared, types.MemberDescriptorType):
                own = slot_of(item, shared)
                self.cells.add((SLOT, item, shared, own), label, name)
            else:
                own = absent if values is None else values.get(name, absent)
                if shared is not absent:
                    found.append((shared, f"{cls.__name__}.{name}"))
                known = own is not absent or shared is not absent or not names.of_library
                if values is not None and known:
                    self.cells.add((ITEM, values, name, own), label, name)
            if own is not absent:
                found.append((own, label))
        return found

    def _shared(self, item: Any, names: Names) -> Found:
        """What an argument that is known by its contents has of its class."""
        cls = type(item)
        if is_of_a_library(cls) or names.of_library:
            return []
        found = ((name, self._of_class(cls, name)) for name in names_wanted(cls, names, None))
        return [(value, name) for name, value in found if value is not absent]

    def _find_method(self, code: types.CodeType, values: Any) -> None:
        """The function of code that was reached through no name, such as a method `__add__`."""
        owner = values.get(code.co_varnames[0]) if code.co_argcount else None
        for cls in type(owner).__mro__:
            for name, value in list(vars(cls).items()):
                inner = getattr(value, "fget", value)
                if isinstance(inner, types.FunctionType) and inner.__code__ is code:
                    self._functions.setdefault(id(code), []).append(inner)
                    self._of_class(type(owner), name)


# ---- the table --------------------------------------------------------------------------------

_EXACT = (bool, int, float, complex, str, bytes, type(None))
_PLAIN = (
    Tensor, type(Ellipsis), type(NotImplemented), types.CodeType, types.FrameType, range, slice,
    types.MethodDescriptorType, types.WrapperDescriptorType, types.GetSetDescriptorType,
    types.MethodWrapperType, types.TracebackType, types.CellType,
)  # fmt: skip


def _leading_to(*names: str) -> Way:
    """A way to what an object has under these names."""

    def way(traversal: Traversal, item: Any, of_code: Names, path: str) -> Found:
        parts = [getattr(item, name) for name in names]
        return [(part, path) for part in parts if part is not None]

    return way


# The first that fits. What is in none of them is an instance, with attributes.
_WAYS: tuple[tuple[tuple[type, ...], Way], ...] = (
    ((types.BuiltinFunctionType,), _leading_to("__self__")),  # as `get = config.get` has it
    ((tuple,), Traversal._tuple),
    ((threading.local,), Traversal._thread_local),
    ((list, collections.deque), Traversal._sequence),
    ((dict,), Traversal._dict),
    ((set, frozenset), Traversal._set),
    ((types.MappingProxyType,), lambda _, item, names, path: [
        (part, path) for part in gc.get_referents(item)]),
    ((weakref.ref,), lambda _, item, names, path: [(item(), path)]),
    ((types.ModuleType,), Traversal._module),
    ((types.FunctionType,), Traversal._function),
    ((types.MethodType,), _leading_to("__self__", "__func__")),
    ((operator.attrgetter, operator.itemgetter, operator.methodcaller), Traversal._getter),
    ((functools.partial,), _leading_to("func", "args", "keywords")),
    ((staticmethod, classmethod), _leading_to("__func__")),
    ((property,), _leading_to("fget", "fset", "fdel")),
    ((functools.cached_property,), _leading_to("func")),
    ((type,), Traversal._class),
)  # fmt: skip


def _way_into(cls: type) -> Way | None:
    if cls in _EXACT or issubclass(cls, (*_PLAIN, *plain_types())):
        return None
    step = found_in_type(cls, "__next__")
    if step is not absent and not isinstance(step, types.FunctionType):
        return Traversal._iterator
    if issubclass(cls, array_types()):
        return Traversal._array
    for kinds, way in _WAYS:
        if issubclass(cls, kinds):
            return way
    return Traversal._compiled if module_of(cls).startswith(_OWN) else Traversal._instance
