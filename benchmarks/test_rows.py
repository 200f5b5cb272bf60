"""Times every operation: `python -m pytest benchmarks [-k NAME] [--benchmark-sort=name]`.

What is timed stands in the rows of the table of cases; see `tests/cases/bench.py`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import steep

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from cases import BENCHMARKS


@pytest.mark.parametrize("name", sorted(BENCHMARKS))
def test_operation(benchmark: Any, name: str) -> None:
    """One row: the call is built once and timed by pytest-benchmark."""
    benchmark(BENCHMARKS[name](steep))
