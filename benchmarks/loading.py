"""Time epochs of steep's DataLoader beside torch's, in turn.

    python -m benchmarks.loading [--pairs 3] [--seconds 2] [--cpu] [--only WORD ...]

A row gives the milliseconds of a shuffled epoch in batches of 256, and the median of torch's time
over steep's with its spread, beside what is asked. Each library is in a process of its own; the
batches are compared before anything is timed, unless they are random. torch does what augments a
whole batch at a time, in the loop, which is the quickest way it has. It is optional.

With --cpu it is CPU time on one thread, the least of some epochs: on a machine that others use too,
it says more than the clock.
"""

from __future__ import annotations

import argparse

from benchmarks.compare import warn_if_busy
from benchmarks.figures import verdict
from benchmarks.libraries import Library, check_agreement, installed
from benchmarks.loads import LOADS
from benchmarks.report import duration, ratio, spread

CPU_CALLS = 5


def main() -> None:
    """Print every row."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--pairs", type=int, default=3, help="rounds of timings (default: 3)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of a timing (default: 2)")
    parser.add_argument("--cpu", action="store_true", help="CPU time on one thread")
    parser.add_argument("--only", nargs="*", default=[], help="words in the names of rows")
    arguments = parser.parse_args()
    names = [x for x in LOADS if not arguments.only or any(w in x for w in arguments.only)]
    if not names:
        raise SystemExit(f"no row has such a name; there are {', '.join(LOADS)}")
    warn_if_busy()
    libraries = [Library(name) for name in ("steep", "torch") if installed(name)]
    timing = ("cpu", CPU_CALLS) if arguments.cpu else ("time", arguments.seconds)
    for library in libraries if arguments.cpu else []:
        library.ask("threads", 1)
    print(", ".join(f"{x.module} {x.ask('version')}" for x in libraries))
    for name in names:
        check_agreement(name, libraries)
        runs = [
            [library.ask(timing[0], name, timing[1]) for library in libraries]
            for _ in range(arguments.pairs)
        ]
        times = "  ".join(
            f"{library.module} {duration(min(found)):>9s}"
            for library, found in zip(libraries, zip(*runs, strict=True), strict=True)
        )
        print(f"{LOADS[name].title:66s} {times}", end="")
        if len(libraries) > 1:
            found = spread([theirs / ours for ours, theirs in runs])
            asked = LOADS[name].asked
            reached = verdict(found.median >= asked)
            print(f"  {ratio(found)} times  asked {asked:g}  {reached}", end="")
        print(flush=True)
    for library in libraries:
        library.close()


if __name__ == "__main__":
    main()
