"""Names of `torch.optim.optimizer` with an underscore that optimisers of others are written with.

They choose among ways to compute that steep does not have: one by one, on lists of tensors, in one
kernel of a GPU, with a graph through the step.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from steep._core import (
    Tensor,
    float32,
    float64,
    get_default_dtype,
    is_grad_enabled,
    set_grad_enabled,
)

__all__ = ["NAMES"]

DeviceDict = dict[Any, Tensor]
DeviceDtypeDict = dict[tuple[Any, Any], Tensor]
StateDict = dict[str, Any]

_params_doc = """params: parameters, or dicts that each define a group."""
_foreach_doc = """foreach (bool, optional): whether steps go over lists of tensors."""
_fused_doc = """fused (bool, optional): whether a step is one kernel."""
_capturable_doc = """capturable (bool, optional): whether a graph of CUDA may record a step."""
_differentiable_doc = """differentiable (bool, optional): whether autograd records a step."""
_maximize_doc = """maximize (bool, optional): whether the objective is to grow."""


def _use_grad_for_differentiable(func: Callable[..., Any]) -> Callable[..., Any]:
    """A `step` with the graph if ``defaults['differentiable']``, without it otherwise."""

    @functools.wraps(func)
    def step(self: Any, *args: Any, **kwargs: Any) -> Any:
        before = is_grad_enabled()
        set_grad_enabled(self.defaults.get("differentiable", False))
        try:
            return func(self, *args, **kwargs)
        finally:
            set_grad_enabled(before)

    return step


def _get_value(x: Any) -> Any:
    """The number that a tensor of one element is."""
    return x.item() if isinstance(x, Tensor) else x


def _stack_if_compiling(x: Any) -> Any:
    return x


def _dispatch_sqrt(x: Any) -> Any:
    return x.sqrt() if isinstance(x, Tensor) else math.sqrt(x)


def _to_scalar(x: Any) -> Any:
    """A tensor of one element without its dimensions."""
    return x.squeeze() if isinstance(x, Tensor) and x.dim() else x


def _get_scalar_dtype(is_fused: bool | None = None) -> Any:
    """The dtype of a count of steps."""
    return float64 if get_default_dtype() == float64 and not is_fused else float32


def _default_to_fused_or_foreach(
    params: list[Tensor], differentiable: bool, use_fused: bool = False
) -> tuple[bool, bool]:
    """Neither, as PyTorch on a CPU."""
    return False, False


def _get_capturable_supported_devices(supports_xla: bool = True) -> list[str]:
    return []


def _device_dtype_check_for_fused(p: Tensor, cuda_unsupported: bool = False) -> None:
    """Nothing: all parameters are on the CPU."""


def _view_as_real(params: list[Tensor], *state_and_grads: list[Tensor]) -> None:
    """Nothing: numbers are real."""


def _disable_dynamo_if_unsupported(
    single_tensor_fn: Callable[..., Any] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator that changes nothing."""
    return lambda func: func


# What `steep.optim.optimizer` finds here.
NAMES = frozenset(name for name in globals() if name[0] == "_" and name[1] != "_") | {
    "DeviceDict",
    "DeviceDtypeDict",
    "StateDict",
}
