"""How a traversal looks into objects: a function for each kind of object, and a table by class.

Such a function, a *way*, returns what is in the object itself. Attributes of the object and of its
class are looked at besides, in the same way for all objects (`Traversal.own_part`).
"""

from __future__ import annotations

import abc
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
from typing import Any, NamedTuple

from steep._core import Tensor, found_in_type
from steep.compiler._answers import TARGET
from steep.compiler._cells import ARRAY, DICT, FUNCTION, SEQUENCE, SET, SLOT, absent
from steep.compiler._classes import look_at_registered
from steep.compiler._code import READERS, Names, names_of
from steep.compiler._explain import one_of
from steep.compiler._foreign import foreign_base, holds_values
from steep.compiler._imported import array_types, plain_types
from steep.compiler._objects import DICTS, attributes_of, is_a, is_of_a_library, module_of
from steep.compiler._sources import READS_OR_WRITES, is_random_source, position_of, reason_to_refuse
from steep.compiler._walker import Found, Shared, Walker

__all__ = ["Kind", "has_attributes_alone", "kind_of", "look_into_items"]

MOST_ITEMS = 4096  # of a container, which is compared at every replay
MOST_BYTES = 65536  # of an array, likewise

_OWN = ("steep.compiler", "steep._core", "steep.autograd", "steep.profiler")

Way = Callable[[Walker, Any, Names, str], Found]


class Kind(NamedTuple):
    """What a traversal does with the instances of a class.

    Attributes:
        way: returns what is in them; None for those with nothing in them, and for tensors.
        has_own: whether they have attributes, or are of a user's class.
        may_draw: whether they may be a random generator, or a method of one.
        is_tensor: whether they are tensors.
        foreign: their C type, if nothing is known of what it stores, or ``''``.
        has_items_alone: whether they are dicts with nothing in them but their items.
    """

    way: Way | None
    has_own: bool
    may_draw: bool
    is_tensor: bool
    foreign: str = ""
    has_items_alone: bool = False


# ---- containers -------------------------------------------------------------------------------


def _too_much(walker: Walker, what: str, path: str) -> Found:
    walker.refuse(f"it reads {what} ({path}); pass it as an argument")
    return []


def _is_too_long(walker: Walker, cls: Any, item: Any, path: str) -> bool:
    length: int = cls.__len__(item)
    if length > MOST_ITEMS:
        kind = type(item).__name__
        _too_much(walker, f"{one_of(kind)} of {length} items, too large to be tracked", path)
    return length > MOST_ITEMS


def _tuple(walker: Walker, item: Any, names: Names, path: str) -> Found:
    return [(part, f"{path}[{i}]") for i, part in enumerate(tuple.__iter__(item))]


def _sequence(walker: Walker, item: Any, names: Names, path: str) -> Found:
    cls = list if is_a(item, list) else collections.deque
    if _is_too_long(walker, cls, item, path):
        return []
    items = tuple(cls.__iter__(item))
    walker.cells.keep((SEQUENCE, item, None, items), path)
    return [(part, f"{path}[{i}]") for i, part in enumerate(items)]


def _dict(walker: Walker, item: dict[Any, Any], names: Names, path: str) -> Found:
    if item is sys.modules:
        walker.refuse("it looks up modules in sys.modules; import them by name")
        return []
    return look_into_items(walker, item, path)


def look_into_items(walker: Walker, item: dict[Any, Any], path: str) -> Found:
    """Keep a cell of a dict; returns what is in it."""
    if _is_too_long(walker, dict, item, path):
        return []
    if is_a(item, collections.OrderedDict):
        walker.cells.keep((SEQUENCE, item, None, tuple(item)), path)
    pairs = list(dict.items(item))
    cell = (DICT, item, None, tuple(part for pair in pairs for part in pair))
    walker.cells.keep(cell, path)
    found = [(part, f"{path}[{key!r}]" if isinstance(key, str | int) else path)
             for key, part in pairs]  # fmt: skip
    found += [(key, f"a key of {path}") for key, _ in pairs if type(key) not in _EXACT]
    if is_a(item, collections.defaultdict):
        factory = _FACTORY.__get__(item)
        walker.cells.keep((SLOT, item, _FACTORY, factory), path)
        found.append((factory, f"{path}.default_factory"))
    return found


def _set(walker: Walker, item: Any, names: Names, path: str) -> Found:
    cls = set if is_a(item, set) else frozenset
    if _is_too_long(walker, cls, item, path):
        return []
    items = tuple(cls.__iter__(item))
    walker.cells.keep((SET, item, None, items), path)
    return [(part, path) for part in items]


def _array(walker: Walker, item: Any, names: Names, path: str) -> Found:
    try:
        memory = memoryview(item)
    except (ValueError, TypeError, BufferError):
        memory = None
    kind = type(item).__name__
    if memory is None or "O" in memory.format:
        return _too_much(walker, f"{one_of(kind)} of objects or dates", path)
    if memory.nbytes > MOST_BYTES:
        what = f"{kind} of {memory.nbytes} bytes, too large to be tracked"
        return _too_much(walker, what, path)
    form = (memory.format, *(memory.shape or ()))
    walker.cells.keep((ARRAY, item, form, memory.tobytes()), path)
    return []


