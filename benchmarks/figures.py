"""Print the figures steep promises, each beside torch's, measured in turn on this machine.

    python -m benchmarks.figures [--pairs 5] [--seconds 0.5] [--only NAME ...]

A row gives steep's time, torch's, the median ratio of the pairs with its spread, the ratio asked
for, and whether it is reached. Matrix products stand beside the FMA peak of the same run. torch is
optional; without it the ratios are left out. Nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import io
import statistics
import subprocess
import sys
import time
import zipfile
from collections.abc import Sequence

from benchmarks.libraries import Library, check_agreement, installed

# workload: (threads, what it is, ratio to torch at most)
RATIOS: dict[str, tuple[int, str, float]] = {
    "recorded_op": (2, "one recorded operation, 4 elements", 1 / 5),
    "recorded_op_backward": (2, "the same with its backward", 1 / 4),
    "step_digits_32": (2, "step 64-128-128-10, batch 32, Adam", 1 / 4),
    "step_images_128": (2, "step 784-512-512-10, batch 128, Adam", 1.0),
    "cross_entropy_512x50257": (2, "cross_entropy fwd+bwd 512x50257", 1 / 3),
    "add_1e7": (2, "add, ten million elements", 1 / 2),
}
PRODUCTS = {"matmul_512": 512, "matmul_1024": 1024, "matmul_2048": 2048}
PEAK_SHARE = 0.88
WHEEL_BYTES, IMPORT_SECONDS, IMPORT_RATIO = 3_000_000, 0.12, 1.3


def verdict(reached: bool) -> str:
    """How a figure that is or is not reached is marked."""
    return "reached" if reached else "MISSED"


def print_ratios(
    steep: Library, torch: Library | None, pairs: int, seconds: float, only: Sequence[str]
) -> None:
    """Time the jobs of RATIOS in pairs."""
    for job, (threads, what, wanted) in RATIOS.items():
        if only and job not in only:
            continue
        libraries = [steep, torch] if torch else [steep]
        for library in libraries:
            library.ask("threads", threads)
        check_agreement(job, libraries)
        runs = [[library.ask("time", job, seconds) for library in libraries] for _ in range(pairs)]
        for library in libraries:
            library.ask("forget")
        ours = statistics.median(run[0] for run in runs) * 1e6
        if not torch:
            print(f"{what:40s} steep {ours:12.2f} us")
            continue
        theirs = statistics.median(run[1] for run in runs) * 1e6
        ratios = sorted(run[0] / run[1] for run in runs)
        ratio = statistics.median(ratios)
        print(
            f"{what:40s} steep {ours:12.2f} us  torch {theirs:12.2f} us  ratio {ratio:.3f} "
            f"({ratios[0]:.3f}-{ratios[-1]:.3f})  asked {wanted:.3f}  {verdict(ratio <= wanted)}"
        )


def print_products(
    steep: Library, torch: Library | None, pairs: int, seconds: float, only: Sequence[str]
) -> None:
    """Time matrix products against the FMA peak measured beside them."""
    for threads in (1, 2):
        for job, size in PRODUCTS.items():
            if only and job not in only:
                continue
            shares, rates, rivals = [], [], []
            for library in [steep, torch] if torch else [steep]:
                library.ask("threads", threads)
            for _ in range(pairs):
                peak = steep.ask("peak")
                rate = 2 * size**3 / steep.ask("time", job, seconds)
                shares.append(rate / peak)
                rates.append(rate / 1e9)
                if torch:
                    rivals.append(2 * size**3 / torch.ask("time", job, seconds) / 1e9)
            share = statistics.median(shares)
            rival = f"  torch {statistics.median(rivals):6.1f} GF/s" if torch else ""
            print(
                f"matmul {size:4d}, {threads} thread(s) {'':16s} steep "
                f"{statistics.median(rates):6.1f} GF/s{rival}  share of FMA peak {share:.1%} "
                f"({min(shares):.1%}-{max(shares):.1%})  asked {PEAK_SHARE:.0%}  "
                f"{verdict(share >= PEAK_SHARE)}"
            )


def print_wheel() -> None:
    """The size of the installed package, compressed as a wheel is."""
    buffer = io.BytesIO()
    files = importlib.metadata.files("steep") or []
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            if file.suffix != ".pyc" and file.locate().is_file():  # type: ignore[attr-defined]
                archive.write(str(file.locate()), str(file))
    size = len(buffer.getvalue())
    print(
        f"{'wheel':40s} {size / 1e6:.2f} MB  asked {WHEEL_BYTES / 1e6:.0f} MB  "
        f"{verdict(size <= WHEEL_BYTES)}"
    )


def import_seconds(code: str) -> float:
    """Wall time of a fresh interpreter that runs the code."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - started


def print_import(pairs: int) -> None:
    """Import times beyond the interpreter's own start, in turn."""
    rivals = [name for name in ("mlx.core", "numpy", "torch") if installed(name)]
    names = ["", "steep", *rivals]
    times: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(pairs + 1):
        for name in names:
            times[name].append(import_seconds(f"import {name}" if name else "pass"))
    bare = statistics.median(times[""][1:])
    taken = {name: statistics.median(times[name][1:]) - bare for name in names[1:]}
    limit = max(IMPORT_SECONDS, IMPORT_RATIO * taken.get("mlx.core", 0))
    beside = ", ".join(f"{name} {taken[name] * 1e3:.0f} ms" for name in rivals)
    light = "import sys, steep; sys.exit('numpy' in sys.modules)"
    without_numpy = subprocess.run([sys.executable, "-c", light]).returncode == 0
    print(
        f"{'import steep':40s} {taken['steep'] * 1e3:.0f} ms ({beside})  "
        f"asked {limit * 1e3:.0f} ms, without NumPy  "
        f"{verdict(taken['steep'] <= limit and without_numpy)}"
    )


def main() -> None:
    """Print every figure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="of a timing")
    parser.add_argument("--only", nargs="*", default=[], help="jobs to time; all if none")
    arguments = parser.parse_args()
    if not arguments.only:
        print_wheel()
        print_import(arguments.pairs)
    steep = Library("steep")
    torch = Library("torch") if installed("torch") else None
    if torch is None:
        print("torch is not installed: ratios are left out")
    settings = (arguments.pairs, arguments.seconds, arguments.only)
    print_ratios(steep, torch, *settings)
    print_products(steep, torch, *settings)
    for library in filter(None, (steep, torch)):
        library.close()


if __name__ == "__main__":
    main()
