"""Decides whether code only returns what it reads from a tensor.

This is decided from the source code: `return loss.item()`, `return {"loss": loss.item()}`, or
`v = loss.item()` where `v` is only returned; `return x.numpy()` likewise. The objects themselves
cannot tell, because C code reads the value of a float without a trace.
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

from steep.compiler._source import tree_of

__all__ = ["SCOPES", "is_only_returned", "reads_frames"]

SCOPES: tuple[type[ast.AST], ...] = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.Lambda,
    ast.ClassDef,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
)
_ODD = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
# With these a function can reach its variables without their names.
_FRAMES = {"locals", "vars", "eval", "exec", "dir", "sys", "inspect", "builtins"}
_LOADS = ("LOAD_GLOBAL", "LOAD_NAME", "IMPORT_NAME")
_NUMBERS = ("float", "int")
# Code of steep that passes on what a function returns without looking at it.
_PASSING = ("steep.compiler", "steep._grad_mode")


def is_only_returned(frame: types.FrameType) -> bool:
    """Whether the result of the call that `frame` is at only becomes part of what the function
    returns.
    """
    code = frame.f_code
    if not _is_called_by_recording(frame):
        return False  # its caller may use what it returns
    if code.co_flags & _ODD or reads_frames(code):
        return False
    calls = list(_calls_at(frame))
    return bool(calls) and all(_flows_into_result(call, parents) for call, parents in calls)


@lru_cache(maxsize=1024)
def reads_frames(code: types.CodeType) -> bool:
    """Whether code may reach its variables without their names."""
    steps = dis.get_instructions(code)
    return any(step.argval in _FRAMES for step in steps if step.opname in _LOADS)


def _is_called_by_recording(frame: types.FrameType) -> bool:
    """Whether only steep's own code is between the recording and the function."""
    back = frame.f_back
    while back is not None:
        module = back.f_globals.get("__name__", "")
        if module == "steep.compiler._recording":
            return True
        if not module.startswith(_PASSING):
            return False
        back = back.f_back
    return False


_Parents = dict[ast.AST, ast.AST]


def _calls_at(frame: types.FrameType) -> Iterator[tuple[ast.Call, _Parents]]:
    """The calls that `frame` may be at: before Python 3.11, all calls on its line."""
    place = _place(frame)
    tree = tree_of(frame.f_code, frame.f_globals)
    for call, parents in () if tree is None else _readings(tree):
        last = call.end_lineno or call.lineno
        if place is None:
            found = call.lineno <= frame.f_lineno <= last
        else:
            found = place == (call.lineno, last, call.col_offset, call.end_col_offset)
        if found and _is_as_named(call.func, frame):
            yield call, parents


def _is_as_named(called: ast.expr, frame: types.FrameType) -> bool:
    """Whether `float` and `int` are the builtins, if one of them is called."""
    if not isinstance(called, ast.Name):
        return True
    code = frame.f_code
    if called.id in (*code.co_varnames, *code.co_cellvars, *code.co_freevars):
        return False
    value = frame.f_globals.get(called.id, frame.f_builtins.get(called.id))
    return value is vars(builtins)[called.id]


def _place(frame: types.FrameType) -> tuple[int | None, ...] | None:
    """The first and last line, and the columns, of what is being evaluated."""
    if not hasattr(frame.f_code, "co_positions"):
        return None
    positions = frame.f_code.co_positions()
    first, last, column, end = next(itertools.islice(positions, frame.f_lasti // 2, None))
    return first, last, column, end


@lru_cache(maxsize=16)
def _readings(tree: ast.Module) -> list[tuple[ast.Call, _Parents]]:
    """The calls ``x.item()``, ``float(x)`` and the like in a file, and the parents of all nodes."""
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    calls = (node for node in parents if isinstance(node, ast.Call))
    return [(call, parents) for call in calls if _is_reading(call)]


def _is_reading(node: ast.Call) -> bool:
    if node.keywords:
        return False
    if isinstance(node.func, ast.Attribute):
        return node.func.attr in ("item", "numpy") and not node.args
    return isinstance(node.func, ast.Name) and node.func.id in _NUMBERS and len(node.args) == 1


def _flows_into_result(node: ast.expr, parents: _Parents) -> bool:
    """Whether a value is returned, alone or in tuples, lists and dicts, if it is used at all."""
    parent = parents[node]
    if isinstance(parent, ast.Return) or (isinstance(parent, ast.Lambda) and parent.body is node):
        return True
    if isinstance(parent, ast.Tuple | ast.List):
        return _flows_into_result(parent, parents)
    if isinstance(parent, ast.IfExp):  # one of the two values, not the condition
        return node is not parent.test and _flows_into_result(parent, parents)
    if isinstance(parent, ast.Dict):
        return node in parent.values and _flows_into_result(parent, parents)
    if isinstance(parent, ast.Assign) and len(parent.targets) == 1:
        target = parent.targets[0]
        return isinstance(target, ast.Name) and _variable_is_returned(target, parents)
    return False


def _variable_is_returned(name: ast.Name, parents: _Parents) -> bool:
    """Whether all uses of a local variable are in the result."""
    scope: ast.AST = name
    while not isinstance(scope, SCOPES):
        if scope not in parents:
            return False  # a global variable
        scope = parents[scope]
    if not isinstance(scope, ast.FunctionDef):
        return False
    for node in ast.walk(scope):
        if isinstance(node, ast.Global | ast.Nonlocal) and name.id in node.names:
            return False
        if not isinstance(node, ast.Name) or node.id != name.id:
            continue
        if _scope_of(node, parents) is not scope:
            return False
        if isinstance(node.ctx, ast.Load) and not _is_result(node, parents):
            return False
        if isinstance(node.ctx, ast.Store) and not isinstance(parents[node], ast.Assign):
            return False  # `v += 1` also reads it
    return True


def _scope_of(node: ast.AST, parents: _Parents) -> ast.AST | None:
    while node in parents:
        node = parents[node]
        if isinstance(node, SCOPES):
            return node
    return None


def _is_result(node: ast.expr, parents: _Parents) -> bool:
    """Whether an expression stands in a return statement, alone or in tuples, lists and dicts."""
    parent = parents[node]
    if isinstance(parent, ast.Dict):
        return node in parent.values and _is_result(parent, parents)
    if isinstance(parent, ast.Tuple | ast.List):
        return _is_result(parent, parents)
    if isinstance(parent, ast.IfExp):
        return node is not parent.test and _is_result(parent, parents)
    return isinstance(parent, ast.Return)
