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


class _Roots:
    """The names of the outermost modules, remembered from call to call.

    Modules are known by id; each entry holds its module, so that no other can get the id. Threads
    share one, without a lock, which an error might leave taken: what is there is looked up, and a
    name is claimed, in one step each.
    """

    def __init__(self) -> None:
        self.roots: dict[int, tuple[Layer, str]] = {}
        self.claims: dict[str, Layer] = {}  # whose a root's name is

    def path(self, module: Layer) -> str:
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


def paths_below(parent: Layer) -> dict[int, str]:
    """The paths of `named_modules`, by the id of the module.

    Not asked of the modules themselves: a recorded call listens to their code as to all others',
    and would follow what it reads. Their code runs under a profiler then, which makes each call
    dear: there are few here, and so in `in_layer`.
    """
    paths = {id(parent): ""}
    above = [("", iter(parent._modules.items()))]
    while above:
        prefix, children = above[-1]
        for name, child in children:
            if child is None or (key := id(child)) in paths:
                continue
            paths[key] = path = prefix + name
            if child._modules:
                above.append((path + ".", iter(child._modules.items())))
                break
        else:
            above.pop()
    return paths


# The number of the change up to which they hold, and what `paths_below` found, by the id of the
# parent. Nothing holds the modules: one that gets the id of another is a change itself.
_below: tuple[int, dict[int, dict[int, str]]] = (-1, {})


def _known_below(parent: Layer) -> dict[int, str]:
    global _below
    known = _below
    if known[0] != _changed:
        known = _below = (_changed, {})  # before the modules are asked: they may change meanwhile
    paths = known[1].get(id(parent))
    if paths is None:
        paths = known[1][id(parent)] = paths_below(parent)
    return paths


class _Thread(threading.local):
    def __init__(self) -> None:
        self.stack: list[in_layer] = []


_thread = _Thread()
_roots = _Roots()
_profiles: list[None] = []  # an entry for each follower that wants ranges


def follow() -> None:
    """Note layers and phases from now on; to be taken back by `unfollow`."""
    begin_anew()
    follow_sites()
    followers.append(None)
    _profiles.append(None)


def begin_anew() -> None:
    """Forget what an interrupted call has left in this thread, if there are no followers."""
    if not followers:
        _thread.stack.clear()
        set_layer(None)
        set_phase("forward")


def unfollow() -> None:
    """Take back one `follow`; the last lets go of the modules seen."""
    _profiles.pop()
    followers.pop()
    unfollow_sites()
    let_go()


def let_go() -> None:
    """Let go of the modules seen, if there are no followers any more."""
    global _roots
    if not followers:
        _roots = _Roots()


class in_layer:  # noqa: N801  # reads as a clause: with in_layer(module)
    """What is launched inside comes from `module`, called by the module around it.

    Args:
        module: the module whose forward runs.
        fused: a sibling whose work the same launches do; the layer is then called ``'0+1'``.
    """

    __slots__ = ("before", "below", "label", "module", "path", "stack", "start", "version")

    def __init__(self, module: Layer, fused: Layer | None = None) -> None:
        self.module = module
        self.version = -1  # what is below it is not known yet
        self.stack = stack = _thread.stack
        self.path = path = stack[-1].path_of(module) if stack else _roots.path(module)
        self.label = path or type(module).__name__
        if fused is not None:
            other = stack[-1].path_of(fused) if stack else _roots.path(fused)
            self.label += "+" + other.rpartition(".")[2]
        stack.append(self)

    def path_of(self, child: Layer) -> str:
        """The path of a module that is called inside this one."""
        if self.version != _changed:
            self.version, self.below = _changed, _known_below(self.module)
        below, key = self.below, id(child)
        name = below[key] if key in below else type(child).__name__
        return f"{self.path}.{name}" if self.path and name else self.path or name

    def __enter__(self) -> None:
        self.before = set_layer(self.label)
        self.start = profile_range_start() if _profiles else 0

    def __exit__(self, *exc: object) -> None:
        if self.start:
            profile_range_end("layer", self.label, self.start)
        set_layer(self.before)
        self.stack.pop()


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
        self.start = profile_range_start() if _profiles else 0

    def __exit__(self, *exc: object) -> None:
        if self.label is not None and self.start:
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
