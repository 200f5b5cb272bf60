"""A graph's boxes as text, as DOT, and as SVG."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from steep.viz._layout import lay_out

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    class Box(Protocol):
        name: str
        operation: str
        shape: tuple[int, ...] | None
        value: str
        grad: str
        inputs: list[int]


__all__ = ["dot", "svg", "text", "values"]

_LETTER, _LINE, _PAD = 6.65, 15.0, 9.0  # of the font at 11 px: width, height; around the text
_BETWEEN, _BESIDE = 34.0, 22.0  # layers, and boxes of a layer
_FILL = {"leaf": "#dcebf7", "operation": "#f4f4f4", "result": "#fbe3c8"}
_EDGE = {"leaf": "#0072b2", "operation": "#8a8a8a", "result": "#d55e00"}


def values(tensor: Any, most: int) -> str:
    """The elements of a small tensor, four digits each; nothing of a larger one."""
    if tensor is None or tensor.numel() > most or not tensor.numel():
        return ""

    def write(x: Any) -> str:
        if isinstance(x, list):
            return "[" + ", ".join(map(write, x)) + "]"
        return f"{x:.4g}" if isinstance(x, float) else str(x)

    return write(tensor.detach().tolist())


def _shape(box: Box) -> str:
    return "" if box.shape is None else str(list(box.shape))


def text(boxes: Sequence[Box]) -> str:
    """One line for each box, in columns."""
    wide = max(len(box.name) for box in boxes)
    rows = []
    for box in boxes:
        made = ""
        if box.operation:
            made = f"= {box.operation}({', '.join(boxes[k].name for k in box.inputs)})"
        extra = [f"value {box.value}" if box.value else "", f"grad {box.grad}" if box.grad else ""]
        rows.append([f"{box.name.ljust(wide)}  {made}".rstrip(), _shape(box), *extra])
    widths = [max(len(row[k]) for row in rows) for k in range(4)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _kind(boxes: Sequence[Box], number: int) -> str:
    if number == len(boxes) - 1:
        return "result"
    return "operation" if boxes[number].operation else "leaf"


def _lines(box: Box) -> list[str]:
    head = f"{box.operation or box.name} {_shape(box)}".rstrip()
    lines = [head]
    lines += [f"value {box.value}"] if box.value else []
    lines += [f"grad  {box.grad}"] if box.grad else []
    return [line if len(line) <= 48 else line[:47] + "…" for line in lines]


def dot(boxes: Sequence[Box]) -> str:
    """The boxes for Graphviz."""
    out = ["digraph {", '  node [shape=box, style="rounded,filled", fontname=monospace];']
    for number, box in enumerate(boxes):
        label = "\\l".join(_escape(line) for line in _lines(box)) + "\\l"
        kind = _kind(boxes, number)
        out.append(
            f'  n{number} [label="{label}", fillcolor="{_FILL[kind]}", color="{_EDGE[kind]}"];'
        )
    out += [f"  n{k} -> n{number};" for number, box in enumerate(boxes) for k in box.inputs]
    return "\n".join([*out, "}"])


def _escape(line: str) -> str:
    return line.replace("\\", "\\\\").replace('"', '\\"')


def svg(boxes: Sequence[Box]) -> str:
    """The boxes in layers, those computed first above."""
    lines = [_lines(box) for box in boxes]
    widths = [max(map(len, found)) * _LETTER + 2 * _PAD for found in lines]
    heights = [len(found) * _LINE + 2 * _PAD - 4 for found in lines]
    edges = [(k, number) for number, box in enumerate(boxes) for k in box.inputs]
    layout = lay_out(widths, edges, _BESIDE)
    tall = [0.0] * layout.layers
    for (_, level), height in zip(layout.places, heights, strict=True):
        tall[level] = max(tall[level], height)
    middles, y = [], 12.0
    for height in tall:
        middles.append(y + height / 2)
        y += height + _BETWEEN
    width, height = layout.width + 24, y - _BETWEEN + 12
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" font-size="11" '
        'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="#6b6b6b"/></marker></defs>',
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="white"/>',
    ]
    for (a, b), bends in zip(edges, layout.bends, strict=True):
        levels = range(layout.places[a][1], layout.places[b][1] + 1)
        points = [(x + 12, middles[level]) for x, level in zip(bends, levels, strict=True)]
        points[0] = (points[0][0], points[0][1] + heights[a] / 2)
        points[-1] = (points[-1][0], points[-1][1] - heights[b] / 2)
        out.append(_curve(points))
    for number, (x, level) in enumerate(layout.places):
        size = widths[number], heights[number]
        kind = _kind(boxes, number)
        out.append(_drawn((x + 12, middles[level]), size, lines[number], kind))
    return "\n".join([*out, "</svg>"])


def _curve(points: Sequence[tuple[float, float]]) -> str:
    (x0, y0), *rest = points
    path, last = f"M{x0:.1f} {y0:.1f}", (x0, y0)
    for x, y in rest:
        middle = (last[1] + y) / 2
        path += f"C{last[0]:.1f} {middle:.1f} {x:.1f} {middle:.1f} {x:.1f} {y:.1f}"
        last = x, y
    return f'<path d="{path}" fill="none" stroke="#6b6b6b" marker-end="url(#tip)"/>'


def _drawn(
    middle: tuple[float, float], size: tuple[float, float], lines: Sequence[str], kind: str
) -> str:
    left, top = middle[0] - size[0] / 2, middle[1] - size[1] / 2
    out = [
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{size[0]:.1f}" height="{size[1]:.1f}" rx="5" '
        f'fill="{_FILL[kind]}" stroke="{_EDGE[kind]}"/>'
    ]
    for k, line in enumerate(lines):
        weight = ' font-weight="bold"' if not k else ""
        y = top + _PAD + _LINE * k + 9
        out.append(
            f'<text x="{left + _PAD:.1f}" y="{y:.1f}" xml:space="preserve"{weight}>'
            f"{escape(line)}</text>"
        )
    return "\n".join(out)
