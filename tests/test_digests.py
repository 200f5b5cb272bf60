"""The command that compares digests across levels, threads and addresses: it runs, and it tells."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import steep

TOOL = Path(__file__).parent.parent / "tools" / "digests.py"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("digests_tool", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Fake:
    """A process that gives the same digest for everything."""

    def __init__(self, digest: str, with_fma: bool = True) -> None:
        self.name, self.digest, self.with_fma = digest, digest, with_fma

    def ask(self, seeds: range) -> None:
        """Nothing to send."""

    def answers(self, seeds: range) -> Iterator[tuple[int, str, str, str]]:
        yield from ((seed, "0", "exp", self.digest) for seed in seeds)


def test_differences_are_counted_and_named(tool: Any, capsys: Any) -> None:
    found = tool.Comparison()
    found.add([Fake("a"), Fake("a"), Fake("without", with_fma=False)], range(2))
    assert found.differences == 0
    found.add([Fake("a"), Fake("b")], range(2, 3))
    assert capsys.readouterr().out == "exp, seed 2: b, offset 0 differs from a, offset 0\n"
    assert found.summary(2) == "3 calls of 1 operations, 8 results of 2 processes, 1 differences"


def test_offsets_and_layouts_are_seen(tool: Any) -> None:
    """A digest is of the values: the same at any offset, another for another call."""
    digests = {tool.digest_of(5, offset) for offset in range(16)}
    assert len(digests) == 1
    assert tool.digest_of(6, 0) not in digests


def test_command_runs() -> None:
    command = [sys.executable, str(TOOL), "--seconds", "0", "--threads", "1", "3", "--levels"]
    levels = steep.available_levels()[-1:]
    done = subprocess.run([*command, *levels], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("40 calls of ")
    assert done.stdout.endswith(" 160 results of 2 processes, 0 differences\n")
