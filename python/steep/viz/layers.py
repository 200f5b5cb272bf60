"""Weights, gradients and activations of each layer, as they change over a training."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import steep
from steep._core import Tensor
from steep.nn.module import Module
from steep.viz._figure import COLOURS, finish, new_figure, sequential, settings

if TYPE_CHECKING:
    import numpy as np

__all__ = ["LayerRecorder", "Snapshot"]

KINDS = ("weights", "gradients", "activations")
_QUANTILES = 129  # of each snapshot: enough for a histogram, few enough for long trainings


@dataclass(frozen=True)
class Snapshot:
    """The values of one tensor at one time.

    Attributes:
        time: epoch or step at which it was taken.
        count: how many values there are.
        quantiles: of the finite values, from the least to the greatest, at equal distances; empty
            if there are none.
        mean: of the finite values.
        std: their standard deviation.
        norm: root of the sum of their squares.
        zeros: share of all values that are exactly 0, as of a ReLU.
        not_finite: how many values are NaN or infinite.
    """

    time: float
    count: int
    quantiles: list[float]
    mean: float
    std: float
    norm: float
    zeros: float
    not_finite: int


class LayerRecorder:
    """Keeps how weights, gradients and activations are distributed, layer by layer, over time.

    Call `record` in a loop, after ``backward()``; or give it to `steep.train.fit` among the
    callbacks, and it records after every epoch. It leaves model, gradients and random numbers as
    they are.

    Args:
        model: what to look at.
        example: inputs of the model, a tensor or a tuple of tensors: what activations are computed
            of, in `eval` mode. Default: none, and then no activations.
        every: as a callback, record each so many epochs. Default: 1.

    Attributes:
        snapshots: by kind (``'weights'``, ``'gradients'``, ``'activations'``) and then by the name
            of the parameter or the path of the layer, a list of `Snapshot`.

    Raises:
        TypeError: if `model` is no module.
        ValueError: if `every` is below 1.

    Example:
        >>> import steep
        >>> model = steep.nn.Sequential(steep.nn.Linear(4, 8), steep.nn.ReLU())
        >>> recorder = LayerRecorder(model, steep.randn(16, 4))
        >>> for step in range(3):
        ...     model(steep.randn(16, 4)).sum().backward()
        ...     recorder.record(step)
        >>> sorted(recorder.snapshots["gradients"]), list(recorder.snapshots["activations"])
        (['0.bias', '0.weight'], ['0', '1'])
        >>> figure = recorder.figure("activations")
    """

    def __init__(self, model: Module, example: Any = None, *, every: int = 1) -> None:
        if not isinstance(model, Module):
            raise TypeError(
                f"LayerRecorder: expected a model (a steep.nn.Module), got a {type(model).__name__}"
            )
        if every < 1:
            raise ValueError(f"LayerRecorder: expected every to be 1 or more, got {every}")
        self.model = model
        self.example = (example,) if isinstance(example, Tensor) else example
        if self.example is not None and not isinstance(self.example, (tuple, list)):
            raise TypeError(
                "LayerRecorder: expected a tensor or a tuple of tensors as an example, got a "
                f"{type(example).__name__}"
            )
        self.every = every
        self.snapshots: dict[str, dict[str, list[Snapshot]]] = {kind: {} for kind in KINDS}
        self._records = 0

    def record(self, time: float | None = None) -> None:
        """Take a snapshot of everything.

        Args:
            time: what the figure's axis says: a step or an epoch. Default: 0, 1, 2, ...
        """
        at = float(self._records if time is None else time)
        self._records += 1
        for name, parameter in self.model.named_parameters():
            self._add("weights", name, at, parameter)
            if parameter.grad is not None:
                self._add("gradients", name, at, parameter.grad)
        if self.example is not None:
            for path, output in self._outputs():
                self._add("activations", path, at, output)

    def on_epoch_end(self, run: Any) -> None:
        """For `steep.train.fit`: a snapshot after the epoch."""
        if run.epoch % self.every == 0:
            self.record(run.epoch)

    def _add(self, kind: str, name: str, at: float, tensor: Tensor) -> None:
        if tensor.numel() and tensor.is_floating_point():
            found = _snapshot(at, tensor.detach().numpy())
            self.snapshots[kind].setdefault(name, []).append(found)

    def _outputs(self) -> Iterator[tuple[str, Tensor]]:
        """What the innermost layers return for the example."""
        outputs: list[tuple[str, Tensor]] = []
        modules = [(p, m) for p, m in self.model.named_modules() if not any(m.children())]
        paths = {id(module): path or type(module).__name__ for path, module in modules}

        def note(module: Any, _: Any, result: Any) -> None:
            first = result[0] if isinstance(result, tuple) else result
            if isinstance(first, Tensor):
                outputs.append((paths[id(module)], first))

        modes = [(module, module.training) for module in self.model.modules()]
        state = steep.get_rng_state()
        handles = [module.register_forward_hook(note) for _, module in modules]
        self.model.eval()
        try:
            with steep.no_grad():
                self.model(*self.example)
        finally:
            for handle in handles:
                handle.remove()
            for module, training in modes:
                module.training = training
            steep.set_rng_state(state)
        last = dict(outputs)  # of a layer that is called more than once, the last
        yield from last.items()

    def figure(
        self,
        kind: str = "gradients",
        *,
        layers: Sequence[str] | None = None,
        most: int = 12,
        save: str | os.PathLike[str] | None = None,
    ) -> Any:
        """A panel for each layer: how its values are distributed (dark: many), over time.

        The line is the median; the dotted ones hold 90% of the values between them. A cross at the
        foot marks a time at which some are NaN or infinite.

        Args:
            kind: ``'weights'``, ``'gradients'`` or ``'activations'``. Default: ``'gradients'``.
            layers: names to show. Default: all; of parameters, those with two dimensions or more
                come before biases.
            most: panels, at most. Default: 12.
            save: where to write it: a path that ends in ``.png``, ``.svg`` or ``.pdf``.

        Returns:
            A `matplotlib.figure.Figure`.

        Raises:
            ValueError: for another kind, an unknown layer, or if nothing has been recorded.
            ImportError: if matplotlib is not installed.
        """
        names = self._names(kind, layers)[:most]
        across = min(len(names), 3 if len(names) != 4 else 2)
        down = math.ceil(len(names) / across)
        with settings():
            figure = new_figure("steep.viz.LayerRecorder.figure", (3.6 * across + 0.6, 2.3 * down))
            panels = figure.subplots(down, across, squeeze=False, sharex=True)
            for axes in panels.flat[len(names) :]:
                axes.remove()
            for number, (axes, name) in enumerate(zip(panels.flat, names, strict=False)):
                _draw(axes, self.snapshots[kind][name])
                axes.set_title(name, fontsize=9.5)
                axes.xaxis.get_major_locator().set_params(integer=True)
                if number + across >= len(names):
                    axes.set_xlabel("epoch or step")
                    axes.tick_params(labelbottom=True)
            figure.supylabel(f"value of {kind}", fontsize=9.5)
            return finish(figure, save, "LayerRecorder.figure")

    def _names(self, kind: str, layers: Sequence[str] | None) -> list[str]:
        if kind not in KINDS:
            raise ValueError(
                f"LayerRecorder.figure: expected a kind among {', '.join(KINDS)}, got {kind!r}"
            )
        found = self.snapshots[kind]
        if not found:
            need = {"gradients": "record after backward()", "activations": "give it an example"}
            raise ValueError(
                f"LayerRecorder.figure: expected {kind} that were recorded, got none; "
                + need.get(kind, "call record()")
            )
        for name in layers or ():
            if name not in found:
                raise ValueError(
                    f"LayerRecorder.figure: expected layers among {', '.join(found)}, got {name!r}"
                )
        if layers is not None:
            return list(layers)
        shapes = {name: p.dim() for name, p in self.model.named_parameters()}
        return sorted(found, key=lambda name: shapes.get(name, 2) < 2)


def _snapshot(at: float, values: np.ndarray[Any, Any]) -> Snapshot:
    import numpy as np

    flat = values.reshape(-1)
    finite = flat[np.isfinite(flat)].astype(np.float64)
    bad, zeros = len(flat) - len(finite), float((flat == 0).mean())
    if not len(finite):
        return Snapshot(at, len(flat), [], math.nan, math.nan, math.nan, zeros, bad)
    quantiles = np.quantile(finite, np.linspace(0, 1, _QUANTILES)).tolist()
    norm = float(np.linalg.norm(finite))
    mean, std = float(finite.mean()), float(finite.std())
    return Snapshot(at, len(flat), quantiles, mean, std, norm, zeros, bad)


def _draw(axes: Any, snapshots: list[Snapshot]) -> None:
    import numpy as np

    known = [snapshot for snapshot in snapshots if snapshot.quantiles]
    bad = [snapshot.time for snapshot in snapshots if snapshot.not_finite]
    if bad:
        axes.plot(bad, [0.03] * len(bad), "x", color=COLOURS[1], ms=6,
                  transform=axes.get_xaxis_transform(), zorder=5)  # fmt: skip
    if not known:
        axes.text(0.5, 0.5, "no finite value", ha="center", transform=axes.transAxes)
        return
    quantiles = np.array([snapshot.quantiles for snapshot in known])
    times = np.array([snapshot.time for snapshot in known])
    low, high = _range(quantiles)
    bins = int(np.clip(3 * known[-1].count ** (1 / 3), 12, 60))  # few values, wide bins
    edges = np.linspace(low, high, bins + 1)
    share = np.linspace(0, 1, quantiles.shape[1])
    below = np.array([[np.searchsorted(row, edge, "right") for edge in edges] for row in quantiles])
    # Between quantiles their shares are interpolated; equal ones (a ReLU's zeros) are a step.
    smooth = np.array([np.interp(edges, row, share) for row in quantiles])
    stepped = np.where(np.abs(smooth - below / len(share)) > 0.02, below / len(share), smooth)
    density = np.maximum(np.diff(stepped, axis=1), 0)
    # In shares of what nearly the densest bin has: one spike is not to pale all the rest.
    dense = np.quantile(density, 0.9, axis=1, keepdims=True).clip(1.0 / bins)
    density = np.sqrt(np.minimum(density / dense, 1))
    axes.pcolormesh(_borders(times), edges, density.T, cmap=sequential(), vmin=0, vmax=1.15,
                    rasterized=True)  # fmt: skip
    middle = quantiles.shape[1] // 2
    rest = round(0.05 * (quantiles.shape[1] - 1))
    axes.plot(times, quantiles[:, middle], color=COLOURS[1], lw=1.3)
    for k in (rest, -1 - rest):
        axes.plot(times, quantiles[:, k], color=COLOURS[1], lw=0.9, ls=":")
    axes.set_ylim(low, high)


def _range(quantiles: np.ndarray[Any, Any]) -> tuple[float, float]:
    """From the least to the greatest value, without the outermost hundredth where that is far."""
    outer = round(0.01 * (quantiles.shape[1] - 1))
    low, high = float(quantiles[:, outer].min()), float(quantiles[:, -1 - outer].max())
    room = 0.15 * (high - low) or max(abs(low), 1e-6) * 0.5
    least, greatest = float(quantiles.min()), float(quantiles.max())
    return max(low - room, least - 0.02 * room), min(high + room, greatest + 0.02 * room)


def _borders(times: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Edges of the columns, half-way between times."""
    import numpy as np

    if len(times) == 1:
        return np.array([times[0] - 0.5, times[0] + 0.5])
    middles = (times[1:] + times[:-1]) / 2
    first, last = 2 * times[0] - middles[0], 2 * times[-1] - middles[-1]
    return np.concatenate([[first], middles, [last]])
