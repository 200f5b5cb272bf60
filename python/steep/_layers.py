"""Which layer and phase the launches of a thread come from, noted while there are followers.

Followers are profiles, and recordings whose replays a profile is to attribute to layers. Without
any, a module's call costs one look at an empty list.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from steep._core import (
    follow_sites,
    profile_range_end,
    profile_range_start,
    set_layer,
    set_phase,
    unfollow_sites,
)

__all__ = ["follow", "followers", "in_layer", "in_phase", "step_in_phase", "unfollow"]

# One entry for each follower; never another list, for modules import it by name.
followers: list[None] = []

_changes = itertools.count(1)
_changed = 0  # the number of the latest change of any module's members


def note_members_changed() -> int:
    """Forget which names modules have below others; returns a number never returned before."""
    global _changed
    _changed = number = next(_changes)
    return number


class Layer(Protocol):
    """What is asked of a module here: its children by name."""

    @property
    def _modules(self) -> Mapping[str, Any]: ...


class _Names:
    """The paths of modules, remembered from call to call.

    Modules are known by id; each entry holds its module, so that no other can get the id. Threads
    share one, without a lock, which an error might leave taken: what is there is looked up, and a
    name is claimed, in one step each. What is below a module is known until members of some
    module change, and then asked anew.
    """

    def __init__(self) -> None:
        self.roots: dict[int, tuple[Layer, str]] = {}
        self.claims: dict[str, Layer] = {}  # whose a root's name is
        self.below: dict[int, tuple[Layer, int, dict[int, str]]] = {}

    def path(self, stack: list[tuple[Layer, str]], module: Layer) -> str:
        """The path of a module that is called inside those on the stack; '' for the root."""
        if not stack:
            return self._root(module)
        parent, prefix = stack[-1]
        name = self._below(parent).get(id(module), type(module).__name__)
        return f"{prefix}.{name}" if prefix and name else prefix or name

    def _root(self, module: Layer) -> str:
        """'' for the first tree of modules, so that paths are those of its `named_modules`."""
        known = self.roots.get(id(module))
        if known is not None:
            return known[1]
        if not module._modules:
            return ""
        prefix, number = "", 1
        while self.claims.setdefault(prefix, module) is not module:
            prefix = type(module).__name__ + (f"#{number}" if number > 1 else "")
            number += 1
        return self.roots.setdefault(id(module), (module, prefix))[1]

    def _below(self, parent: Layer) -> dict[int, str]:
        version = _changed  # before the modules are asked: they may change meanwhile
        known = self.below.get(id(parent))
        if known is None or known[1] != version:
            known = self.below[id(parent)] = (parent, version, paths_below(parent))
        return known[2]


def paths_below(parent: Layer) -> dict[int, str]:
    """The paths of `named_modules`, by the id of the module.

    Not asked of the modules themselves: a recorded call listens to their code as to all others',
    and would follow what it reads.
    """
    paths: dict[int, str] = {}
    waiting: list[tuple[str, Layer]] = [("", parent)]
    while waiting:
        path, module = waiting.pop()
        if id(module) in paths:
            continue
        paths[id(module)] = path
        below = [(name, x) for name, x in module._modules.items() if x is not None]
        waiting += [(f"{path}.{name}" if path else name, x) for name, x in reversed(below)]
    return paths


class _Thread(threading.local):
    def __init__(self) -> None:
        self.stack: list[tuple[Layer, str]] = []


_thread = _Thread()
_names = _Names()


def follow() -> None:
    """Note layers and phases from now on; to be taken back by `unfollow`."""
    begin_anew()
    follow_sites()
    followers.append(None)


def begin_anew() -> None:
    """Forget what an interrupted call has left in this thread, if there are no followers."""
    if not followers:
        _thread.stack.clear()
        set_layer(None)
        set_phase("forward")


def unfollow() -> None:
    """Take back one `follow`; the last lets go of the modules seen."""
    followers.pop()
    unfollow_sites()
    let_go()


def let_go() -> None:
    """Let go of the modules seen, if there are no followers any more."""
    global _names
    if not followers:
        _names = _Names()


class in_layer:  # noqa: N801  # reads as a clause: with in_layer(module)
    """What is launched inside comes from `module`, called by the module around it.

    Args:
        module: the module whose forward runs.
        fused: a sibling whose work the same launches do; the layer is then called ``'0+1'``.
    """

    __slots__ = ("before", "label", "start")

    def __init__(self, module: Layer, fused: Layer | None = None) -> None:
        stack = _thread.stack
        path = _names.path(stack, module)
        self.label = path or type(module).__name__
        if fused is not None:
            self.label += "+" + _names.path(stack, fused).rpartition(".")[2]
        stack.append((module, path))

    def __enter__(self) -> None:
        self.before = set_layer(self.label)
        self.start = profile_range_start()

    def __exit__(self, *exc: object) -> None:
        profile_range_end("layer", self.label, self.start)
        set_layer(self.before)
        _thread.stack.pop()


class in_phase:  # noqa: N801
    """What is launched inside belongs to a phase: 'forward', 'backward' or 'optimizer'.

    Args:
        phase: which.
        label: what a trace calls the range; ``None`` for no range.
    """

    __slots__ = ("before", "label", "phase", "start")

    def __init__(self, phase: str, label: str | None = None) -> None:
        self.phase = phase
        self.label = label

    def __enter__(self) -> None:
        self.before = set_phase(self.phase)
        self.start = profile_range_start()

    def __exit__(self, *exc: object) -> None:
        if self.label is not None:
            profile_range_end("phase", self.label, self.start)
        set_phase(self.before)


def step_in_phase(step: Callable[..., Any], optimizer: Any, *args: Any, **kwargs: Any) -> Any:
    """An optimiser's `step` as a phase of its own, but for what a closure does."""

    def outside(value: Any) -> Any:
        if not callable(value):
            return value

        def closure() -> Any:
            with in_phase("forward"):
                return value()

        return closure

    given = {name: outside(value) for name, value in kwargs.items()}
    with in_phase("optimizer", f"{type(optimizer).__name__}.step"):
        return step(optimizer, *map(outside, args), **given)
