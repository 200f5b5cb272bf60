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
