"""Decides whether a function only makes tensors of an array argument.

Then a replay reads the array of its own call. This is decided from the source code, because other
reads of an array's values leave no trace. Helper functions that receive the array are not
inspected.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import types
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import steep
from steep._core import as_tensor, enable_grad, from_numpy, inference_mode, no_grad, tensor
from steep.compiler._code import at_line, codes_in
from steep.compiler._flow import SCOPES
from steep.compiler._imported import imported
from steep.compiler._objects import content_of, is_a
from steep.compiler._returned import reads_frames
from steep.compiler._source import tree_of

__all__ = ["array_in_use", "has_array"]

_MAKERS = (as_tensor, from_numpy, tensor)
# Attributes that are part of the call's key, or follow from it.
_KNOWN = ("dtype", "itemsize", "nbytes", "ndim", "shape", "size", "strides")
_ODD = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR

_Function = ast.FunctionDef | ast.Lambda


def has_array(items: list[Any]) -> bool:
    """Whether one of them is a NumPy array, or of a subclass."""
    numpy = imported("numpy")
    return numpy is not None and any(is_a(item, numpy.ndarray) for item in items)


def array_in_use(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], arrays: Any) -> str:
    """Why a call on these arrays cannot be replayed, or ``''``.

    Args:
        function: what is compiled.
        args: positional arguments.
        kwargs: keyword arguments.
        arrays: tuples that begin with an array each, which is one of the arguments.
    """
    found = _with_source(function)
    if found is None:
        return _UNSEEN
    own, node, given = found
    for array, _ in arrays:
        names = [name for name, value in kwargs.items() if value is array]
        names += [_parameter(own.__code__, i + given) for i, x in enumerate(args) if x is array]
        for name in names:
            use = _other_use(node, name, own)
            if use is not None:
                where = at_line(own.__code__.co_filename, use)
                return _USED.format(name or "an array", where, name=name or "x")
    return ""


_UNSEEN = (
    "an argument is an array, and the source code that receives it cannot be found; pass a tensor "
    "(steep.from_numpy)"
)
_USED = (
    "it uses the array {0} for more than making a tensor of it{1}; convert it first, as in "
    "{name} = steep.as_tensor({name}), or pass a tensor"
)


class _Source(NamedTuple):
    function: types.FunctionType
    node: _Function
    given: int  # arguments before those of the call


def _with_source(function: Any) -> _Source | None:
    """The user's function behind steep's own wrappers, and where it is in its source."""
    given = 0
    while True:
        if isinstance(function, types.MethodType):
            function, given = function.__func__, given + 1
        elif isinstance(function, types.FunctionType) and _passes_on(function):
            given += "_instance" in function.__dict__
            function = function.__wrapped__  # type: ignore[attr-defined]
        else:
            break
    if not isinstance(function, types.FunctionType) or function.__code__.co_flags & _ODD:
        return None
    code = function.__code__
    if any(reads_frames(part) for part in codes_in(code)):
        return None
    tree = tree_of(code, function.__globals__)
    found = {} if tree is None else _functions_in(tree)
    nodes = found.get((code.co_name, code.co_firstlineno), [])
    return _Source(function, nodes[0], given) if len(nodes) == 1 else None


def _passes_on(function: types.FunctionType) -> bool:
    """Whether it is a wrapper of steep's that passes all its arguments on, such as no_grad."""
    module = function.__globals__.get("__name__", "")
    return module in ("steep._grad_mode", "steep.compiler._methods") and "__wrapped__" in vars(
        function
    )


