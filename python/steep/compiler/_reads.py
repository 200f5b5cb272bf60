"""What a function reads from outside itself, determined from the code that runs while it is
recorded.

When code begins, the objects that it is given, and those in the global variables and closures that
it names, are looked into (`Traversal`). Each value found is kept as a cell. The same is done with
objects that a call returns. So the cells are what the code that ran could read by name, and little
else.
"""

from __future__ import annotations

import _thread
import sys
import types
from dataclasses import replace
from typing import Any

from steep._core import Familiar, Tensor, next_hook
from steep._replaced import take_replaced
from steep.compiler._answers import THREAD
from steep.compiler._cells import ITEM, SLOT, TENSOR, VARIABLE, Cells, absent
from steep.compiler._code import ATTRIBUTES, GLOBALS, VARIABLES, Names, at_line, line_of, names_of
from steep.compiler._objects import content_of
from steep.compiler._place import hindrance, new_containers
from steep.compiler._returned import is_only_returned
from steep.compiler._sources import (
    draws_from,
    position_of,
    random_state,
    reason_of_library,
    reason_to_refuse,
)
from steep.compiler._stored import Stored
from steep.compiler._traversal import Traversal

__all__ = ["Reads"]

# The names that calling an object reads.
_CALL = Names((), frozenset({"__call__"}), (), False, True)


