"""What a function reads from outside itself, learnt from the code that runs while it is recorded.

When code begins, the objects that it is given, and those behind the global variables and closure
cells that it names, are looked into: along the attributes whose names stand in the code, and into
containers. Each place is kept as a cell, with what is there. The same happens to objects that come
back from a call. So what is kept is what the code that ran could read by name, and little else.
"""

from __future__ import annotations

import array
import collections
import functools
import gc
import io
import operator
import sys
import threading
import types
import weakref
from dataclasses import is_dataclass, replace
from typing import Any

import numpy as np

from steep._core import Tensor, first_broken, found_in_type, state_of
from steep.compiler._cells import (
    ARRAY,
    DICT,
    FUNCTION,
    INSTANCE,
    ITEM,
    SEQUENCE,
    SET,
    SLOT,
    TENSOR,
    TYPE,
    VARIABLE,
    Cells,
    absent,
)
from steep.compiler._code import Names, line_of, names_of
from steep.compiler._sources import draws_from, random_source, random_state, reason_to_refuse
from steep.nn.module import Module

__all__ = ["Reads"]

MOST_ITEMS = 4096  # of a container that is looked through at every replay
MOST_BYTES = 65536  # of an array, likewise

_EXACT = (bool, int, float, complex, str, bytes, type(None))
_PLAIN = (
    Tensor, type(Ellipsis), type(NotImplemented),
    types.CodeType, types.FrameType, range, slice, np.generic, np.dtype,
    types.MethodDescriptorType, types.WrapperDescriptorType, types.GetSetDescriptorType,
    types.MethodWrapperType, types.TracebackType, types.CellType,
)  # fmt: skip
# What the call of a module looks at without naming it in Python code.
_OF_MODULES = frozenset({"_hooks", "forward", "training"})
_GETTERS = (operator.attrgetter, operator.itemgetter, operator.methodcaller)
_CALL = Names((), frozenset({"__call__"}), (), False, True)  # what calling an object reads
_OWN = ("steep.compiler", "steep._core", "steep.autograd", "steep.profiler")


