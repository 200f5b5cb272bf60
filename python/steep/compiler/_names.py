"""What a function reads by name: replaced objects there make it another function."""

from __future__ import annotations

import dis
import functools
import types
from typing import Any

from steep._core import Tensor
from steep.nn.module import Module
from steep.optim.optimizer import Optimizer

__all__ = ["names_read"]


def names_read(function: Any) -> list[tuple[Any, str | None, Any]]:
    """Cells of the closure as (cell, None, contents), the rest as (dict, name, value).

    Followed into functions that are met on the way and belong to the same file, into what modules
    run, and into attributes of plain objects; those of modules are watched by other means.
    """
    search = _Search()
    search.add(function)
    return search.run()


class _Search:
    def __init__(self) -> None:
        self.found: list[tuple[Any, str | None, Any]] = []
        self.seen: set[int] = set()
        self.waiting: list[types.FunctionType] = []

    def run(self) -> list[tuple[Any, str | None, Any]]:
        while self.waiting:
            self._read(self.waiting.pop())
        return self.found

    def add(self, item: Any) -> None:
        """Something that may be called: a function in whatever it is wrapped."""
        for _ in range(16):
            if isinstance(item, functools.partial):
                item = item.func
            elif isinstance(item, types.MethodType):
                owner = item.__self__
                item = owner if isinstance(owner, Module) else item.__func__
                self._attributes(owner, item)
            elif hasattr(item, "__wrapped__"):
                instance = getattr(item, "_instance", None)  # of a method of a weak instance
                item = item.__wrapped__
                self._attributes(instance() if instance else None, item)
            else:
                break
        if isinstance(item, Module):
            self._forwards(item)
        elif isinstance(item, types.FunctionType) and id(item) not in self.seen:
            self.seen.add(id(item))
            self.waiting.append(item)

    def _read(self, function: types.FunctionType) -> None:
        for cell in function.__closure__ or ():
            try:
                self._value(cell, None, cell.cell_contents, function)
            except ValueError:  # not assigned yet
                continue
        names = function.__globals__
        for name in _names_in(function.__code__)[0]:
            if name in names:
                self._value(names, name, names[name], function)

    def _value(self, holder: Any, name: str | None, value: Any, reader: types.FunctionType) -> None:
        self.found.append((holder, name, value))
        if getattr(value, "__globals__", reader.__globals__) is reader.__globals__:
            self.add(value)
        self._attributes(value, reader)

    def _attributes(self, owner: Any, reader: Any) -> None:
        """What a function reads of a plain object, and of the plain objects in it."""
        if isinstance(owner, _NOT_PLAIN) or not isinstance(reader, types.FunctionType):
            return
        attributes = getattr(owner, "__dict__", None)
        if type(attributes) is not dict or (key := hash((id(owner), id(reader)))) in self.seen:
            return
        self.seen.add(key)
        for name in _names_in(reader.__code__)[1]:
            if name in attributes:
                self._value(attributes, name, attributes[name], reader)
            elif isinstance(method := getattr(type(owner), name, None), types.FunctionType):
                self.add(types.MethodType(method, owner))

    def _forwards(self, owner: Module) -> None:
        """What a module runs when it is called: its forward, and those of the modules in it."""
        if id(owner) in self.seen:
            return
        self.seen.add(id(owner))
        for cls in {type(module) for module in owner.modules()}:
            forward = getattr(cls, "forward", None)
            if not getattr(forward, "__module__", "steep.").startswith("steep."):
                self.add(forward)


_NOT_PLAIN = (type, type(None), types.ModuleType, types.FunctionType, Module, Optimizer, Tensor)


@functools.lru_cache(maxsize=1024)
def _names_in(code: types.CodeType) -> tuple[frozenset[str], frozenset[str]]:
    """The names that code reads as globals, and all others, such as those of attributes.

    Those of comprehensions and functions inside it as well.
    """
    loaded, others = set(), set()
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            loaded.add(step.argval)
        elif step.arg is not None and step.opcode in dis.hasname:
            others.add(step.argval)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            inner = _names_in(constant)
            loaded |= inner[0]
            others |= inner[1]
    return frozenset(loaded), frozenset(others)
