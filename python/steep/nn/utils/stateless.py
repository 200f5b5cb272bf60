"""PyTorch's former place of `functional_call`, which is at home in `steep.func`."""

from __future__ import annotations

from typing import Any

from steep.func import modules
from steep.nn.module import Module

__all__ = ["functional_call"]


def functional_call(
    module: Module,
    parameters_and_buffers: dict[str, Any],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with other tensors in the place of its parameters and buffers.

    `steep.func.functional_call` under its former name; arguments and errors as there.

    Example:
        >>> import steep
        >>> from steep.nn.utils.stateless import functional_call
        >>> layer = steep.nn.Linear(2, 1)
        >>> state = {"weight": steep.ones(1, 2), "bias": steep.zeros(1)}
        >>> functional_call(layer, state, steep.tensor([3.0, 4.0]))
        tensor([7.])
    """
    return modules.functional_call(
        module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict
    )
