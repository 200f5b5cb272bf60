"""The paths that optimisers take over a surface: the real optimisers, on real tensors.

Example:
    >>> from steep.viz import descend
    >>> descent = descend("ravine", ["sgd", "momentum"], steps=50)
    >>> print(descent)  # doctest: +SKIP
    Ravine: x²/2 + 12.5 y², from (-5, 1.8), 50 steps
    ...
    >>> descent.save_page("ravine.html")  # doctest: +SKIP
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from steep.viz import _descent_figure, page
from steep.viz._paths import OPTIMIZERS, Optimizers, Path, Paths, follow
from steep.viz.surfaces import Surface

__all__ = ["OPTIMIZERS", "Descent", "Path", "descend"]


class Descent(Paths):
    """The paths of several optimisers from one start; printing it gives a table.

    Attributes:
        surface: what they went down.
        start: where they began.
        steps: how many steps they were given.
        paths: by the optimiser's name.
    """

    def figure(self, *, save: str | os.PathLike[str] | None = None) -> Any:
        """The paths over the surface, with the value and the length of each step beside them.

        Args:
            save: where to write it: a path that ends in ``.png``, ``.svg`` or ``.pdf``.

        Returns:
            A `matplotlib.figure.Figure`.
        """
        return _descent_figure.draw(self, save)

    def animate(self, save: str | os.PathLike[str], *, frames: int = 60, fps: int = 12) -> Any:
        """The paths as they are taken: an animated GIF.

        Args:
            save: where to write it: a path that ends in ``.gif``.
            frames: pictures, at most; several steps may pass from one to the next. Default: 60.
            fps: pictures a second. Default: 12.

        Returns:
            The `matplotlib.figure.Figure` of the last picture.

        Raises:
            ImportError: if Pillow is not installed.
        """
        return _descent_figure.animate(self, save, frames, fps)

    def save_page(self, save: str | os.PathLike[str]) -> None:
        """One HTML file to try the optimisers in, which begins as this descent does.

        See `steep.viz.save_page`.
        """
        page.save_page(save, self)


def descend(
    surface: str | Surface,
    optimizers: Optimizers = ("sgd", "momentum", "adam"),
    *,
    start: Sequence[float] | None = None,
    lr: float | Mapping[str, float] | None = None,
    momentum: float = 0.9,
    steps: int = 200,
) -> Descent:
    """Let optimisers descend a surface; each step is one of `steep.optim`'s own, in float64.

    Args:
        surface: a name (``'bowl'``, ``'ravine'``, ``'rosenbrock'``, ``'beale'``, ``'saddle'``,
            ``'two_minima'``) or a `steep.viz.surfaces.Surface`.
        optimizers: names (``'sgd'``, ``'momentum'``, ``'nesterov'``, ``'adagrad'``,
            ``'rmsprop'``, ``'adam'``, ``'nadam'``, ``'adamw'``, ``'adamax'``,
            ``'rprop'``, ``'lbfgs'``: four iterations a step), or functions by name that make an
            optimiser of a list of parameters:
            ``{"slow Adam": lambda p: steep.optim.Adam(p, lr=0.01)}``.
            Default: ``('sgd', 'momentum', 'adam')``.
        start: (x, y). Default: the surface's own.
        lr: one learning rate for all, or rates by optimiser's name. Default: the surface's own for
            SGD, a usual one for the others.
        momentum: of SGD's and Nesterov's momentum, and the first beta of Adam and its kin.
            Default: 0.9.
        steps: how many. A path ends sooner when it diverges. Default: 200.

    Raises:
        ValueError: for an unknown name (the nearest one is named), a start, rate, momentum or
            number of steps that cannot be.

    Example:
        >>> descent = descend("bowl", "sgd", lr=0.25, steps=3, start=(2, 0))
        >>> descent.paths["sgd"].points
        [(2.0, 0.0), (1.0, 0.0), (0.5, 0.0), (0.25, 0.0)]
    """
    found = follow(surface, optimizers, start, lr, momentum, steps)
    return Descent(found.surface, found.start, found.steps, found.paths)
