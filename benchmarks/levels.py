"""Print what the instruction sets of one build take for the same work, each beside the first.

    python -m benchmarks.levels [--levels avx2 avx512] [--threads 1] [--pairs 5] [--seconds 0.3]
                                [--only WORD ...]

How they are timed is said in `pairs`. Nothing else should run meanwhile. The last line is what
decides whether a level is worth choosing unasked (csrc/runtime/cpu.cpp): the geometric mean of the
ratios, and the rows in which every round was slower.
"""

from __future__ import annotations

import argparse

import steep
from benchmarks.pairs import add_options, compare


def main() -> None:
    """Print every row."""
    there = [level for level in steep.available_levels() if level != "scalar_fma"]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--levels", nargs="+", default=there[-2:], help="the first is the measure")
    add_options(parser)
    options = parser.parse_args()
    if missing := set(options.levels) - set(steep.available_levels()):
        parser.error(f"{', '.join(sorted(missing))}: not here; there are {', '.join(there)}")
    compare({level: {"STEEP_CPU": level} for level in options.levels}, options)


if __name__ == "__main__":
    main()