class Reads:
    """Listens to a recorded call, and collects the cells that it depends on.

    Attributes:
        cells: what was read, with the values found.
        refusal: why no replay can do what the call did, or ``''``.
        change: what the call itself has changed among what it reads, or ``''``.
        codes: the code that has run, in the order in which it began.
    """

    def __init__(self, function: Any, given: list[Any], stored: Stored | None = None) -> None:
        """Look into the function. `given` are the parts of the call's key, and `stored` the places
        where the call may store something anew.
        """
        self.refusal = ""
        self.change = ""
        self.codes: list[types.CodeType] = []
        self._names: dict[int, Names] = {}  # by the id of a code object
        self._asked: dict[type, str] = {}  # by type: C methods of which nothing is known
        self._next_hook = next_hook()
        self._hooked: list[Any] = []  # hooks of tensors that existed before the call, and that ran
        self._stored = stored or Stored(())
        self._found = Traversal(given, self._stored.containers)
        self._found.look_into(function, _CALL, "")

    @property
    def cells(self) -> Cells:
        return self._found.cells

    @property
    def familiar(self) -> Familiar:
        """What need not be looked into again."""
        return self._found.familiar

    def existing(self) -> dict[int, Any]:
        """Tensors that were there before the call, and that its code has named, by id."""
        return {number: known[0] for number, known in self._found.tensors.items()}

    # ---- what the interpreter reports -------------------------------------------------------

    def wants(self, code: types.CodeType) -> bool:
        """Whether what this code does is to be reported."""
        names = names_of(code)
        if names is None:
            return False
        self._names[id(code)] = names
        self.codes.append(code)
        if not names.of_library:
            self._found.begin(names)
        elif not self.refusal:
            self.refusal = reason_of_library(code)
        return True

    def entered(self, frame: types.FrameType) -> None:
        """Called when a function begins, or a generator goes on."""
        self._look_around(frame, self._names[id(frame.f_code)])
        self._read_by_data(frame)
        self._found.has_entered(frame, self._names[id(frame.f_code)])

    def returned(self, frame: types.FrameType, value: Any) -> None:
        """Called when something is returned to code that has made a call."""
        self._found.look_into(value, self._names[id(frame.f_code)], "", None)
        self._read_by_data(frame)

    def called(self, frame: types.FrameType, function: Any) -> None:
        """Called when a C function is called."""
        reason = reason_to_refuse(function)
        if reason and not self.refusal:
            self.refusal = reason + at_line(frame.f_code.co_filename, frame.f_lineno)
        if function.__module__ == "_thread" and function.__name__ == "get_ident":
            self.cells.keep((SLOT, _thread, THREAD, _thread.get_ident()), "the thread")
        owner = function.__self__
        if kind := self._found.kind(type(owner)).foreign:
            self._asked.setdefault(type(owner), f"{kind}.{function.__name__}")
            self._found.look_into(owner, self._names[id(frame.f_code)], kind, None)
        if function.__name__ == "globals" and function.__module__ == "builtins":
            names = self._names[id(frame.f_code)]
            self._found.look_into(frame.f_globals, names, "globals()")

    def hooked(self, hook: Any, number: int) -> None:
        """Called before a hook: of a tensor, with its number, or of an optimiser, with 0."""
        if isinstance(hook, types.BuiltinFunctionType):
            self.refusal = self.refusal or reason_to_refuse(hook)
        self._found.look_into(hook, _CALL, "a hook")
        if 0 < number < self._next_hook:
            self._hooked.append(hook)

    def only_returns(self, frame: types.FrameType, is_whole: bool) -> bool:
        """Whether code only returns what it is about to read: an int, or something else."""
        return is_only_returned(frame, is_whole)

    # ---- where code reads -------------------------------------------------------------------

    def _read_by_data(self, frame: types.FrameType) -> None:
        """Look again if a function was found that reads attributes whose names are data: any code
        may call it.
        """
        names = self._names[id(frame.f_code)]
        if self._found.getters and not names.dynamic:
            names = self._names[id(frame.f_code)] = replace(names, dynamic=True)
            if not names.of_library:
                self._found.begin(names)
            self._look_around(frame, names)

    def _look_around(self, frame: types.FrameType, names: Names) -> None:
        """Look into all that code begins with: globals, closure and arguments."""
        if not names.of_library:
            self._globals(frame, names)
        for level, name in names.imports:
            self._import(frame, level, name, names)
        values = frame.f_locals
        closure: dict[str, list[types.CellType]] = {}
        for function in self._found.functions_of(frame.f_code, values):
            self._closure(function, closure)
        for name in list(values):
            if name in names.passed:
                self._passed(values[name])
            if not name.startswith("."):
                holder = _holder(closure.get(name, ()), values[name])
                self._found.look_into(values[name], names, name, holder)

    def _passed(self, value: Any) -> None:
        """Check a function that C code may call, which the interpreter does not report."""
        if isinstance(value, types.BuiltinFunctionType):
            self.refusal = self.refusal or reason_to_refuse(value)

    def _globals(self, frame: types.FrameType, names: Names) -> None:
        for name in names.globals:
            for values in (frame.f_globals, frame.f_builtins):
                value = values.get(name, absent)
                self.cells.keep((ITEM, values, name, value), "the global variable", name)
                if value is not absent:
                    self._found.look_into(value, names, name)
                    if name in names.passed:
                        self._passed(value)
                    break

    def _import(self, frame: types.FrameType, level: int, name: str, names: Names) -> None:
        """Look into a module that code imports, and the packages on the way to it."""
        above = (frame.f_globals.get("__package__") or "").split(".")
        parts = above[: len(above) - level + 1] if level else []
        parts += name.split(".") if name else []
        for end in range(1, len(parts) + 1):
            whole = ".".join(parts[:end])
            module = sys.modules.get(whole, absent)
            if not names.of_library:
                self.cells.keep((ITEM, sys.modules, whole, module), "the module", whole)
            if module is not absent:
                self._found.look_into(module, names, whole)

    def _closure(
        self, function: types.FunctionType, found: dict[str, list[types.CellType]]
    ) -> None:
        """Keep cells of the variables of a closure, and add these to `found` by name."""
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=False)
        for name, cell in cells:
            self.cells.keep((VARIABLE, cell, None, content_of(cell)), "the variable", name)
            found.setdefault(name, []).append(cell)

    # ---- what the call has changed itself -----------------------------------------------------

    def _pass_over_replaced(self) -> None:
        """Of attributes that the call has replaced and restored, keep what they hold between calls.

        What it has read of them it got from elsewhere, where that is looked at.
        """
        replaced = take_replaced()
        if not replaced:
            return
        for place in self.cells.all_broken():
            kind, holder, name, _ = self.cells.entry(place)
            if kind == ITEM and (id(holder), name) in replaced:
                self.cells.replace(place, holder.get(name, absent))

    def close(self, containers: list[Any], outputs: list[Tensor]) -> None:
        """After the call: forget what it made, and find what else it changed.

        `containers` are the containers in its result, and `outputs` the tensors.
        """
        self._found.let_go()
        self._pass_over_replaced()
        self.cells.forget({id(item) for item in containers})
        self.cells.forget_what_is_dead()
        self._stored.leave(self.cells)
        if self._is_in_doubt():
            self.cells.forget_dead_cycles()
        self._found.forget_arguments()
        self._found.let_weak_targets_go()
        self.refusal = self.refusal or self._found.refusal or self._taken() or self._unknown_hook()
        self.refusal = self.refusal or self._stored.reached(self.cells)
        self.cells.keep_tensors(self._found.tensors, {id(output) for output in outputs})
        self.cells.forget(new_containers(self.cells))
        place = hindrance(self.cells)
        self.cells.objects.clear()
        if place is not None:
            where = self._line_of(place)
            is_tensor = self.cells.entry(place)[0] == TENSOR
            mend = (
                "write to its memory (copy_)"
                if is_tensor
                else "keep the values that change in a tensor"
            )
            self.change = self.change or (
                f"it changes {self.cells.describe(place)} at every call, which a replay would not "
                f"do; {mend}, or change {'it' if is_tensor else 'them'} outside the function"
                f"{at_line(*where) if where else ''}"
            )

    def _is_in_doubt(self) -> bool:
        """Whether it matters which objects of the call only hold each other."""
        return (
            self._found.has_reached_arguments()
            or not self.cells.objects.keys().isdisjoint(self._found.iterators)
            or self.cells.first_broken() is not None
        )

    def _line_of(self, place: int) -> tuple[str, int] | None:
        """The line of the user's code that changes what is in a cell, if it can be found."""
        kind, (whence, name) = self.cells.entry(place)[0], self.cells.whence(place)
        if kind == TENSOR:
            return line_of(self._own_codes(), "data", ATTRIBUTES)
        is_global = whence == "the global variable"
        steps = VARIABLES if kind == VARIABLE else GLOBALS if is_global else ATTRIBUTES
        return line_of(self._own_codes(), name, steps)

    def line_of_change(self, names: list[str]) -> str:
        """The same for an argument, to append to a sentence; `names` are keys and attributes."""
        codes = self._own_codes()
        places = [line_of(codes, name, ATTRIBUTES) for name in names]
        where = next(filter(None, places), None) or line_of(codes, None, ATTRIBUTES)
        return at_line(*where) if where else ""

    def _own_codes(self) -> list[types.CodeType]:
        """The user's code, or all code if there is none."""
        return [c for c in self.codes if not self._names[id(c)].of_library] or self.codes

    def _taken(self) -> str:
        """Why random numbers, streams, iterators or unknown objects prevent a replay, or ``''``."""
        found, alive = self._found, self.cells.objects
        for source, before, path in found.sources.values():
            if random_state(source) != before:
                return draws_from(source, path)
        for stream, before, path in found.streams.values():
            if before is None or position_of(stream) != before:
                return (
                    f"it may read from a stream ({path}); read outside the function, and pass the "
                    "data as an argument"
                )
        for number, path in found.iterators.items():
            if number in alive:
                return (
                    f"it may advance an iterator ({path}); call next() outside the function, and "
                    "pass the item as an argument"
                )
        for item in alive.values() if self._asked else ():
            if name := self._asked.get(type(item)):
                return (
                    f"it calls {name}, whose reads cannot be tracked; call it outside the function"
                )
        return ""

    def _unknown_hook(self) -> str:
        """Why a hook that ran could be replaced without notice, or ``''``."""
        known = {id(hook) for _, _, hooks in self._found.tensors.values() for hook in hooks}
        if all(id(hook) in known for hook in self._hooked):
            return ""
        return "it runs a gradient hook of an argument, or of a tensor that its code does not name"


def _holder(cells: Any, value: Any) -> int | None:
    """The id of the closure variable that holds a value; None if it is an argument."""
    return next((id(cell) for cell in cells if content_of(cell) is value), None)
