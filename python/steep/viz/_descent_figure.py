"""Paths over a surface, drawn and animated."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from steep._files import write_atomically
from steep._optional import optional
from steep.viz._figure import COLOURS, INK, colour, finish, new_figure, settings, suffix_of
from steep.viz._paths import Path, Paths
from steep.viz.surfaces import Surface

if TYPE_CHECKING:
    import numpy as np


__all__ = ["animate", "draw", "draw_surface"]

_SHADE, _LINE = "#bccada", "#93a1b0"  # the surface and its level lines
_MARKERS = "osD^vP*"


# Updates a picture to a step.
_Show = Callable[[int], None]


def draw(descent: Paths, save: str | os.PathLike[str] | None) -> Any:
    with settings():
        figure = new_figure("steep.viz.descend(...).figure", (10.4, 5.0))
        for show in _draw_all(figure, descent, arrows=True):
            show(descent.steps)
        return finish(figure, save, "Descent.figure")


def animate(descent: Paths, save: str | os.PathLike[str], frames: int, fps: int) -> Any:
    if frames < 2 or fps < 1:
        raise ValueError(f"animate: expected 2 frames and 1 fps or more, got {frames} and {fps}")
    suffix_of(save, (".gif",), "Descent.animate")
    image = optional("PIL.Image", "images", "steep.viz.descend(...).animate")
    longest = _longest(descent)
    count = min(frames, longest + 1)
    steps = [round(k * longest / max(count - 1, 1)) for k in range(count)]
    palette = _palette(image)
    pictures = []
    with settings():
        figure = new_figure("steep.viz.descend(...).animate", (8.4, 4.2))
        shows = _draw_all(figure, descent, arrows=False)
        figure.canvas.draw()
        figure.set_layout_engine("none")  # laid out once: nothing may move between pictures
        for step in steps:
            for show in shows:
                show(step)
            memory = io.BytesIO()
            figure.savefig(memory, format="png", dpi=72)
            picture = image.open(memory).convert("RGB")
            pictures.append(picture.quantize(palette=palette, dither=image.Dither.NONE))
    out = io.BytesIO()
    pause = [1000 // fps] * (count - 1) + [1500]
    pictures[0].save(
        out, "GIF", save_all=True, append_images=pictures[1:], duration=pause, loop=0, optimize=True
    )
    write_atomically(os.fspath(save), [out.getvalue()])
    return figure


def _palette(image: Any) -> Any:
    """The colours of the figure, faded in steps: chosen by area, those of thin lines would go."""
    to_rgb = optional("matplotlib.colors", "viz", "steep.viz").to_rgb
    table: list[int] = []
    for ink, count in [(_SHADE, 28), (_LINE, 8), (INK, 20), *((x, 12) for x in COLOURS[:-1])]:
        for k in range(count):
            table += [round(255 * (1 - (1 - part) * (k + 1) / count)) for part in to_rgb(ink)]
    palette = image.new("P", (1, 1))
    palette.putpalette(table + [255] * (768 - len(table)))
    return palette


def _longest(descent: Paths) -> int:
    return max(len(path.points) for path in descent.paths.values()) - 1


def _draw_all(figure: Any, descent: Paths, arrows: bool) -> list[_Show]:
    grid = figure.add_gridspec(2, 2, width_ratios=(1.55, 1))
    left = figure.add_subplot(grid[:, 0])
    draw_surface(left, descent.surface)
    lines, shows = [], []
    for number, path in enumerate(descent.paths.values()):
        line, show = _draw_path(left, path, number, arrows, descent.surface)
        lines.append(line)
        shows.append(show)
    for x, y in [minimum.point for minimum in descent.surface.minima]:
        left.plot(x, y, "*", color="white", mec=INK, mew=1.0, ms=13, zorder=6)
    left.plot(*descent.start, "o", color="white", mec=INK, mew=1.4, ms=7, zorder=6)
    left.set_title(f"{descent.surface.title}: {descent.surface.formula}")
    key = "○ start   ☆ minimum   ✕ lost" + ("   arrows: momentum" if arrows else "")
    left.set_xlabel(f"x        ({key})")
    figure.legend(handles=lines, loc="outside lower left", ncols=2 if len(lines) < 5 else 3)
    shows += _draw_values(figure.add_subplot(grid[0, 1]), descent)
    return shows + _draw_lengths(figure.add_subplot(grid[1, 1]), descent)


def draw_surface(axes: Any, surface: Surface) -> None:
    """Level lines in grey, darker where the surface is lower; a scale for the values."""
    import numpy as np

    (x0, x1), (y0, y1) = surface.domain
    x, y = np.meshgrid(np.linspace(x0, x1, 240), np.linspace(y0, y1, 240))
    z = np.asarray(surface(x, y))
    levels = _levels(z, surface.lowest)
    colours = optional("matplotlib.colors", "viz", "steep.viz")
    shades = colours.LinearSegmentedColormap.from_list("steep", [_SHADE, "#ffffff"])
    filled = [min(float(z.min()), levels[0]) - 1, *levels]  # what is below the lowest line, too
    norm = colours.BoundaryNorm(filled, shades.N)
    axes.contourf(x, y, z, levels=filled, cmap=shades, norm=norm, extend="max")
    lines = axes.contour(x, y, z, levels=levels, colors=_LINE, linewidths=0.6, linestyles="solid")
    axes.clabel(lines, levels[2::3], fmt="%.3g", fontsize=6.5, colors="#66727f")
    axes.set(xlim=(x0, x1), ylim=(y0, y1), xlabel="x", ylabel="y")


def _levels(z: np.ndarray[Any, Any], lowest: float | None) -> Any:
    """Values of the level lines: by equal ratios above the minimum, or by equal steps."""
    import numpy as np

    if lowest is None:
        return np.linspace(z.min(), z.max(), 15)[1:-1]
    top = float(np.quantile(z, 0.98)) - lowest
    return lowest + np.geomspace(top / 2000, top, 14)


def _draw_path(
    axes: Any, path: Path, number: int, arrows: bool, surface: Surface
) -> tuple[Any, _Show]:
    import numpy as np

    points = np.array(path.points)
    mark, ink = _MARKERS[number % len(_MARKERS)], colour(number)
    (line,) = axes.plot(
        [], [], color=ink, lw=1.3, marker=mark, ms=3, mew=0, alpha=0.9, zorder=4,
        label=f"{path.name}, lr {path.lr:g}: {path.outcome(surface)}",
    )  # fmt: skip
    (head,) = axes.plot([], [], mark, color=ink, ms=8, mec="white", mew=1, zorder=7)
    cross = None if path.diverged is None else _mark_divergence(axes, points, ink)
    if arrows and path.velocities:
        _draw_velocities(axes, path, ink, surface)

    def show(step: int) -> None:
        shown = points[: step + 1]
        line.set_data(*shown.T)
        head.set_data(*shown[-1:].T)
        if cross is not None:
            cross.set_visible(step >= len(points) - 1)

    return line, show


def _mark_divergence(axes: Any, points: Any, ink: str) -> Any:
    """A cross where the path first leaves the picture."""
    import numpy as np

    (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
    low, high = np.array([x0, y0]), np.array([x1, y1])
    outside = np.flatnonzero(((points < low) | (points > high)).any(axis=1))
    inset = 0.02 * (high - low)
    where = np.clip(points[outside[0] if len(outside) else -1], low + inset, high - inset)
    return axes.plot(*where, "X", color=ink, ms=11, mec="white", mew=1, zorder=8)[0]


def _draw_velocities(axes: Any, path: Path, ink: str, surface: Surface) -> None:
    """Arrows at some points: where the momentum leads, all of one length."""
    import numpy as np

    points, back = np.array(path.points), np.array(path.velocities[: len(path.points)])
    count = len(back)
    inside = [
        k for k in sorted({0, 1, 2, 4, 7, 11, 16, 23, 34, 50, 75, 110}) if k < count
    ]  # most where most happens
    if not inside:
        return
    (x0, x1), (y0, y1) = surface.domain
    scale = np.array([x1 - x0, y1 - y0])
    way = -back[inside] / scale
    length = np.hypot(*way.T)
    way = way / np.where(length > 0, length, 1)[:, None] * 0.05 * scale
    axes.quiver(
        *points[inside].T, *way.T, color=ink, angles="xy", scale_units="xy", scale=1,
        width=0.004, headwidth=4.5, zorder=5,
    )  # fmt: skip


def _follow(line: Any, x: Any, y: Any) -> _Show:
    """Shows the line up to a step; x counts steps."""
    import numpy as np

    x, y = np.asarray(x), np.asarray(y, dtype=float)

    def show(step: int) -> None:
        line.set_data(x[x <= step], y[x <= step])

    return show


def _draw_values(axes: Any, descent: Paths) -> list[_Show]:
    """The value above the deepest minimum, or the value itself where there is none."""
    lowest = descent.surface.lowest
    shows = []
    for number, path in enumerate(descent.paths.values()):
        values = path.values
        if lowest is not None:
            values = [max(value - lowest, 1e-16) for value in values]
        (line,) = axes.plot(values, color=colour(number), lw=1.4)
        shows.append(_follow(line, range(len(values)), values))
    if lowest is None:
        axes.set_yscale("symlog", linthresh=0.1)
        axes.set_title("value (symmetric log scale)")
    else:
        axes.set_yscale("log")
        many = len(descent.surface.minima) > 1
        axes.set_title(f"value above the {'lowest ' if many else ''}minimum")
        top = max(max(path.values) for path in descent.paths.values()) - lowest
        start = max(next(iter(descent.paths.values())).values[0] - lowest, 1e-9)
        axes.set_ylim(1e-9 * start, min(10 * max(top, 1e-9), 1e4 * start))
    axes.set_xlim(0, _longest(descent))
    axes.tick_params(labelbottom=False)
    axes.grid(color="#e4e4e4", lw=0.6)
    return shows


def _draw_lengths(axes: Any, descent: Paths) -> list[_Show]:
    import numpy as np

    shows, least = [], 1.0
    for number, path in enumerate(descent.paths.values()):
        lengths = np.hypot(*np.diff(np.array(path.points), axis=0).T)
        lengths = np.maximum(lengths, 1e-16)
        least = min(least, *lengths)
        steps = range(1, len(lengths) + 1)
        (line,) = axes.plot(steps, lengths, color=colour(number), lw=1.2)
        shows.append(_follow(line, steps, lengths))
    axes.set_yscale("log")
    axes.set_ylim(bottom=max(1e-7, 0.5 * least))
    axes.set_xlim(0, _longest(descent))
    axes.set(title="length of a step", xlabel="step")
    axes.grid(color="#e4e4e4", lw=0.6)
    return shows