class Reads:
    """Listens to a recorded call, and gathers the cells that it depends on.

    Attributes:
        cells: what was read, with what was there before.
        refusal: why no replay can do what the call did, or ``''``.
        change: what the call has changed itself of what it reads, or ``''``.
        codes: the code that has run, in the order in which it began.
    """

    def __init__(self, function: Any, args: Any, kwargs: Any, inputs: list[Tensor]) -> None:
        self.cells = Cells()
        self.refusal = ""
        self.change = ""
        self.codes: list[types.CodeType] = []
        self._names: dict[types.CodeType, Names] = {}
        self._seen: set[tuple[int, Names]] = set()  # objects by id, which `cells` holds
        self._functions: dict[int, list[types.FunctionType]] = {}  # by the id of their code
        self._tensors: dict[int, tuple[Tensor, int]] = {}  # by id
        self._sources: dict[int, tuple[Any, bytes, str]] = {}  # of random numbers, by id
        self._getters = False  # whether objects that read by names of their own were met
        self._iterators: dict[int, str] = {}  # by id
        # Containers among the arguments are known by what they hold, call by call.
        self._given = {**containers_in(args), **containers_in(kwargs)}
        self._given.update((id(x), x) for x in inputs)
        self._look_into(function, _CALL, "")

    # ---- what the interpreter tells ---------------------------------------------------------

    def wants(self, code: types.CodeType) -> bool:
        """Whether anything of this code is to be told."""
        names = names_of(code)
        if names is None:
            return False
        self._names[code] = names
        self.codes.append(code)
        return True

    def entered(self, frame: types.FrameType) -> None:
        """A function begins, or a generator goes on."""
        code = frame.f_code
        names = self._names[code]
        self._look_around(frame, names)
        if self._getters and not names.dynamic:
            self._names[code] = replace(names, dynamic=True)
            self._look_around(frame, self._names[code])

    def _look_around(self, frame: types.FrameType, names: Names) -> None:
        """Into all that code can begin with: globals, closure and arguments."""
        if not names.library:
            self._globals(frame.f_globals, frame.f_builtins, names)
        values = frame.f_locals
        if frame.f_code.co_freevars and id(frame.f_code) not in self._functions:
            self._find_method(frame.f_code, values)
        for function in self._functions.get(id(frame.f_code), ()):
            self._closure(function)
        for name in names.imports:
            if name in sys.modules:
                self._look_into(sys.modules[name], names, name)
        for name in list(values):
            if not name.startswith("."):
                self._look_into(values[name], names, name)

    def returned(self, frame: types.FrameType, value: Any) -> None:
        """Something comes back to code that has called for it."""
        self._look_into(value, self._names[frame.f_code], "")

    def called(self, frame: types.FrameType, function: Any) -> None:
        """A function of C is called."""
        reason = reason_to_refuse(function)
        if reason and not self.refusal:
            self.refusal = f"{reason} ({frame.f_code.co_filename}:{frame.f_lineno})"
        if function.__name__ == "globals" and function.__module__ == "builtins":
            self._look_into(frame.f_globals, self._names[frame.f_code], "globals()")

    # ---- cells ------------------------------------------------------------------------------

    def _globals(self, values: dict[str, Any], builtins: Any, names: Names) -> None:
        for name in names.globals:
            if name in values:
                self.cells.add((ITEM, values, name, values[name]), "the global variable", name)
                self._look_into(values[name], names, name)
            else:
                self.cells.add((ITEM, values, name, absent), "the global variable", name)

    def _closure(self, function: types.FunctionType) -> None:
        for name, cell in zip(
            function.__code__.co_freevars, function.__closure__ or (), strict=False
        ):
            try:
                value = cell.cell_contents
            except ValueError:  # not assigned yet
                value = absent
            self.cells.add((VARIABLE, cell, None, value), "the variable", name)

    def _look_into(self, value: Any, names: Names, whence: str) -> None:
        """Along the names from one object, and from all that are found."""
        waiting, opened = [(value, whence)], set()
        while waiting:
            item, path = waiting.pop()
            if isinstance(item, Tensor):
                self._tensor(item)
                self._attributes_of_tensor(item, names, path)
            source = random_source(item)
            if source is not None and id(source) not in self._sources:
                self._sources[id(source)] = (source, random_state(source), path)
            if isinstance(item, types.BuiltinFunctionType):
                waiting.append((item.__self__, path))  # as `get = config.get` has it
                continue
            if type(item) in _EXACT or isinstance(item, _PLAIN):
                continue
            if id(item) in self._given:
                if id(item) not in opened:
                    opened.add(id(item))
                    waiting += [(part, path) for part in _parts(item) or ()]
                    waiting += self._shared(item, names)
                continue
            mark = (id(item), names)
            if mark in self._seen:
                continue
            self._seen.add(mark)
            self.cells.objects.setdefault(id(item), item)
            waiting += self._inside(item, names, path)

    def _tensor(self, item: Tensor) -> None:
        """Another requires_grad, hooks or memory make another function, also of what fails."""
        if id(item) in self._given or id(item) in self._tensors:
            return
        state = state_of(item)
        if state is not None:
            self._tensors[id(item)] = (item, state)

    def _own(self, item: Any, names: Names, path: str) -> list[tuple[Any, str]]:
        """Of a compiled function: what it wraps, and what a user has put on it."""
        values = _attributes_of(item) or {}
        found = [(values["__wrapped__"], path)] if "__wrapped__" in values else []
        for name in names.attributes & values.keys():
            if not name.startswith("_"):
                self.cells.add((ITEM, values, name, values[name]), f"{path}.{name}", name)
                found.append((values[name], f"{path}.{name}"))
        return found

    def _attributes_of_tensor(self, item: Tensor, names: Names, path: str) -> None:
        """What a user has put on it, such as a learning rate of its own."""
        for name in names.attributes & (_attributes_of(item) or {}).keys():
            values = item.__dict__
            self.cells.add((ITEM, values, name, values[name]), f"{path}.{name}", name)

    def _inside(self, item: Any, names: Names, path: str) -> list[tuple[Any, str]]:
        step = found_in_type(type(item), "__next__")
        if not isinstance(step, types.FunctionType) and step is not absent:
            if isinstance(item, io.IOBase):
                return []
            self._iterators[id(item)] = path or type(item).__name__
            return []
        if isinstance(item, tuple):
            return [(part, f"{path}[{i}]") for i, part in enumerate(item)]
        if item is sys.modules:
            self.refusal = self.refusal or "it looks modules up in sys.modules; import them by name"
            return []
        if isinstance(item, threading.local):
            self.refusal = self.refusal or f"it reads a thread's own variables ({path}); pass them"
            return []
        if isinstance(item, list | collections.deque):
            return self._sequence(item, path) + self._own_part(item, names, path)
        if isinstance(item, dict):
            return self._dict(item, path) + self._own_part(item, names, path)
        if isinstance(item, set | frozenset):
            self.cells.add((SET, item, None, frozenset(item)), path)
            return []
        if isinstance(item, np.ndarray | bytearray | array.array | memoryview):
            self._array(item, path)
            return []
        if isinstance(item, types.MappingProxyType):
            return [(part, path) for part in gc.get_referents(item)]
        if isinstance(item, weakref.ref):
            return [(item(), path)]
        if isinstance(item, types.ModuleType):
            return self._module(item, names)
        if isinstance(item, types.FunctionType):
            return self._function(item, names)
        if isinstance(item, types.MethodType):
            return [(item.__self__, path), (item.__func__, path)]
        if isinstance(item, _GETTERS):
            self._getters = True
            return []
        if isinstance(item, functools.partial):
            return [(item.func, path), (item.args, path), (item.keywords, path)]
        if isinstance(item, staticmethod | classmethod):
            return [(item.__func__, path)]
        if isinstance(item, property):
            return [(part, path) for part in (item.fget, item.fset, item.fdel) if part is not None]
        if isinstance(item, functools.cached_property):
            return [(item.func, path)]
        if isinstance(item, type):
            return self._class(item, names, path)
        if _module_of(type(item)).startswith(_OWN):
            return self._own(item, names, path)
        return self._instance(item, names, path)

    def _too_much(self, what: str, path: str) -> None:
        if not self.refusal:
            named = f" ({path})" if path else ""
            self.refusal = (
                f"it reads {what}{named}, too large to be watched; pass it as an argument"
            )

    def _sequence(self, item: Any, path: str) -> list[tuple[Any, str]]:
        if len(item) > MOST_ITEMS:
            self._too_much(f"a {type(item).__name__} of {len(item)} items", path)
            return []
        self.cells.add((SEQUENCE, item, None, tuple(item)), path)
        return [(part, f"{path}[{i}]") for i, part in enumerate(item)]

    def _dict(self, item: dict[Any, Any], path: str) -> list[tuple[Any, str]]:
        if len(item) > MOST_ITEMS:
            self._too_much(f"a {type(item).__name__} of {len(item)} items", path)
            return []
        if isinstance(item, collections.OrderedDict):
            self.cells.add((SEQUENCE, item, None, tuple(item)), path)
        pairs = list(dict.items(item))
        self.cells.add((DICT, item, None, tuple(part for pair in pairs for part in pair)), path)
        return [(part, f"{path}[{key!r}]" if isinstance(key, str | int) else path)
                for key, part in pairs]  # fmt: skip

    def _array(self, item: Any, path: str) -> None:
        try:
            memory = memoryview(item)
        except (ValueError, TypeError, BufferError):  # as of dates and objects
            memory = None
        if memory is None or memory.nbytes > MOST_BYTES:
            self._too_much(f"a {type(item).__name__} of {len(item)} elements", path)
        else:
            self.cells.add((ARRAY, item, None, memory.tobytes()), path)

    def _module(self, item: types.ModuleType, names: Names) -> list[tuple[Any, str]]:
        found = []
        values = item.__dict__
        if names.dynamic:
            self._dict(values, item.__name__)
        own = item.__name__.partition(".")[0] not in ("steep", "numpy", *sys.stdlib_module_names)
        for name in names.attributes:
            value = values.get(name, absent)
            if value is not absent or own:
                self.cells.add((ITEM, values, name, value), f"{item.__name__}.{name} of", name)
            if value is not absent:
                found.append((value, f"{item.__name__}.{name}"))
        return found

    def _function(self, item: types.FunctionType, names: Names) -> list[tuple[Any, str]]:
        own = names_of(item.__code__)
        if own is None:
            return []
        known = self._functions.setdefault(id(item.__code__), [])
        if not any(item is other for other in known):
            known.append(item)
        if own.library:
            return []
        found: list[tuple[Any, str]] = []
        parts = (item.__code__, item.__defaults__, item.__kwdefaults__)
        self.cells.add((FUNCTION, item, None, parts), f"the function {item.__name__}")
        found += [(part, f"a default of {item.__name__}") for part in parts[1:]]
        values = item.__dict__
        for name in names.attributes:
            if name in values:
                self.cells.add((ITEM, values, name, values[name]), f"{item.__name__}.", name)
                found.append((values[name], f"{item.__name__}.{name}"))
        if "__wrapped__" in values:
            found.append((values["__wrapped__"], item.__name__))
        return found

    def _class(self, item: type, names: Names, path: str) -> list[tuple[Any, str]]:
        if _module_of(item) in ("builtins", "steep._core"):
            return []
        wanted = names.attributes
        if type(item) is not type and not _is_of_a_library(type(item)):
            for name in wanted:
                self._of_class(type(item), name)
        if names.dynamic and not _is_of_a_library(item):
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
            if name in vars(base) and not _is_of_a_library(base):
                self.cells.add(
                    (TYPE, base, name, found_in_type(base, name)),
                    f"{base.__name__}.{name} of",
                    name,
                )
        if _module_of(cls) != "builtins" and (value is not absent or not _is_of_a_library(cls)):
            self.cells.add((TYPE, cls, name, value), f"{cls.__name__}.{name} of", name)
        return value

    def _instance(self, item: Any, names: Names, path: str) -> list[tuple[Any, str]]:
        cls = type(item)
        values = _attributes_of(item)
        kind = (cls, None if isinstance(item, Module) else values)
        self.cells.add((INSTANCE, item, None, kind), f"the class of {path or cls.__name__}")
        if names.dynamic and values is not None and not _is_of_a_library(cls):
            self._dict(values, path)
        wanted = self._wanted(item, names, values)
        found = []
        for name in wanted:
            own = absent if values is None else values.get(name, absent)
            shared = self._of_class(cls, name)
            label = f"{path}.{name}" if path else f"{cls.__name__}.{name}"
            if isinstance(shared, types.MemberDescriptorType):
                own = _slot(shared, item)
                self.cells.add((SLOT, item, shared, own), label, name)
            elif values is not None and (
                own is not absent or shared is not absent or not names.library
            ):
                self.cells.add((ITEM, values, name, own), label, name)
            if own is not absent:
                found.append((own, label))
            if shared is not absent and not isinstance(shared, types.MemberDescriptorType):
                found.append((shared, f"{cls.__name__}.{name}"))
        return found

    def _own_part(self, item: Any, names: Names, path: str) -> list[tuple[Any, str]]:
        """The attributes of a container, if its class is a user's."""
        return [] if _is_of_a_library(type(item)) else self._instance(item, names, path)

    def _shared(self, item: Any, names: Names) -> list[tuple[Any, str]]:
        """What an argument that is known by its contents has of its class."""
        if _is_of_a_library(type(item)) or names.library:
            return []
        wanted = self._wanted(item, names, None)
        found = ((name, self._of_class(type(item), name)) for name in wanted)
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

    def _wanted(self, item: Any, names: Names, values: dict[str, Any] | None) -> frozenset[str]:
        """The names that the code may read of an object."""
        wanted = names.attributes
        if isinstance(item, Module):
            wanted |= _OF_MODULES
        for cls in type(item).__mro__:
            if not _is_of_a_library(cls):  # its operators, calls, items: code names none of them
                wanted |= {name for name, value in vars(cls).items() if _is_special(name, value)}
        if names.dynamic:
            wanted |= (values or {}).keys()
            for cls in type(item).__mro__:
                if not _is_of_a_library(cls):
                    wanted |= {name for name in vars(cls) if not name.startswith("__")}
        return wanted

    # ---- what the call has changed itself -----------------------------------------------------

    def close(self, result: Any, outputs: list[Tensor]) -> None:
        """Once the call has returned: forget what it made, and see whether it changed the rest."""
        self._functions.clear()  # which would keep alive what the call has made
        for output in outputs:
            self._tensors.pop(id(output), None)
        self.cells.forget(set(containers_in(result)))
        self.cells.forget_what_is_dead()
        for source, before, path in self._sources.values():
            if random_state(source) != before and not self.refusal:
                self.refusal = draws_from(source, path)
        for number, path in self._iterators.items():
            if number in self.cells.objects and not self.refusal:
                self.refusal = f"it takes from an iterator ({path}); pass what comes as an argument"
        for number in list(self._tensors):
            tensor, state = self._tensors.pop(number)
            if sys.getrefcount(tensor) > 2:  # the variable here, and the call
                self.cells.add((TENSOR, tensor, None, state), "a tensor's memory or settings")
        place = first_broken(self.cells.entries)
        self._given.clear()
        self.cells.objects.clear()
        if place is not None:
            where = line_of(self.codes, self.cells.whence[place][1])
            at = f" ({where[0]}:{where[1]})" if where else ""
            self.change = self.change or (
                f"it changes {self.cells.describe(place)} at each call, which a replay would "
                f"not{at}; keep what changes in a tensor, or change it outside"
            )


