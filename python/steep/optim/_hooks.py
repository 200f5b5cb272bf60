"""Hooks of optimisers: before and after steps, `state_dict` and `load_state_dict`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from steep._core import call_with_item, note_hook, refuse_recording
from steep._layers import followers, step_in_phase
from steep.nn._hooks import RemovableHandle, insert_hook

__all__ = [
    "HookedOptimizer",
    "hooked",
    "hooks_of_all_steps",
    "register_optimizer_step_post_hook",
    "register_optimizer_step_pre_hook",
]

_F = TypeVar("_F", bound=Callable[..., Any])
_Table = Mapping[int, tuple[str, Callable[..., Any]]]  # a hook's number -> its kind, the hook

hooks_of_all_steps: dict[int, tuple[str, Callable[..., Any]]] = {}


def register_optimizer_step_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(optimizer, args, kwargs)`` before every step of every optimiser.

    Returns:
        A handle whose ``remove()`` takes the hook off.
    """
    return _add_step_hook(hooks_of_all_steps, "pre", hook)


def register_optimizer_step_post_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(optimizer, args, kwargs)`` after every step of every optimiser.

    Returns:
        A handle whose ``remove()`` takes the hook off.
    """
    return _add_step_hook(hooks_of_all_steps, "post", hook)


def _add_step_hook(
    table: dict[int, tuple[str, Callable[..., Any]]], kind: str, hook: Callable[..., Any]
) -> RemovableHandle:
    # Replays compare the hooks there are with those of the steps recorded, not of the beginning.
    refuse_recording("it registers a hook of an optimizer; register it outside the function")
    return insert_hook(table, (kind, hook))


def _of_kind(table: _Table, kind: str) -> Iterator[Callable[..., Any]]:
    """Its hooks of one kind, as they are now, each about to be called."""
    for entry in list(table.values()):
        if entry[0] == kind:
            note_hook(entry[1])
            yield entry[1]


def hooked(step: _F, note: Callable[[Any], None] | None = None) -> _F:
    """`step` between the step hooks, which run once even if it calls super().step().

    `note` is called with the optimiser first.
    """

    @functools.wraps(step)
    def wrapper(self: HookedOptimizer, *args: Any, **kwargs: Any) -> Any:
        if note is not None:
            note(self)
        call = functools.partial(step_in_phase, step) if followers else step
        if self._in_step or not (self._step_hooks or hooks_of_all_steps):
            return call(self, *args, **kwargs)
        given = (self, step, call, args, kwargs)
        return call_with_item(self.__dict__, "_in_step", True, _between_hooks, given, {})

    return wrapper  # type: ignore[return-value]


def _between_hooks(
    optimizer: HookedOptimizer,
    step: Callable[..., Any],
    call: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    args = (optimizer, *args)  # as hooks are given them
    for table in (hooks_of_all_steps, optimizer._step_hooks):
        for hook in _of_kind(table, "pre"):
            changed = hook(optimizer, args, kwargs)
            if changed is None:
                continue
            if not (isinstance(changed, tuple) and len(changed) == 2):
                raise RuntimeError(
                    f"{step} must return None or a tuple of (new_args, new_kwargs), "
                    f"but got {changed}."
                )
            args, kwargs = changed
            if not args or args[0] is not optimizer:
                args = (optimizer, *args)
    out = call(*args, **kwargs)
    for table in (optimizer._step_hooks, hooks_of_all_steps):
        for hook in _of_kind(table, "post"):
            hook(optimizer, args, kwargs)
    return out


class HookedOptimizer:
    """What an optimiser does with hooks. Nothing here needs an `__init__` to have run."""

    _in_step = False
    # Whether a step was taken since the first schedule was made; None before that.
    _opt_called: bool | None = None
    _step_hooks: _Table = MappingProxyType({})
    _state_hooks: _Table = MappingProxyType({})

    def _patch_step_function(self) -> None:
        """Nothing: every `step` that a class defines runs between its hooks."""

    def step_hooks(self) -> list[Any]:
        """Kinds and hooks of all that run before or after its steps, in turn."""
        if not (self._step_hooks or hooks_of_all_steps):
            return []
        own, others = self._step_hooks.values(), hooks_of_all_steps.values()
        return [part for table in (others, own) for entry in list(table) for part in entry]

    def _add_state_hook(
        self, kind: str, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        table = self.__dict__.setdefault("_state_hooks", {})
        return insert_hook(table, (kind, hook), prepend)

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` before every step.

        `args` begin with the optimiser itself. It may return ``(args, kwargs)`` to replace the
        arguments of `step`.
        """
        return _add_step_hook(self.__dict__.setdefault("_step_hooks", {}), "pre", hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` after every step."""
        return _add_step_hook(self.__dict__.setdefault("_step_hooks", {}), "post", hook)

    def register_state_dict_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer)`` before `state_dict` collects anything.

        With `prepend` it is called before those that are there already.
        """
        return self._add_state_hook("state_dict_pre", hook, prepend)

    def register_state_dict_post_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` with what `state_dict` is about to return.

        It may change it, or return another to take its place.
        """
        return self._add_state_hook("state_dict_post", hook, prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` before `load_state_dict` looks at it.

        It is given a shallow copy, which it may change, or return another to take its place.
        """
        return self._add_state_hook("load_state_dict_pre", hook, prepend)

    def register_load_state_dict_post_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer)`` after `load_state_dict` has loaded everything."""
        return self._add_state_hook("load_state_dict_post", hook, prepend)

    def _pass_state_hooks(self, kind: str, *args: Any) -> Any:
        """Call the hooks of a kind; the last argument, or what a hook has put in its place."""
        for hook in _of_kind(self._state_hooks, kind):
            changed = hook(self, *args)
            if changed is not None and args:
                args = (changed,)
        return args[-1] if args else None
