"""Hooks of modules: their registration, and the call with hooks."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from steep._core import refuse_recording
from steep.nn._border import Border, hook_last_node
from steep.nn._hook_tables import ModuleHooks, RemovableHandle, everywhere, insert_hook

__all__ = ["HookedModule", "RemovableHandle", "insert_hook"]


class HookedModule:
    """What a module is called with: `forward`, and the hooks around it."""

    _hooks: ModuleHooks | None

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; every subclass defines it."""
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function'
        )

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` before every `forward`.

        What it returns, unless ``None``, replaces the arguments. With `with_kwargs` it is called
        as ``hook(module, args, kwargs)`` and may return ``(args, kwargs)``.

        Returns:
            A handle whose ``remove()`` takes the hook off.
        """
        return self._add_hook("forward_pre", (hook, with_kwargs), prepend)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after every `forward`.

        What it returns, unless ``None``, replaces the output. With `with_kwargs` it is called as
        ``hook(module, args, kwargs, output)``; with `always_call` also when `forward` raised.

        Returns:
            A handle whose ``remove()`` takes the hook off.
        """
        return self._add_hook("forward", (hook, with_kwargs, always_call), prepend)

    def register_full_backward_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` when gradients reach the inputs.

        Both are tuples, with ``None`` for what takes no gradient. A tuple returned by the hook
        replaces `grad_input`.

        Returns:
            A handle whose ``remove()`` takes the hook off.

        Example:
            >>> import steep
            >>> layer = steep.nn.Tanh()
            >>> seen = []
            >>> handle = layer.register_full_backward_hook(
            ...     lambda module, grad_input, grad_output: seen.append(grad_output[0].item()))
            >>> layer(steep.zeros(1, requires_grad=True)).sum().backward()
            >>> seen
            [1.0]
        """
        self._refuse_both("last_node")
        return self._add_hook("backward", hook, prepend)

    def register_backward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` at the node that made the result.

        PyTorch's first form, deprecated there: `grad_input` are the gradients of that node's
        inputs, which are the module's own only where it is a single operation. Use
        `register_full_backward_hook`.

        Returns:
            A handle whose ``remove()`` takes the hook off.

        Raises:
            RuntimeError: if the module has full backward hooks.
        """
        self._refuse_both("backward")
        return self._add_hook("last_node", hook, False)

    def _refuse_both(self, other: str) -> None:
        if self._hooks is not None and getattr(self._hooks, other):
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single "
                "Module. Please use only one of them."
            )

    def register_full_backward_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` before the module's gradients are computed.

        A tuple returned by the hook replaces `grad_output`.

        Returns:
            A handle whose ``remove()`` takes the hook off.
        """
        return self._add_hook("backward_pre", hook, prepend)

    def _add_hook(self, kind: str, entry: Any, prepend: bool) -> RemovableHandle:
        """Register `entry` under `kind` ('forward', 'forward_pre', 'backward', 'backward_pre')."""
        hooks = self._hooks
        if hooks is None:
            hooks = self.__dict__["_hooks"] = ModuleHooks()
        table: dict[int, Any] = getattr(hooks, kind)
        owner = weakref.ref(self)

        def drop_if_empty() -> None:
            live = owner()
            if live is not None:
                live._drop_hooks_if_empty()

        return insert_hook(table, entry, prepend, drop_if_empty)

    def _drop_hooks_if_empty(self) -> None:
        if not self._hooks and "forward" not in self.__dict__:
            self.__dict__["_hooks"] = None

    def _drop_forward_pre_hook(self, fits: Callable[[Any], bool]) -> None:
        """Take off the hooks before `forward` that are like this, also those of a copy."""
        table = {} if self._hooks is None else self._hooks.forward_pre
        for number in [number for number, (hook, _) in table.items() if fits(hook)]:
            del table[number]
        self._drop_hooks_if_empty()

    def _replace_forward(self, forward: Any) -> None:
        """Set a `forward` on the module itself: no shortcut may pass it by from now on.

        An entry without hooks sends every call through `call_with_hooks`, which looks it up.
        """
        self.__dict__["forward"] = forward
        if self.__dict__["_hooks"] is None:
            self.__dict__["_hooks"] = ModuleHooks()


def call_with_hooks(module: HookedModule, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`module.forward` between its hooks, in the order PyTorch runs them: those of all first."""
    hooks: ModuleHooks = module.__dict__["_hooks"] or _NONE
    forward = [*everywhere.forward.items(), *hooks.forward.items()]
    if any(always for _, (_, _, always) in forward):  # also where a replay would raise
        refuse_recording(f"a hook of a {type(module).__name__} is registered with always_call=True")
    done: set[int] = set()
    result: Any = None
    try:
        args, kwargs = _run_forward_pre(module, hooks, args, kwargs)
        border = None
        if hooks.backward or hooks.backward_pre or everywhere.backward or everywhere.backward_pre:
            border = Border(module, hooks)
            args = border.enter(args)
        result = module.forward(*args, **kwargs)
        # Read again: the call may have registered others.
        for number, (hook, with_kwargs, _always) in [
            *everywhere.forward.items(),
            *hooks.forward.items(),
        ]:
            done.add(number)
            changed = (
                hook(module, args, kwargs, result) if with_kwargs else hook(module, args, result)
            )
            if changed is not None:
                result = changed
        if border is not None:
            result = border.leave(result)
        if hooks.last_node or everywhere.last_node:
            last = [*everywhere.last_node.values(), *hooks.last_node.values()]
            hook_last_node(module, last, result)
        return result
    except Exception:
        for number, (hook, with_kwargs, always) in [
            *everywhere.forward.items(),
            *hooks.forward.items(),
        ]:
            if always and number not in done:
                if with_kwargs:
                    hook(module, args, kwargs, result)
                else:
                    hook(module, args, result)
        raise


_NONE = ModuleHooks()


def _run_forward_pre(
    module: HookedModule, hooks: ModuleHooks, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    for hook, with_kwargs in [*everywhere.forward_pre.values(), *hooks.forward_pre.values()]:
        changed = hook(module, args, kwargs) if with_kwargs else hook(module, args)
        if changed is None:
            continue
        if not with_kwargs:
            args = changed if isinstance(changed, tuple) else (changed,)
        elif isinstance(changed, tuple) and len(changed) == 2:
            args, kwargs = changed
        else:
            raise RuntimeError(
                "forward pre-hook must return None or a tuple of (new_args, new_kwargs), "
                f"but got {changed}."
            )
    return args, kwargs