def _referents(walker: Walker, item: Any, names: Names, path: str) -> Found:
    """For an object that shows another container: a view of a dict or of a class's attributes."""
    return [(part, path) for part in gc.get_referents(item) if not is_a(part, type)]


# ---- what holds or wraps others ---------------------------------------------------------------


def _iterator(walker: Walker, item: Any, names: Names, path: str) -> Found:
    """An iterator made by the call is gone after it, but what it iterates over is not."""
    if not is_a(item, io.IOBase):
        walker.iterators[id(item)] = path or type(item).__name__
        is_generator = is_a(item, types.GeneratorType)  # a generator's code is reported
        return [] if is_generator else _referents(walker, item, names, path)
    if _passes_method(item, names):  # as in map(file.write, lines)
        walker.refuse(READS_OR_WRITES)
    if id(item) not in walker.streams:
        walker.streams[id(item)] = (item, position_of(item), path)
    return []


def _passes_method(item: Any, names: Names) -> bool:
    """Whether code may let a C function call a method of the object."""
    methods = (f".{name}" for name in dir(type(item)) if callable(getattr(type(item), name)))
    return bool(names.passed) and not names.passed.isdisjoint(methods)


def _weak(walker: Walker, item: Any, names: Names, path: str) -> Found:
    target = item()
    walker.cells.keep((SLOT, item, TARGET, id(target)), f"what {path} refers to")
    if is_a(target, type):  # a class lives long in any case
        return [(target, path)]
    if target is not None:
        walker.find_weakly(target, f"{path}()", names)
    return []


def _partial(walker: Walker, item: Any, names: Names, path: str) -> Found:
    if is_a(item.func, types.BuiltinFunctionType):  # its call is not reported
        walker.refuse(reason_to_refuse(item.func))
    return [(part, path) for part in (item.func, item.args, item.keywords)]


def _cache(walker: Walker, item: Any, names: Names, path: str) -> Found:
    """For `functools.cache`, which runs a function only where it keeps no result of it: the dict of
    results, and those themselves, which only the garbage collector shows.
    """
    own, held = attributes_of(item), gc.get_referents(item)
    # Not by __wrapped__, which anybody may remove.
    function = next((part for part in held if is_a(part, types.FunctionType)), None)
    of_code = names_of(function.__code__) if function is not None else None
    if of_code is None or of_code.of_library:
        return []
    info = item.cache_info()
    if info.maxsize is not None and info.currsize >= info.maxsize:
        # What takes the place of a result looks like it, and may even come back under its name.
        walker.refuse(
            f"it calls {path}, whose cache is full (maxsize={info.maxsize}), so that results in it "
            "are replaced without a trace; use functools.cache, or a larger maxsize"
        )
    parts = (part for part in held if part is not own and part is not function)
    return [(part, f"what {path} has cached") for part in parts if not is_a(part, type)]


def _foreign(walker: Walker, item: Any, names: Names, path: str) -> Found:
    """For a C type of which nothing is known: its memory, if it exports that."""
    name = f"{type(item).__module__}.{type(item).__name__}"
    if _passes_method(item, names):
        walker.refuse(
            f"it passes on a method of {one_of(name)} to be called ({path}); call it outside"
        )
    try:
        memory = memoryview(item)
    except TypeError:
        if holds_values(type(item)):
            walker.refuse(
                f"it reads {one_of(name)} ({path}), whose contents cannot be tracked; read it "
                "outside the function and pass the values as an argument"
            )
        return []
    if _POINTERS.isdisjoint(memory.format):
        return _array(walker, item, names, path)
    return _too_much(walker, f"{one_of(name)} of pointers", path)


def _thread_local(walker: Walker, item: Any, names: Names, path: str) -> Found:
    walker.refuse(f"it reads thread-local variables ({path}); pass them as arguments")
    return []


def _getter(walker: Walker, item: Any, names: Names, path: str) -> Found:
    walker.reads_by_data()
    return []


def _of_c(walker: Walker, item: Any, names: Names, path: str) -> Found:
    """A C function, which may read attributes whose names are data under another name.

    A method reads the object it belongs to, as in `get = config.get`.
    """
    if item.__name__ in READERS and path.rpartition(".")[2] != item.__name__:
        walker.reads_by_data()
    owner = getattr(item, "__self__", None)
    return [] if owner is None or is_a(owner, types.ModuleType) else [(owner, path)]


def _module(walker: Walker, item: types.ModuleType, names: Names, path: str) -> Found:
    values, name = item.__dict__, item.__name__
    own = name.partition(".")[0] not in ("steep", "numpy", *sys.stdlib_module_names)
    wanted = names.attributes | {"__getattr__"} if own else names.attributes
    shared = Shared(tuple(wanted), (), ()) if own else Shared((), tuple(wanted), ())
    if names.dynamic:
        look_into_items(walker, values, name)
    walker.look_for(values, shared, names, name, id(item))
    return []


