"""What all figures share: how they are made, their colours, and how they are saved."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from typing import Any

from steep._files import write_atomically
from steep._optional import optional

__all__ = ["COLOURS", "GREY", "INK", "colour", "finish", "new_figure", "sequential"]

# Okabe and Ito's palette (2008), told apart by colour-blind readers too; without its yellow, which
# is too light on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
INK = "#222222"
GREY = "#8a8a8a"

_FORMATS = (".png", ".svg", ".pdf")
_SETTINGS = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.labelsize": 9.5,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "font.size": 9.5,
    "svg.hashsalt": "steep",  # the same figure is the same file
}


def colour(number: int) -> str:
    """The colour of the line with this number; they come again after the seventh."""
    return COLOURS[number % len(COLOURS)]


def sequential() -> Any:
    """Colours for an amount: light to dark, readable in grey and by colour-blind readers."""
    return optional("matplotlib", "viz", "steep.viz").colormaps["Blues"]


def new_figure(what: str, size: tuple[float, float]) -> Any:
    """A `matplotlib.figure.Figure` that pyplot does not know of.

    Args:
        what: the function that draws, for the error where matplotlib is missing.
        size: width and height in inches.
    """
    figure = optional("matplotlib.figure", "viz", what).Figure(figsize=size, layout="constrained")
    optional("matplotlib.backends.backend_agg", "viz", what).FigureCanvasAgg(figure)
    return figure


def settings() -> Any:
    """A context in which steep's figures are drawn; the user's own settings stay untouched."""
    return optional("matplotlib", "viz", "steep.viz").rc_context(_SETTINGS)


def suffix_of(save: str | os.PathLike[str], known: Sequence[str], what: str) -> str:
    """The suffix of a path, in small letters.

    Raises:
        ValueError: if it is not among those known.
    """
    suffix = os.path.splitext(os.fspath(save))[1].lower()
    if suffix not in known:
        raise ValueError(
            f"{what}: expected a path that ends in {' or '.join(known)}, got {os.fspath(save)!r}"
        )
    return suffix


def finish(figure: Any, save: str | os.PathLike[str] | None, what: str, dpi: int = 120) -> Any:
    """Save a figure, whole or not at all, if a path is given; returns the figure.

    Raises:
        ValueError: for a path that ends neither in ``.png`` nor ``.svg`` nor ``.pdf``.
        OSError: if the file cannot be written.
    """
    if save is None:
        return figure
    kind = suffix_of(save, _FORMATS, what)[1:]
    # Dates make every file another one.
    stamp: dict[str, None] = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}[kind]
    memory = io.BytesIO()
    with settings():
        figure.savefig(memory, format=kind, dpi=dpi, metadata=stamp)
    write_atomically(os.fspath(save), [memory.getvalue()])
    return figure
