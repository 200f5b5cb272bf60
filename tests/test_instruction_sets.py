"""The same program on every instruction set: one process a level, digests of all results compared.

`scalar_fma` is a table built for these tests alone: scalar code with FMA. That it gives the bits of
AVX2 shows that no result depends on the width of a vector.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tolerances import BASELINE

DIGEST = Path(__file__).parent / "digest.py"
LEVELS = ["baseline", "scalar_fma", "avx2", "avx512"]


def run_level(level: str, folder: Path) -> tuple[dict[str, str], Path]:
    out = folder / f"{level}.npz"
    environment = os.environ | {"STEEP_CPU": level, "STEEP_NUM_THREADS": "1"}
    command = [sys.executable, str(DIGEST), "--save", str(out)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return dict(line.split() for line in done.stdout.splitlines()), out


@pytest.fixture(scope="module")
def digests(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[dict[str, str], Path]]:
    folder = tmp_path_factory.mktemp("digests")
    return {level: run_level(level, folder) for level in LEVELS if available(level)}


def available(level: str) -> bool:
    """Whether this CPU and this build have the level; asking for a missing one is an error."""
    command = [sys.executable, "-c", "import steep"]
    environment = os.environ | {"STEEP_CPU": level}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        assert level in done.stderr, done.stderr  # the refusal names what was asked for
    return done.returncode == 0


def differing(a: dict[str, str], b: dict[str, str]) -> list[str]:
    assert a.keys() == b.keys()
    assert len(a) > 1000
    return [name for name in a if a[name] != b[name]]


def test_scalar_fma_is_avx2(digests: dict[str, Any]) -> None:
    if "avx2" not in digests:  # a CPU without FMA: there is one level, and nothing to compare
        assert list(digests) == ["baseline"]
        return
    assert not differing(digests["scalar_fma"][0], digests["avx2"][0])


def test_avx512_is_avx2(digests: dict[str, Any]) -> None:
    if "avx512" in digests:
        assert not differing(digests["avx512"][0], digests["avx2"][0])


def test_baseline_is_near(digests: dict[str, Any]) -> None:
    if "avx2" not in digests:
        return
    with np.load(digests["baseline"][1]) as low, np.load(digests["avx2"][1]) as high:
        for name in high.files:
            if high[name].dtype.kind != "f":
                np.testing.assert_array_equal(low[name], high[name], err_msg=name)
                continue
            close = BASELINE[high[name].dtype.name]
            scale = np.abs(high[name][np.isfinite(high[name])]).max(initial=1.0)
            np.testing.assert_allclose(
                low[name], high[name], rtol=close, atol=close * scale, err_msg=name
            )


def test_an_unknown_level_is_refused() -> None:
    command = [sys.executable, "-c", "import steep"]
    environment = os.environ | {"STEEP_CPU": "sse9"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "sse9" in done.stderr
    assert "avx2" in done.stderr
