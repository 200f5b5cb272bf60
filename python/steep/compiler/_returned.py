"""Decides whether code only returns what it reads from a tensor.

This is decided from the source code: `return loss.item()`, `return {"loss": loss.item()}`, or
`v = loss.item()` where `v` is only returned; `return x.numpy()` likewise. What a helper function
returns must flow into the result of its caller in turn. The objects themselves cannot tell, because
C code reads the value of a float without a trace.
"""

from __future__ import annotations

import ast
import builtins
import dis
import inspect
import itertools
import types
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from steep._core import absent, found_in_type
from steep.compiler._flow import ITSELF, Held, Parents, UsedError, where_returned
from steep.compiler._objects import attributes_of, is_a
from steep.compiler._source import tree_of

__all__ = ["is_only_returned", "reads_frames"]

_ODD = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
# With these a function can reach its variables without their names.
_FRAMES = {"locals", "vars", "eval", "exec", "dir", "sys", "inspect", "builtins"}
_LOADS = ("LOAD_GLOBAL", "LOAD_NAME", "IMPORT_NAME")
_NUMBERS = ("float", "int")
# Code of steep that passes on what a function returns without looking at it.
_PASSING = ("steep.compiler", "steep._grad_mode")
_RECORDING = "steep.compiler._recording"
_INSIDE = ("<listcomp>", "<dictcomp>")  # parts of a function with frames of their own


def is_only_returned(frame: types.FrameType, is_whole: bool) -> bool:
    """Whether the result of the call that `frame` is at only becomes part of what the compiled
    function returns.

    `is_whole` is whether what is read is an int.
    """
    try:
        held = _returned_by(frame, _readings_at(frame, is_whole), ITSELF)
        while held:
            caller, code = _caller_of(_function_at(frame))
            if caller is None:
                return True
            frame = caller
            held = _returned_by(frame, _calls_to(code, frame), held)
    except UsedError:
        return False
    return True  # it is dropped


def _returned_by(
    frame: types.FrameType, calls: Iterator[tuple[ast.expr, Parents]], held: Held
) -> Held:
    """Where the result of a frame's function has what the call that the frame is at returns.

    Raises:
        UsedError: if something may look at that before.
    """
    if any(_may_look(code) for code in (frame.f_code, _function_at(frame).f_code)):
        raise UsedError
    returned: set[int | None] = set()
    found = list(calls)
    for call, parents in found:
        returned |= where_returned(call, held, parents, lambda name: _is_builtin(name, frame))
    if not found:
        raise UsedError
    return frozenset(returned)


def _may_look(code: types.CodeType) -> bool:
    return bool(code.co_flags & _ODD) or reads_frames(code)


@lru_cache(maxsize=1024)
def reads_frames(code: types.CodeType) -> bool:
    """Whether code may reach its variables without their names."""
    steps = dis.get_instructions(code)
    return any(step.argval in _FRAMES for step in steps if step.opname in _LOADS)


# ---- frames -----------------------------------------------------------------------------------


def _function_at(frame: types.FrameType) -> types.FrameType:
    """The frame of the function that a comprehension is in, or the frame itself."""
    while frame.f_code.co_name in _INSIDE and frame.f_back is not None:
        frame = frame.f_back
    return frame


def _caller_of(frame: types.FrameType) -> tuple[types.FrameType | None, types.CodeType]:
    """The frame that gets what a function returns, None if that is the recording; and the code
    that it has called.
    """
    code, back = frame.f_code, frame.f_back
    while back is not None:
        module = back.f_globals.get("__name__", "")
        if module == _RECORDING:
            return None, code
        if not module.startswith(_PASSING):
            return back, code
        code, back = back.f_code, back.f_back
    raise UsedError


def _leads_to(called: ast.expr, frame: types.FrameType, code: types.CodeType) -> bool:
    """Whether what is called is a function with this code, rather than something that calls it."""
    found = _value_of(called, frame)
    if is_a(found, staticmethod | classmethod | types.MethodType):
        found = found.__func__
    return is_a(found, types.FunctionType) and found.__code__ is code


