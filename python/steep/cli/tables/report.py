"""What a training came to, as plain values; and as text for a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

from steep.cli.tables.scores import LABELS

__all__ = ["Report", "number", "sparkline", "text_of"]

_BARS = "▁▂▃▄▅▆▇█"
_MOST_SHOWN = 12  # columns in the terminal's list of importances


@dataclass
class Report:
    """A training, and how good the network is on rows that nothing was learned from.

    Attributes:
        source: the table's file.
        target, task, classes: what is predicted.
        rows: of each part, by its name.
        columns: kind of each input column by name.
        categories: values of the columns that are categories, as the training rows have them.
        notes: what was found or done, a sentence each.
        network: its layers in words; `parameters` how many numbers it has.
        epochs, best_epoch, seconds, stopped: of the training.
        curve: losses by epoch: ``'training'`` and ``'validation'``.
        scores: by whose they are: the network, the linear model, and the constant.
        importances: by column.
        confusion: [classes, classes], true class by row; empty for a regression.
        pairs: (true, predicted) of some test rows; empty for a classification.
        seed: of splits and weights.
        files: what was written.
    """

    source: str
    target: str
    task: str
    classes: list[str]
    rows: dict[str, int]
    columns: dict[str, str]
    categories: dict[str, list[str]]
    notes: list[str]
    network: str
    parameters: int
    epochs: int
    best_epoch: int
    seconds: float
    stopped: str
    curve: dict[str, list[float]]
    scores: dict[str, dict[str, float]]
    importances: dict[str, float]
    confusion: list[list[int]]
    pairs: list[list[float]]
    seed: int
    files: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, which a model file can carry."""
        return asdict(self)

    @property
    def network_scores(self) -> dict[str, float]:
        """Those of the network."""
        return next(iter(self.scores.values()))


def number(value: float) -> str:
    """A number with four digits that count."""
    if not math.isfinite(value):
        return "-"
    if value == 0 or 1e-3 <= abs(value) < 1e6:
        digits = 3 - (math.floor(math.log10(abs(value))) if value else 0)
        return f"{value:,.{min(6, max(0, digits))}f}"
    return f"{value:.3e}"


def sparkline(values: Sequence[float], width: int = 60) -> str:
    """Values as a row of bars, a logarithmic scale if all are above 0."""
    finite = [v for v in values if math.isfinite(v)]
    if not finite:
        return ""
    count = min(width, len(finite))
    edges = [round(i * len(finite) / count) for i in range(count + 1)]
    means = [sum(finite[a:b]) / (b - a) for a, b in pairwise(edges)]
    if min(means) > 0:
        means = [math.log(v) for v in means]
    low, high = min(means), max(means)
    return "".join(_BARS[round((v - low) / (high - low) * 7) if high > low else 0] for v in means)


def text_of(report: Report) -> str:
    """The report for a terminal."""
    rows = ", ".join(f"{count:,} {part}" for part, count in report.rows.items())
    lines = [
        f"{report.source}: {report.task} of {report.target!r}",
        f"rows     {rows}",
        f"network  {report.network}; {report.parameters:,} parameters",
        f"training {report.epochs} epochs in {report.seconds:.1f} s, the best was "
        f"{report.best_epoch}; {report.stopped}",
        "",
        f"training loss    {sparkline(report.curve['training'])}",
        f"validation loss  {sparkline(report.curve['validation'])}",
        "",
        "On the test rows, which nothing was learned from:",
        *_table_of_scores(report.scores),
        "",
        "What the network needs (rise of the error when the column is shuffled):",
        *_bars(report.importances),
    ]
    if report.confusion and len(report.classes) <= 10:
        lines += ["", "True classes by row, predicted ones by column:", *_confusion(report)]
    if report.notes:
        lines += ["", "Notes:", *(f"- {note}" for note in report.notes)]
    return "\n".join(lines)


def _table_of_scores(scores: dict[str, dict[str, float]]) -> list[str]:
    names = list(next(iter(scores.values())))
    labels = [LABELS[name][0] + ("" if LABELS[name][1] else " (less is better)") for name in names]
    wide = max(map(len, labels))
    widths = [max(10, len(who)) for who in scores]
    head = " " * (wide + 2) + "  ".join(
        who.rjust(width) for who, width in zip(scores, widths, strict=True)
    )
    lines = [head]
    for name, label in zip(names, labels, strict=True):
        cells = [
            number(of[name]).rjust(width) for of, width in zip(scores.values(), widths, strict=True)
        ]
        lines.append(f"{label:{wide}}  " + "  ".join(cells))
    return lines


def _bars(values: dict[str, float]) -> list[str]:
    shown = list(values.items())[:_MOST_SHOWN]
    wide = max(len(name) for name, _ in shown)
    most = max(max(value for _, value in shown), 1e-300)
    lines = [
        f"{name:{wide}}  {number(value):>10}  {'█' * round(30 * max(0.0, value) / most)}"
        for name, value in shown
    ]
    if len(values) > len(shown):
        lines.append(f"... and {len(values) - len(shown)} columns more")
    return lines


def _confusion(report: Report) -> list[str]:
    names = [name[:12] for name in report.classes]
    wide = max(map(len, names))
    widths = [
        max(len(name), *(len(str(row[i])) for row in report.confusion))
        for i, name in enumerate(names)
    ]
    lines = [" " * (wide + 2) + "  ".join(map(str.rjust, names, widths))]
    for name, row in zip(names, report.confusion, strict=True):
        lines.append(f"{name:{wide}}  " + "  ".join(map(str.rjust, map(str, row), widths)))
    return lines
