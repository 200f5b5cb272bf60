"""From an object to all that code can reach from it by the names in that code.

The traversal follows attributes and containers, and keeps what it passes as cells. How objects of
each class are looked into is one table (`_ways`); what any object has in attributes of its own and
of its class is one method (`Traversal.own_part`).
"""

from __future__ import annotations

import inspect
import types
from typing import Any

from steep._core import Familiar, Tensor, hooks_of, state_of
from steep.compiler._answers import KEYS
from steep.compiler._arguments import ALWAYS, Arguments
from steep.compiler._cells import DICT, INSTANCE, SLOT, Cells, absent
from steep.compiler._classes import of_class, share
from steep.compiler._code import Names
from steep.compiler._objects import attributes_of, is_of_a_library, slot_of
from steep.compiler._sources import random_source, random_state
from steep.compiler._walker import Found, Shared
from steep.compiler._ways import Kind, has_attributes_alone, kind_of, look_into_items
from steep.compiler._weak import WEAKLY, WeakTargets
from steep.nn.module import Module

__all__ = ["Traversal"]


# What was looked into under some names, by id: objects, which `cells` holds; types of tensors; and
# classes whose instances have nothing but attributes, with names of these as `Shared` has them, and
# whether the dict they are in always stays the same.
Seen = tuple[set[int], set[int], dict[int, tuple[tuple[str, ...], tuple[str, ...], bool]]]


