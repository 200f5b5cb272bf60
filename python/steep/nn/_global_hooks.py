"""Hooks of all modules, under the names that PyTorch has in `torch.nn.modules.module`.

While there are hooks of calls, compiled functions run eagerly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from steep.nn._hook_tables import (
    RemovableHandle,
    add_hook_everywhere,
    everywhere,
    insert_hook,
    registrations,
)

__all__ = [
    "register_module_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(module, args)`` before `forward` of any module; see `register_forward_pre_hook`.

    Returns:
        A handle whose ``remove()`` takes the hook off.
    """
    return add_hook_everywhere("forward_pre", (hook, False))


def register_module_forward_hook(
    hook: Callable[..., Any], *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call ``hook(module, args, output)`` after `forward` of any module, before its own hooks.

    Arguments as in `Module.register_forward_hook`.

    Returns:
        A handle whose ``remove()`` takes the hook off.

    Example:
        >>> import steep
        >>> from steep.nn.modules.module import register_module_forward_hook
        >>> net = steep.nn.Sequential(steep.nn.Linear(2, 3), steep.nn.ReLU())
        >>> with register_module_forward_hook(
        ...     lambda module, args, output: print(type(module).__name__, tuple(output.shape))
        ... ):
        ...     _ = net(steep.ones(1, 2))
        Linear (1, 3)
        ReLU (1, 3)
        Sequential (1, 3)
    """
    return add_hook_everywhere("forward", (hook, with_kwargs, always_call))


def register_module_full_backward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(module, grad_output)`` before gradients of any module are computed.

    Returns:
        A handle whose ``remove()`` takes the hook off.
    """
    return add_hook_everywhere("backward_pre", hook)


def register_module_full_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(module, grad_input, grad_output)`` when gradients reach any module's inputs.

    Returns:
        A handle whose ``remove()`` takes the hook off.

    Raises:
        RuntimeError: while there are hooks of `register_module_backward_hook`.
    """
    _refuse_both(bool(everywhere.last_node))
    return add_hook_everywhere("backward", hook)


def register_module_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """PyTorch's first form, deprecated there; see `Module.register_backward_hook`.

    Returns:
        A handle whose ``remove()`` takes the hook off.

    Raises:
        RuntimeError: while there are hooks of `register_module_full_backward_hook`.
    """
    _refuse_both(bool(everywhere.backward))
    return add_hook_everywhere("last_node", hook)


def _refuse_both(has_other: bool) -> None:
    if has_other:
        raise RuntimeError(
            "Cannot use both regular backward hooks and full backward hooks as a global Module "
            "hook. Please use only one of them."
        )


def register_module_parameter_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(module, name, parameter)`` when one is registered; what it returns is taken.

    Returns:
        A handle whose ``remove()`` takes the hook off.
    """
    return insert_hook(registrations["parameter"], hook)


def register_module_buffer_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(module, name, buffer)`` when one is registered; what it returns is taken.

    Returns:
        A handle whose ``remove()`` takes the hook off.
    """
    return insert_hook(registrations["buffer"], hook)


def register_module_module_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(module, name, submodule)`` when one is registered; what it returns is taken.

    Returns:
        A handle whose ``remove()`` takes the hook off.
    """
    return insert_hook(registrations["module"], hook)