def _is_of_a_library(cls: type) -> bool:
    """Whether a class is steep's, Python's or NumPy's, whose attributes are their own business."""
    top = _module_of(cls).partition(".")[0]
    return top in ("steep", "numpy") or top in sys.stdlib_module_names


def _is_special(name: str, value: Any) -> bool:
    return name.startswith("__") and isinstance(value, types.FunctionType)


def _module_of(cls: type) -> str:
    name = cls.__module__
    return name if isinstance(name, str) else ""


def _attributes_of(item: Any) -> dict[str, Any] | None:
    try:
        values = object.__getattribute__(item, "__dict__")
    except AttributeError:
        return None
    return values if isinstance(values, dict) else None


def _slot(descriptor: Any, item: Any) -> Any:
    try:
        return descriptor.__get__(item, type(item))
    except AttributeError:
        return absent


def containers_in(result: Any) -> dict[int, Any]:
    """The containers that arguments or results are made of, by id."""
    found: dict[int, Any] = {}
    waiting = [result]
    while waiting:
        item = waiting.pop()
        if id(item) not in found and (parts := _parts(item)) is not None:
            found[id(item)] = item
            waiting += parts
    return found


def _parts(item: Any) -> list[Any] | None:
    """What a container that is known by its contents holds; None for anything else.

    These are the containers that keys of calls are made of (csrc/bindings/call_key.cpp).
    """
    if isinstance(item, dict):
        return list(item.values())
    if type(item) is list or isinstance(item, tuple):
        return list(item)
    made_of_attributes = isinstance(item, types.SimpleNamespace) or (
        is_dataclass(item) and not isinstance(item, type)
    )
    if made_of_attributes and hasattr(item, "__dict__") and not hasattr(item, "__slots__"):
        return [item.__dict__]
    return None