class Traversal:
    """Looks into objects, one after the other, and remembers where it has been.

    Attributes:
        cells: what was passed, with what was there.
        refusal: why no replay can follow what was found, or ``''``.
        getters: whether objects were found that read attributes by names which are data.
        sources: random generators by id, with their state and how a user would call them.
        iterators: how a user would call them, by id.
        streams: with where they are and how a user would call them, by id.
        tensors: with their state, their hooks, and their attributes if asked for, by id.
        specials: methods of classes that no code names, with how a user would call them.
        familiar: what need not be looked into again.
    """

    def __init__(self, given: list[Any]) -> None:
        """`given` is known call by call: what of it is looked into again each time."""
        self.cells = Cells()
        self.refusal = ""
        self.getters = False
        self.sources: dict[int, tuple[Any, Any, str]] = {}
        self.iterators: dict[int, str] = {}
        self.streams: dict[int, tuple[Any, Any, str]] = {}
        self.tensors: dict[int, tuple[Tensor, int, tuple[Any, ...]]] = {}
        self.specials: dict[type, Found] = {}
        self._arguments = Arguments(given)
        self._waiting: list[tuple[Any, str, int | None, Names]] = []
        self._seen: dict[Names, Seen] = {}
        self._functions: dict[int, list[types.FunctionType]] = {}  # by the id of their code
        self._sought: set[tuple[int, type]] = set()  # code whose method a class was asked for
        self._kinds: dict[type, Kind] = {}
        self._weak = WeakTargets()
        self._shared: dict[tuple[type, Names], Shared] = {}
        self._begun: list[Names] = []  # of the user's code that has run
        self._labelled: dict[int, tuple[Tensor, str]] = {}  # tensors with attributes
        self._plain: set[int] = set()  # types of what has nothing in it, by id
        self._beginnings: dict[Names, tuple[str, ...] | None] = {}  # as `_beginning` has it
        self.familiar = Familiar(
            self.cells, self._arguments.given, self.tensors, self._weak.holders, self._plain
        )

    def let_go(self) -> None:
        """Of what would keep alive what the call has made."""
        self.familiar.clear()
        self._functions.clear()
        self._sought.clear()
        self._labelled.clear()
        self._shared.clear()
        self.specials.clear()

    # ---- from object to object ----------------------------------------------------------------

    def look_into(self, value: Any, names: Names, whence: str, holder: int | None = ALWAYS) -> None:
        """Along the names from one object, and from all that are found.

        `holder` is the id of what holds the object; None where it came as an argument: then what
        the call is known by needs no cells.
        """
        self._waiting.append((value, whence, holder, names))
        self._go_on()

    def find(self, value: Any, path: str, names: Names, holder: int = ALWAYS) -> None:
        """Something that is still to be looked into."""
        self._waiting.append((value, path, holder, names))

    def find_weakly(self, target: Any, path: str, names: Names) -> None:
        """The same for what a weak reference leads to, which no cell may keep alive."""
        self._weak.add(target, path)
        self._waiting.append((target, path, WEAKLY, names))

    def find_items(self, values: dict[Any, Any], path: str, names: Names) -> None:
        """The same for all that is in a dict, of which a cell is kept."""
        for part, label in look_into_items(self, values, path):
            self.find(part, label, names)

    def keep_items(self, values: dict[Any, Any], path: str) -> None:
        """A cell of all that is in a dict, and no more."""
        look_into_items(self, values, path)

    def refuse(self, reason: str) -> None:
        """Keep why no replay can follow what was found, if it is the first reason."""
        self.refusal = self.refusal or reason

    def kind(self, cls: type) -> Kind:
        """How instances of a class are looked into."""
        known = self._kinds.get(cls)
        if known is None:
            known = self._kinds[cls] = kind_of(cls)
            if known.way is None and not (known.is_tensor or known.may_draw):
                self._plain.add(id(cls))
        return known

    def _go_on(self) -> None:
        opened: set[tuple[int, Names]] = set()
        while one := self.familiar.next(self._waiting, self._seen):
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
            elif id(item) not in (seen := self._seen_under(names)[0]):
                seen.add(id(item))
                self.cells.objects.setdefault(id(item), item)
                found = kind.way(self, item, names, path)
                self._waiting += [(part, label, id(item), names) for part, label in found]
                if kind.has_own:
                    self.own_part(item, names, path)

    def _seen_under(self, names: Names) -> Seen:
        """What was looked into under some names."""
        known = self._seen.get(names)
        if known is None:
            known = self._seen[names] = (set(), set(), {})
        return known

    def _is_argument(self, item: Any, path: str, holder: int | None, names: Names) -> bool:
        """Whether what the call is known by was reached in no other way so far."""
        if holder is None:
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
        """The user's code with these names begins to run: it may be given tensors found before."""
        self._begun.append(names)
        for tensor, path in self._labelled.values():
            self._attributes(tensor, names, path)
        self._go_on()

    def has_entered(self, frame: types.FrameType, names: Names) -> None:
        """A frame was looked into: others of its code may have nothing new in them."""
        if names not in self._beginnings:
            self._beginnings[names] = _beginning(frame.f_code, names)
        variables = self._beginnings[names]
        if variables is None or (self.getters and not names.dynamic):
            return
        seen, passes = self._seen_under(names), bool(names.passed)
        self.familiar.remember(frame, variables, names.globals, seen, passes)

    def reads_by_data(self) -> None:
        """An object reads attributes by names which are data: all code is to be looked at anew."""
        self.getters = True
        self.familiar.clear()

    def functions_of(self, code: types.CodeType, values: Any) -> list[types.FunctionType]:
        """The functions that code belongs to; `values` are the variables it begins with."""
        if code.co_freevars and id(code) not in self._functions:
            self._find_method(code, values)
        return self._functions.get(id(code), [])

    def add_function(self, function: types.FunctionType) -> None:
        """Remember a function by its code."""
        known = self._functions.setdefault(id(function.__code__), [])
        if not any(function is other for other in known):
            known.append(function)

    def _find_method(self, code: types.CodeType, values: Any) -> None:
        """The function of code that was reached through no name, such as a method `__add__`."""
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
        """What instances of a class have of it."""
        known = self._shared.get((cls, names))
        if known is None:
            known = self._shared[cls, names] = share(self, cls, names)
            if has_attributes_alone(self.kind(cls)) and not (known.slots or names.dynamic):
                only = (known.names, known.rare, issubclass(cls, Module))
                self._seen_under(names)[2][id(cls)] = only
        return known

    def own_part(self, item: Any, names: Names, path: str) -> None:
        """What any object has in its class, its slots and its own attributes."""
        cls = type(item)
        shared = self.shared(cls, names)
        label = path or cls.__name__
        # A namespace of names such as a module's is looked into by its own way.
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
        """What is among the attributes of an object under the names that are shared.

        Where there are none at all, as is mostly so with functions and parameters, one cell says
        so.
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
        """Cells of what is in a dict under names, or is not; what is there is looked into."""
        seen = self._seen_under(names)
        found = self.familiar.look_for(values, shared.names, shared.rare, path, seen)
        self._waiting += [(own, label, holder, names) for own, label in found]

    # ---- tensors ------------------------------------------------------------------------------

    def _tensor(self, item: Tensor, names: Names, path: str) -> None:
        """Another requires_grad, hooks or memory make another function, also of what fails."""
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
            if state is None and not values:  # the call has made it
                return
            if state is not None:
                hooks = hooks_of(item) if state & 1 else ()
                self.tensors[id(item)] = (item, state, hooks)
                for hook in hooks:
                    self.find(hook, f"a hook of {path}", names)
            # Any code may get hold of it, also out of a loop over a library's generator.
            if values == {}:
                self.cells.keep((DICT, values, None, ()), path)
            elif values and id(item) in self.tensors:
                self._labelled[id(item)] = (item, path)
                for others in self._begun:
                    self._attributes(item, others, path)
        if values:
            self._attributes(item, names, path)

    def _attributes(self, item: Tensor, names: Names, path: str) -> None:
        """What a user has put on a tensor, such as a learning rate of its own."""
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
        """Whether an argument was reached in another way as well."""
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

    A generator goes on with others, and a closure has those of others.
    """
    if names.imports or code.co_freevars or code.co_flags & _GOES_ON:
        return None
    if code.co_flags & _OF_FUNCTIONS != _OF_FUNCTIONS:
        return None
    spread = bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + spread]


_GOES_ON = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_OF_FUNCTIONS = inspect.CO_OPTIMIZED | inspect.CO_NEWLOCALS
