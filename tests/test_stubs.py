"""The stubs are generated, and must not drift from the registry they are made of."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import steep

ROOT = Path(__file__).parents[1]


def test_the_stubs_are_those_of_the_registry() -> None:
    """`python tools/make_stubs.py` would change nothing."""
    command = [sys.executable, str(ROOT / "tools" / "make_stubs.py"), "--check"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_entry_of_the_registry_is_in_the_stub() -> None:
    """A function of the registry can be found in `_core.pyi` by its name."""
    stub = (ROOT / "python" / "steep" / "_core.pyi").read_text()
    names = {entry["name"] for entry in steep._core.registry()}
    assert not {name for name in names if f"def {name}(" not in stub}


def test_a_new_class_is_listed_by_its_file(tmp_path: Path) -> None:
    """A class in the `__all__` of a file of steep.nn or steep.optim needs no other line."""
    code = (
        "import pathlib, sys\n"
        "from made.packages import MARK, package_file\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "(folder / '__init__.py').write_text('__all__: list[str] = []\\n\\n' + MARK)\n"
        "(folder / 'a.py').write_text('__all__ = [\"Stepper\", \"step\"]')\n"
        "(folder / 'b.py').write_text('__all__: list[str] = []\\n__all__ += [\"ADA\"]')\n"
        "(folder / '_c.py').write_text('__all__ = [\"Hidden\"]')\n"
        "print(package_file(folder, {}))\n"
    )
    folder = tmp_path / "room"
    folder.mkdir()
    command = [sys.executable, "-c", code, str(folder)]
    done = subprocess.run(command, cwd=ROOT / "tools", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "from steep.room.a import Stepper\nfrom steep.room.b import ADA\n" in done.stdout
    assert '__all__ += ["ADA", "Stepper"]' in done.stdout
    assert "Hidden" not in done.stdout
