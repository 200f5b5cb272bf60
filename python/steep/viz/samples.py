"""The samples that a classifier gets wrong."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

from steep.viz._figure import INK, finish, new_figure, settings
from steep.viz._inputs import as_array, as_labels, check_count, check_finite, labels_of, numbers_of

__all__ = ["misclassified"]

_MOST_COLUMNS = 9


def misclassified(
    samples: Any,
    truth: Any,
    predicted: Any,
    *,
    classes: Sequence[Any] | None = None,
    columns: Sequence[str] | None = None,
    shape: tuple[int, ...] | None = None,
    most: int = 32,
    save: str | os.PathLike[str] | None = None,
) -> Any:
    """A sheet of what was classified wrongly: images, or rows of a table as text.

    Args:
        samples: images, [n, height, width], [n, channels, height, width] with 1, 3 or 4 channels,
            or rows [n, features], which `shape` may make images of. Values are scaled to what
            there is. A `pandas.DataFrame` is a table.
        truth: labels, [n].
        predicted: labels, [n], or scores, [n, classes]: then the most certain mistakes come first,
            with the certainty (of the softmax) at each.
        classes: what classes 0, 1, ... are called. Default: the labels.
        columns: names of a table's columns. Default: those of a frame, else numbers.
        shape: of one image, such as ``(28, 28)``, where samples are flat.
        most: how many to show. Default: 32.
        save: where to write it: a path that ends in ``.png``, ``.svg`` or ``.pdf``.

    Returns:
        A `matplotlib.figure.Figure`; where nothing is wrong, it says so.

    Raises:
        ValueError: for another shape, different numbers of samples and labels, images that are not
            finite.
        ImportError: if matplotlib is not installed.

    Example:
        >>> import numpy as np
        >>> images = np.arange(48.0).reshape(3, 4, 4)
        >>> figure = misclassified(images, [0, 1, 2], [0, 2, 1])
        >>> [axes.get_title() for axes in figure.axes]
        ['1 as 2\\n#1', '2 as 1\\n#2']
    """
    what = "misclassified"
    if most < 1:
        raise ValueError(f"{what}: expected most to be 1 or more, got {most}")
    if columns is None and hasattr(samples, "columns"):
        columns = [str(name) for name in samples.columns]
    rows = samples.to_numpy() if hasattr(samples, "to_numpy") else None
    data = as_array(samples, what, "samples", objects=True) if rows is None else rows
    true = as_labels(truth, what, "truth")
    check_count(len(data), len(true), what, "samples")
    given = labels_of(predicted, what, "predicted", len(true))
    true, given, names = numbers_of(true, given, classes, what)
    certain = _certainty(predicted, given)
    wrong, total = _wrong(true, given, certain)
    shown = wrong[:most]
    if shape is not None:
        data = _shaped(data, shape, what)
    tabular = data.ndim == 2
    if not tabular:
        data = _images(data, what)
    titles = [f"{names[true[k]]} as {names[given[k]]}" for k in shown]
    if certain is not None:
        titles = [f"{t}, {certain[k]:.0%}" for t, k in zip(titles, shown, strict=True)]
    head = f"{total:,} of {len(true):,} wrong ({total / len(true):.1%})"
    if total > len(shown):
        head += f", the {'most certain ' if certain is not None else 'first '}{len(shown)}"
    with settings():
        if not total:
            figure = new_figure("steep.viz.misclassified", (4.5, 1.2))
            figure.text(0.5, 0.5, f"All {len(true):,} are right.", ha="center", va="center")
        elif tabular:
            figure = _table(data[shown], titles, shown, columns, head, what)
        else:
            figure = _sheet(data[shown], titles, shown, head)
        return finish(figure, save, what)


def _certainty(predicted: Any, given: Any) -> Any:
    """The softmax's probability of each prediction, if there are scores."""
    import numpy as np

    scores = as_array(predicted, "misclassified", "predicted")
    if scores.ndim != 2 or scores.shape[1] < 2:
        return None
    scores = scores.astype(float)
    already = (scores >= 0).all() and np.allclose(scores.sum(axis=1), 1, atol=1e-4)
    if not already:
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        scores /= scores.sum(axis=1, keepdims=True)
    return scores[np.arange(len(given)), given]


