"""Learning curves, from a history, a table or a log."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from steep.viz._figure import GREY, colour, finish, new_figure, settings, suffix_of

__all__ = ["learning_curves"]

_TIMES = ("epoch", "step", "steps", "seconds")
_PARTS = {"val": "validation", "validation": "validation", "test": "test", "train": "training"}
_TABLE = dict[str, list[float]]


def learning_curves(
    history: Any,
    columns: Sequence[str] | None = None,
    *,
    log: bool | None = None,
    title: str | None = None,
    save: str | os.PathLike[str] | None = None,
) -> Any:
    """Losses, metrics and the learning rate by epoch; one panel for each, all parts in it.

    Args:
        history: what `steep.train.fit` returns, a dict of lists, or the path of a log: ``.csv``,
            ``.jsonl`` (a row of a dict on each line) or ``.json`` (a dict of lists, or a list of
            rows).
        columns: which to draw; ``'loss'`` brings ``'val_loss'`` with it. Default: all.
        log: whether losses are on a logarithmic scale. Default: where they span a factor of 50.
        title: over it all.
        save: where to write it: a path that ends in ``.png``, ``.svg`` or ``.pdf``.

    Returns:
        A `matplotlib.figure.Figure`. Epochs without a value are gaps; where one is NaN or infinite
        there is a cross at the foot. The best epoch of a `History` has a line.

    Raises:
        ValueError: if there is no epoch, no column of numbers, or none of a name that was asked
            for; for a file of another suffix.
        ImportError: if matplotlib is not installed.

    Example:
        >>> figure = learning_curves({"loss": [1.0, 0.5], "val_loss": [1.1, 0.8], "lr": [0.1, 0.1]})
        >>> [axes.get_ylabel() for axes in figure.axes]
        ['loss', 'learning rate']
    """
    table = _read(history)
    groups = _groups(table, columns)
    kind, times = _times(table)
    best = getattr(history, "best_epoch", None)
    with settings():
        across, down = min(len(groups), 3), math.ceil(len(groups) / 3)
        size = max(5.6, 4.3 * across), 3.3 * down
        figure = new_figure("steep.viz.learning_curves", size)
        grid = figure.subplots(down, across, squeeze=False)
        panels = list(grid.flat)
        for axes in panels[len(groups) :]:
            axes.remove()
        for axes, (name, members) in zip(panels, groups.items(), strict=False):
            for number, (part, values) in enumerate(members.items()):
                # A part alone needs no name: the axis has one.
                _draw(axes, times, values, part if len(members) > 1 else f"_{part}", number)
            _scale(axes, name, members, log)
            axes.set(xlabel=kind, ylabel="learning rate" if name == "lr" else name)
            axes.xaxis.get_major_locator().set_params(integer=True)
            if best is not None and kind == "epoch":
                axes.axvline(best, color=GREY, lw=1, ls=":", label=f"best: epoch {best}")
            if len(members) > 1 or best is not None:
                axes.legend()
        if title is not None:
            figure.suptitle(title, x=0.01, ha="left")
        return finish(figure, save, "learning_curves")


def _draw(axes: Any, times: list[float], values: list[float], part: str, number: int) -> None:
    marker = "o" if len(values) <= 30 else None
    ink = colour(number)
    finite = [value if math.isfinite(value) else math.nan for value in values]
    style = "-" if number == 0 else "--" if number == 1 else "-."
    axes.plot(times, finite, style, color=ink, lw=1.6, marker=marker, ms=3.2, label=part)
    bad = [t for t, v in zip(times, values, strict=True) if v is not _NONE and not math.isfinite(v)]
    if bad:
        foot = axes.get_xaxis_transform()
        axes.plot(bad, [0.02] * len(bad), "x", color=ink, transform=foot, clip_on=False,
                  label=f"{part}: not finite")  # fmt: skip


def _scale(axes: Any, name: str, members: _TABLE, log: bool | None) -> None:
    finite = [v for values in members.values() for v in values if math.isfinite(v)]
    positive = bool(finite) and min(finite) > 0
    wide = positive and max(finite) / min(finite) > 50
    if (positive and log and "loss" in name) or (log is None and wide):
        axes.set_yscale("log")
    axes.grid(color="#e8e8e8", lw=0.6)
    axes.margins(x=0.03)


# What was not measured in an epoch; told apart from a measured NaN by being this very object.
_NONE = float("nan")


def _read(history: Any) -> _TABLE:
    if isinstance(history, (str, os.PathLike)):
        return _columns(_rows_of_file(history))
    if hasattr(history, "to_dict"):
        history = history.to_dict()
    if isinstance(history, Mapping):
        lengths = {name: len(values) for name, values in history.items() if _is_list(values)}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"learning_curves: expected columns of one length, got {lengths}")
        rows = [
            {n: history[n][k] for n in lengths} for k in range(max(lengths.values(), default=0))
        ]
        return _columns(rows)
    if isinstance(history, Iterable):
        return _columns(list(history))
    raise TypeError(
        "learning_curves: expected a History, a dict of lists, or the path of a log, got a "
        f"{type(history).__name__}"
    )


def _is_list(values: Any) -> bool:
    return hasattr(values, "__len__") and not isinstance(values, (str, bytes))


def _rows_of_file(path: str | os.PathLike[str]) -> list[Any]:
    suffix = suffix_of(path, (".csv", ".jsonl", ".json"), "learning_curves")
    with open(path, encoding="utf-8", newline="") as file:
        if suffix == ".csv":
            return list(csv.DictReader(file))
        if suffix == ".jsonl":
            return [_json(line, path, k) for k, line in enumerate(file, 1) if line.strip()]
        found = _json(file.read(), path)
    if isinstance(found, dict):
        longest = max((len(v) for v in found.values() if isinstance(v, list)), default=0)
        lists = {name: values for name, values in found.items() if isinstance(values, list)}
        return [{n: v[k] for n, v in lists.items() if k < len(v)} for k in range(longest)]
    return list(found) if isinstance(found, list) else []


def _json(text: str, path: str | os.PathLike[str], line: int | None = None) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        where = os.fspath(path) + (f", line {line}," if line else "")
        raise ValueError(f"learning_curves: expected JSON in {where} but {error}") from error


def _columns(rows: list[Any]) -> _TABLE:
    """The columns in which there are numbers; what a row lacks is `_NONE`."""
    if not rows:
        raise ValueError(
            "learning_curves: expected a history with an epoch at least, got an empty one; draw it "
            "after the first epoch is over"
        )
    if not all(isinstance(row, Mapping) for row in rows):
        raise TypeError("learning_curves: expected each row to be a dict, by column")
    names = dict.fromkeys(name for row in rows for name in row)
    table = {name: [_number(row.get(name)) for row in rows] for name in names}
    return {name: values for name, values in table.items() if any(v is not _NONE for v in values)}


def _number(value: Any) -> float:
    if value is None or value == "" or isinstance(value, bool):
        return _NONE
    try:
        return float(value)
    except (TypeError, ValueError):
        return _NONE


def _times(table: _TABLE) -> tuple[str, list[float]]:
    for name in ("epoch", "step"):
        if name in table and all(map(math.isfinite, table[name])):
            return name, table[name]
    return "epoch", [float(k + 1) for k in range(len(next(iter(table.values()))))]


def _groups(table: _TABLE, columns: Sequence[str] | None) -> dict[str, _TABLE]:
    """By metric, the columns of its parts: training, validation and so on."""
    groups: dict[str, _TABLE] = {}
    for name, values in table.items():
        if name in _TIMES:
            continue
        prefix, _, rest = name.partition("_")
        base, part = (rest, _PARTS[prefix]) if prefix in _PARTS and rest else (name, "training")
        groups.setdefault(base, {})[part] = values
    if columns is not None:
        wanted = [columns] if isinstance(columns, str) else list(columns)
        missing = [name for name in wanted if name not in groups and name not in table]
        if missing:
            raise ValueError(
                f"learning_curves: expected columns among {', '.join(groups)}, got {missing[0]!r}"
            )
        picked = {n: groups.get(n, {"training": table.get(n, [])}) for n in wanted}
        groups = {name: members for name, members in picked.items() if members}
    if not groups:
        raise ValueError("learning_curves: expected a column of numbers beside the time, got none")
    rates = [name for name in groups if name == "lr" or name.startswith("lr")]
    return {n: groups[n] for n in [*(n for n in groups if n not in rates), *rates]}
