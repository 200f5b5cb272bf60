"""The same results on every instruction set, wherever operands lie: digests of several processes.

Each process has one level, and memory whose blocks end at a page that may not be touched: a kernel
that reads or writes beyond an operand, a result or its scratch ends it. `scalar_fma` is a table
built for these tests alone: scalar code with FMA. That it gives the bits of AVX2 shows that no
result depends on the width of a vector.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import product_cases
import steep
from cases import TABLE
from tolerances import BASELINE

DIGEST = Path(__file__).parent / "digest.py"
PARTS = ["table", "random", "products", "training"]
# Those that multiply and add at once, beside avx2, with which they are compared.
WITH_FMA = [name for name in steep.available_levels() if name not in ("baseline", "avx2")]
IN_USE = [name for name in steep.available_levels() if name not in ("baseline", "scalar_fma")]
Digests = dict[str, str]


def started(level: str, code: list[str], **settings: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"STEEP_CPU": level, "STEEP_NUM_THREADS": "1"} | settings
    return subprocess.run(
        [sys.executable, *code], env=environment, capture_output=True, text=True, timeout=600
    )


class Runs:
    """What the processes said, each asked once, whichever of pytest's own processes asks first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def saved(self, level: str, part: str) -> Path:
        return self.folder / f"{level}-{part}.npz"

    def digests(self, level: str, part: str, memory: str = "guarded") -> Digests:
        found = self.folder / f"{level}-{part}-{memory}.txt"
        with open(found.with_suffix(".lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not found.exists():
                save = ["--save", str(self.saved(level, part))] if memory == "guarded" else []
                done = started(level, [str(DIGEST), part, *save], STEEP_ALLOC=memory)
                last = "".join(done.stdout.splitlines(keepends=True)[-1:])
                assert done.returncode == 0, f"{done.returncode}, after {last}{done.stderr[-3000:]}"
                found.write_text(done.stdout)
        return dict(line.split() for line in found.read_text().splitlines())


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    folder = tmp_path_factory.getbasetemp()
    folder = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "digests"
    folder.mkdir(exist_ok=True)
    return Runs(folder)


def need(*levels: str) -> None:
    """Skip, saying so, where this CPU or this build lacks a level; asking for it is an error."""
    for level in levels:
        done = started(level, ["-c", "import steep"])
        if done.returncode != 0:
            assert level in done.stderr, done.stderr  # the refusal names what was asked for
            pytest.skip(f"{level} is not there: {done.stderr.strip().splitlines()[-1]}")


def differing(a: Digests, b: Digests) -> list[str]:
    assert a.keys() == b.keys()
    return [name for name in a if a[name] != b[name]]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("level", WITH_FMA)
def test_levels_with_fma_give_the_same_bits(runs: Runs, level: str, part: str) -> None:
    need("avx2", level)
    assert not differing(runs.digests(level, part), runs.digests("avx2", part))


@pytest.mark.parametrize("part", PARTS)
def test_baseline_is_near(runs: Runs, part: str) -> None:
    need("avx2")
    names = runs.digests("baseline", part).keys()
    assert names == runs.digests("avx2", part).keys()
    paths = [runs.saved(level, part) for level in ("baseline", "avx2")]
    with np.load(paths[0]) as low, np.load(paths[1]) as high:
        for name in high.files:
            if high[name].dtype.kind != "f":
                np.testing.assert_array_equal(low[name], high[name], err_msg=name)
                continue
            close = BASELINE[high[name].dtype.name]
            scale = np.abs(high[name][np.isfinite(high[name])]).max(initial=1.0)
            np.testing.assert_allclose(
                low[name], high[name], rtol=close, atol=close * scale, err_msg=name
            )


@pytest.mark.parametrize("memory", ["cache", "guarded_before"])
@pytest.mark.parametrize("level", IN_USE)
def test_addresses_do_not_matter(runs: Runs, level: str, memory: str) -> None:
    """Blocks aligned to lines of the cache, at the start of a page, and at odd ends of one."""
    need(level)
    assert not differing(
        runs.digests(level, "random", memory), runs.digests(level, "random", "guarded")
    )


# What the digests cover: a name that goes missing would make the tests above compare less.


def test_digests_cover_the_table(runs: Runs) -> None:
    level = "avx2" if "avx2" in available() else available()[-1]
    names = {tuple(name.split("-")[:2]) for name in runs.digests(level, "table")}
    empty = {"equal", "detach"}  # no array comes out, or none that is its own
    wanted = {
        (name, dtype)
        for name, row in TABLE.items()
        if row.reference is not None and name not in empty
        for dtype in row.dtypes
    }
    assert wanted <= names, sorted(wanted - names)
    drawn = {name.split("-")[0] for name in runs.digests(level, "random")}
    assert len(drawn) > 90


def test_digests_cover_every_path_of_products() -> None:
    """Layouts, dtypes, remainders by any tile, and both sides of every block's edge."""
    for layout, dtype in itertools.product(product_cases.LAYOUTS, product_cases.DTYPES):
        sizes = product_cases.sizes(layout, dtype)
        m, k, n = (set(column) for column in zip(*sizes, strict=True))
        for tile in (6, 8, 12):
            assert {rows % tile for rows in m} == set(range(tile))
        for strip in (64 // np.dtype(dtype).itemsize * registers for registers in (1, 2, 4)):
            assert {columns % strip for columns in n} == set(range(strip))
        assert {depth % 8 for depth in k} == set(range(8))
        for edge in (512, 4096, 8192):
            assert min(k) < edge < max(k)
            assert {edge, edge + 1} & k
        if layout[1] == "N":
            assert sum(rows * depth >= 1 << 15 and wide >= 384 for rows, depth, wide in sizes) >= 3


def test_digests_are_of_every_layout(runs: Runs) -> None:
    level = "avx2" if "avx2" in available() else available()[-1]
    names = runs.digests(level, "products")
    for layout, dtype in itertools.product(product_cases.LAYOUTS, product_cases.DTYPES):
        rows = {size[0] for size in product_cases.sizes(layout, dtype)}
        assert {f"product-{layout}-{dtype}-{m}" for m in rows} <= names.keys()


def available() -> list[str]:
    code = "import steep; print(*steep.available_levels())"
    environment = {k: v for k, v in os.environ.items() if k != "STEEP_CPU"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300
    )
    return done.stdout.split()


def test_the_widest_level_that_costs_no_clock_is_chosen_unasked() -> None:
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists() or "avx2" not in (flags := set(cpuinfo.read_text().split())):
        pytest.skip("no /proc/cpuinfo, or a CPU without AVX2")
    wide = {"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vbmi2"} <= flags
    environment = {k: v for k, v in os.environ.items() if k != "STEEP_CPU"}
    code = "import steep; print(steep.cpu_level())"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.stdout.strip() == ("avx512" if wide else "avx2"), done.stderr


def test_an_unknown_level_is_refused() -> None:
    done = started("sse9", ["-c", "import steep"])
    assert done.returncode != 0
    assert "sse9" in done.stderr
    assert "avx2" in done.stderr
