"""Print the figures steep promises for training and its operations beside torch's and JAX's.

    python -m benchmarks.compare [--pairs 5] [--seconds 0.5] [--only WORD ...]
                                 [--against torch jax] [--markdown]

Each library runs in a process of its own: steep's eager mode, steep's compiled steps, torch eager
with fused optimisers, and JAX with the whole step jitted and its buffers donated. Rivals that are
not installed are left out, as is the compiled column if steep has no `compile`. All start from the
same weights and batches, made by NumPy from fixed seeds, and the results of their first calls are
compared; a difference ends the program.

Then they are timed in turn (A B C A B C), never two at once. One timing is the shortest of five
blocks that together take about --seconds; a ratio is taken within one round, and the median of all
rounds is given with its spread, as are the times. A call of JAX does not wait for its result; the
block ends when all results are there.

Every process is kept on two cores and told to use two threads: `set_num_threads` for steep and
torch. JAX has no such setting: the process is bound to the cores before JAX is imported and its
client given a pool of two (PJRT_NPROC); it may start more threads, which share the two cores.

The limit is the longer of two times: the operations of the workload at the peak of fused
multiply-adds, and its bytes at the bandwidth of arrays that take as much memory and are read and
written in the same proportion (see `limits`), peak and bandwidth measured between the timings of
the same row, the best of all rounds. Operations and bytes are the least needed (see `workloads`).

Nothing else should run meanwhile: threads that wait for one that another program has displaced
make a step a hundred times slower, in every library. A busy machine is warned of.
"""

from __future__ import annotations

import argparse
import os
import sys

from benchmarks.layers import Layered
from benchmarks.libraries import TOLERANCE, Library, check_agreement, installed
from benchmarks.report import MARKDOWN_HEAD, Finding, Limit, markdown, summary, text
from benchmarks.table import COMPILED, EAGER, RIVALS, ROWS, WORK, columns_of, selected
from benchmarks.workloads import Workload

THREADS = 2
BUSY = 0.5  # load average from which a warning is given


def start(rivals: list[str]) -> dict[str, Library]:
    """A worker for each column that can be filled."""
    options = ("--threads", str(THREADS))
    columns = {EAGER: Library("steep", *options)}
    compiled = Library("steep", "--compiled", *options)
    if compiled.ask("version"):
        columns[COMPILED] = compiled
    else:
        compiled.close()
    for column, module in RIVALS.items():
        if module in rivals and installed(module):
            columns[column] = Library(module, *options)
    return columns


def machine_limit(steep: Library, work: Workload | Layered) -> Limit:
    """The longer of the workload's operations at the peak and its bytes at the bandwidth."""
    cost = work.cost()
    arithmetic = cost.flops / steep.ask("peak")
    numbers = [number for mix in cost.mixes for number in mix]
    memory = cost.traffic / steep.ask("bandwidth", cost.footprint, *numbers)
    return max(Limit(arithmetic, "arithmetic"), Limit(memory, "memory"))


def measure(name: str, columns: dict[str, Library], pairs: int, seconds: float) -> Finding:
    """Check a row's results, then time it in turn."""
    work = WORK[name]
    libraries = {column: columns[column] for column in columns_of(work) if column in columns}
    tolerance = getattr(work, "tolerance", TOLERANCE)
    check_agreement(name, list(libraries.values()), tolerance)
    times: dict[str, list[float]] = {column: [] for column in libraries}
    limits = []
    for _ in range(pairs):
        limits.append(machine_limit(libraries[EAGER], work))
        for column, library in libraries.items():
            times[column].append(library.ask("time", name, seconds))
    for library in libraries.values():
        library.ask("forget")
    return Finding(ROWS[name], times, min(limits))


def warn_if_busy() -> None:
    """Say on standard error that something else runs, where the system tells."""
    if hasattr(os, "getloadavg") and (load := os.getloadavg()[0]) > BUSY:
        print(f"The load of the last minute is {load:.1f}: wait and run again.", file=sys.stderr)


def heading(columns: dict[str, Library]) -> str:
    """Versions and threads."""
    versions = ", ".join(
        f"{library.module} {library.ask('version')}"
        for column, library in columns.items()
        if column != COMPILED
    )
    return f"{versions}; {THREADS} threads"


def main() -> None:
    """Print every row."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=5, help="rounds of timings (default: 5)")
    parser.add_argument("--seconds", type=float, default=0.5, help="of a timing (default: 0.5)")
    parser.add_argument("--only", nargs="*", default=[], help="words in the names of rows")
    parser.add_argument("--against", nargs="*", default=list(RIVALS.values()), help="rivals")
    parser.add_argument("--markdown", action="store_true", help="a table for the README")
    arguments = parser.parse_args()
    names = selected(arguments.only)
    if not names:
        parser.error(f"no row has such a name; there are {', '.join(ROWS)}")
    warn_if_busy()
    columns = start(arguments.against)
    print(f"{heading(columns)}\n")
    if arguments.markdown:
        print(MARKDOWN_HEAD)
    findings = []
    for name in names:
        finding = measure(name, columns, arguments.pairs, arguments.seconds)
        print(markdown(finding) if arguments.markdown else f"{text(finding)}\n", flush=True)
        findings.append(finding)
    if arguments.markdown:
        print()
    print(f"Figures asked for: {summary(findings)}.")
    for library in columns.values():
        library.close()


if __name__ == "__main__":
    main()