@lru_cache(maxsize=16)
def _functions_in(tree: ast.Module) -> dict[tuple[str, int], list[_Function]]:
    """The functions of a file by the name and first line that their code objects have."""
    found: dict[tuple[str, int], list[_Function]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            first = min([node.lineno, *(x.lineno for x in node.decorator_list)])
            found.setdefault((node.name, first), []).append(node)
        elif isinstance(node, ast.Lambda):
            found.setdefault(("<lambda>", node.lineno), []).append(node)
    return found


def _parameter(code: types.CodeType, place: int) -> str:
    """The name of a positional parameter, or ``''`` for one of many (``*args``)."""
    return code.co_varnames[place] if place < code.co_argcount else ""


def _other_use(node: _Function, name: str, function: types.FunctionType) -> int | None:
    """The line where a parameter is used for more than making tensors; None if there is none."""
    arguments = node.args
    if name not in {
        x.arg for x in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    }:
        return node.lineno
    body = node.body if isinstance(node.body, list) else [node.body]
    parts = _while_array(body, name, function)
    return next((line for part in parts for line in _uses(part, name, function)), None)


def _while_array(body: list[Any], name: str, function: types.FunctionType) -> Iterator[ast.AST]:
    """The code that may run while a variable is still the argument: up to where it is certain to
    get another value.
    """
    for statement in body:
        if isinstance(statement, ast.With):
            yield from statement.items
            inside = list(_while_array(statement.body, name, function))
            yield from inside
            # Other context managers may suppress an error that prevents the assignment.
            passes_on = all(_is_mode(item.context_expr, function) for item in statement.items)
            if passes_on and inside and inside[-1] is _END:
                return
        elif isinstance(statement, ast.Assign) and any(
            _is_set(target, name) for target in statement.targets
        ):
            yield statement.value
            # Evaluating one may use the variable before the next is set.
            for target in statement.targets:
                yield from _not_names(target)
            yield _END
            return
        else:
            yield statement


_END = ast.Pass()  # marks that the variable has another value from here on


def _is_set(target: ast.expr, name: str) -> bool:
    if isinstance(target, ast.Tuple | ast.List):
        return any(_is_set(part, name) for part in target.elts)
    return isinstance(target, ast.Name) and target.id == name


def _not_names(target: ast.expr) -> Iterator[ast.AST]:
    """What is set besides plain variables."""
    if isinstance(target, ast.Tuple | ast.List):
        for part in target.elts:
            yield from _not_names(part)
    elif not isinstance(target, ast.Name):
        yield target


def _is_mode(manager: ast.expr, function: types.FunctionType) -> bool:
    """Whether it is one of steep's grad modes, which do not suppress errors."""
    found = _found(manager.func, function) if isinstance(manager, ast.Call) else None
    return any(found is x for x in (no_grad, enable_grad, inference_mode))


def _uses(part: ast.AST, name: str, function: types.FunctionType) -> Iterator[int]:
    """Lines that use a variable for more than making a tensor of it, or asking for its shape."""
    allowed: set[ast.AST] = set()
    for node in ast.walk(part):
        if isinstance(node, SCOPES):  # in which the name may mean something else
            inside = (x for x in ast.walk(node) if isinstance(x, ast.Name) and x.id == name)
            yield from (x.lineno for x in inside)
        elif isinstance(node, ast.Call) and node.args and _takes_known(node.func, function):
            allowed.add(node.args[0])
        elif isinstance(node, ast.Attribute) and node.attr in _KNOWN:
            if isinstance(node.ctx, ast.Load):
                allowed.add(node.value)
        elif isinstance(node, ast.Compare) and _asks_for_none(node):
            allowed.add(node.left)
        elif isinstance(node, ast.Name) and node.id == name and node not in allowed:
            yield node.lineno


def _asks_for_none(node: ast.Compare) -> bool:
    """Whether it is `x is None` or `x is not None`."""
    right = node.comparators[0]
    is_none = isinstance(right, ast.Constant) and right.value is None
    return len(node.ops) == 1 and isinstance(node.ops[0], ast.Is | ast.IsNot) and is_none


def _takes_known(called: ast.expr, function: types.FunctionType) -> bool:
    """Whether the call is one of `len`, steep.tensor, as_tensor or from_numpy, by any name."""
    found = _found(called, function)
    return any(found is x for x in (*_MAKERS, len))


def _found(called: ast.expr, function: types.FunctionType) -> Any:
    """What a name, or an attribute of steep, refers to; None if that cannot be determined."""
    if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
        module = _variable(called.value.id, function)
        return vars(steep).get(called.attr) if module is steep else None
    return _variable(called.id, function) if isinstance(called, ast.Name) else None


def _variable(name: str, function: types.FunctionType) -> Any:
    """What a name refers to, if it is not a local variable."""
    code = function.__code__
    if name in code.co_varnames or name in code.co_cellvars:
        return None
    if name in code.co_freevars:
        cell = (function.__closure__ or ())[code.co_freevars.index(name)]
        return content_of(cell)
    return function.__globals__.get(name, vars(builtins).get(name))