def _value_of(node: ast.expr, frame: types.FrameType) -> Any:
    """What a name, or an attribute of one, means in a frame, without running any code."""
    if isinstance(node, ast.Name):
        return _variable(node.id, frame)
    if not isinstance(node, ast.Attribute):
        return absent
    whole = _value_of(node.value, frame)
    if whole is absent:
        return absent
    if is_a(whole, type):
        return found_in_type(whole, node.attr)
    values = attributes_of(whole) or {}
    if node.attr in values:
        return values[node.attr]
    modules = values.get("_modules")
    if type(modules) is dict and node.attr in modules:
        return modules[node.attr]
    return found_in_type(type(whole), node.attr)


def _variable(name: str, frame: types.FrameType) -> Any:
    code = frame.f_code
    if name in (*code.co_varnames, *code.co_cellvars, *code.co_freevars):
        return frame.f_locals.get(name, absent)
    return frame.f_globals.get(name, frame.f_builtins.get(name, absent))


def _is_builtin(name: ast.expr, frame: types.FrameType) -> bool:
    """Whether a name means the builtin, to a frame and to the function it is in."""
    if not isinstance(name, ast.Name):
        return True
    meant = vars(builtins).get(name.id)
    return all(_variable(name.id, x) is meant for x in (frame, _function_at(frame)))


# ---- calls in the source ------------------------------------------------------------------------

_Calls = list[tuple[ast.Call, Parents]]


def _readings_at(frame: types.FrameType, is_whole: bool) -> Iterator[tuple[ast.expr, Parents]]:
    """The calls that read from a tensor and that `frame` may be at.

    Before Python 3.11, all of them that are on its line.
    """
    place = _place(frame)
    for call, parents in _calls_in(frame):
        last = call.end_lineno or call.lineno
        is_there = (
            call.lineno <= frame.f_lineno <= last if place is None else place == _extent(call)
        )
        if is_there and _is_reading(call) and _is_builtin(call.func, frame):
            yield _as_it_is(call, parents, frame, is_whole), parents


def _as_it_is(call: ast.Call, parents: Parents, frame: types.FrameType, is_whole: bool) -> ast.expr:
    """The whole of ``int(x.item())`` if the item is an int, which `int` returns as it is; likewise
    of `float`.
    """
    around = parents[call]
    if (
        isinstance(call.func, ast.Attribute)
        and call.func.attr == "item"
        and isinstance(around, ast.Call)
        and isinstance(around.func, ast.Name)
        and around.func.id == ("int" if is_whole else "float")
        and _is_reading(around)
        and _is_builtin(around.func, frame)
    ):
        return around
    return call


def _calls_to(code: types.CodeType, frame: types.FrameType) -> Iterator[tuple[ast.expr, Parents]]:
    """The call that `frame` is at, if it is one of this code rather than of something that calls
    it.
    """
    place = _place(frame)
    for call, parents in _calls_in(frame):
        if place == _extent(call) and _leads_to(call.func, frame, code):
            yield call, parents


def _place(frame: types.FrameType) -> tuple[int | None, ...] | None:
    """The first and last line, and the columns, of what is being evaluated."""
    if not hasattr(frame.f_code, "co_positions"):
        return None
    positions = frame.f_code.co_positions()
    first, last, column, end = next(itertools.islice(positions, frame.f_lasti // 2, None))
    return first, last, column, end


def _extent(call: ast.Call) -> tuple[int | None, ...]:
    return call.lineno, call.end_lineno or call.lineno, call.col_offset, call.end_col_offset


def _calls_in(frame: types.FrameType) -> _Calls:
    tree = tree_of(frame.f_code, frame.f_globals)
    return [] if tree is None else _calls_of(tree)


@lru_cache(maxsize=16)
def _calls_of(tree: ast.Module) -> _Calls:
    """The calls in a file, and the parents of all nodes."""
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    return [(node, parents) for node in parents if isinstance(node, ast.Call)]


def _is_reading(node: ast.Call) -> bool:
    """Whether a call is ``x.item()``, ``float(x)`` or the like."""
    if node.keywords:
        return False
    if isinstance(node.func, ast.Attribute):
        return node.func.attr in ("item", "numpy") and not node.args
    return isinstance(node.func, ast.Name) and node.func.id in _NUMBERS and len(node.args) == 1
