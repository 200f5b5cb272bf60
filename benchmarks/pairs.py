"""Variants of steep timed beside each other in turn: what `levels` and `builds` share.

The work is that of the README's table, steps compiled where they can be, and matrix products. Each
variant runs in a process of its own, in turn (A B A B), after their results were found equal; a
ratio is taken within one round, and the median of all rounds is given with its spread. Below 1 a
variant is quicker than the first.
"""

from __future__ import annotations

import argparse
import math

from benchmarks.compare import warn_if_busy
from benchmarks.figures import PRODUCTS
from benchmarks.libraries import Library, check_agreement
from benchmarks.report import Spread, duration, ratio, spread
from benchmarks.table import COMPILED, ROWS, WORK, columns_of, selected

Findings = dict[tuple[str, str], Spread]  # (row, variant): its share of the first variant's time


def wanted(only: list[str]) -> list[str]:
    """Names of the rows and products that contain one of the words; all if there are none."""
    return [*selected(only), *(p for p in PRODUCTS if not only or any(word in p for word in only))]


def is_compiled(name: str) -> bool:
    """Whether the row is one of a compiled step."""
    return name in ROWS and COMPILED in columns_of(WORK[name])


def measure(
    name: str, libraries: dict[str, Library], pairs: int, seconds: float
) -> dict[str, list[float]]:
    """Seconds a call by variant, one number for each round."""
    check_agreement(name, list(libraries.values()))
    times: dict[str, list[float]] = {variant: [] for variant in libraries}
    for _ in range(pairs):
        for variant, library in libraries.items():
            times[variant].append(library.ask("time", name, seconds))
    for library in libraries.values():
        library.ask("forget")
    return times


def compared(times: dict[str, list[float]]) -> dict[str, Spread]:
    """Every other variant's share of the first one's time."""
    first, *others = times
    return {
        variant: spread([a / b for a, b in zip(times[variant], times[first], strict=True)])
        for variant in others
    }


def line(name: str, times: dict[str, list[float]]) -> str:
    """A row: the median times, then the ratios."""
    cells = [f"{duration(spread(found).median):>9s}" for found in times.values()]
    cells += [f"{ratio(found):>22s}" for found in compared(times).values()]
    return f"{name:26s} {' '.join(cells)}"


def summary(findings: Findings, variant: str) -> str:
    """The mean of a variant's ratios, and where it is slower whatever the round."""
    found = {row: share for (row, of), share in findings.items() if of == variant}
    mean = math.exp(sum(math.log(share.median) for share in found.values()) / len(found))
    slower = [row for row, share in found.items() if share.low > 1]
    return f"{variant}: {mean:.3f} in the mean; slower in {', '.join(slower) or 'none'}"


def add_options(parser: argparse.ArgumentParser) -> None:
    """What every comparison can be told."""
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=5, help="rounds of timings (default: 5)")
    parser.add_argument("--seconds", type=float, default=0.3, help="of a timing (default: 0.3)")
    parser.add_argument("--only", nargs="*", default=[], help="words in the names of rows")


def compare(variants: dict[str, dict[str, str]], options: argparse.Namespace) -> Findings:
    """Print every row, then a summary; a variant is what its processes' environment adds."""
    names = wanted(options.only)
    if not names:
        raise SystemExit(f"no row has such a name; there are {', '.join([*ROWS, *PRODUCTS])}")
    warn_if_busy()
    threads = ("--threads", str(options.threads))
    eager, compiled = (
        {
            variant: Library("steep", *mode, *threads, environment=environment)
            for variant, environment in variants.items()
        }
        for mode in ((), ("--compiled",))
    )
    findings: Findings = {}
    for name in names:
        libraries = compiled if is_compiled(name) else eager
        times = measure(name, libraries, options.pairs, options.seconds)
        print(line(name, times), flush=True)
        findings |= {(name, variant): found for variant, found in compared(times).items()}
    for variant in list(variants)[1:]:
        print(summary(findings, variant))
    for library in [*eager.values(), *compiled.values()]:
        library.close()
    return findings
