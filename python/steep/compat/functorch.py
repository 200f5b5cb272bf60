"""`functorch`: names of programs from before its functions moved to `torch.func`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from steep.func import (
    functional_call,
    grad,
    grad_and_value,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    stack_module_state,
    vjp,
    vmap,
)
from steep.nn.module import Module

__all__ = [
    "combine_state_for_ensemble",
    "functional_call",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "make_functional",
    "make_functional_with_buffers",
    "stack_module_state",
    "vjp",
    "vmap",
]

Tensors = tuple[Any, ...]


def _values(members: dict[str, Any], untracked: bool) -> Tensors:
    return tuple(x.detach() if untracked else x for x in members.values())


def make_functional_with_buffers(
    model: Module, disable_autograd_tracking: bool = False
) -> tuple[Callable[..., Any], Tensors, Tensors]:
    """A module as ``f(params, buffers, *args)``, its parameters and its buffers.

    Args:
        model: the module; it is called itself, with other members.
        disable_autograd_tracking: whether the parameters come without gradients. Default:
            ``False``.

    Example:
        >>> import steep
        >>> from steep.compat.functorch import make_functional_with_buffers
        >>> f, params, buffers = make_functional_with_buffers(steep.nn.Linear(2, 1))
        >>> f(params, buffers, steep.ones(3, 2)).shape
        steep.Size([3, 1])
    """
    params, buffers = dict(model.named_parameters()), dict(model.named_buffers())

    def run(own: Sequence[Any], held: Sequence[Any], *args: Any, **kwargs: Any) -> Any:
        state = {**dict(zip(params, own, strict=True)), **dict(zip(buffers, held, strict=True))}
        return functional_call(model, state, args, kwargs)

    untracked = disable_autograd_tracking
    return run, _values(params, untracked), _values(buffers, untracked)


def make_functional(
    model: Module, disable_autograd_tracking: bool = False
) -> tuple[Callable[..., Any], Tensors]:
    """A module without buffers as ``f(params, *args)``, and its parameters.

    Args:
        model, disable_autograd_tracking: as of `make_functional_with_buffers`.

    Raises:
        RuntimeError: for a module with buffers.

    Example:
        >>> import steep
        >>> from steep.compat.functorch import make_functional
        >>> f, params = make_functional(steep.nn.Linear(2, 1))
        >>> f(params, steep.ones(3, 2)).shape
        steep.Size([3, 1])
    """
    if next(model.buffers(), None) is not None:
        raise RuntimeError(
            "make_functional(model): `model` has buffers. Please use "
            "make_functional_with_buffers(model) instead."
        )
    function, params, _ = make_functional_with_buffers(model, disable_autograd_tracking)

    def run(own: Sequence[Any], *args: Any, **kwargs: Any) -> Any:
        return function(own, (), *args, **kwargs)

    return run, params


def combine_state_for_ensemble(
    models: Sequence[Module],
) -> tuple[Callable[..., Any], Tensors, Tensors]:
    """Several modules of one architecture as ``f(params, buffers, *args)``, to be mapped by `vmap`.

    Args:
        models: of one class, in one mode.

    Returns:
        The function, and the parameters and buffers with a first dimension over the modules.

    Raises:
        RuntimeError: as `steep.func.stack_module_state`.

    Example:
        >>> import steep
        >>> from steep.compat.functorch import combine_state_for_ensemble, vmap
        >>> f, params, buffers = combine_state_for_ensemble([steep.nn.Linear(2, 1)] * 4)
        >>> vmap(f, in_dims=(0, 0, None))(params, buffers, steep.ones(3, 2)).shape
        steep.Size([4, 3, 1])
    """
    params, buffers = stack_module_state(models)
    function, _, _ = make_functional_with_buffers(models[0])
    return function, tuple(params.values()), tuple(buffers.values())
