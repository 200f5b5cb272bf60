"""The descent page: one HTML file, without a network, to try optimisers in."""

from __future__ import annotations

import json
import os
from importlib.resources import files
from typing import Any

from steep._files import write_atomically
from steep.viz._figure import COLOURS, suffix_of
from steep.viz._paths import FAR, Path, Paths, default_rates, follow
from steep.viz.surfaces import SURFACES, Surface

__all__ = ["PAGE_OPTIMIZERS", "save_page"]

# Those that page.js has formulas of.
PAGE_OPTIMIZERS = (
    "sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "nadam", "adamw",
)  # fmt: skip
_EXPORTED_STEPS = 100
_MORE_COLOURS = ("#7a5195", "#8c564b", "#999933", "#44aa99", "#882255")  # after the palette's


def save_page(
    save: str | os.PathLike[str], descent: Paths | None = None, *, steps: int = _EXPORTED_STEPS
) -> None:
    """Write one HTML file in which surface, start, optimisers, rates and momentum can be chosen.

    The page needs no network and no library. What runs from a free start is JavaScript with the
    same formulas; the engine's own paths are in the page too, for each surface and optimiser at
    their defaults and for `descent`, drawn as rings, and as the page opens it compares all of them
    with its own and says how far they agree.

    Args:
        save: where to write it: a path that ends in ``.html``.
        descent: what the page begins with, from `descend`. Optimisers that the page has no formula
            of (``'lbfgs'``, your own) replay their exported path. Default: Rosenbrock's valley.
        steps: how many of the engine's steps to export of each path at its defaults. Default: 100.

    Raises:
        ValueError: for a descent over a surface that is not among `steep.viz.surfaces.SURFACES`,
            or another suffix.
        OSError: if the file cannot be written.

    Example:
        >>> import os, tempfile
        >>> from steep.viz import save_page
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_page(os.path.join(folder, "descent.html"), steps=3)
        ...     os.listdir(folder)
        ['descent.html']
    """
    suffix_of(save, (".html", ".htm"), "save_page")
    if descent is None:
        descent = follow("rosenbrock", ("sgd", "momentum", "adam"), steps=steps)
    if not isinstance(descent, Paths):
        raise TypeError(f"save_page: expected what descend returns, got a {type(descent).__name__}")
    if SURFACES.get(descent.surface.name) is not descent.surface:
        raise ValueError(
            f"save_page: expected a descent over one of {', '.join(SURFACES)}, got the surface "
            f"{descent.surface.name!r}, whose formula the page does not have"
        )
    template = files("steep.viz")
    text = template.joinpath("page.html").read_text(encoding="utf-8")
    scripts = [template.joinpath(name).read_text("utf-8") for name in ("page.js", "page_view.js")]
    # No "</script>" may end the element that holds it.
    data = json.dumps(_data(descent, steps), allow_nan=False, separators=(",", ":"))
    text = text.replace("@@SCRIPT@@", "\n".join(scripts))
    text = text.replace("@@DATA@@", data.replace("<", "\\u003c"))
    write_atomically(os.fspath(save), [text.encode()])


def _data(descent: Paths, steps: int) -> dict[str, Any]:
    exports = [_export(descent.surface, path) for path in descent.paths.values()]
    for surface in SURFACES.values():
        grid = follow(surface, PAGE_OPTIMIZERS, steps=steps)
        exports += [_export(surface, path) for path in grid.paths.values()]
    momenta = {path.momentum for path in descent.paths.values()}
    return {
        "surfaces": [_surface(surface) for surface in SURFACES.values()],
        "exports": exports,
        "rates": {name: default_rates()[name] for name in PAGE_OPTIMIZERS},
        "far": FAR,
        "colours": [*COLOURS, *_MORE_COLOURS],
        "initial": {
            "surface": descent.surface.name,
            "start": descent.start,
            "momentum": momenta.pop(),
            "optimizers": list(descent.paths),
            "rates": {path.name: path.lr for path in descent.paths.values()},
        },
    }


def _surface(surface: Surface) -> dict[str, Any]:
    plain = ("name", "title", "formula", "source", "domain", "start", "lr")
    minima = [(*minimum.point, minimum.value) for minimum in surface.minima]
    return {name: getattr(surface, name) for name in plain} | {"minima": minima}


def _export(surface: Surface, path: Path) -> dict[str, Any]:
    return {
        "surface": surface.name,
        "optimizer": path.name,
        "lr": path.lr,
        "momentum": path.momentum,
        "points": path.points,
        "diverged": path.diverged,
    }
