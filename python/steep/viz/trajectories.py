"""The way of a training through the loss, in the plane that shows most of it (Li and others 2018).

Two random directions say nothing of a way through thousands of weights: in so many dimensions they
stand nearly at right angles to it. The two principal directions of the weights that were met on it
do: Li, Xu, Taylor, Studer and Goldstein, "Visualizing the loss landscape of neural nets", NeurIPS
2018, section 7.

Example:
    >>> import steep
    >>> from steep import nn
    >>> data = steep.randn(64, 4), steep.randn(64, 1)
    >>> model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
    >>> trajectory = steep.viz.Trajectory(model)
    >>> sgd = steep.optim.SGD(model.parameters(), lr=0.1)
    >>> _ = steep.train.fit(model, nn.MSELoss(), sgd, data, epochs=6, callbacks=[trajectory])
    >>> path = steep.viz.loss_path(model, nn.MSELoss(), data, trajectory, steps=5)
    >>> path.points.shape, path.values.shape
    ((7, 2), (5, 5))
    >>> figure = path.figure()
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from steep._core import Tensor, from_numpy
from steep.nn.module import Module
from steep.train._arrays import dtype_of, to_tensors
from steep.viz._figure import INK, finish, new_figure, settings
from steep.viz.landscape import as_before, levels_of

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

__all__ = ["LossPath", "Trajectory", "loss_path"]


class Trajectory:
    """The weights of a model at the moments of its training, for `loss_path`.

    As a callback of `steep.train.fit` it records those before the first epoch and after each; in a
    loop of your own, call `record`. All of them are kept: a copy of the weights for each moment.

    Args:
        model: whose weights are recorded.
        every: epochs between two records. Default: 1.

    Attributes:
        weights: by moment, an array of all parameters one after the other, float64.

    Raises:
        TypeError: if `model` is no module.
        ValueError: if it has no parameters, or for `every` below 1.
    """

    def __init__(self, model: Module, *, every: int = 1) -> None:
        if not isinstance(model, Module):
            raise TypeError(
                f"Trajectory: expected a model (a steep.nn.Module), got {type(model).__name__}"
            )
        if every < 1:
            raise ValueError(f"Trajectory: expected every to be at least 1, got {every}")
        if not any(weight.numel() for weight in model.parameters()):
            raise ValueError("Trajectory: expected a model with parameters, got one without")
        self.model, self.every = model, every
        self.weights: list[Array] = []

    def record(self) -> None:
        """Keep the weights as they are now."""
        import numpy as np

        parts = [weight.detach().numpy().ravel() for weight in self.model.parameters()]
        self.weights.append(np.concatenate(parts, dtype=np.float64))

    def on_train_begin(self, run: Any) -> None:
        """Record the weights to begin with."""
        if not self.weights:
            self.record()

    def on_epoch_end(self, run: Any) -> None:
        """Record the weights of every so many epochs."""
        if run.epoch % self.every == 0:
            self.record()

    def __len__(self) -> int:
        """How many moments there are."""
        return len(self.weights)


@dataclass(frozen=True)
class LossPath:
    """Losses around the way of a training, in the plane of its two principal directions.

    Attributes:
        points: where the way went, [moments, 2] in float64: lengths along both directions, from the
            last moment, which is (0, 0).
        along, across: the places of the losses along the first and the second direction.
        values: losses, [across, along] in float64.
        explained: the share of the way's variance that lies along each direction; the rest of it
            cannot be seen.
    """

    points: Array
    along: Array
    across: Array
    values: Array
    explained: tuple[float, float]

    def figure(self, *, save: str | os.PathLike[str] | None = None) -> Any:
        """The way over level lines of the loss; losses that are not finite are left out.

        Args:
            save: where to write it: a path that ends in ``.png``, ``.svg`` or ``.pdf``.

        Returns:
            A `matplotlib.figure.Figure`.

        Raises:
            ImportError: if matplotlib is not installed.
        """
        import numpy as np

        losses = np.ma.masked_invalid(self.values)
        levels, ratios = levels_of(losses)
        with settings():
            figure = new_figure("steep.viz.LossPath.figure", (6.2, 4.6))
            axes = figure.add_subplot()
            filled = axes.contourf(self.along, self.across, losses, levels=levels, extend="max",
                                   cmap="viridis_r", norm="log" if ratios else None)  # fmt: skip
            axes.contour(self.along, self.across, losses, levels=levels, colors="white",
                         linewidths=0.5)  # fmt: skip
            axes.plot(*self.points.T, "-", color=INK, lw=1.2)
            axes.plot(*self.points.T, "o", color="white", mec=INK, mew=0.8, ms=4)
            axes.plot(*self.points[0], "s", color="white", mec=INK, mew=1, ms=8, label="begin")
            axes.plot(*self.points[-1], "*", color="white", mec=INK, mew=1, ms=13, label="end")
            shares = [f"{100 * share:.0f}%" for share in self.explained]
            axes.set(xlabel=f"first principal direction ({shares[0]} of the variance)",
                     ylabel=f"second principal direction ({shares[1]})")  # fmt: skip
            axes.set_title(f"A training through the loss, at {len(self.points)} moments")
            axes.legend(loc="best", frameon=True, framealpha=0.9)
            bar = figure.colorbar(filled, ax=axes, label="loss", format="%.3g")
            bar.ax.minorticks_off()
            bar.set_ticks(levels[::3])
            bar.outline.set_visible(False)
            return finish(figure, save, "LossPath.figure")


def loss_path(
    model: Module,
    loss: Callable[[Any, Any], Any],
    data: tuple[Any, Any],
    trajectory: Trajectory | Sequence[Any],
    *,
    steps: int = 25,
    margin: float = 0.25,
) -> LossPath:
    """The way of a training, and the losses around it in the plane of its principal directions.

    The directions are those of the weights' differences from the last moment; buffers, such as the
    running means of batch normalisation, are the model's own of now. Weights, modes and random
    numbers are afterwards as before, to the bit.

    Args:
        model: the model, in whose `eval` mode losses are computed.
        loss: of what the model returns and the target, such as ``nn.CrossEntropyLoss()``.
        data: (inputs, targets), tensors or arrays; all in one batch.
        trajectory: what was recorded, or the weights by moment as one array of each.
        steps: losses along each side, at least 2. Default: 25.
        margin: how far the losses reach beyond the way, in parts of its extent. Default: 0.25.

    Raises:
        TypeError: if `model` is no module, or `data` no pair.
        ValueError: for fewer than three moments, weights of another model or that never change or
            are not finite, fewer than 2 steps, or a margin below 0.

    Example: see the module `steep.viz.trajectories`.
    """
    import numpy as np

    what = "loss_path"
    if not isinstance(model, Module):
        raise TypeError(f"{what}: expected a model (a steep.nn.Module), got {type(model).__name__}")
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise TypeError(
            f"{what}: expected data as a pair (inputs, targets), got a {type(data).__name__}"
        )
    if steps < 2 or not 0 <= margin < float("inf"):
        raise ValueError(
            f"{what}: expected 2 steps or more and a margin from 0 on, got {steps} and {margin}"
        )
    weights: list[Tensor] = list(model.parameters())
    floating = dtype_of(model)
    x, y = (to_tensors(what, name, part, floating) for name, part in zip("xy", data, strict=True))
    moments = _moments(trajectory, sum(weight.numel() for weight in weights), what)
    directions, explained = _principal(moments - moments[-1], what)
    points = (moments - moments[-1]) @ directions.T
    along, across = (_places(points[:, k], steps, margin) for k in range(2))
    values = np.empty((steps, steps))
    with as_before(model, weights):
        for row, b in enumerate(across):
            for column, a in enumerate(along):
                _put(weights, moments[-1] + a * directions[0] + b * directions[1])
                values[row, column] = float(loss(model(x), y))
    return LossPath(points, along, across, values, explained)


def _moments(trajectory: Any, count: int, what: str) -> Array:
    import numpy as np

    listed = trajectory.weights if isinstance(trajectory, Trajectory) else list(trajectory)
    if len(listed) < 3:
        raise ValueError(
            f"{what}: expected three moments or more, got {len(listed)}; record them while the "
            "model is trained, as by fit(..., callbacks=[steep.viz.Trajectory(model)])"
        )
    sizes = {np.size(moment) for moment in listed}
    if sizes != {count}:
        raise ValueError(
            f"{what}: expected moments of the model's {count} weights, got {sorted(sizes)}; was "
            "another model recorded?"
        )
    moments = np.stack([np.asarray(moment, dtype=np.float64).ravel() for moment in listed])
    if not np.isfinite(moments).all():
        raise ValueError(f"{what}: expected finite weights, got some that are not")
    return moments


def _principal(ways: Array, what: str) -> tuple[Array, tuple[float, float]]:
    """Two directions of length 1, and their shares of the variance."""
    import numpy as np

    _, lengths, directions = np.linalg.svd(ways - ways.mean(axis=0), full_matrices=False)
    whole = float((lengths**2).sum())
    if whole == 0.0:
        raise ValueError(f"{what}: expected weights that change, got the same in all moments")
    if directions.shape[0] < 2:  # of a model with one weight
        directions, lengths = np.vstack([directions, 0 * directions]), np.append(lengths, 0.0)
    # The way comes from the right and from above, whatever signs the factorisation has.
    signs = np.where((ways[0] @ directions[:2].T) < 0, -1.0, 1.0)
    first, second = (float(length**2) / whole for length in lengths[:2])
    return directions[:2] * signs[:, None], (first, second)


def _places(points: Array, steps: int, margin: float) -> Array:
    import numpy as np

    low, high = float(points.min()), float(points.max())
    beyond = margin * (high - low) or 1.0  # of a way that lies along the other direction alone
    return np.linspace(low - beyond, high + beyond, steps)


def _put(weights: Sequence[Tensor], values: Array) -> None:
    """Give the weights these values."""
    start = 0
    for weight in weights:
        part = values[start : start + weight.numel()]
        weight.copy_(from_numpy(part).reshape(weight.shape))
        start += weight.numel()
