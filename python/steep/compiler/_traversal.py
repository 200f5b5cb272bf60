"""Follows an object to all that code can reach from it by the names in that code.

The traversal follows attributes and containers, and keeps what it reads as cells. A table says how
objects of each class are looked into (`_ways`); attributes of an object and of its class are looked
at in the same way for all objects (`Traversal.own_part`).
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Collection
from typing import Any

from steep._core import Familiar, Tensor, hooks_of, state_of
from steep.compiler._answers import KEYS
from steep.compiler._arguments import ALWAYS, Arguments
from steep.compiler._cells import DICT, INSTANCE, SLOT, Cells, absent
from steep.compiler._classes import of_class, share
from steep.compiler._code import Names
from steep.compiler._kinds import known_kind
from steep.compiler._objects import attributes_of, is_of_a_library, slot_of
from steep.compiler._sources import random_source, random_state
from steep.compiler._walker import Found, Shared
from steep.compiler._ways import Kind, has_attributes_alone, look_into_items
from steep.compiler._weak import WEAKLY, WeakTargets
from steep.nn.module import Module

__all__ = ["Traversal"]


# What was looked into for some names: ids of objects (which `cells` holds), ids of types of
# tensors, and, by id, classes whose instances have nothing but attributes: their `Shared.names` and
# `Shared.rare`, and whether their __dict__ is always the same object; and dicts that have nothing
# but items.
Seen = tuple[set[int], set[int], dict[int, tuple[tuple[str, ...], tuple[str, ...], bool] | None]]


class Traversal:
    """Looks into objects, one after the other, and remembers where it has been.

    Attributes:
        cells: what was read, with the values found.
        refusal: why no replay can follow what was found, or ``''``.
        getters: whether objects were found that read attributes whose names are data.
        sources: random generators by id, with their state and their path.
        iterators: the paths of iterators, by id.
        streams: by id, with their position and their path.
        tensors: by id, with their state and their hooks.
        specials: special methods of classes, which no code names, with their paths.
        familiar: what need not be looked into again.
    """

    def __init__(self, given: list[Any], anew: Collection[int]) -> None:
        """`given` are the parts of the call's key, which are looked into each time; `anew` the ids
        of containers among them that are in places where the function stores them anew.
        """
        self.cells = Cells()
        self.refusal = ""
        self.getters = False
        self.sources: dict[int, tuple[Any, Any, str]] = {}
        self.iterators: dict[int, str] = {}
        self.streams: dict[int, tuple[Any, Any, str]] = {}
        self.tensors: dict[int, tuple[Tensor, bytes, tuple[Any, ...]]] = {}
        self.specials: dict[type, Found] = {}
        self._arguments = Arguments(given)
        self._anew = anew
        self._waiting: list[tuple[Any, str, int | None, Names]] = []
        self._seen: dict[Names, Seen] = {}
        self._functions: dict[int, list[types.FunctionType]] = {}  # by the id of their code
        # Ids of code, and classes searched for the method it belongs to.
        self._sought: set[tuple[int, type]] = set()
        self._kinds: dict[type, Kind] = {}
        self._weak = WeakTargets()
        self._shared: dict[tuple[type, Names], Shared] = {}
        self._begun: list[Names] = []  # names of the user's code that has run
        self._labelled: dict[int, tuple[Tensor, str]] = {}  # tensors with attributes
        self._plain: set[int] = set()  # ids of types whose instances have nothing in them
        self._beginnings: dict[Names, tuple[str, ...] | None] = {}  # see `_beginning`
        self.familiar = Familiar(
            self.cells,
            self._arguments.given,
            self.tensors,
            self._weak.holders,
            self._plain,
            self._waiting,
            self._seen,
        )

    def let_go(self) -> None:
        """Drop what would keep objects alive that the call has made."""
        self.familiar.clear()
        self._functions.clear()
        self._sought.clear()
        self._labelled.clear()
        self._shared.clear()
        self.specials.clear()

    # ---- from object to object ----------------------------------------------------------------

    def look_into(self, value: Any, names: Names, whence: str, holder: int | None = ALWAYS) -> None:
        """Follow the names from one object, and from all that are found.

        `holder` is the id of what holds the object. None if it came as an argument: parts of the
        call's key then need no cells.
        """
        self._waiting.append((value, whence, holder, names))
        self._go_on()

    def find(self, value: Any, path: str, names: Names, holder: int = ALWAYS) -> None:
        """Add something that is still to be looked into."""
        self._waiting.append((value, path, holder, names))

    def find_weakly(self, target: Any, path: str, names: Names) -> None:
        """Add the target of a weak reference, which no cell may keep alive."""
        self._weak.add(target, path)
        self._waiting.append((target, path, WEAKLY, names))

    def find_items(self, values: dict[Any, Any], path: str, names: Names) -> None:
        """Add all values of a dict, of which a cell is kept."""
        for part, label in look_into_items(self, values, path):
            self.find(part, label, names)

    def keep_items(self, values: dict[Any, Any], path: str) -> None:
        """Keep a cell of a dict without looking into its values."""
        look_into_items(self, values, path)

    def refuse(self, reason: str) -> None:
        """Note why no replay can follow what was found; the first reason is kept."""
        self.refusal = self.refusal or reason

    def kind(self, cls: type) -> Kind:
        """How instances of a class are looked into."""
        known = self._kinds.get(cls)
        if known is None:
            known = self._kinds[cls] = known_kind(cls)
            if known.way is None and not (known.is_tensor or known.may_draw):
                self._plain.add(id(cls))
        return known

    def _go_on(self) -> None:
        opened: set[tuple[int, Names]] = set()
        while one := self.familiar.next():
            item, path, holder, names = one
            kind = self.kind(type(item))
            if kind.may_draw:
                self._source(item, path)
            if kind.way is None:
                if kind.is_tensor:
                    self._tensor(item, names, path)
                continue
            if self._arguments.has(item) and self._is_argument(item, path, holder, names):
                mark = (id(item), names)
                if mark not in opened:
                    opened.add(mark)
                    self.shared(type(item), names)
                    parts = self._arguments.pass_over(item, names, path)
                    self._waiting += [(part, label, None, names) for part, label in parts]
            elif id(item) not in (seen := self._seen_under(names))[0]:
                seen[0].add(id(item))
                if kind.has_items_alone:
                    seen[2][id(type(item))] = None
                self.cells.objects.setdefault(id(item), item)
                found = kind.way(self, item, names, path)
                self._waiting += [(part, label, id(item), names) for part, label in found]
                if kind.has_own:
                    self.own_part(item, names, path)

    def _seen_under(self, names: Names) -> Seen:
        """What was looked into for some names."""
        known = self._seen.get(names)
        if known is None:
            known = self._seen[names] = (set(), set(), {})
        return known

    def _is_argument(self, item: Any, path: str, holder: int | None, names: Names) -> bool:
        """Whether a part of the call's key was reached only as an argument so far."""
        if holder is None or id(item) in self._anew:
            return not self._arguments.is_reached(item)
        missed = self._arguments.reach(item, holder)
        self._waiting += [(item, label, holder, others) for others, label in missed]
        return False

    def _source(self, item: Any, path: str) -> None:
        source = random_source(item)
        if source is not None and id(source) not in self.sources:
            self.sources[id(source)] = (source, random_state(source), path)

    # ---- what code begins with ----------------------------------------------------------------

    def begin(self, names: Names) -> None:
        """User code with these names begins to run, and may be given tensors found before."""
        self._begun.append(names)
        for tensor, path in self._labelled.values():
            self._attributes(tensor, names, path)
        self._go_on()

    def has_entered(self, frame: types.FrameType, names: Names) -> None:
        """Note that a frame was looked into: later frames of its code may hold nothing new."""
        if names not in self._beginnings:
            self._beginnings[names] = _beginning(frame.f_code, names)
        variables = self._beginnings[names]
        if variables is None or (self.getters and not names.dynamic):
            return
        self._seen_under(names)
        self.familiar.remember(frame, variables, names.globals, names, bool(names.passed))

    def reads_by_data(self) -> None:
        """Note an object that reads attributes whose names are data: all code is to be looked at
        again.
        """
        self.getters = True
        self.familiar.clear()

    def functions_of(self, code: types.CodeType, values: Any) -> list[types.FunctionType]:
        """The functions that code belongs to; `values` are the variables that it begins with."""
        if code.co_freevars and id(code) not in self._functions:
            self._find_method(code, values)
        return self._functions.get(id(code), [])

    def add_function(self, function: types.FunctionType) -> None:
        """Remember a function by its code."""
        known = self._functions.setdefault(id(function.__code__), [])
        if not any(function is other for other in known):
            known.append(function)

    def _find_method(self, code: types.CodeType, values: Any) -> None:
        """Find the function of code that no name led to, such as a method `__add__`."""
        owner = type(values.get(code.co_varnames[0]) if code.co_argcount else None)
        if (id(code), owner) in self._sought:
            return
        self._sought.add((id(code), owner))
        for cls in owner.__mro__:
            for name, value in list(vars(cls).items()):
                inner = getattr(value, "fget", value)
                if isinstance(inner, types.FunctionType) and inner.__code__ is code:
                    self.add_function(inner)
                    of_class(self, owner, [], name, Names((), frozenset(), (), False, True))
        self._go_on()

    # ---- attributes ---------------------------------------------------------------------------

    def shared(self, cls: type, names: Names) -> Shared:
        """What instances of a class have from it."""
        known = self._shared.get((cls, names))
        if known is None:
            known = self._shared[cls, names] = share(self, cls, names)
            if has_attributes_alone(self.kind(cls)) and not (known.slots or names.dynamic):
                only = (known.names, known.rare, issubclass(cls, Module))
                self._seen_under(names)[2][id(cls)] = only
        return known

    def own_part(self, item: Any, names: Names, path: str) -> None:
        """Look at an object's class, its slots and its own attributes."""
        cls = type(item)
        shared = self.shared(cls, names)
        label = path or cls.__name__
        # The attributes of a module are looked into by its own way.
        values = None if isinstance(item, types.ModuleType) else attributes_of(item)
        if values or not (names.of_library and is_of_a_library(cls)):
            kind = (cls, None if isinstance(item, Module) else values)
            self.cells.keep((INSTANCE, item, None, kind), f"the class of {label}")
        for name, descriptor in shared.slots:
            own = slot_of(item, descriptor)
            self.cells.keep((SLOT, item, descriptor, own), f"{label}.{name}", name)
            if own is not absent:
                self.find(own, f"{label}.{name}", names, id(item))
        if values is not None:
            self.named(values, names, shared, item, label)

    def named(
        self, values: dict[str, Any], names: Names, shared: Shared, item: Any, path: str
    ) -> None:
        """Look at the attributes of an object that have one of the shared names.

        If it has no attributes at all, as most functions and parameters, one cell says so.
        """
        holder = id(values) if isinstance(item, Tensor) else id(item)
        if not values:
            if shared.names or names.dynamic:
                self.cells.keep((DICT, values, None, ()), path)
            return
        if names.dynamic and not is_of_a_library(type(item)):
            self.find_items(values, path, names)
        elif names.dynamic:
            self.cells.keep((SLOT, values, KEYS, tuple(values)), f"the attributes of {path}")
            shared = shared._replace(rare=tuple(values))
        self.look_for(values, shared, names, path, holder)

    def look_for(
        self, values: dict[str, Any], shared: Shared, names: Names, path: str, holder: int
    ) -> None:
        """Keep cells of names in a dict, whether they are there or not; look into what is there."""
        seen = self._seen_under(names)
        found = self.familiar.look_for(values, shared.names, shared.rare, path, seen)
        self._waiting += [(own, label, holder, names) for own, label in found]

    # ---- tensors ------------------------------------------------------------------------------

    def _tensor(self, item: Tensor, names: Names, path: str) -> None:
        """Keep what the recording depends on: requires_grad, hooks and memory of a tensor."""
        self.shared(type(item), names)
        self._seen_under(names)[1].add(id(type(item)))
        if "_version" in names.attributes and not names.of_library:
            self.refuse(f"it reads the version counter of a tensor ({path}._version)")
        if self.familiar.meet(item, path):
            return
        values = attributes_of(item)
        if self._arguments.has(item):
            if values:
                self._attributes_of_argument(values, names, path)
            return
        if id(item) not in self.tensors:
            state = state_of(item)
            if state is None and not values:  # the call itself has made it
                return
            if state is not None:
                hooks = hooks_of(item) if state[0] & 1 else ()
                self.tensors[id(item)] = (item, state, hooks)
                for hook in hooks:
                    self.find(hook, f"a hook of {path}", names)
            # Any code may get at it, for instance in a loop over a library's generator.
            if values == {}:
                self.cells.keep((DICT, values, None, ()), path)
            elif values and id(item) in self.tensors:
                self._labelled[id(item)] = (item, path)
                for others in self._begun:
                    self._attributes(item, others, path)
        if values:
            self._attributes(item, names, path)

    def _attributes(self, item: Tensor, names: Names, path: str) -> None:
        """Look at attributes that a user has set on a tensor, such as its own learning rate."""
        values = attributes_of(item)
        if values:
            self.named(values, names, self.shared(type(item), names), item, path)

    def _attributes_of_argument(self, values: Any, names: Names, path: str) -> None:
        for name in values:
            if names.dynamic or name in names.attributes:
                self.refuse(
                    f"it reads an attribute of a tensor that is an argument ({path}.{name}), "
                    "which another tensor may not have; pass the attribute as a separate argument"
                )

    # ---- what is left -------------------------------------------------------------------------

    def has_reached_arguments(self) -> bool:
        """Whether an argument was also reached in another way."""
        return self._arguments.are_reached()

    def let_weak_targets_go(self) -> None:
        """Drop cells that would keep alive what only weak references lead to."""
        self.refuse(self._weak.let_go(self.cells))

    def forget_arguments(self) -> None:
        """Drop the cells of arguments that nothing holds but what the call has made."""
        self.cells.forget(self._arguments.lost(self.cells))
        self._arguments.let_go()


def _beginning(code: types.CodeType, names: Names) -> tuple[str, ...] | None:
    """The variables that code begins with, if these and its globals are all there is to look at.

    A generator goes on later with other values, and a closure has variables of other functions.
    """
    if names.imports or code.co_freevars or code.co_flags & _GOES_ON:
        return None
    if code.co_flags & _OF_FUNCTIONS != _OF_FUNCTIONS:
        return None
    spread = bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + spread]


_GOES_ON = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_OF_FUNCTIONS = inspect.CO_OPTIMIZED | inspect.CO_NEWLOCALS
