"""Compare values and gradients at extreme inputs with PyTorch's.

Usage: ``python tools/extremes.py [--seconds N] [NAME ...]``

Infinities, nan, zeros of both signs, subnormals and the largest finite numbers go through every
operation whose row of the table of cases is elementwise or says how, in float32 and float64. The
last line counts what was compared and what differs; the exit status is 1 where anything differs
that the row does not accept, or is accepted and no longer seen, 2 without PyTorch.
"""

from __future__ import annotations

import argparse
import itertools
import math
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import steep
import steep.nn.functional

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from cases import TABLE
from cases.extreme import Accepted, Extreme
from cases.row import Arr, Row
from registry import ENTRIES

try:
    import torch
    import torch.nn.functional
except ImportError:
    torch = None  # type: ignore[assignment]

DTYPES = ("float32", "float64")
# Relative; a power's exponent multiplies the error of its logarithm.
CLOSE = {"float32": 3e-5, "float64": 1e-9}
SHOWN = 4  # differences printed for each function


@dataclass(frozen=True)
class Case:
    """One function of `extreme.inputs` tensors, given each library's module and tensors."""

    name: str
    extreme: Extreme
    accepted: tuple[Accepted, ...]

    @property
    def label(self) -> str:
        return f"{self.name}({self.extreme.label})" if self.extreme.label else self.name

    def call(self, library: Any, *tensors: Any) -> Any:
        function, extreme = functional(library, self.name), self.extreme
        if extreme.call is not None:
            return extreme.call(function, library, *tensors)
        return function(*tensors, *extreme.more, **extreme.settings)


def grid(dtype: str) -> list[float]:
    """Single numbers: every kind there is."""
    info = np.finfo(dtype)
    subnormal, normal, largest = (float(x) for x in (info.smallest_subnormal, info.tiny, info.max))
    sizes = (0.0, subnormal, normal, 0.5, 1.0, 2.0, 3.5, 30.0, 1e4, largest, math.inf)
    return [*(sign * size for size in sizes for sign in (1.0, -1.0)), math.nan]


def row_grid(dtype: str) -> list[float]:
    """Numbers of which rows are made."""
    return [0.0, 1.0, -2.5, float(np.finfo(dtype).max), math.inf, -math.inf, math.nan]


# ---- what is compared ---------------------------------------------------------------------------


def functional(library: Any, name: str) -> Any:
    return getattr(library.nn.functional, name, None) or getattr(library, name, None)


def operands(row: Row) -> int:
    """How many tensors a call of an elementwise row takes."""
    return sum(isinstance(value, Arr) for value in row.calls[0].args)


def cases() -> Iterator[Case]:
    """What the rows of the table say, and elementwise ones anyway; other names of these too."""
    for name, row in TABLE.items():
        plain = (Extreme(inputs=operands(row)),) if row.special else ()
        yield from (Case(name, extreme, row.accepted) for extreme in (*plain, *row.extremes))
    for entry in ENTRIES:
        row = TABLE[entry.cases]
        both = functional(torch, entry.name) and functional(steep, entry.name)
        if entry.name not in TABLE and row.special and both:
            yield Case(entry.name, Extreme(inputs=operands(row)), row.accepted)


def acceptance(case: Case, what: str, numbers: tuple[float, ...]) -> Accepted | None:
    """The entry that a difference falls under."""
    entries = (e for e in case.accepted if e.label in ("", case.extreme.label))
    return next((e for e in entries if what in e.what and e.when(*numbers)), None)


# ---- running and comparing ----------------------------------------------------------------------


def results(library: Any, case: Case, arrays: list[Any]) -> tuple[Any, list[Any]] | None:
    """The value and the gradients by the inputs, as arrays; None where the call is refused."""
    tensors = [library.from_numpy(array.copy()).requires_grad_() for array in arrays]
    try:
        out = case.call(library, *tensors)
    except (RuntimeError, ValueError, TypeError, IndexError):
        return None
    value = out.detach().numpy().copy()
    if not out.requires_grad:
        return value, []
    out.backward(library.ones_like(out))
    grads = [
        np.zeros_like(a) if t.grad is None else t.grad.numpy()
        for t, a in zip(tensors, arrays, strict=True)
    ]
    return value, grads


def differs(got: Any, wanted: Any, dtype: str, rows: bool) -> Any:
    """Where two arrays differ by more than the dtype's rounding; of rows, by that of their sums."""
    if got.shape != wanted.shape or wanted.dtype.kind != "f":
        return np.atleast_1d(np.asarray(got != wanted))
    info = np.finfo(dtype)
    slack = float(8 * info.eps if rows else 4 * info.tiny)
    with np.errstate(all="ignore"):
        near = np.abs(got - wanted) <= CLOSE[dtype] * np.abs(wanted) + slack
    same = (got == wanted) | (np.isnan(got) & np.isnan(wanted)) | near
    return np.atleast_1d(~same)


