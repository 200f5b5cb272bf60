"""Whether objects may stand in for numbers in a function.

C code that is given such an object instead of a float may reject it, or read it without a trace.
So they are used only where nothing but Python code, steep and a few modules that accept any number
can get at them.
"""

from __future__ import annotations

import builtins
import collections
import functools
import gc
import itertools
import math
import sys
import sysconfig
import types
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from steep._core import CompiledCall, absent, found_in_type
from steep.compiler._cells import DICT, FUNCTION, ITEM, SEQUENCE, TYPE, VARIABLE, Cell
from steep.compiler._code import at_line, codes_in, line_of, names_of, pairs_of_steps
from steep.compiler._objects import content_of, is_a, is_of_python

if TYPE_CHECKING:
    from steep.compiler._recording import Recording

__all__ = ["foreign_since", "foreign_to_numbers"]

# Modules of the standard library that call the methods of numbers, or do nothing with them.
_TAKE_ANY = {"__future__", "_abc", "abc", "builtins", "collections", "contextlib", "copy"}
_TAKE_ANY |= {"dataclasses", "enum", "functools", "gc", "inspect", "itertools", "math", "numbers"}
_TAKE_ANY |= {"operator", "sys", "threading", "types", "typing", "typing_extensions", "warnings"}
_TAKE_ANY |= {"weakref", "_collections", "_collections_abc", "_functools", "_operator"}
_TAKE_ANY |= {"_thread", "_weakref"}
_SITE = tuple({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
_LOADING = ("LOAD_GLOBAL", "LOAD_NAME")
_PLAIN = {"float": float, "int": int}
# `type` has another result for a stand-in; the others accept only real ints as lengths.
_EXACT_NAMES = {"type", "deque", "permutations"}
# `pow` of an int rejects a stand-in as an exponent or modulus, and since Python 3.12 sums are more
# exact for real floats than for other objects. Other classes may have methods of these names, so
# the functions themselves are compared.
_EXACT = (type, collections.deque, itertools.permutations, pow)
if sys.version_info >= (3, 12):
    _EXACT += (sum, math.sumprod)
_UNBOUND = (types.MethodDescriptorType, types.WrapperDescriptorType)
# The interpreter uses what these return as a number without asking it.
_CONVERSIONS = {"__float__", "__int__", "__index__", "__complex__", "__hash__"}
_MADE_BY = ("__new__", "__init__", "__post_init__")


def foreign_to_numbers(recording: Recording, known: list[Any]) -> str:
    """What the function may reach that must not be given a stand-in for a number, or ``''``.

    Branches that were not taken count too: when one is, it is too late. `known` are arguments
    that are compared by identity, such as functions.
    """
    search = _Search()
    for value in known:
        if found := search.foreign(value):
            return found
    for code in recording.codes:
        if found := _foreign_to_code(code):
            return found
    for cell in recording.cells.entries:
        owner = cell[1] if is_a(cell[1], type) else None
        for value in _held(cell[0], cell[3]):
            if found := search.foreign(value, owner):
                return found
    return ""


def foreign_since(recording: Recording) -> str:
    """The same for what has replaced something that a recorded call has read."""
    search = _Search()
    for place in recording.cells.all_broken():
        for value in _held_now(recording.cells.entry(place)):
            if found := search.foreign(value, None):
                return found
    return ""


def _held(kind: int, value: Any) -> Iterable[Any]:
    """The objects that a cell holds."""
    if kind in (ITEM, TYPE, VARIABLE):
        return (value,)
    held: Iterable[Any] = value if kind in (DICT, SEQUENCE) else ()
    return held


def _held_now(cell: Cell) -> Iterable[Any]:
    kind, holder, key, _ = cell
    if kind == ITEM:
        return (dict.get(holder, key),)
    if kind == DICT:
        return [*dict.values(holder)]
    if kind == SEQUENCE and type(holder) is list:
        return [*holder]
    if kind == TYPE:
        return (found_in_type(holder, key),) if is_a(holder, type) else ()
    if kind == VARIABLE:
        return (content_of(holder),)
    return (holder,) if kind == FUNCTION else ()


class _Search:
    """Looks at objects and, if they are functions, at what their code leads to by names."""

    def __init__(self) -> None:
        self._seen: dict[int, Any] = {}  # held, because ids of freed objects are reused

    def foreign(self, value: Any, owner: type | None = None) -> str:
        """What must not be given a stand-in, the object or something it leads to, or ``''``.

        `owner` is the class that it is a method of, if it is known to be one.
        """
        waiting = [(value, owner)]
        while waiting:
            value, owner = waiting.pop()
            if id(value) in self._seen:
                continue
            self._seen[id(value)] = value
            if found := _foreign(value):
                return found
            if is_a(value, types.FunctionType):
                names = names_of(value.__code__)
                if names is None or names.of_library:
                    continue
                if found := _foreign_to_code(value.__code__):
                    return found
            waiting += _behind(value, owner)
        return ""


def _behind(value: Any, owner: type | None) -> list[tuple[Any, type | None]]:
    """What calling an object may reach, each with the class whose method it is, if it is one."""
    if is_a(value, types.FunctionType):
        return _named_in(value, owner)
    if is_a(value, types.MethodType):
        return [(value.__func__, type(value.__self__)), (value.__self__, None)]
    if is_a(value, staticmethod | classmethod):
        return [(value.__func__, owner)]
    if is_a(value, property):
        return [(value.fget, owner), (value.fset, owner)]
    if is_a(value, functools.partial):
        return [(x, None) for x in (value.func, *value.args, *value.keywords.values())]
    if is_a(value, CompiledCall):
        return [(value._function, None)]
    if is_a(value, type):
        return [(found_in_type(value, name), value) for name in _MADE_BY]
    if is_a(value, functools._lru_cache_wrapper):  # anybody may remove its __wrapped__
        parts = (part for part in gc.get_referents(value) if not is_a(part, type))
        return [(part, owner) for part in parts if callable(part)]
    return [(found_in_type(type(value), "__call__"), type(value))]


def _named_in(function: types.FunctionType, owner: type | None) -> list[tuple[Any, type | None]]:
    """What the code of a function names: variables, and attributes of their values and of its
    class.
    """
    names = names_of(function.__code__)
    if names is None or names.of_library:
        return []
    found = [_global_of(function, name) for name in names.globals]
    found += map(content_of, function.__closure__ or ())
    reached: list[tuple[Any, type | None]] = [(x, None) for x in found]
    for item in found:
        if is_a(item, types.ModuleType):
            reached += [(vars(item).get(name), None) for name in names.attributes]
    kinds = [owner] if owner is not None else []
    kinds += [x if is_a(x, type) else type(x) for x in found]
    for kind in kinds:
        if is_of_python(kind):
            reached += [(found_in_type(kind, name), kind) for name in names.attributes]
    return reached


def _global_of(function: types.FunctionType, name: str) -> Any:
    value = function.__globals__.get(name, absent)
    if value is absent and not _is_of_frozen(function.__code__):
        value = vars(builtins).get(name, absent)
    return value


def _foreign_to_code(code: types.CodeType) -> str:
    """What the user's code uses that must not be given a stand-in, or ``''``."""
    names = names_of(code)
    if names is None or names.of_library or _is_of_frozen(code):
        return ""
    for name in sorted(_EXACT_NAMES.intersection((*names.globals, *names.attributes))):
        if name != "type" or name in names.globals:
            where = line_of([code], name, (*_LOADING, "LOAD_ATTR", "LOAD_METHOD"))
            return f"{name}(){at_line(*where) if where else ''}"
    for level, name in names.imports:
        if level == 0 and _is_foreign(name.partition(".")[0]):
            return name
    fixed = _of_plain_numbers(code)
    return fixed[0] + at_line(code.co_filename, fixed[1]) if fixed else ""


def _is_of_frozen(code: types.CodeType) -> bool:
    """Whether it is the method by which frozen dataclasses refuse changes, which uses type()."""
    return code.co_filename == "<string>" and code.co_name in ("__setattr__", "__delattr__")


@lru_cache(maxsize=4096)
def _of_plain_numbers(code: types.CodeType) -> tuple[str, int] | None:
    """What code does that only works with real numbers, and the line; None if nothing.

    Whether a range contains anything else is found out item by item, and there may be millions. A
    method taken from `float` or `int` itself rejects other objects. What a conversion returns, the
    interpreter uses as a number without asking it.
    """
    for part in codes_in(code):
        if part.co_name in _CONVERSIONS and not (
            part.co_name == "__hash__" and "hash" in part.co_names
        ):
            return f"a method {part.co_name}", part.co_firstlineno
        has_range = "range" in part.co_names
        for before, step, line in pairs_of_steps(part):
            if has_range and step.opname == "CONTAINS_OP" and before.opname.startswith("CALL"):
                return "'in range()'", line
            kind = _PLAIN.get(before.argval) if before.opname in _LOADING else None
            if kind is not None and isinstance(vars(kind).get(step.argval), _UNBOUND):
                return f"{kind.__name__}.{step.argval}", line
    return None


def _foreign(value: Any) -> str:
    if is_a(value, types.ModuleType):
        name = value.__name__
    elif is_a(value, type | types.BuiltinFunctionType | types.FunctionType):
        if any(value is x for x in _EXACT):
            return f"{value.__name__}()"
        name = value.__module__ if isinstance(value.__module__, str) else "builtins"
    elif is_a(value, _UNBOUND) and value.__objclass__ in _PLAIN.values():
        return f"{value.__objclass__.__name__}.{value.__name__}"
    else:
        name = type(value).__module__
    return name if isinstance(name, str) and _is_foreign(name.partition(".")[0]) else ""


@lru_cache(maxsize=4096)
def _is_foreign(top: str) -> bool:
    if top in _TAKE_ANY or top == "steep":
        return False
    if top in sys.stdlib_module_names:
        return True
    file = getattr(sys.modules.get(top), "__file__", None) or ""
    return file.startswith(_SITE)
