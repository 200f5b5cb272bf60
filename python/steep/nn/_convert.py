"""Conversion of a module's tensors: `Module.to`, `float`, `double` and their like."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from steep._core import Tensor, call_with_grad, dtype, memory_format, replace_tensors
from steep.nn._base import ModuleBase
from steep.nn.parameter import is_lazy


def casting(target: dtype) -> Callable[[Tensor], Tensor]:
    """A function that casts floating-point tensors to `target` and leaves others alone."""
    return lambda tensor: tensor.to(target) if tensor.is_floating_point() else tensor


def apply_to_tensors(modules: Sequence[ModuleBase], fn: Callable[[Tensor], Tensor]) -> None:
    """Replace the values of all parameters, gradients and buffers by `fn` of them.

    Parameters keep their identity. One that is shared by two modules is converted once. All are
    converted first, and then replaced in one go.
    """
    call_with_grad(False, _convert, (modules, fn), {})


def _convert(modules: Sequence[ModuleBase], fn: Callable[[Tensor], Tensor]) -> None:
    params: dict[int, Any] = {}
    entries: list[tuple[Any, ...]] = []
    for owner in modules:
        for param in owner._parameters.values():
            if param is not None:
                params[id(param)] = param
        for name, buffer in owner._buffers.items():
            if is_lazy(buffer):  # which stays what it is, as a parameter does
                params[id(buffer)] = buffer
            elif buffer is not None:
                entries += owner._buffers.entries(name, fn(buffer))
    given = list(params.values())
    values = [fn(param.data if is_lazy(param) else param.detach()) for param in given]
    gradients = [None if p.grad is None else fn(p.grad.detach()) for p in given]
    replace_tensors(given, values, gradients, entries)


def check_cpu(op: str, device: Any) -> None:
    """Raise unless `device` is ``None`` or names the CPU."""
    if device is not None and str(device).split(":")[0] != "cpu":
        raise RuntimeError(
            f"{op}: expected device 'cpu', the only one steep computes on, got {device!r}"
        )


def parse_to(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dtype | None:
    """The dtype asked for by the arguments of `Module.to`, or ``None``; checks the device."""
    known = {"device", "dtype", "non_blocking", "copy", "tensor", "memory_format"}
    unknown = set(kwargs) - known
    if unknown:
        raise TypeError(f"Module.to() got an unexpected keyword argument '{unknown.pop()}'")
    wanted = kwargs.get("memory_format")
    if wanted is not None and not isinstance(wanted, memory_format):
        raise TypeError(
            "Module.to: argument 'memory_format' must be a steep.memory_format, not "
            f"{type(wanted).__name__}"
        )  # parameters stay row-major whatever is asked for, as kernels read them
    target = kwargs.get("dtype")
    device = kwargs.get("device")
    for value in (*args, kwargs.get("tensor")):
        if isinstance(value, dtype):
            target = value
        elif isinstance(value, Tensor):
            target = value.dtype
        elif value is not None and not isinstance(value, bool):
            device = value
    check_cpu("Module.to", device)
    if target is not None and not target.is_floating_point:
        raise TypeError(
            "nn.Module.to only accepts floating point dtypes, "
            f"but got desired dtype={target}; integer tensors stay as they are"
        )
    return target
