"""Whether a function is one in which objects may stand in for numbers.

Code of C that is given such an object instead of a float may refuse it, or read it without a trace.
So they are put only where nothing but Python code, steep and a few modules that take any number
can have them.
"""

from __future__ import annotations

import sys
import sysconfig
import types
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from steep.compiler._cells import DICT, ITEM, SEQUENCE, TYPE, VARIABLE
from steep.compiler._code import at_line, line_of, names_of, pairs_of_steps

if TYPE_CHECKING:
    from steep.compiler._recording import Recording

__all__ = ["foreign_to_numbers"]

# Of the standard library: what calls the methods of numbers, or does nothing with them.
_TAKE_ANY = {"__future__", "_abc", "abc", "builtins", "collections", "contextlib", "copy"}
_TAKE_ANY |= {"dataclasses", "enum", "functools", "gc", "inspect", "itertools", "math", "numbers"}
_TAKE_ANY |= {"operator", "sys", "threading", "types", "typing", "typing_extensions", "warnings"}
_TAKE_ANY |= {"weakref", "_collections", "_collections_abc", "_functools", "_operator"}
_TAKE_ANY |= {"_thread", "_weakref"}
_SITE = tuple({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
_LOADING = ("LOAD_GLOBAL", "LOAD_NAME")
_PLAIN = {"float": float, "int": int}
_LOOKS_AT_TYPES = (type,)  # whose answer for a stand-in is another
_UNBOUND = (types.MethodDescriptorType, types.WrapperDescriptorType)


def foreign_to_numbers(recording: Recording) -> str:
    """What the function reads that stand-ins for numbers must not meet, or ``''``."""
    for code in recording.codes:
        names = names_of(code)
        if names is not None and not names.of_library:
            if "type" in names.globals:
                where = line_of([code], "type", _LOADING)
                return f"type(){at_line(*where) if where else ''}"
            for level, name in names.imports:
                if level == 0 and _is_foreign(name.partition(".")[0]):
                    return name
            if fixed := _of_plain_numbers(code):
                return fixed[0] + at_line(code.co_filename, fixed[1])
    for kind, _, _, value in recording.cells.entries:
        if kind in (ITEM, TYPE, VARIABLE):
            found = _foreign(value)
        elif kind in (DICT, SEQUENCE):
            found = next((name for item in value if (name := _foreign(item))), "")
        else:
            continue
        if found:
            return found
    return ""


@lru_cache(maxsize=4096)
def _of_plain_numbers(code: types.CodeType) -> tuple[str, int] | None:
    """What a code object does with plain numbers alone, and the line; None if nothing.

    Whether a range contains anything else it finds out item by item, of which there may be
    millions; and a method taken from `float` or `int` itself refuses others.
    """
    has_range = "range" in code.co_names
    for before, step, line in pairs_of_steps(code):
        if has_range and step.opname == "CONTAINS_OP" and before.opname.startswith("CALL"):
            return "'in range()'", line
        kind = _PLAIN.get(before.argval) if before.opname in _LOADING else None
        if kind is not None and isinstance(vars(kind).get(step.argval), _UNBOUND):
            return f"{kind.__name__}.{step.argval}", line
    return None


def _foreign(value: Any) -> str:
    if isinstance(value, types.ModuleType):
        name = value.__name__
    elif isinstance(value, type | types.BuiltinFunctionType | types.FunctionType):
        if value in _LOOKS_AT_TYPES:
            return "type()"
        name = value.__module__ if isinstance(value.__module__, str) else "builtins"
    elif isinstance(value, _UNBOUND) and value.__objclass__ in _PLAIN.values():
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
