"""What a function reads by name: replaced objects there make it another function."""

from __future__ import annotations

import types
from typing import Any

__all__ = ["names_read"]


def names_read(function: Any) -> list[tuple[Any, str | None, Any]]:
    """Cells of the closure as (cell, None, contents), and globals as (globals, name, value).

    Followed into plain functions that are met on the way and belong to the same module, not into
    methods: attributes of modules are watched by other means.
    """
    found: list[tuple[Any, str | None, Any]] = []
    seen: set[int] = set()
    waiting = [function]
    while waiting:
        function = getattr(waiting.pop(), "__func__", None) or function
        function = getattr(function, "__wrapped__", function)
        code = getattr(function, "__code__", None)
        if code is None or id(function) in seen:
            continue
        seen.add(id(function))
        for cell in function.__closure__ or ():
            try:
                found.append((cell, None, cell.cell_contents))
            except ValueError:  # not assigned yet
                continue
        names = function.__globals__
        for name in code.co_names:
            if name in names:
                found.append((names, name, names[name]))
        waiting += [
            value
            for _, _, value in found
            if isinstance(value, types.FunctionType) and value.__globals__ is names
        ]
    return found
