"""The report as one HTML file that needs nothing else: no script, no network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from steep._version import __version__
from steep.cli.tables.report import Report, number
from steep.cli.tables.scores import LABELS

__all__ = ["html_of"]

_STYLE = """
:root { --ink: #1c2733; --soft: #5c6b7a; --line: #d7dee5; --back: #ffffff; --one: #1f6fb2;
  --other: #d1662b; --cell: 31, 111, 178; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4eaf0; --soft: #9aa8b5; --line: #38434e;
  --back: #151b21; --one: #62aee8; --other: #f0935a; --cell: 98, 174, 232; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--back);
  max-width: 56rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p.sub, figcaption, .soft { color: var(--soft); } figure { margin: 0; }
table { border-collapse: collapse; } th, td { padding: .25rem .75rem; text-align: right;
  border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; } td.best { font-weight: 600; }
svg { width: 100%; height: auto; } svg text { font: 12px system-ui, sans-serif; fill: var(--soft); }
.scroll { overflow-x: auto; }
"""
_WIDE, _HIGH, _LEFT, _RIGHT, _BOTTOM, _TOP = 720, 304, 64, 24, 40, 12


def html_of(report: Report) -> str:
    """The whole page as text."""
    title = f"{report.task.capitalize()} of {report.target}"
    rows = ", ".join(f"{count:,} {part}" for part, count in report.rows.items())
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="sub">{escape(report.source)}: {escape(rows)} rows, '
        f"{len(report.columns)} columns</p>",
        "<h2>On the test rows, which nothing was learned from</h2>",
        _scores(report.scores),
        "<h2>Learning curve</h2>",
        _curve(report),
        f'<p class="soft">{report.epochs} epochs in {report.seconds:.1f} s; the weights are those '
        f"of epoch {report.best_epoch}; {escape(report.stopped)}.</p>",
        "<h2>What the network needs</h2>",
        '<p class="soft">Rise of the error on the test rows when a column is shuffled.</p>',
        _bars(report.importances),
    ]
    if report.confusion:
        parts += ["<h2>Which classes are taken for which</h2>", _confusion(report)]
    if report.pairs:
        parts += ["<h2>Predicted and true values</h2>", _scatter(report)]
    parts += ["<h2>How it was made</h2>", _details(report)]
    body = "\n".join(parts)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n"
        "</body>\n</html>\n"
    )


def _scores(scores: dict[str, dict[str, float]]) -> str:
    head = "".join(f"<th>{escape(who)}</th>" for who in scores)
    lines = [f"<tr><th></th>{head}</tr>"]
    for name in next(iter(scores.values())):
        label, more = LABELS[name]
        values = [of[name] for of in scores.values()]
        known = [v for v in values if math.isfinite(v)]
        best = (max if more else min)(known, default=math.nan)
        cells = "".join(
            f'<td class="best">{number(v)}</td>' if v == best else f"<td>{number(v)}</td>"
            for v in values
        )
        hint = "" if more else ' <span class="soft">(less is better)</span>'
        lines.append(f"<tr><td>{escape(label)}{hint}</td>{cells}</tr>")
    return f'<div class="scroll"><table id="scores">{"".join(lines)}</table></div>'


class _Axes:
    """Places of values in a picture, and its axes."""

    def __init__(
        self, x: tuple[float, float], y: tuple[float, float], logarithmic: bool = False
    ) -> None:
        self.x, self.logarithmic = x, logarithmic
        low, high = (math.log10(y[0]), math.log10(y[1])) if logarithmic else y
        margin = (high - low) * 0.05 or 1.0
        self.y = (low - margin, high + margin)

    def at(self, x: float, y: float) -> str:
        y = math.log10(y) if self.logarithmic else y
        across = (x - self.x[0]) / ((self.x[1] - self.x[0]) or 1.0)
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return f"{_LEFT + across * (_WIDE - _LEFT - _RIGHT):.1f},{self.top(up):.1f}"

    def top(self, up: float) -> float:
        return _HIGH - _BOTTOM - up * (_HIGH - _BOTTOM - _TOP)

    @property
    def middle(self) -> float:
        """A value in the middle of the upright axis."""
        mean = sum(self.y) / 2
        return 10.0**mean if self.logarithmic else mean

    def frame(self, x_label: str, whole: bool = False) -> str:
        parts = []
        for i in range(5):
            up = i / 4
            value = self.y[0] + up * (self.y[1] - self.y[0])
            shown = number(10**value if self.logarithmic else value)
            y = self.top(up)
            parts.append(
                f'<line x1="{_LEFT}" x2="{_WIDE - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" '
                f'stroke="var(--line)"/><text x="{_LEFT - 6}" y="{y + 4:.1f}" '
                f'text-anchor="end">{shown}</text>'
            )
        for i in range(5):
            value = self.x[0] + i / 4 * (self.x[1] - self.x[0])
            if whole:
                value = round(value)
            x = float(self.at(value, self.middle).split(",")[0])
            shown = str(value) if whole else number(value)
            parts.append(f'<text x="{x:.1f}" y="{_HIGH - 22}" text-anchor="middle">{shown}</text>')
        middle = (_LEFT + _WIDE) / 2
        parts.append(f'<text x="{middle}" y="{_HIGH - 5}" text-anchor="middle">{x_label}</text>')
        return "".join(parts)


def _picture(identity: str, label: str, content: str) -> str:
    return (
        f'<figure><svg id="{identity}" role="img" aria-label="{escape(label)}" '
        f'viewBox="0 0 {_WIDE} {_HIGH}">{content}</svg></figure>'
    )


def _curve(report: Report) -> str:
    curves = {name: [v for v in of if math.isfinite(v)] for name, of in report.curve.items()}
    every = [v for of in curves.values() for v in of]
    if not every:
        return "<p>No epoch was finished.</p>"
    longest = max(map(len, curves.values()))
    low, high = min(every), max(every)
    axes = _Axes((1, max(2, longest)), (low, high), logarithmic=low > 0 and high > low)
    content = axes.frame("epoch", whole=True)
    if report.best_epoch:
        best = axes.at(report.best_epoch, axes.middle).split(",")[0]
        content += (
            f'<line x1="{best}" x2="{best}" y1="{_TOP}" y2="{_HIGH - _BOTTOM}" '
            'stroke="var(--soft)" stroke-dasharray="4"><title>best epoch</title></line>'
        )
    for (name, of), colour in zip(curves.items(), ("--one", "--other"), strict=False):
        points = " ".join(axes.at(i + 1, v) for i, v in enumerate(of))
        content += (
            f'<polyline points="{points}" fill="none" stroke="var({colour})" stroke-width="2">'
            f"<title>{name} loss</title></polyline>"
        )
    for i, (name, colour) in enumerate(zip(curves, ("--one", "--other"), strict=False)):
        y = _TOP + 14 + 18 * i
        content += (
            f'<rect x="{_WIDE - 150}" y="{y - 8}" width="18" height="3" fill="var({colour})"/>'
            f'<text x="{_WIDE - 126}" y="{y}">{name} loss</text>'
        )
    return _picture("curve", "loss by epoch", content)


def _bars(values: dict[str, float]) -> str:
    most = max(max(values.values(), default=0.0), 1e-300)
    lines = []
    for name, value in values.items():
        width = 100 * max(0.0, value) / most
        bar = (
            f'<svg viewBox="0 0 100 6" preserveAspectRatio="none" style="width:16rem;height:.8rem">'
            f'<rect width="{width:.1f}" height="6" fill="var(--one)"/></svg>'
        )
        lines.append(f"<tr><td>{escape(name)}</td><td>{number(value)}</td><td>{bar}</td></tr>")
    return f'<div class="scroll"><table id="importances">{"".join(lines)}</table></div>'


def _confusion(report: Report) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in report.classes)
    lines = [f"<tr><th>true, by row; predicted, by column</th>{head}</tr>"]
    for name, row in zip(report.classes, report.confusion, strict=True):
        total = max(1, sum(row))
        cells = "".join(
            f'<td style="background:rgba(var(--cell),{count / total * 0.6:.2f})">{count}</td>'
            for count in row
        )
        lines.append(f"<tr><th>{escape(name)}</th>{cells}</tr>")
    return f'<div class="scroll"><table id="confusion">{"".join(lines)}</table></div>'


def _scatter(report: Report) -> str:
    every = [v for pair in report.pairs for v in pair]
    low, high = min(every), max(every)
    axes = _Axes((low, high), (low, high))
    content = axes.frame("true value (upwards: predicted)")
    start, end = axes.at(low, low).split(","), axes.at(high, high).split(",")
    content += (
        f'<line x1="{start[0]}" y1="{start[1]}" x2="{end[0]}" y2="{end[1]}" '
        'stroke="var(--soft)" stroke-dasharray="4"/>'
    )
    for true, predicted in report.pairs:
        x, y = axes.at(true, predicted).split(",")
        content += f'<circle cx="{x}" cy="{y}" r="3" fill="var(--one)" fill-opacity=".5"/>'
    return _picture("scatter", "predicted over true values", content)


def _details(report: Report) -> str:
    kinds = ", ".join(f"{name} ({kind})" for name, kind in report.columns.items())
    entries: Sequence[tuple[str, str]] = [
        ("Network", f"{report.network}; {report.parameters:,} parameters"),
        ("Columns", kinds),
        ("Seed", str(report.seed)),
        ("Model file", report.files.get("model", "")),
        ("Made by", f"steep {__version__}"),
    ]
    lines = [f"<tr><td>{name}</td><td>{escape(text)}</td></tr>" for name, text in entries if text]
    notes = "".join(f"<li>{escape(note)}</li>" for note in report.notes)
    table = f'<table style="text-align:left">{"".join(lines)}</table>'
    return table.replace("<td>", '<td style="text-align:left">') + f"<ul>{notes}</ul>"
