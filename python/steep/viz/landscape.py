"""The loss around a network's weights, along two random directions (Li and others 2018).

A step of one length means little in a weight that is large, and much in one that is small; and
what scales one layer up and the next one down changes neither network nor loss. So each direction
is normalised filter by filter: Li, Xu, Taylor, Studer and Goldstein, "Visualizing the loss
landscape of neural nets", NeurIPS 2018, section 4.

Example:
    >>> import steep
    >>> from steep import nn
    >>> model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
    >>> data = steep.randn(64, 4), steep.randn(64, 1)
    >>> surface = steep.viz.loss_surface(model, nn.MSELoss(), data, steps=5)
    >>> surface.values.shape
    (5, 5)
    >>> figure = surface.figure("3d")
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import steep
from steep._core import Tensor
from steep.nn.module import Module
from steep.train._arrays import dtype_of, to_tensors
from steep.viz._figure import INK, finish, new_figure, settings

if TYPE_CHECKING:
    import numpy as np

__all__ = ["LossSurface", "as_before", "levels_of", "loss_surface"]


@dataclass(frozen=True)
class LossSurface:
    """Losses over a square around the weights.

    Attributes:
        span: the square reaches from ``-span`` to ``span`` in both directions; 1 is as far as the
            filters are long.
        values: losses, a NumPy array [steps, steps] in float64: rows along the second direction,
            columns along the first; the middle one is the loss of the weights themselves.
    """

    span: float
    values: np.ndarray[Any, Any]

    @property
    def loss(self) -> float:
        """The loss of the weights themselves."""
        middle = len(self.values) // 2
        return float(self.values[middle, middle])

    def figure(self, kind: str = "contour", *, save: str | os.PathLike[str] | None = None) -> Any:
        """The surface as level lines or as a landscape; losses that are not finite are left out.

        Args:
            kind: ``'contour'``, ``'3d'``, or ``'both'`` beside each other. Default: ``'contour'``.
            save: where to write it: a path that ends in ``.png``, ``.svg`` or ``.pdf``.

        Returns:
            A `matplotlib.figure.Figure`.

        Raises:
            ValueError: for another kind.
            ImportError: if matplotlib is not installed.
        """
        if kind not in ("contour", "3d", "both"):
            raise ValueError(
                f"LossSurface.figure: expected 'contour', '3d' or 'both', got {kind!r}"
            )
        with settings():
            wide = 10.4 if kind == "both" else 5.4
            figure = new_figure("steep.viz.LossSurface.figure", (wide, 4.6))
            figure.set_layout_engine("none")  # it crops what stands in space
            if kind != "3d":
                axes = figure.add_axes(
                    (0.065 if kind == "both" else 0.13, 0.11, 0.74 * 5.2 / wide, 0.8)
                )
                self._draw_contours(axes, figure)
            if kind != "contour":
                place = (0.53, 0.02, 0.42, 0.95) if kind == "both" else (0.02, 0.02, 0.86, 0.95)
                self._draw_landscape(figure.add_axes(place, projection="3d"))
            return finish(figure, save, "LossSurface.figure")

    def _grid(self) -> Any:
        import numpy as np

        along = np.linspace(-self.span, self.span, len(self.values))
        return along, np.ma.masked_invalid(self.values)

    def _draw_contours(self, axes: Any, figure: Any) -> None:
        along, losses = self._grid()
        levels, ratios = levels_of(losses)
        filled = axes.contourf(along, along, losses, levels=levels, cmap="viridis_r", extend="max",
                               norm="log" if ratios else None)  # fmt: skip
        axes.contour(along, along, losses, levels=levels, colors="white", linewidths=0.5)
        axes.plot(0, 0, "*", color="white", mec=INK, mew=1, ms=13)
        axes.set(xlabel="first direction", ylabel="second direction", aspect="equal")
        ticks = [-self.span, -self.span / 2, 0, self.span / 2, self.span]
        axes.set(xticks=ticks, yticks=ticks)
        axes.set_title(f"Loss {self.loss:.4g} at the weights")
        bar = figure.colorbar(filled, ax=axes, label="loss", shrink=0.85, format="%.3g")
        bar.ax.minorticks_off()
        bar.set_ticks(levels[::3])
        bar.outline.set_visible(False)
        bad = int(losses.mask.sum()) if losses.mask.shape else 0
        if bad:
            axes.set_xlabel(f"first direction ({bad} losses are not finite: white)")

    def _draw_landscape(self, axes: Any) -> None:
        import numpy as np

        along, losses = self._grid()
        levels, ratios = levels_of(losses)
        height = np.minimum(losses.filled(levels[-1]), levels[-1])
        if ratios:
            height = np.log10(height)
        x, y = np.meshgrid(along, along)
        axes.plot_surface(x, y, height, cmap="viridis_r", rstride=1, cstride=1, lw=0.15,
                          edgecolor="#ffffff60", antialiased=True)  # fmt: skip
        axes.set_xlabel("first direction", labelpad=2)
        axes.set_ylabel("second direction", labelpad=2)
        axes.set_zlabel("log₁₀ of the loss" if ratios else "loss", labelpad=4)
        axes.view_init(elev=38, azim=-58)
        axes.tick_params(labelsize=7, pad=0)
        axes.set_box_aspect(None, zoom=0.92)


def levels_of(losses: Any) -> tuple[Any, bool]:
    """Levels of a masked array of losses, and whether they go by equal ratios, as where losses span
    much. The highest is one that nineteen in twenty stay below.
    """
    import numpy as np

    finite = losses.compressed()
    low, high = float(finite.min()), float(np.quantile(finite, 0.95))
    if high <= low:
        high = low + max(abs(low), 1.0) * 1e-6
    if low > 0 and high / low > 20:
        return np.geomspace(low, high, 16), True
    return np.linspace(low, high, 16), False


def loss_surface(
    model: Module,
    loss: Callable[[Any, Any], Any],
    data: tuple[Any, Any],
    *,
    span: float = 1.0,
    steps: int = 25,
    seed: int = 0,
    directions: tuple[Iterable[Tensor], Iterable[Tensor]] | None = None,
) -> LossSurface:
    """Losses over a square around a model's weights, in the plane of two directions.

    Each direction is drawn from a normal distribution and normalised filter by filter: every row of
    a weight of two dimensions or more gets the length of the weight's own row. Biases and what
    normalises (one dimension) stay as they are. Weights, modes and random numbers are afterwards
    as before, to the bit.

    Args:
        model: the model, in whose `eval` mode losses are computed.
        loss: of what the model returns and the target, such as ``nn.CrossEntropyLoss()``.
        data: (inputs, targets), tensors or arrays; all in one batch.
        span: how far to go to each side, in lengths of the filters. Default: 1.
        steps: losses along each side; odd, so that one is that of the weights. Default: 25.
        seed: of the directions. Default: 0.
        directions: two directions of your own, a tensor for each parameter in the order of
            `parameters`; they are used as they are. Default: random ones.

    Raises:
        TypeError: if `model` is no module.
        ValueError: for a span of 0 or less, fewer than 3 or an even number of steps, a model
            without a weight of two dimensions, directions of other shapes, or a loss of the weights
            themselves that is not finite.

    Example: see the module `steep.viz.landscape`.
    """
    import numpy as np

    what = "loss_surface"
    if not isinstance(model, Module):
        raise TypeError(f"{what}: expected a model (a steep.nn.Module), got {type(model).__name__}")
    if not (math.isfinite(span) and span > 0):
        raise ValueError(f"{what}: expected a span above 0, got {span}")
    if not isinstance(steps, int) or steps < 3 or steps % 2 == 0:
        raise ValueError(f"{what}: expected an odd number of steps, 3 or more, got {steps}")
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise TypeError(
            f"{what}: expected data as a pair (inputs, targets), got a {type(data).__name__}"
        )
    floating = dtype_of(model)
    x, y = (to_tensors(what, name, part, floating) for name, part in zip("xy", data, strict=True))
    weights: list[Tensor] = list(model.parameters())
    ways = _directions(weights, directions, seed, what)
    along = np.linspace(-span, span, steps)
    values = np.empty((steps, steps))
    with as_before(model, weights) as before:

        def loss_at(a: float, b: float) -> float:
            for weight, origin, one, two in zip(weights, before, *ways, strict=True):
                weight.copy_(origin + (one * a + two * b))
            return float(loss(model(x), y))

        here = loss_at(0.0, 0.0)
        if not math.isfinite(here):
            raise ValueError(
                f"{what}: expected weights with a finite loss, got {here}; there is no surface "
                "around it to see"
            )
        for row, b in enumerate(along):
            for column, a in enumerate(along):
                values[row, column] = loss_at(float(a), float(b))
    return LossSurface(span, values)


@contextmanager
def as_before(model: Module, weights: list[Tensor]) -> Iterator[list[Tensor]]:
    """In eval mode and without gradients; weights, modes and random numbers come back."""
    before = [weight.detach().clone() for weight in weights]
    modes = [(module, module.training) for module in model.modules()]
    state = steep.get_rng_state()
    try:
        model.eval()
        with steep.no_grad():
            yield before
    finally:
        with steep.no_grad():
            for weight, origin in zip(weights, before, strict=True):
                weight.copy_(origin)
        for module, training in modes:
            module.training = training
        steep.set_rng_state(state)


def _directions(
    weights: list[Tensor], given: Any, seed: int, what: str
) -> tuple[list[Tensor], list[Tensor]]:
    if given is not None:
        ways = tuple(list(way) for way in given)
        shapes = [tuple(weight.shape) for weight in weights]
        if len(ways) != 2 or any([tuple(x.shape) for x in way] != shapes for way in ways):
            raise ValueError(
                f"{what}: expected two directions, each a tensor for each parameter, of the shapes "
                f"{shapes}"
            )
        return ways[0], ways[1]
    if not any(weight.dim() > 1 and weight.numel() for weight in weights):
        raise ValueError(f"{what}: expected a model with a weight of two dimensions or more")
    generator = steep.Generator().manual_seed(seed)
    return _random(weights, generator), _random(weights, generator)


def _random(weights: list[Tensor], generator: Any) -> list[Tensor]:
    """A direction whose filters have the lengths of the weights' (Li and others, section 4)."""
    way = []
    with steep.no_grad():
        for weight in weights:
            if weight.dim() < 2 or not weight.numel():
                way.append(steep.zeros_like(weight))
                continue
            drawn = steep.randn(*weight.shape, generator=generator, dtype=weight.dtype)
            filters, own = drawn.reshape(len(weight), -1), weight.detach().reshape(len(weight), -1)
            length = filters.norm(dim=1, keepdim=True) + 1e-10
            scaled = filters * (own.norm(dim=1, keepdim=True) / length)
            way.append(scaled.reshape(*weight.shape))
    return way
