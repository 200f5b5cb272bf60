"""``python -m steep.compat train.py ...``: runs a script in which ``import torch`` means steep."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from steep.compat import install

_USAGE = """usage: python -m steep.compat SCRIPT [ARGUMENT ...]
       python -m steep.compat -m MODULE [ARGUMENT ...]

Runs a script or module in which `import torch` means steep."""


def main() -> int:
    """Run the script with the arguments that follow it."""
    arguments = sys.argv[1:]
    is_module = arguments[:1] == ["-m"]
    arguments = arguments[is_module:]
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_USAGE)
        return 0 if arguments else 2
    name = arguments[0]
    if not is_module and not Path(name).is_file():
        print(f"python -m steep.compat: there is no file {name!r}", file=sys.stderr)
        return 2
    install()
    sys.argv = arguments
    if is_module:
        sys.path.insert(0, "")
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    else:
        sys.path.insert(0, str(Path(name).resolve().parent))
        runpy.run_path(name, run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main())
