"""`LayerTrace` and `dead_units`: what layers and their gradients do, step by step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from steep._core import no_grad
from steep.diagnose._events import Context, LayerCall, Step
from steep.diagnose._guard import untouched_randomness
from steep.diagnose._numbers import Array, array, sample
from steep.diagnose._watching import Observer, tensors_in
from steep.nn.module import Module
from steep.train._step import apply

__all__ = ["LayerTrace", "dead_units"]


class LayerTrace:
    """Follows a training from within: activations of each layer, gradients of each parameter.

    It listens by hooks from when it is made, until `close` or the end of a ``with`` block, and
    changes nothing of the training. `steep.viz.LayerRecorder` keeps whole distributions, at the
    times that it is asked to; this keeps a few numbers of every step.

    Args:
        model: what is trained.

    Attributes:
        activations: by layer (those with nothing below them, by dotted name) and statistic
            (``'mean'``, ``'std'``, ``'zeros'``, a share), a number for each call with gradients.
        gradient_norms: by parameter, the norm of its gradient at each step of an optimiser; 0.0
            where there was none.
        update_ratios: by parameter, the norm of each step's update over the norm of the parameter:
            0.001 is usual.

    Raises:
        TypeError: if `model` is no module.

    Example:
        >>> import steep
        >>> net = steep.nn.Sequential(
        ...     steep.nn.Linear(4, 8), steep.nn.ReLU(), steep.nn.Linear(8, 1))
        >>> adam = steep.optim.Adam(net.parameters())
        >>> with steep.diagnose.LayerTrace(net) as trace:
        ...     for _ in range(3):
        ...         adam.zero_grad()
        ...         net(steep.randn(16, 4)).square().mean().backward()
        ...         adam.step()
        >>> sorted(trace.activations), len(trace.gradient_norms["0.weight"])
        (['0', '1', '2'], 3)
        >>> trace.dead_units()["1"] < 1.0
        True
    """

    def __init__(self, model: Module) -> None:
        if not isinstance(model, Module):
            raise TypeError(f"LayerTrace: expected a Module as model, got {type(model).__name__}")
        self.activations: dict[str, dict[str, list[float]]] = {}
        self.gradient_norms: dict[str, list[float]] = {}
        self.update_ratios: dict[str, list[float]] = {}
        self._silent: dict[str, Array] = {}  # calls since each unit was last anything but zero
        self._observer = Observer(Context(model, None, None), self._on_layer, self._on_step)
        self._observer.attach()

    def _on_layer(self, call: LayerCall) -> None:
        if not call.leaf or call.output is None:
            return
        values = array(call.output)
        some = sample(values)
        kept = self.activations.setdefault(call.name, {"mean": [], "std": [], "zeros": []})
        with np.errstate(all="ignore"):
            kept["mean"].append(float(some.mean()) if some.size else 0.0)
            kept["std"].append(float(some.std()) if some.size else 0.0)
        kept["zeros"].append(float((some == 0).mean()) if some.size else 0.0)
        if values.ndim >= 2:
            alive = _alive(values)
            silent = self._silent.get(call.name)
            if silent is None or silent.shape != alive.shape:
                silent = np.zeros(alive.shape, np.int64)
            self._silent[call.name] = np.where(alive, 0, silent + 1)

    def _on_step(self, step: Step) -> None:
        for p in step.params:
            if p.member:
                self.gradient_norms.setdefault(p.name, []).append(p.grad_norm)
                ratio = p.update_norm / p.weight_norm if p.weight_norm > 0 else 0.0
                self.update_ratios.setdefault(p.name, []).append(float(ratio))

    def dead_units(self, calls: int = 10) -> dict[str, float]:
        """Of each layer, the share of units that were zero for all samples of the last calls.

        Args:
            calls: how many in a row; fewer, if there were fewer. Default: 10.
        """
        found = {}
        for name, silent in self._silent.items():
            least = min(calls, len(self.activations[name]["mean"]))
            found[name] = float((silent >= least).mean()) if silent.size else 0.0
        return found

    def close(self) -> None:
        """Take the hooks off; what was seen stays."""
        self._observer.detach()

    def __enter__(self) -> LayerTrace:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def figure(self, what: str = "gradient_norms") -> Any:
        """Lines over the steps, one for each parameter or layer, as a figure of matplotlib.

        Args:
            what: ``'gradient_norms'`` (the default), ``'update_ratios'``, or ``'mean'``, ``'std'``
                or ``'zeros'`` of the activations.

        Raises:
            ValueError: if `what` is something else.
            ImportError: if matplotlib is not installed; the extra `viz` brings it.
        """
        from steep.diagnose import _figures

        if what in ("gradient_norms", "update_ratios"):
            return _figures.lines(getattr(self, what), what.replace("_", " "), is_log=True)
        if what in ("mean", "std", "zeros"):
            series = {name: kept[what] for name, kept in self.activations.items()}
            return _figures.lines(series, f"{what} of activations", is_log=False)
        raise ValueError(
            "LayerTrace.figure: expected 'gradient_norms', 'update_ratios', 'mean', 'std' or "
            f"'zeros', got {what!r}"
        )


def dead_units(model: Module, x: Any) -> dict[str, list[int]]:
    """Units that are zero for all samples of `x`, of each layer that has any.

    The model is called once, without gradients, in the mode that it is in; random stream and
    buffers are as before.

    Args:
        model: what to look at.
        x: its input, a tensor; a tuple or dict of several for a model with several.

    Returns:
        Numbers of units (channels, of images) by the dotted name of the layer.

    Raises:
        TypeError: if `model` is no module.

    Example:
        >>> import steep
        >>> net = steep.nn.Sequential(steep.nn.Linear(4, 3), steep.nn.ReLU())
        >>> _ = steep.nn.init.constant_(net[0].bias, -100.0)
        >>> steep.diagnose.dead_units(net, steep.randn(50, 4))
        {'1': [0, 1, 2]}
    """
    if not isinstance(model, Module):
        raise TypeError(f"dead_units: expected a Module as model, got {type(model).__name__}")
    alive: dict[str, Array] = {}
    with no_grad():
        buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]

    def note(name: str, output: Any) -> None:
        values = next((array(t) for t in tensors_in(output) if t.is_floating_point()), None)
        if values is not None and values.ndim >= 2:
            here = _alive(values)
            known = alive.get(name)
            alive[name] = here if known is None or known.shape != here.shape else known | here

    handles = list(_noted(model, note))
    try:
        with no_grad(), untouched_randomness():
            apply(model, x)
    finally:
        for handle in handles:
            handle.remove()
        with no_grad():
            for buffer, value in buffers:
                buffer.copy_(value)
    dead = {name: np.flatnonzero(~units).tolist() for name, units in alive.items()}
    return {name: units for name, units in dead.items() if units}


def _noted(model: Module, note: Any) -> Iterator[Any]:
    for name, module in model.named_modules():
        if not module._modules:
            yield module.register_forward_hook(
                lambda module, args, output, name=name: note(name, output)
            )


def _alive(values: Array) -> Array:
    """Of each unit (channels of images, the last dimension of all else), if it is ever not 0."""
    axis = 1 if values.ndim >= 4 else values.ndim - 1
    result: Array = (values != 0).any(axis=tuple(i for i in range(values.ndim) if i != axis))
    return result
