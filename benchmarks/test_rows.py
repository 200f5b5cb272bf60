"""Times every operation: `python -m pytest benchmarks [-k NAME] [--benchmark-sort=name]`."""

from __future__ import annotations

from typing import Any

import pytest

import steep
from benchmarks.rows import ROWS


@pytest.mark.parametrize("name", sorted(ROWS))
def test_operation(benchmark: Any, name: str) -> None:
    """One row: the call is built once and timed by pytest-benchmark."""
    benchmark(ROWS[name](steep))
