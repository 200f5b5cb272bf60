"""Write what is made from the operations' records.

    python tools/make_stubs.py            writes the files that follow
    python tools/make_stubs.py --check    fails where they differ from what would be written

python/steep/_core.pyi, __init__.pyi   the type stubs
python/steep/nn/functional.py          the functions that it names
python/steep/nn/activation.py, ...     the modules that hold a function's arguments and no more
python/steep/nn/__init__.py, ...       the lists of classes, of nn.modules and of optim too
docs/api.md                            the API in one page
docs/torch_names.md                    PyTorch's names that there are and are not

They are kept in the repository rather than made by the build: the extension that knows the records
cannot run where it is built for another machine or with a sanitizer, and editors, type checkers and
readers of the source want them without a build.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from made.api_page import api_page  # noqa: E402
from made.modules import functional_file, module_files  # noqa: E402
from made.packages import package_files  # noqa: E402
from made.stubs import core_stub, package_stub  # noqa: E402
from made.torch_names import names_page  # noqa: E402

PACKAGE = ROOT / "python" / "steep"


def stale(path: Path, text: str, check: bool) -> bool:
    """Whether a file was not as it should be; writes it unless it is only to be checked."""
    if path.exists() and path.read_text() == text:
        return False
    if not check:
        path.write_text(text)
    outcome = "out of date; run python tools/make_stubs.py" if check else "written"
    print(f"{path.relative_to(ROOT)}: {outcome}")
    return True


def main() -> int:
    """Write the files, or compare them; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check = parser.parse_args().check
    made = module_files()
    files = {
        PACKAGE / "_core.pyi": core_stub(),
        PACKAGE / "__init__.pyi": package_stub(),
        PACKAGE / "nn" / "functional.py": functional_file(),
        **made,
        **package_files(made),
    }
    found = [stale(path, text, check) for path, text in files.items()]
    if check and any(found):
        return 1
    # Last, for it reads the modules as they are then.
    found.append(stale(ROOT / "docs" / "api.md", api_page(), check))
    found.append(stale(ROOT / "docs" / "torch_names.md", names_page(), check))
    return 1 if check and any(found) else 0


if __name__ == "__main__":
    sys.exit(main())
