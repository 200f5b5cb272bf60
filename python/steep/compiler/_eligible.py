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
from steep.compiler._code import at_line, line_of, names_of

if TYPE_CHECKING:
    from steep.compiler._recording import Recording

__all__ = ["foreign_to_numbers"]

# Of the standard library: what calls the methods of numbers, or does nothing with them.
_HARMLESS = {"__future__", "_abc", "abc", "builtins", "collections", "contextlib", "copy"}
_HARMLESS |= {"dataclasses", "enum", "functools", "gc", "inspect", "itertools", "math", "numbers"}
_HARMLESS |= {"operator", "sys", "threading", "types", "typing", "typing_extensions", "warnings"}
_HARMLESS |= {"weakref", "_collections", "_collections_abc", "_functools", "_operator"}
_HARMLESS |= {"_thread", "_weakref"}
_SITE = tuple({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
_LOADING = ("LOAD_GLOBAL", "LOAD_NAME")
_LOOKS_AT_TYPES = (type,)  # whose answer for a stand-in is another


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


def _foreign(value: Any) -> str:
    if isinstance(value, types.ModuleType):
        name = value.__name__
    elif isinstance(value, type | types.BuiltinFunctionType | types.FunctionType):
        if value in _LOOKS_AT_TYPES:
            return "type()"
        name = value.__module__ if isinstance(value.__module__, str) else "builtins"
    else:
        name = type(value).__module__
    return name if isinstance(name, str) and _is_foreign(name.partition(".")[0]) else ""


@lru_cache(maxsize=4096)
def _is_foreign(top: str) -> bool:
    if top in _HARMLESS or top == "steep":
        return False
    if top in sys.stdlib_module_names:
        return True
    file = getattr(sys.modules.get(top), "__file__", None) or ""
    return file.startswith(_SITE)
