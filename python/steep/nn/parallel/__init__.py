"""A module on all devices there are, which is the one CPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from steep._core import Tensor
from steep.nn.module import Module

__all__ = [
    "DataParallel",
    "DistributedDataParallel",
    "data_parallel",
    "gather",
    "parallel_apply",
    "replicate",
    "scatter",
]


class DataParallel(Module):
    """Runs the module that it holds, `module`; keys of its state begin with ``module.``, as
    PyTorch's do.

    Example:
        >>> import steep
        >>> model = steep.nn.DataParallel(steep.nn.Linear(2, 1))
        >>> list(model.state_dict()), model(steep.ones(3, 2)).shape
        (['module.weight', 'module.bias'], steep.Size([3, 1]))
    """

    module: Module

    def __init__(
        self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0
    ) -> None:
        super().__init__()
        self.module = module

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """What the module gives."""
        return self.module(*inputs, **kwargs)


class DistributedDataParallel(DataParallel):
    """`DataParallel` in the one process there is."""

    def __init__(self, module: Module, *_: Any, **__: Any) -> None:
        super().__init__(module)


def scatter(inputs: Any, target_gpus: Any, dim: int = 0) -> list[Any]:
    """The inputs, for the one device."""
    return [inputs]


def gather(outputs: list[Any], target_device: Any = None, dim: int = 0) -> Any:
    """The results of all devices, joined."""
    from steep._core import cat

    if all(isinstance(x, Tensor) for x in outputs):
        return cat(outputs, dim) if len(outputs) > 1 else outputs[0]
    return outputs[0]


def replicate(network: Module, devices: Any, detach: bool = False) -> list[Module]:
    """The module, for the one device."""
    return [network]


def parallel_apply(
    modules: Sequence[Module], inputs: Sequence[Any], kwargs_tup: Any = None, devices: Any = None
) -> list[Any]:
    """What the modules give, each of its inputs, one after the other.

    Raises:
        ValueError: if there are not as many inputs as modules.

    Example:
        >>> import steep
        >>> double = steep.nn.Linear(1, 1)
        >>> len(steep.nn.parallel.parallel_apply([double, double], [steep.ones(1), steep.ones(1)]))
        2
    """
    if len(modules) != len(inputs):
        raise ValueError(
            f"parallel_apply: expected as many inputs as modules, got {len(inputs)} and "
            f"{len(modules)}"
        )
    given = ((one if isinstance(one, tuple | list) else (one,)) for one in inputs)
    named = kwargs_tup or [{}] * len(modules)
    return [
        module(*args, **kwargs) for module, args, kwargs in zip(modules, given, named, strict=True)
    ]


def data_parallel(
    module: Module,
    inputs: Any,
    device_ids: Any = None,
    output_device: Any = None,
    dim: int = 0,
    module_kwargs: Any = None,
) -> Any:
    """What the module gives of its inputs."""
    args = inputs if isinstance(inputs, tuple) else (inputs,)
    return module(*args, **(module_kwargs or {}))
