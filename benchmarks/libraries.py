"""Libraries in processes of their own, asked in turn, and whether they agree."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

TOLERANCE = 1e-4  # of numbers in float32 after a few steps, relative beyond 1


class Library:
    """A worker process and the orders it takes; `worker` lists both them and the options.

    `environment` is what it finds in its environment besides what this process has.
    """

    def __init__(self, name: str, *options: str, environment: dict[str, str] | None = None) -> None:
        self.module = name
        added = [f"{key}={value}" for key, value in (environment or {}).items()]
        self.name = " ".join((name, *options, *added))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", name, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | (environment or {}),
        )

    def ask(self, *order: object) -> Any:
        """Send one order and wait for its answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        words = " ".join(map(str, order))
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(words + "\n")
            self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the worker of {self.name} ended during '{words}'")
        return json.loads(line)

    def close(self) -> None:
        """Let the worker end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def installed(name: str) -> bool:
    """Whether a module can be imported."""
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def check_agreement(work: str, libraries: Sequence[Library], tolerance: float = TOLERANCE) -> None:
    """End the program unless the libraries' results of the first calls agree."""
    first, *others = libraries
    expected = first.ask("check", work)
    for other in others:
        for i, (a, b) in enumerate(zip(expected, other.ask("check", work), strict=True)):
            # Not "further apart", which is false of a NaN.
            if not abs(a - b) <= tolerance * max(1.0, abs(a)):
                raise SystemExit(f"{work}: {first.name} gives {a}, {other.name} {b} (number {i})")
