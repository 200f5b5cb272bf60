"""Tables of hooks, of one module or of all, and the handles that take hooks off again."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from steep._core import demand_eager, set_items
from steep._layers import follow, unfollow

__all__ = [
    "ModuleHooks",
    "RemovableHandle",
    "add_hook_everywhere",
    "any_everywhere",
    "everywhere",
    "insert_hook",
    "registered",
    "registrations",
]

_ids = itertools.count()


class RemovableHandle:
    """Returned by every `register_*_hook`; `remove()` takes the hook off again.

    Also a context manager that removes the hook at the end of the block.

    Example:
        >>> import steep
        >>> layer = steep.nn.Identity()
        >>> handle = layer.register_forward_hook(lambda module, args, out: out * 2)
        >>> layer(steep.ones(1)).item()
        2.0
        >>> handle.remove()
        >>> layer(steep.ones(1)).item()
        1.0
    """

    def __init__(self, hooks: dict[int, Any], on_change: Callable[[], None] | None = None) -> None:
        self.id = next(_ids)
        self._hooks: dict[int, Any] | None = hooks
        self._on_change = on_change

    def remove(self) -> None:
        """Take the hook off; calling it again does nothing."""
        taken = None if self._hooks is None else self._hooks.pop(self.id, None)
        if taken is not None and self._on_change is not None:
            self._on_change()
        self._hooks = None

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def insert_hook(
    table: dict[int, Any],
    entry: Any,
    prepend: bool = False,
    on_removal: Callable[[], None] | None = None,
) -> RemovableHandle:
    """Put `entry` into a table of hooks, in one go; first in it with `prepend`, else last."""
    handle = RemovableHandle(table, on_removal)
    changes: list[tuple[Any, ...]] = [(table, handle.id, entry)]
    if prepend:
        later = list(table.items())
        changes = [(table, key) for key, _ in later] + changes
        changes += [(table, key, value) for key, value in later]
    set_items(changes)
    return handle


class ModuleHooks:
    """The hooks of one module, by kind. Most modules never have one, and then hold none of this."""

    def __init__(self) -> None:
        self.forward_pre: dict[int, tuple[Callable[..., Any], bool]] = {}
        self.forward: dict[int, tuple[Callable[..., Any], bool, bool]] = {}
        self.backward_pre: dict[int, Callable[..., Any]] = {}
        self.backward: dict[int, Callable[..., Any]] = {}
        self.last_node: dict[int, Callable[..., Any]] = {}  # register_backward_hook's

    def __bool__(self) -> bool:
        kinds = (self.forward_pre, self.forward, self.backward_pre, self.backward, self.last_node)
        return any(kinds)


# Of all modules. While there are any, `followers` sends every call through `call_with_hooks`.
everywhere = ModuleHooks()

# Holds one entry while there are any: a call asks a list, which runs no code of Python's. Never
# another list, for modules import it by name.
any_everywhere: list[None] = []


def _follow_everywhere() -> None:
    """Let every call of a module be looked at while there are hooks of all, and no longer."""
    if bool(everywhere) == bool(any_everywhere):
        return
    if everywhere:
        any_everywhere.append(None)
        demand_eager(1)
        follow()
    else:
        any_everywhere.clear()
        demand_eager(-1)
        unfollow()


def add_hook_everywhere(kind: str, entry: Any) -> RemovableHandle:
    """Register a hook of all modules: an entry of `ModuleHooks`."""
    handle = insert_hook(getattr(everywhere, kind), entry, False, _follow_everywhere)
    _follow_everywhere()
    return handle


# Called when something becomes a member of any module, by kind.
registrations: dict[str, dict[int, Callable[..., Any]]] = {
    "parameter": {},
    "buffer": {},
    "module": {},
}


def registered(kind: str, module: Any, name: str, value: Any) -> Any:
    """What becomes a member of a module: the value, or what a hook gives for it."""
    for hook in list(registrations[kind].values()):
        changed = hook(module, name, value)
        if changed is not None:
            value = changed
    return value
