"""`python -m steep`: what a report of a mistake needs to say about where it happened."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np

import steep


def report(**variables: str) -> dict[str, str]:
    """Its lines, in a process with these variables."""
    command = [sys.executable, "-m", "steep"]
    done = subprocess.run(
        command, env=os.environ | variables, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return dict(line.split(": ", 1) for line in done.stdout.splitlines())


def test_the_report_names_versions_and_settings() -> None:
    lines = report(STEEP_NUM_THREADS="3", STEEP_CPU=steep.available_levels()[0])
    assert lines["steep"] == steep.__version__
    assert lines["NumPy"] == np.__version__
    assert lines["threads"] == "3"
    assert lines["instruction set"].split()[0] == steep.available_levels()[0]
    assert all(level in lines["instruction set"] for level in steep.available_levels())
