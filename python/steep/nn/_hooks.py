"""Hooks of modules: registration handles, the call with hooks, gradients at a module's border."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from steep._core import Tensor, cat, refuse_recording, set_items

__all__ = ["HookedModule", "RemovableHandle"]

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

    def __bool__(self) -> bool:
        return bool(self.forward_pre or self.forward or self.backward_pre or self.backward)


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
        return self._add_hook("backward", hook, prepend)

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
    """`module.forward` between its hooks, in the order PyTorch runs them."""
    hooks: ModuleHooks = module.__dict__["_hooks"]
    if any(always for _, _, always in hooks.forward.values()):  # also where a replay would raise
        refuse_recording(f"a hook of a {type(module).__name__} is registered with always_call=True")
    done: set[int] = set()
    result: Any = None
    try:
        args, kwargs = _run_forward_pre(module, hooks, args, kwargs)
        border = None
        if hooks.backward or hooks.backward_pre:
            border = _Border(module, hooks)
            args = border.enter(args)
        result = module.forward(*args, **kwargs)
        for number, (hook, with_kwargs, _always) in list(hooks.forward.items()):
            done.add(number)
            changed = (
                hook(module, args, kwargs, result) if with_kwargs else hook(module, args, result)
            )
            if changed is not None:
                result = changed
        return border.leave(result) if border is not None else result
    except Exception:
        for number, (hook, with_kwargs, always) in list(hooks.forward.items()):
            if always and number not in done:
                if with_kwargs:
                    hook(module, args, kwargs, result)
                else:
                    hook(module, args, result)
        raise


def _run_forward_pre(
    module: HookedModule, hooks: ModuleHooks, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    for hook, with_kwargs in list(hooks.forward_pre.values()):
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


class _Border:
    """Watches the gradients that cross a module's outputs and inputs in one call of it.

    All differentiable tensors on one side pass through one new node, whose gradient therefore
    arrives once, complete, and without what other users of the same tensors contribute.
    """

    def __init__(self, module: HookedModule, hooks: ModuleHooks) -> None:
        self.module = module
        self.hooks = hooks
        self.grad_output: tuple[Tensor | None, ...] = ()
        self.has_input = False

    def enter(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, with a hook for their gradients; to be passed to forward."""
        passed, self.has_input = _through_one_node(args, self._at_input)
        self.input_count = len(args)
        return passed

    def leave(self, result: Any) -> Any:
        """The result of forward, with a hook for its gradients."""
        if isinstance(result, tuple):
            return _through_one_node(result, self._at_output)[0]
        if isinstance(result, Tensor):
            return _through_one_node((result,), self._at_output)[0][0]
        return result

    def _at_output(self, grads: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        for hook in list(self.hooks.backward_pre.values()):
            changed = hook(self.module, grads)
            if changed is not None:
                grads = _checked(changed, grads, "backward pre-hook", "grad_output")
        self.grad_output = grads
        if not self.has_input:
            self._run_backward((None,) * self.input_count)
        return grads

    def _at_input(self, grads: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        return self._run_backward(grads)

    def _run_backward(self, grads: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        for hook in list(self.hooks.backward.values()):
            changed = hook(self.module, grads, self.grad_output)
            if changed is not None:
                if not self.has_input:
                    raise RuntimeError(
                        "Backward hook for Modules where no input requires gradient should "
                        "always return None or None for all gradients."
                    )
                grads = _checked(changed, grads, "backward hook", "grad_input")
        self.grad_output = ()
        return grads


def _checked(
    changed: Any, grads: tuple[Tensor | None, ...], hook: str, what: str
) -> tuple[Tensor | None, ...]:
    new = changed if isinstance(changed, tuple) else (changed,)
    if len(new) != len(grads):
        raise RuntimeError(
            f"{hook} returned an invalid number of {what}: got {len(new)}, "
            f"but expected {len(grads)}"
        )
    return new


_OnGrads = Callable[[tuple["Tensor | None", ...]], tuple["Tensor | None", ...]]


def _through_one_node(values: Sequence[Any], on_grads: _OnGrads) -> tuple[tuple[Any, ...], bool]:
    """Pass the differentiable tensors of `values` through one node with a hook on its gradient."""
    where = [i for i, v in enumerate(values) if isinstance(v, Tensor) and v.requires_grad]
    passed = list(values)
    if not where:
        return tuple(passed), False
    if len(where) == 1:
        (only,) = where
        tensor: Tensor = values[only].view(values[only].shape)

        def on_grad(grad: Tensor) -> Tensor | None:
            grads: list[Tensor | None] = [None] * len(values)
            grads[only] = grad
            return on_grads(tuple(grads))[only]

        tensor.register_hook(on_grad)
        passed[only] = tensor
        return tuple(passed), True
    return _join(passed, where, on_grads), True


def _join(passed: list[Any], where: list[int], on_grads: _OnGrads) -> tuple[Any, ...]:
    """Several tensors: laid end to end into one, so that one gradient holds all of theirs."""
    dtypes = {passed[i].dtype for i in where}
    if len(dtypes) > 1:
        raise TypeError(
            "full backward hook: expected the module's differentiable inputs (and outputs) to "
            f"share one dtype, got {', '.join(sorted(map(str, dtypes)))}; cast them to one"
        )
    shapes = [passed[i].shape for i in where]
    ends = list(itertools.accumulate(passed[i].numel() for i in where))
    starts = [0, *ends[:-1]]

    def cut(flat: Tensor) -> list[Tensor]:
        return [
            flat[start:end].reshape(shape)
            for start, end, shape in zip(starts, ends, shapes, strict=True)
        ]

    count = len(passed)  # the hook keeps none of them: they lead back to it

    def on_grad(grad: Tensor) -> Tensor:
        grads: list[Tensor | None] = [None] * count
        pieces = cut(grad)
        for i, piece in zip(where, pieces, strict=True):
            grads[i] = piece
        new = on_grads(tuple(grads))
        chosen = [
            piece if new[i] is None else new[i] for i, piece in zip(where, pieces, strict=True)
        ]
        return cat([c.reshape(-1) for c in chosen if c is not None])

    flat = cat([passed[i].reshape(-1) for i in where])
    flat.register_hook(on_grad)
    for i, piece in zip(where, cut(flat), strict=True):
        passed[i] = piece
    return tuple(passed)
