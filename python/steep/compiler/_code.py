"""What code can read by name, determined once for each code object."""

from __future__ import annotations

import dis
import itertools
import linecache
import os
import string
import sys
import sysconfig
import types
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from steep.compiler._imported import imported

__all__ = ["ATTRIBUTES", "GLOBALS", "READERS", "VARIABLES"]
__all__ += [
    "Lines",
    "Names",
    "at_line",
    "at_line_of_user",
    "codes_in",
    "line_of",
    "lines_of_callers",
]
__all__ += ["names_of", "pairs_of_steps"]

_STEEP = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
# Of steep's own files, a user's function may depend on what these hold. What the others hold is
# followed by other means, or cannot change what a replay does.
_FOLLOWED = tuple(
    os.path.join(_STEEP, *folder, "")
    for folder in (("nn",), ("data",), ("optim", "lr_scheduler"), ("optim", "swa_utils"))
)
_LIBRARIES = tuple(
    os.path.join(os.path.abspath(sysconfig.get_path(name)), "") for name in ("stdlib", "platstdlib")
)
_SITE = tuple(
    os.path.join(os.path.abspath(sysconfig.get_path(name)), "") for name in ("purelib", "platlib")
)
# C functions by which code reads attributes whose names are data.
READERS = frozenset({"getattr", "hasattr", "setattr", "vars", "delattr", "dir"})
READERS |= {"__getattribute__", "__setattr__", "__delattr__"}
_DYNAMIC = READERS | {"attrgetter", "methodcaller", "asdict", "astuple", "__dict__", "__slots__"}
_DYNAMIC |= {"dump", "dumps"}  # of pickle
# C functions that call functions given to them, which the interpreter does not report.
_CALLING = frozenset({"map", "filter", "sorted", "sort", "min", "max", "reduce", "partial", "iter"})
_CALLING |= {"starmap", "accumulate", "takewhile", "dropwhile", "filterfalse", "groupby"}
_FORMATTING = ("format", "format_map")  # which read attributes as well: "{0.scale}"


@dataclass(frozen=True, eq=False)
class Names:
    """The names in a code object and in those inside it: comprehensions, functions it defines.

    Attributes:
        globals: names of global variables read, written or deleted.
        attributes: all other names, such as those of attributes and methods.
        imports: modules that the code imports: the level of a relative import, and the name.
        dynamic: whether attributes may also be read by other names.
        of_library: whether the code belongs to a library, whose globals are not followed.
        passed: names whose values are not called at once, in code that lets C functions call
            others; names of attributes begin with a dot.
    """

    globals: tuple[str, ...]
    attributes: frozenset[str]
    imports: tuple[tuple[int, str], ...]
    dynamic: bool
    of_library: bool
    passed: frozenset[str] = frozenset()


@lru_cache(maxsize=4096)
def _is_library(filename: str) -> bool | None:
    """Whether a file's globals are not followed; None if nothing in it is."""
    if filename.startswith("<frozen "):
        return None if "importlib" in filename else True
    path = os.path.abspath(filename)
    if path.startswith(_STEEP):
        return True if path.startswith(_FOLLOWED) else None
    if path.startswith(_SITE):  # which may be inside the standard library's folder
        numpy = imported("numpy")
        return numpy is not None and path.startswith(os.path.join(numpy.__path__[0], ""))
    return path.startswith(_LIBRARIES)