def batches(case: Case, dtype: str) -> Iterator[list[Any]]:
    """The inputs: all combinations in one call, or one row (or a pair of them) a call."""
    if not case.extreme.rows:
        numbers = itertools.product(grid(dtype), repeat=case.extreme.inputs)
        yield list(np.array(list(numbers), dtype=dtype).T.copy())
        return
    rows = list(itertools.product(row_grid(dtype), repeat=3))
    if case.extreme.inputs == 1:
        for row in rows:
            yield [np.array(row, dtype=dtype)]
        return
    for row in rows[::5]:
        for weights in ((1.0, 2.0, -1.0), (0.0, 0.0, 1.0), (math.inf, 1.0, 0.0)):
            yield [np.array(row, dtype=dtype), np.array(weights, dtype=dtype)]


class Tally:
    def __init__(self) -> None:
        self.compared = self.accepted = self.differences = 0
        self.shown: dict[tuple[str, str], int] = {}
        self.used: set[tuple[str, Accepted]] = set()

    def compare(self, case: Case, dtype: str, arrays: list[Any]) -> None:
        got, wanted = results(steep, case, arrays), results(torch, case, arrays)
        if got is None or wanted is None:
            if (got is None) != (wanted is None):
                refused, other = ("steep", "torch") if got is None else ("torch", "steep")
                self.tell(case, dtype, f"{refused} refuses what {other} computes")
            return
        self.parts(case, dtype, arrays, "value", got[0], wanted[0])
        for index, (mine, theirs) in enumerate(zip(got[1], wanted[1], strict=False)):
            self.parts(case, dtype, arrays, "gradient", mine, theirs, index)

    def parts(
        self,
        case: Case,
        dtype: str,
        arrays: list[Any],
        what: str,
        got: Any,
        wanted: Any,
        by: int = 0,
    ) -> None:
        self.compared += wanted.size
        wrong = differs(got, wanted, dtype, case.extreme.rows)
        for place in zip(*np.nonzero(wrong), strict=True):
            # Elementwise: the numbers at that place; otherwise all that went in.
            elementwise = not case.extreme.rows and wrong.shape == arrays[0].shape
            numbers = tuple(
                float(v) for a in arrays for v in (a[place].reshape(-1) if elementwise else a)
            )
            if entry := acceptance(case, what, numbers):
                self.accepted += 1
                self.used.add((case.name, entry))
                continue
            shown = tuple(float(np.atleast_1d(a)[place]) for a in (got, wanted))
            part = f"{what} by {by}" if what == "gradient" and len(arrays) > 1 else what
            inputs = ", ".join(f"{n:.6g}" for n in numbers[:6])
            self.tell(case, dtype, f"{part} at ({inputs}): {shown[0]:.9g}, PyTorch {shown[1]:.9g}")

    def tell(self, case: Case, dtype: str, text: str) -> None:
        self.differences += 1
        key = (case.label, dtype)
        self.shown[key] = self.shown.get(key, 0) + 1
        if self.shown[key] <= SHOWN:
            print(f"{case.label} {dtype}: {text}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="functions to compare; default: all")
    parser.add_argument("--seconds", type=float, default=600.0, help="stop after so many")
    options = parser.parse_args()
    if torch is None:
        print("extremes: PyTorch is not installed; `pip install torch` to compare with it")
        return 2
    warnings.simplefilter("ignore")
    chosen = [c for c in cases() if not options.names or {c.name, c.label} & {*options.names}]
    tally, end, left = Tally(), time.monotonic() + options.seconds, 0
    for case, dtype in itertools.product(chosen, DTYPES):
        if time.monotonic() > end:
            left += 1
            continue
        for arrays in batches(case, dtype):
            tally.compare(case, dtype, arrays)
    if not options.names and not left:
        for name, entry in ((name, e) for name, row in TABLE.items() for e in row.accepted):
            if (name, entry) not in tally.used:
                print(f"{name}: accepted, but not seen any more: {entry.reason}")
                tally.differences += 1
    unfinished = f"; {left} of {2 * len(chosen)} not reached in the time given" if left else ""
    found = f"{tally.differences} differences, {tally.accepted} accepted"
    print(
        f"extremes: {tally.compared} numbers of {len(chosen)} functions compared with PyTorch "
        f"{torch.__version__}, {found}{unfinished}"
    )
    return 1 if tally.differences or not tally.compared else 0


if __name__ == "__main__":
    sys.exit(main())
