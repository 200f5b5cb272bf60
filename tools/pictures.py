"""Draw the pictures of docs/design.md.

    python tools/pictures.py            writes docs/house.svg and docs/step.svg
    python tools/pictures.py --check    fails where they differ from what would be written

A picture is a list of boxes and arrows below; colours follow the reader's light or dark theme.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from html import escape
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"

STYLE = """<style>
  .paper { fill: #ffffff; } .box { fill: #eef3fa; stroke: #5b7ba6; }
  .apart { fill: #f6f1e7; stroke: #a0854f; } text { fill: #1c2733; }
  .note { fill: #4a5867; } .arrow { stroke: #4a5867; } .tip { fill: #4a5867; }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #14191f; } .box { fill: #1f2d3f; stroke: #7fa3d1; }
    .apart { fill: #322b1d; stroke: #c9ab6d; } text { fill: #e8edf3; }
    .note { fill: #b4c0cc; } .arrow { stroke: #b4c0cc; } .tip { fill: #b4c0cc; }
  }
  text { font: 13px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
  .title { font-weight: 600; font-size: 15px; } .note { font-size: 12px; }
  .middle { text-anchor: middle; }
  .box, .apart { stroke-width: 1.2; } .arrow { fill: none; stroke-width: 1.4; }
  .loose { stroke-dasharray: 5 4; }
</style>
<defs>
  <marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8"
    orient="auto"><path class="tip" d="M0 0 8 4 0 8z"/></marker>
</defs>"""


def box(x: int, y: int, w: int, h: int, title: str, *lines: str, kind: str = "box") -> str:
    """A box with its title and lines in the middle."""
    rows = [f'<rect class="{kind}" x="{x}" y="{y}" width="{w}" height="{h}" rx="6"/>']
    top = y + h // 2 - 9 * len(lines) + 5
    for i, line in enumerate((title, *lines)):
        look = "title middle" if i == 0 else "middle"
        rows.append(
            f'<text class="{look}" x="{x + w // 2}" y="{top + 18 * i}">{escape(line)}</text>'
        )
    return "\n".join(rows)


def arrow(*points: tuple[int, int], loose: bool = False) -> str:
    """A line through points, with a tip at the last."""
    path = "M" + " L".join(f"{x} {y}" for x, y in points)
    look = "arrow loose" if loose else "arrow"
    return f'<path class="{look}" d="{path}" marker-end="url(#tip)"/>'


def note(x: int, y: int, text: str, middle: bool = True) -> str:
    """A word beside an arrow."""
    look = "note middle" if middle else "note"
    return f'<text class="{look}" x="{x}" y="{y}">{escape(text)}</text>'


def picture(width: int, height: int, title: str, parts: Iterable[str]) -> str:
    """The whole file."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img">\n<title>{escape(title)}</title>'
    )
    paper = f'<rect class="paper" width="{width}" height="{height}" rx="8"/>'
    return "\n".join([head, STYLE, paper, *parts, "</svg>", ""])


def house() -> str:
    """The layers, and what each may include."""
    x, w, h = 30, 590, 62
    half = 280
    parts = [
        box(
            x, 24, w, h, "python/steep", "nn, optim, data, compiler, profiler: the thin Python API"
        ),
        box(x, 118, w, h, "bindings", "Tensor type, entries from the registry, compiled calls"),
        box(x, 212, w, h, "ops", "check, allocate, launch, record the gradient rule"),
        box(x, 306, half, h, "tape", "nodes, backward, versions, views"),
        box(x + w - half, 306, half, h, "program", "launch; record, plan, replay"),
        box(x, 400, w, h, "tensor", "dtype, storage, tensor, generator; knows no operation"),
        box(x, 494, w, h, "runtime", "CPU, thread team, allocator, fork"),
        box(690, 24, 180, h, "reference", "the NumPy oracle", kind="apart"),
        box(
            690,
            212,
            180,
            250,
            "kernels",
            "inner loops",
            "over raw pointers,",
            "compiled once",
            "per instruction set",
            kind="apart",
        ),
    ]
    middle = x + w // 2
    left, right = x + half // 2, x + w - half // 2
    parts += [arrow((middle, y), (middle, y + 32)) for y in (86, 180, 462)]
    parts += [arrow((at, 274), (at, 306)) for at in (left, right)]
    parts += [arrow((at, 368), (at, 400)) for at in (left, right)]
    parts.append(arrow((x + half, 337), (x + w - half, 337)))
    parts += [arrow((x + w, y), (690, y), loose=True) for y in KERNEL_USERS.values()]
    parts += [
        note(780, 104, "imports nothing of the rest;"),
        note(780, 120, "the tests compare with it"),
        note(
            x,
            584,
            "An arrow: may include; so may everything above it. Dashed: only the headers "
            "that describe kernels.",
            middle=False,
        ),
        note(x, 602, "Kernels include nothing but headers of kernels.", middle=False),
    ]
    return picture(900, 620, "The layers of steep, and what each may include", parts)


# Where the layers stand that include kernels' headers.
KERNEL_USERS = {"ops": 243, "program": 337, "tensor": 431}


def step() -> str:
    """A training step's way, called and replayed."""
    a, b, c, w, h = 30, 350, 670, 260, 62
    rows = (54, 148, 242, 336)
    parts = [
        note(a + w // 2, 34, "a call"),
        note(b + w // 2, 34, "backward, and the optimiser"),
        note(c + w // 2, 34, "a replay of all of it"),
        box(a, rows[0], w, h, "loss = loss_fn(model(x), y)", "Python"),
        box(a, rows[1], w, h, "entry", "bindings: reads the arguments"),
        box(a, rows[2], w, h, "operation", "ops: checks, allocates the result"),
        box(a, rows[3], w, h, "launch", "program: cost, threads, profile"),
        box(b, rows[0], w, h, "loss.backward()", "Python"),
        box(b, rows[1], w, h, "backward pass", "tape: nodes in falling order"),
        box(b, rows[2], w, h, "node", "tape: an operation's gradient rule"),
        box(b, rows[3], w, h, "optimizer.step()", "one operation over all parameters"),
        box(c, rows[0], w, h, "train_step(x, y)", "Python: a compiled function"),
        box(c, rows[1], w, h, "key and guards", "bindings: is it what was recorded?"),
        box(c, rows[2], w, h, "binding", "arguments, numbers, results, .grad"),
        box(c, rows[3], w, h, "program", "steps in one parallel region"),
        box(b, 442, w, h, "recorder, trace, plan", "program/record, program/plan"),
        box(
            a, 552, 900, 56, "kernels", "the same loops, on one thread or on the team", kind="apart"
        ),
    ]
    parts += [
        arrow((column + w // 2, rows[i] + h), (column + w // 2, rows[i + 1]))
        for column in (a, b, c)
        for i in range(3)
    ]
    parts += [
        arrow((a + w, rows[2] + 20), (b, rows[2] + 20)),
        note(320, rows[2] + 14, "records"),
        arrow((b, rows[2] + 44), (a + w, rows[2] + 44)),
        note(320, rows[2] + 60, "calls"),
        note(b + w // 2 + 22, rows[3] - 12, ".grad"),
        arrow((b, rows[3] + 31), (a + w, rows[3] + 31)),
        arrow((a + 80, rows[3] + h), (a + 80, 552)),
        arrow((a + 200, rows[3] + h), (a + 200, 473), (b, 473), loose=True),
        note(a + 210, 492, "while recording", middle=False),
        arrow((b + w, 473), (c + 60, 473), (c + 60, rows[3] + h), loose=True),
        note(b + w + 10, 492, "once, when two agree", middle=False),
        arrow((c + 190, rows[3] + h), (c + 190, 552)),
    ]
    return picture(960, 630, "A training step, called and replayed", parts)


def main() -> None:
    """Write the pictures, or look whether they are as they would be written."""
    check = "--check" in sys.argv[1:]
    stale = False
    for name, text in (("house.svg", house()), ("step.svg", step())):
        path = DOCS / name
        if check:
            stale |= not path.exists() or path.read_text() != text
        else:
            path.write_text(text)
    if stale:
        sys.exit("docs: the pictures are out of date; run python tools/pictures.py")


if __name__ == "__main__":
    main()
