"""Finds which argument makes each call a new kind."""

from __future__ import annotations

import types
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from steep._core import Tensor
from steep.compiler._explain import one_of, shown
from steep.compiler._imported import is_ndarray
from steep.compiler._objects import attributes_of, is_a
from steep.compiler._symbolic import is_number

__all__ = ["Newcomers"]

# Objects, which rarely recur, are reported early; shapes and strings may be many and still recur.
# Must be powers of two: C++ asks at no other counts (`may_be_looked_at` in
# csrc/bindings/programs/compiled_call.cpp).
_FEW, _MANY = 16, 128
_LOOKED_AT = frozenset({_FEW - 1, _FEW, _MANY - 1, _MANY})
# The depth of nested containers, and the number of parts, that are looked at.
_DEEPEST, _MOST = 4, 4096

_Leaf = tuple[Any, ...]  # what is compared of a value
_ALWAYS = "{} is {} at every call, and each needs a recording of its own; {}"
_OF_NUMBERS = "pass a plain {0} ({0}(x)), whose value may change from call to call, or a tensor"
_OF_OBJECTS = (
    "pass the same object each time, or its contents as a tuple, list, dict, namespace or "
    "dataclass without __slots__"
)
_OF_TENSORS = "pad it to a few fixed shapes, or compile only what does not depend on its shape"
_OF_VALUES = "pass values that recur, or a tensor, or move what depends on it out of the function"


class Newcomers:
    """Says what is new in calls that are each of a new kind.

    Attributes:
        reason: what that was, or ``''`` before it was found.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.reason = ""
        self._function = function
        self._before: dict[str, _Leaf] = {}

    def see(self, args: tuple[Any, ...], kwargs: dict[str, Any], count: int) -> bool:
        """Look at some of the calls of new kinds; `count` of them came since the last replay.

        Returns whether it is to be said why each is of a new kind.
        """
        if count not in _LOOKED_AT:
            return False
        before, self._before = self._before, {}
        if count + 1 in _LOOKED_AT:
            self._before = dict(self._leaves(args, kwargs))
            return False
        if not before:  # that call did not come here: recordings are counted as well
            return False
        leaves = dict(self._leaves(args, kwargs))
        changed = [path for path in leaves if leaves[path] != before.get(path)]
        if count == _FEW:
            changed = [path for path in changed if leaves[path][0] in ("object", "subclass")]
        if changed:
            self.reason = _text(changed[0], leaves[changed[0]])
        return bool(changed)

    def _leaves(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[tuple[str, _Leaf]]:
        code = getattr(self._function, "__code__", None)
        names = code.co_varnames[: code.co_argcount] if isinstance(code, types.CodeType) else ()
        waiting = deque(
            (names[i] if i < len(names) else f"number {i + 1}", value, 0)
            for i, value in enumerate(args)
        )
        waiting += [(name, value, 0) for name, value in kwargs.items()]
        for _ in range(_MOST):
            if not waiting:
                return
            path, value, depth = waiting.popleft()
            parts = _parts(path, value) if depth < _DEEPEST else None
            if parts is None:
                yield path, _leaf(value)
            else:
                yield path, ("container", type(value), [label for label, _ in parts])
                waiting += [(label, part, depth + 1) for label, part in parts]


def _parts(path: str, value: Any) -> list[tuple[str, Any]] | None:
    """The parts of a container, each with its path; None if it is not a container."""
    kind = type(value)
    if issubclass(kind, dict):
        return [(f"{path}[{shown(key, 0)}]", part) for key, part in dict.items(value)]
    if type(value) is list or is_a(value, tuple):
        items: Any = tuple.__iter__(value) if is_a(value, tuple) else value
        return [(f"{path}[{i}]", part) for i, part in enumerate(items)]
    if issubclass(kind, types.SimpleNamespace) or hasattr(kind, "__dataclass_fields__"):
        values = attributes_of(value)
        if values is not None:
            return [(f"{path}.{name}", part) for name, part in values.items()]
    return None


def _leaf(value: Any) -> _Leaf:
    kind = type(value)
    if is_a(value, Tensor):
        state = (value.requires_grad, value.is_leaf)
        return "tensor", value.dtype, tuple(value.shape), value.stride(), state
    if is_ndarray(value):
        return "array", value.dtype.str, value.shape, value.strides
    if is_number(value) or value is None or kind in (bool, complex, str, bytes):
        return "value", kind, shown(value)
    if issubclass(kind, int | float):
        plain = float if issubclass(kind, float) else int
        return "subclass", kind, shown(plain.__pos__(value)), id(value), plain
    return "object", kind, id(value)


def _text(path: str, leaf: _Leaf) -> str:
    what = leaf[0]
    if what in ("tensor", "array"):
        name = f"{one_of(what)} of another shape"
        return _ALWAYS.format(f"its argument {path}", name, _OF_TENSORS)
    if what == "value":
        return _ALWAYS.format(f"its argument {path}", f"another {leaf[1].__name__}", _OF_VALUES)
    if what == "container":
        name = f"{one_of(leaf[1].__name__)} of another length, or with other keys"
        return _ALWAYS.format(f"its argument {path}", name, _OF_VALUES)
    name = f"another {leaf[1].__name__}"
    mend = _OF_NUMBERS.format(leaf[4].__name__) if what == "subclass" else _OF_OBJECTS
    return _ALWAYS.format(f"its argument {path}", name, mend)
