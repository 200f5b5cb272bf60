"""Print what the instruction sets of one build take for the same work, each beside the first.

    python -m benchmarks.levels [--levels avx2 avx512] [--threads 1] [--pairs 5] [--seconds 0.3]
                                [--only WORD ...]

The work is that of the README's table, steps compiled where they can be, and matrix products. Each
level runs in a process of its own, in turn (A B A B), after their results were found equal; a ratio
is taken within one round, and the median of all rounds is given with its spread. Below 1 the level
is quicker than the first. Nothing else should run meanwhile.

The last line is what decides whether a level is worth choosing unasked (csrc/runtime/cpu.cpp): the
geometric mean of the ratios, and the rows in which every round was slower.
"""

from __future__ import annotations

import argparse
import math

import steep
from benchmarks.compare import warn_if_busy
from benchmarks.figures import PRODUCTS
from benchmarks.libraries import Library, check_agreement
from benchmarks.report import Spread, duration, ratio, spread
from benchmarks.table import COMPILED, ROWS, columns_of, selected
from benchmarks.workloads import WORKLOADS

Findings = dict[tuple[str, str], Spread]  # (row, level): its share of the first level's time


def wanted(only: list[str]) -> list[str]:
    """Names of the rows and products that contain one of the words; all if there are none."""
    return [*selected(only), *(p for p in PRODUCTS if not only or any(word in p for word in only))]


def is_compiled(name: str) -> bool:
    """Whether the row is one of a compiled step."""
    return name in ROWS and COMPILED in columns_of(WORKLOADS[name])


def measure(
    name: str, libraries: dict[str, Library], pairs: int, seconds: float
) -> dict[str, list[float]]:
    """Seconds a call by level, one number for each round."""
    check_agreement(name, list(libraries.values()))
    times: dict[str, list[float]] = {level: [] for level in libraries}
    for _ in range(pairs):
        for level, library in libraries.items():
            times[level].append(library.ask("time", name, seconds))
    for library in libraries.values():
        library.ask("forget")
    return times


def compared(times: dict[str, list[float]]) -> dict[str, Spread]:
    """Every other level's share of the first one's time."""
    first, *others = times
    return {
        level: spread([a / b for a, b in zip(times[level], times[first], strict=True)])
        for level in others
    }


def line(name: str, times: dict[str, list[float]]) -> str:
    """A row: the median times, then the ratios."""
    cells = [f"{duration(spread(found).median):>9s}" for found in times.values()]
    cells += [f"{ratio(found):>22s}" for found in compared(times).values()]
    return f"{name:26s} {' '.join(cells)}"


def summary(findings: Findings, level: str) -> str:
    """The mean of a level's ratios, and where it is slower whatever the round."""
    found = {row: share for (row, of), share in findings.items() if of == level}
    mean = math.exp(sum(math.log(share.median) for share in found.values()) / len(found))
    slower = [row for row, share in found.items() if share.low > 1]
    return f"{level}: {mean:.3f} in the mean; slower in {', '.join(slower) or 'none'}"


def main() -> None:
    """Print every row."""
    there = [level for level in steep.available_levels() if level != "scalar_fma"]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--levels", nargs="+", default=there[-2:], help="the first is the measure")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=5, help="rounds of timings (default: 5)")
    parser.add_argument("--seconds", type=float, default=0.3, help="of a timing (default: 0.3)")
    parser.add_argument("--only", nargs="*", default=[], help="words in the names of rows")
    arguments = parser.parse_args()
    if missing := set(arguments.levels) - set(steep.available_levels()):
        parser.error(f"{', '.join(sorted(missing))}: not here; there are {', '.join(there)}")
    names = wanted(arguments.only)
    if not names:
        parser.error(f"no row has such a name; there are {', '.join([*ROWS, *PRODUCTS])}")
    warn_if_busy()
    options = ("--threads", str(arguments.threads))
    levels = arguments.levels
    eager = {level: Library("steep", *options, level=level) for level in levels}
    compiled = {level: Library("steep", "--compiled", *options, level=level) for level in levels}
    findings: Findings = {}
    for name in names:
        libraries = compiled if is_compiled(name) else eager
        times = measure(name, libraries, arguments.pairs, arguments.seconds)
        print(line(name, times), flush=True)
        findings |= {(name, level): found for level, found in compared(times).items()}
    for level in levels[1:]:
        print(summary(findings, level))
    for library in [*eager.values(), *compiled.values()]:
        library.close()


if __name__ == "__main__":
    main()
