"""PyTorch's public names, and which of them steep has: docs/torch_names.md.

python tools/torch_names.py             writes the page, as make_stubs.py does
python tools/torch_names.py --collect   lists the names of the PyTorch that is installed anew,
                                        in tools/torch_names.txt
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from made.torch_names import LIST, NAMESPACES, names_page  # noqa: E402


def collect() -> str:
    """The list's text: for each namespace its public names."""
    torch = importlib.import_module("torch")
    lines = [f"# The public names of PyTorch {torch.__version__.split('+')[0]}."]
    for namespace, path in NAMESPACES.items():
        thing = torch
        for part in path.split(".") if path else ():
            thing = getattr(thing, part)
        lines += [f"[{namespace}]", *(n for n in sorted(dir(thing)) if not n.startswith("_"))]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the page, and before it the list where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--collect", action="store_true", help="list PyTorch's names anew")
    if parser.parse_args().collect:
        LIST.write_text(collect())
    (ROOT / "docs" / "torch_names.md").write_text(names_page())


if __name__ == "__main__":
    main()
