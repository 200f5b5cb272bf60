"""Programs run in a process of their own: for what ends a process, or never ends."""

from __future__ import annotations

import subprocess
import sys
import textwrap


def run(program: str, timeout: float = 300) -> str:
    """What `program` prints; fails if it crashes, raises, or does not end in time."""
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout
