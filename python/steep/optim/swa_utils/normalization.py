"""Running statistics of batch normalisation, for weights that no batch has seen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from steep._core import no_grad
from steep.nn.module import Module

__all__ = ["update_bn"]


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running statistics of a model's batch normalisation layers anew.

    Modules with `reset_running_stats` and `momentum` are such layers. They average over all
    batches with equal weight meanwhile; modes and momenta are as before afterwards.

    Args:
        loader: the batches, or lists and tuples that begin with one.
        model: the model, which is called with each batch in training mode.
        device: ``None`` or ``'cpu'``.

    Example:
        >>> import steep
        >>> model = steep.nn.Linear(2, 1)
        >>> steep.optim.swa_utils.update_bn([steep.ones(4, 2)], model)  # it has none: as it was
    """
    layers = [m for m in model.modules() if _has_running_stats(m)]
    if not layers:
        return
    modes = [(module, module.training) for module in model.modules()]
    momenta = [layer.momentum for layer in layers]
    try:
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None
        model.train()
        for batch in loader:
            given = batch[0] if isinstance(batch, (list, tuple)) else batch
            model(given if device is None else given.to(device))
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        for module, mode in modes:
            module.training = mode


def _has_running_stats(module: Module) -> bool:
    return hasattr(module, "reset_running_stats") and hasattr(module, "momentum")
