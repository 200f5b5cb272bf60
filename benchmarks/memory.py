"""Print the peak memory of training steps, beside PyTorch.

    python -m benchmarks.memory [--threads 2] [--calls 8] [--only WORD ...] [--markdown]

Each figure is of a process of its own, which imports the library, builds the network, trains it for
so many steps and does nothing else: the most memory that it held, and in brackets what of it came
after the library was there and had multiplied two small matrices. Compiled steps pay for their
first calls, which run eagerly and are recorded, as well.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from benchmarks.layers import Step
from benchmarks.libraries import Library, installed
from benchmarks.table import ROWS, WORK, selected

MEGABYTE = 1e6
OPTIONS = {"steep": ("steep",), "steep compiled": ("steep", "--compiled"), "PyTorch": ("torch",)}
# What the two larger training steps promise, of PyTorch's peak.
ASKED = {"step_mnist": 0.8, "step_gpt_6x384": 0.8}


@dataclass(frozen=True)
class Peak:
    """Bytes of a process: at its peak, and before the work was built."""

    most: float
    before: float

    def __str__(self) -> str:
        return f"{self.most / MEGABYTE:.0f} MB ({(self.most - self.before) / MEGABYTE:.0f})"


def peak_of(column: str, name: str, threads: int, calls: int) -> Peak:
    """The peak of a process that does the work."""
    library = Library(*OPTIONS[column], "--threads", str(threads))
    before, most = library.ask("memory", name, calls)
    library.close()
    return Peak(most, before)


def line(name: str, peaks: dict[str, Peak]) -> list[str]:
    """The row of one network: its title, the peaks, their ratio and what is asked of it."""
    cells = [ROWS[name].title, *map(str, peaks.values())]
    if "PyTorch" not in peaks:
        return [*cells, "-", "-"]
    share, most = peaks["steep compiled"].most / peaks["PyTorch"].most, ASKED.get(name)
    missed = ", missed" if most and share > most else ""
    return [*cells, f"{share:.2f}", f"{most}{missed}" if most else "-"]


def main() -> None:
    """Print every row."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--calls", type=int, default=8)
    parser.add_argument("--only", nargs="*", default=[], metavar="WORD")
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    columns = [column for column, (module, *_) in OPTIONS.items() if installed(module)]

    def show(cells: list[str]) -> None:
        print("| " + " | ".join(cells) + " |" if options.markdown else "\t".join(cells), flush=True)

    show(["peak memory of", *columns, "compiled to PyTorch", "asked"])
    if options.markdown:
        print("|---" * (len(columns) + 3) + "|")
    for name in selected(options.only):
        if not isinstance(WORK[name], Step):
            continue
        show(line(name, {c: peak_of(c, name, options.threads, options.calls) for c in columns}))


if __name__ == "__main__":
    main()
