"""Say what decides how fast steep runs on this machine, and what stands in its way."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import steep
from steep.__main__ import report

EXAMPLE = "steep doctor"

_BEST = {"x86_64": "avx512", "AMD64": "avx512", "aarch64": "neon", "arm64": "neon"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None: it looks at the machine."""


def run(options: argparse.Namespace) -> int:
    """Print the report, and a line for each thing that could be better."""
    print(report())
    quota = cpu_quota()
    print(f"processors: {os.cpu_count()}, usable by this process: {_usable()}")
    print(f"container quota: {'none' if quota is None else f'{quota:g} processors'}")
    for name in sorted(os.environ):
        if name.startswith(("STEEP_", "OMP_", "KMP_", "MKL_NUM", "OPENBLAS_NUM")):
            print(f"environment: {name}={os.environ[name]}")
    found = findings()
    print()
    print("\n".join(f"- {line}" for line in found) if found else "Nothing stands in the way.")
    return 0


def findings() -> list[str]:
    """What could be better, a sentence each."""
    out = []
    threads, quota = steep.get_num_threads(), cpu_quota()
    if steep.cpu_level() == "baseline":
        out.append(
            "The kernels are those of the oldest CPUs: this one has no AVX2, or STEEP_CPU=baseline "
            "is set. Products of matrices take several times as long."
        )
    forced = os.environ.get("STEEP_CPU")
    if forced and forced != steep.available_levels()[-1]:
        out.append(f"STEEP_CPU={forced} forbids faster kernels: {steep.available_levels()[-1]}.")
    if threads > _usable():
        out.append(
            f"There are {threads} threads for {_usable()} processors, so they wait for each other; "
            "unset STEEP_NUM_THREADS, or lower it."
        )
    if quota is not None and threads > max(1, round(quota)):
        out.append(
            f"The container may use {quota:g} processors, and there are {threads} threads: set "
            f"STEEP_NUM_THREADS={max(1, int(quota))}."
        )
    if os.environ.get("STEEP_ALLOC", "cache") != "cache":
        out.append(f"STEEP_ALLOC={os.environ['STEEP_ALLOC']} is for finding mistakes, and slow.")
    runtimes = openmp_runtimes(imported_libraries())
    if len(runtimes) > 1:
        out.append(
            "Beside NumPy and scikit-learn several OpenMP runtimes are loaded "
            f"({', '.join(runtimes)}), and where two compute at once their threads compete. "
            f"OMP_NUM_THREADS=1 with STEEP_NUM_THREADS={threads} leaves the threads to steep."
        )
    return out


def _usable() -> int:
    """Processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_quota(root: str = "/sys/fs/cgroup") -> float | None:
    """Processors that the container may use in the mean, or ``None`` for no limit.

    Of control groups version 2 (``cpu.max``) or 1 (``cpu/cpu.cfs_quota_us``).
    """
    folder = Path(root)
    try:
        quota, period = (folder / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        pass
    try:
        quota = (folder / "cpu" / "cpu.cfs_quota_us").read_text()
        period = (folder / "cpu" / "cpu.cfs_period_us").read_text()
        return None if int(quota) <= 0 else int(quota) / int(period)
    except (OSError, ValueError):
        return None


def imported_libraries() -> str:
    """The memory map of the process once NumPy and scikit-learn, if there, are loaded."""
    for name in ("numpy", "sklearn.ensemble"):
        try:
            __import__(name)
        except ImportError:
            continue
    try:
        return os.fsdecode(Path("/proc/self/maps").read_bytes())  # paths, of any bytes
    except OSError:  # not Linux
        return "\n".join(str(getattr(m, "__file__", "")) for m in [*sys.modules.values()])


def openmp_runtimes(maps: str) -> list[str]:
    """Names of the OpenMP runtimes among loaded files."""
    names = {Path(word).name for word in maps.split() if ".so" in word or ".dylib" in word}
    return sorted(n for n in names if n.startswith(("libgomp", "libiomp", "libomp", "libkmp")))