def _wrong(true: Any, given: Any, certain: Any) -> tuple[Any, int]:
    import numpy as np

    wrong = np.flatnonzero(true != given)
    if certain is not None:
        wrong = wrong[np.argsort(-certain[wrong], kind="stable")]
    return wrong, len(wrong)


def _shaped(data: Any, shape: tuple[int, ...], what: str) -> Any:
    if math.prod(shape) != math.prod(data.shape[1:]):
        raise ValueError(
            f"{what}: expected samples of {math.prod(shape)} numbers for the shape {shape}, got "
            f"{math.prod(data.shape[1:])}"
        )
    return data.reshape(len(data), *shape)


def _images(data: Any, what: str) -> Any:
    """[n, height, width] or [n, height, width, 3 or 4], from 0 to 1."""
    check_finite(data, what, "samples")
    if data.ndim == 4 and data.shape[1] in (1, 3, 4):
        data = data[:, 0] if data.shape[1] == 1 else data.transpose(0, 2, 3, 1)
    elif not (data.ndim == 3 or (data.ndim == 4 and data.shape[3] in (3, 4))):
        raise ValueError(
            f"{what}: expected images [n, height, width] or [n, channels, height, width] with 1, 3 "
            f"or 4 channels, or rows [n, features], got {list(data.shape)}"
        )
    low, high = float(data.min()), float(data.max())
    return (data - low) / (high - low if high > low else 1.0)


def _sheet(images: Any, titles: list[str], numbers: Any, head: str) -> Any:
    across = min(8, len(images))
    down = math.ceil(len(images) / across)
    wide = 1.25 if max(map(len, titles)) <= 12 else 1.75
    figure = new_figure("steep.viz.misclassified", (max(wide * across, 3.6), 1.6 * down + 0.35))
    figure.suptitle(f"{head}: true as predicted", x=0.01, ha="left", fontsize=10.5)
    panels = figure.subplots(down, across, squeeze=False)
    for axes in panels.flat[len(images) :]:
        axes.remove()
    for axes, image, title, number in zip(panels.flat, images, titles, numbers, strict=False):
        axes.imshow(image, cmap="gray_r" if image.ndim == 2 else None, vmin=0, vmax=1)
        axes.set_title(f"{title}\n#{number}", fontsize=7.5, loc="center")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(True)
        axes.spines[:].set_color("#c4c4c4")
    return figure


def _table(
    rows: Any, titles: list[str], numbers: Any, columns: Sequence[str] | None, head: str, what: str
) -> Any:
    names = [str(k) for k in range(rows.shape[1])] if columns is None else list(columns)
    if len(names) != rows.shape[1]:
        raise ValueError(f"{what}: expected names of {rows.shape[1]} columns, got {len(names)}")
    shown = min(len(names), _MOST_COLUMNS)
    cells = [["row", "true as predicted", *(_cell(name) for name in names[:shown])]]
    for number, title, row in zip(numbers, titles, rows, strict=True):
        cells.append([str(number), title, *(_cell(value) for value in row[:shown])])
    if shown < len(names):
        head += f"; {shown} of {len(names)} columns"
    widths = [max(map(len, column)) + 2 for column in zip(*cells, strict=True)]
    figure = new_figure(
        "steep.viz.misclassified", (0.085 * sum(widths) + 0.4, 0.22 * len(cells) + 0.6)
    )
    axes = figure.subplots()
    axes.axis("off")
    axes.set_title(head)
    axes.set(xlim=(0, sum(widths)), ylim=(len(cells), -0.3))
    for down, line in enumerate(cells):
        at = 0
        for across, (cell, width) in enumerate(zip(line, widths, strict=True)):
            left = across == 1
            x = at + 1 if left else at + width - 1
            axes.text(x, down + 0.5, cell, ha="left" if left else "right", va="center",
                      family="monospace", fontsize=8, color=INK,
                      weight="bold" if not down else "normal")  # fmt: skip
            at += width
    axes.axhline(1, color="#999999", lw=0.8)
    return figure


def _cell(value: Any) -> str:
    try:
        text = f"{float(value):.4g}"
    except (TypeError, ValueError):
        text = str(value)
    return text if len(text) <= 18 else f"{text[:17]}…"
