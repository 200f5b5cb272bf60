"""``python -m steep``: the versions and settings that a report of a mistake needs.

With arguments it is the command `steep`.
"""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

import steep


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def report() -> str:
    """One line for each thing that decides how steep runs here."""
    levels = ", ".join(steep.available_levels())
    lines = {
        "steep": steep.__version__,
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "NumPy": _installed("numpy"),
        "system": platform.platform(),
        "instruction set": f"{steep.cpu_level()} (available: {levels})",
        "threads": str(steep.get_num_threads()),
    }
    return "\n".join(f"{name}: {value}" for name, value in lines.items())


if __name__ == "__main__":
    import sys

    if len(sys.argv) > 1:  # the command `steep`, where it is not on the path
        from steep.cli import main

        sys.exit(main())
    print(report())