def codes_in(code: types.CodeType) -> Iterator[types.CodeType]:
    """A code object, and those of what is defined inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from codes_in(constant)


@lru_cache(maxsize=4096)
def _names_in(code: types.CodeType) -> Names:
    loaded: dict[str, None] = {}
    others: set[str] = set()
    strings: set[str] = set()
    passed: set[str] = set()
    imports: dict[tuple[int, str], None] = {}
    dynamic = False
    for part in codes_in(code):
        # The constants that the two instructions before load, if any.
        before: list[Any] = [None, None]
        steps = list(dis.get_instructions(part))
        passed |= set(_passed(steps))
        for step in steps:
            if step.opname == "IMPORT_NAME":
                imports[before[0] or 0, step.argval] = None
            elif step.opname.endswith(("_GLOBAL", "_NAME")):
                loaded[step.argval] = None
            elif step.arg is not None and step.opcode in dis.hasname:
                others.add(step.argval)
                dynamic = dynamic or (step.argval in _FORMATTING and _reads_fields(before[1]))
            dynamic = dynamic or step.opname == "MATCH_CLASS"
            before = [before[1], step.argval if step.opname in _CONSTANTS else None]
        for constant in part.co_consts:
            if isinstance(constant, tuple):  # the attributes of a pattern, as in `case P(x=0)`
                strings |= {c for c in constant if isinstance(c, str) and c.isidentifier()}
        strings |= {c for c in part.co_consts if isinstance(c, str) and c.isidentifier()}
    named = {*loaded, *others}
    dynamic = dynamic or not _DYNAMIC.isdisjoint(named)
    passes = not _CALLING.isdisjoint(named)
    return Names(
        globals=tuple(loaded),
        attributes=frozenset(others | strings if dynamic else others),
        imports=tuple(imports),
        dynamic=dynamic,
        of_library=False,
        passed=frozenset(passed if passes else ()),
    )


_LOADING = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_ATTR", "LOAD_FAST", "LOAD_DEREF", "LOAD_CLOSURE")


def _passed(steps: list[dis.Instruction]) -> Iterator[str]:
    """Names whose values are loaded but not called at once; attributes with a dot.

    Python 3.10 does not show that: there it is every name that is loaded.
    """
    for before, step, after in zip([None, *steps], steps, [*steps[1:], None], strict=False):
        if not step.opname.startswith(_LOADING):
            continue
        around = {x.opname for x in (before, after) if x is not None}
        has_bit = step.opname == "LOAD_GLOBAL" and sys.version_info >= (3, 11)
        has_bit = has_bit or (step.opname == "LOAD_ATTR" and sys.version_info >= (3, 12))
        if "PUSH_NULL" not in around and not (has_bit and (step.arg or 0) & 1):
            dot = "." if step.opname == "LOAD_ATTR" else ""
            for name in step.argval if isinstance(step.argval, tuple) else (step.argval,):
                yield dot + name


_CONSTANTS = ("LOAD_CONST", "LOAD_SMALL_INT")


def _reads_fields(text: Any) -> bool:
    """Whether a format string reads attributes; one that is not a constant may."""
    if not isinstance(text, str):
        return True
    try:
        fields = [field or "" for _, field, _, _ in string.Formatter().parse(text)]
    except ValueError:
        return False  # format() itself raises this
    return any("." in field or "[" in field for field in fields)


def names_of(code: types.CodeType) -> Names | None:
    """The names in `code`; None if what it reads need not be followed."""
    library = _is_library(code.co_filename)
    if library is None:
        return None
    names = _names_in(code)
    # A new one each time, because equal code objects may be different functions.
    if not library:
        return Names(
            names.globals, names.attributes, names.imports, names.dynamic, False, names.passed
        )
    dynamic = names.dynamic and not os.path.abspath(code.co_filename).startswith(_STEEP)
    return Names((), names.attributes, names.imports, dynamic, True)


# Methods that change the list, dict, deque or set they belong to.
_CHANGING = {"add", "append", "appendleft", "clear", "discard", "extend", "extendleft", "insert"}
_CHANGING |= {"pop", "popitem", "popleft", "remove", "reverse", "rotate", "setdefault", "sort"}
_CHANGING |= {"update"}


# Instructions that change attributes, global variables, and variables of a closure.
ATTRIBUTES = ("STORE_ATTR", "DELETE_ATTR")
GLOBALS = ("STORE_GLOBAL", "DELETE_GLOBAL", "STORE_NAME", "DELETE_NAME")
VARIABLES = ("STORE_DEREF", "DELETE_DEREF")
_ITEMS = ("STORE_SUBSCR", "DELETE_SUBSCR")


def line_of(
    codes: list[types.CodeType], name: str | None, steps: tuple[str, ...]
) -> tuple[str, int] | None:
    """File and line of code that stores under `name`, or, without one, changes a container.

    None where it may be one of several.
    """
    found = set()
    for part in {part for code in codes for part in codes_in(code)}:
        line = part.co_firstlineno
        for step in dis.get_instructions(part):
            line = _line_started(step) or line
            stored = step.opname in steps and step.argval == name
            changed = name is None and (step.opname in _ITEMS or step.argval in _CHANGING)
            if stored or changed:
                found.add((part.co_filename, line))
    return found.pop() if len(found) == 1 else None


def pairs_of_steps(
    code: types.CodeType,
) -> Iterator[tuple[dis.Instruction, dis.Instruction, int]]:
    """The instructions of a code object, each with the one before it and its line."""
    steps, line = [*dis.get_instructions(code)], code.co_firstlineno
    for before, step in itertools.pairwise(steps):
        line = _line_started(step) or line
        yield before, step, line


def at_line(file: str, line: int) -> str:
    """File, line and code, to be appended to a sentence."""
    code = linecache.getline(file, line).strip()
    return f" ({file}:{line}: {code})" if code else f" ({file}:{line})"


def _line_started(step: dis.Instruction) -> int | None:
    starts = step.starts_line
    if starts is True:  # since Python 3.13
        return step.line_number  # type: ignore[attr-defined,no-any-return]
    return starts or None


# ---- the lines that led to a place --------------------------------------------------------------

Lines = list[tuple[types.CodeType, int]]  # code objects and lines; each calls the one before
MOST_LINES = 16  # of callers; the user's code should be among them


def lines_of_callers() -> Lines:
    """The lines of the callers, from the innermost out."""
    found: Lines = []
    frame = sys._getframe(1).f_back
    while frame is not None and len(found) < MOST_LINES:
        found.append((frame.f_code, frame.f_lineno))
        frame = frame.f_back
    return found


def at_line_of_user(lines: Lines) -> str:
    """The innermost line of the user's code, to be appended to a sentence."""
    for code, line in lines:
        names = names_of(code)
        if names is not None and not names.of_library:
            return at_line(code.co_filename, line)
    return ""
