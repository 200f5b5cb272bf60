"""Print what two builds of steep take for the same work, the second beside the first.

    python -m benchmarks.builds BEFORE AFTER [--threads 1] [--pairs 5] [--seconds 0.3]
                                [--only WORD ...]

BEFORE and AFTER are folders that hold a `steep` package each, such as those that
`pip install --target FOLDER .` fills. How they are timed is said in `pairs`. Nothing else should
run meanwhile. The exit status is 1 where a row was slower in every round, and by more than a tenth
in the median.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from benchmarks.libraries import Library
from benchmarks.pairs import add_options, compare

SLOWER = 1.1  # ratios of the same build reach this on a machine that others use as well


def imported_from(variables: dict[str, str]) -> Path:
    """Where a process with these variables finds steep."""
    library = Library("steep", environment=variables)
    place = Path(library.ask("place"))
    library.close()
    return place


def environment(folder: Path) -> dict[str, str]:
    """What makes a process take the package of this folder, and not an installed one."""
    if not (folder / "steep" / "__init__.py").exists():
        raise SystemExit(f"{folder}: expected a folder with a package `steep` in it")
    rest = os.environ.get("PYTHONPATH")
    variables = {"PYTHONPATH": os.pathsep.join([str(folder.resolve()), *([rest] if rest else [])])}
    if (place := imported_from(variables)) != folder.resolve() / "steep":
        raise SystemExit(
            f"{folder}: steep comes from {place}; run it without an editable installation"
        )
    return variables


def main() -> None:
    """Print every row."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    add_options(parser)
    options = parser.parse_args()
    variants = {"before": environment(options.before), "after": environment(options.after)}
    findings = compare(variants, options)
    sys.exit(any(share.low > 1 and share.median > SLOWER for share in findings.values()))


if __name__ == "__main__":
    main()
