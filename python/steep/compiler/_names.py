"""What a function reads by name: replaced objects there make it another function."""

from __future__ import annotations

import functools
import types
from typing import Any

from steep.nn.module import Module

__all__ = ["names_read"]


def names_read(function: Any) -> list[tuple[Any, str | None, Any]]:
    """Cells of the closure as (cell, None, contents), and globals as (globals, name, value).

    Followed into functions that are met on the way and belong to the same file, and into what
    modules run; attributes of modules are watched by other means.
    """
    found: list[tuple[Any, str | None, Any]] = []
    seen: set[int] = set()
    waiting = [function]
    while waiting:
        plain = _plain(waiting.pop())
        if not isinstance(plain, types.FunctionType) or id(plain) in seen:
            waiting += _forwards(plain, seen)
            continue
        seen.add(id(plain))
        for cell in plain.__closure__ or ():
            try:
                found.append((cell, None, cell.cell_contents))
                waiting.append(cell.cell_contents)
            except ValueError:  # not assigned yet
                continue
        names = plain.__globals__
        for name in _names_in(plain.__code__):
            if name in names:
                value = names[name]
                found.append((names, name, value))
                if getattr(_plain(value), "__globals__", names) is names:
                    waiting.append(value)
    return found


def _plain(function: Any) -> Any:
    """The function inside a method, a partial, a wrapper or an object with __call__."""
    for _ in range(16):
        if isinstance(function, functools.partial):
            function = function.func
        elif isinstance(function, types.MethodType):
            owner = function.__self__
            function = owner if isinstance(owner, Module) else function.__func__
        elif hasattr(function, "__wrapped__"):
            function = function.__wrapped__
        else:
            break
    return function


def _forwards(owner: Any, seen: set[int]) -> list[Any]:
    """What a module runs when it is called: its forward, and those of the modules in it."""
    if not isinstance(owner, Module) or id(owner) in seen:
        return []
    seen.add(id(owner))
    classes = {type(module) for module in owner.modules()}
    return [
        forward
        for cls in classes
        if isinstance(forward := getattr(cls, "forward", None), types.FunctionType)
        and not forward.__module__.startswith("steep.")
    ]


def _names_in(code: types.CodeType) -> set[str]:
    """The names that code reads, that of comprehensions and functions inside it as well."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _names_in(constant)
    return names