def _function(walker: Walker, item: types.FunctionType, names: Names, path: str) -> Found:
    own = names_of(item.__code__)
    if own is None:
        return []
    walker.add_function(item)
    if own.of_library:
        return []
    parts = (item.__code__, item.__defaults__, item.__kwdefaults__)
    walker.cells.keep((FUNCTION, item, None, parts), f"the function {item.__name__}")
    found = [(part, f"a default of {item.__name__}") for part in parts[1:]]
    if "__wrapped__" in item.__dict__:
        found.append((item.__dict__["__wrapped__"], item.__name__))
    return found


def _compiled(walker: Walker, item: Any, names: Names, path: str) -> Found:
    """For steep's own objects: what a compiled function wraps, and attributes users have set."""
    values = attributes_of(item)
    if values is None:
        return []
    wanted = tuple(name for name in names.attributes if not name.startswith("_"))
    walker.look_for(values, Shared(wanted, (), ()), names, path, id(item))
    return [(values["__wrapped__"], path)] if "__wrapped__" in values else []


def _class(walker: Walker, item: type, names: Names, path: str) -> Found:
    if issubclass(item, _READING):
        walker.reads_by_data()
    if is_a(item, abc.ABCMeta):
        look_at_registered(walker)
    if module_of(item) not in ("builtins", "steep._core"):
        walker.shared(item, names)
    return []


def _instance(walker: Walker, item: Any, names: Names, path: str) -> Found:
    return []


def _leading_to(*names: str) -> Way:
    """A way that returns the attributes of an object with these names."""

    def way(walker: Walker, item: Any, of_code: Names, path: str) -> Found:
        parts = [getattr(item, name) for name in names]
        return [(part, path) for part in parts if part is not None]

    return way


# ---- the table --------------------------------------------------------------------------------

_EXACT = (bool, int, float, complex, str, bytes, type(None), type(vars(Tensor)["add"]))
_PLAIN = (
    type(Ellipsis), type(NotImplemented), types.CodeType, types.FrameType, range, slice,
    types.MethodDescriptorType, types.GetSetDescriptorType, types.MemberDescriptorType,
    types.TracebackType, types.CellType,
)  # fmt: skip
_POINTERS = frozenset("OPzZ&X")  # in the format of a buffer
_FACTORY = collections.defaultdict.__dict__["default_factory"]
_READING = (operator.attrgetter, operator.methodcaller)

# The first that fits is used. Other objects have attributes only.
_WAYS: tuple[tuple[tuple[type, ...], Way], ...] = (
    ((types.BuiltinFunctionType, types.WrapperDescriptorType, types.MethodWrapperType), _of_c),
    ((tuple,), _tuple),
    ((threading.local,), _thread_local),
    ((list, collections.deque), _sequence),
    ((dict,), _dict),
    ((set, frozenset), _set),
    ((types.MappingProxyType, type({}.keys()), type({}.values()), type({}.items())), _referents),
    ((weakref.ref,), _weak),
    ((types.ModuleType,), _module),
    ((types.FunctionType,), _function),
    ((types.MethodType,), _leading_to("__self__", "__func__")),
    ((*_READING, operator.itemgetter), _getter),
    ((functools.partial,), _partial),
    ((functools._lru_cache_wrapper,), _cache),
    ((staticmethod, classmethod), _leading_to("__func__")),
    ((property,), _leading_to("fget", "fset", "fdel")),
    ((functools.cached_property,), _leading_to("func")),
    ((type,), _class),
)  # fmt: skip


def kind_of(cls: type) -> Kind:
    """What a traversal does with the instances of a class."""
    if issubclass(cls, Tensor):
        return Kind(None, False, False, True)
    users = not is_of_a_library(cls)
    draws = is_random_source(cls)
    if cls in _EXACT or (not users and issubclass(cls, (*_PLAIN, *plain_types()))):
        return Kind(None, False, draws, False)
    way = _way_into(cls)
    has_own = way is not _compiled and (
        users or cls.__dictoffset__ != 0 or way in (_instance, _foreign)
    )
    base = foreign_base(cls) if way in (_instance, _foreign) else None
    foreign = "" if base is None else f"{base.__module__}.{base.__name__}"
    items_alone = way is _dict and not (has_own or draws or issubclass(cls, DICTS))
    return Kind(way, has_own, draws, False, foreign, items_alone)


def has_attributes_alone(kind: Kind) -> bool:
    """Whether there is nothing in an instance but what `Traversal.own_part` looks at."""
    return kind.way is _instance and kind.has_own and not kind.may_draw


def _way_into(cls: type) -> Way:
    if issubclass(cls, weakref.ProxyTypes):
        return _foreign
    step = found_in_type(cls, "__next__")
    if step is not absent and not isinstance(step, types.FunctionType):
        return _iterator
    if issubclass(cls, array_types()):
        return _array
    for kinds, way in _WAYS:
        if issubclass(cls, kinds):
            return way
    if module_of(cls).startswith(_OWN):
        return _compiled
    return _instance if foreign_base(cls) is None else _foreign
