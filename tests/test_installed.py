"""What an installation has: every file of the package, and the command."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

import steep

SOURCE = Path(__file__).parents[1] / "python" / "steep"
INSTALLED = Path(steep.__file__).parent
# What only a build needs, and what only a build or a run makes.
LEFT_OUT = {".pyx", ".pxd", ".pxi", ".h", ".so", ".pyc"}


def test_every_file_of_the_package_is_installed() -> None:
    wanted = {p.relative_to(SOURCE) for p in SOURCE.rglob("*") if p.is_file()}
    wanted = {p for p in wanted if p.suffix not in LEFT_OUT}
    assert {Path("py.typed"), Path("viz/page.html"), Path("viz/page_view.js")} <= wanted
    assert {p for p in wanted if not (INSTALLED / p).is_file()} == set()


def test_the_command_leads_to_its_function() -> None:
    try:
        distribution = importlib.metadata.distribution("steep")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("steep is imported from its source")
    (command,) = (e for e in distribution.entry_points if e.group == "console_scripts")
    assert (command.name, command.load()) == ("steep", steep.cli.main)
