"""Compare values and gradients at extreme inputs with PyTorch's.

Usage: ``python tools/extremes.py [--seconds N] [NAME ...]``

Infinities, nan, zeros of both signs, subnormals and the largest finite numbers go through every
elementwise operation of the registry, activations, losses, reductions, norms, the softmax family
and products, in float32 and float64. The last line counts what was compared and what differs; the
exit status is 1 where anything differs that is not accepted in `ACCEPTED`, 2 without PyTorch.
"""

from __future__ import annotations

import argparse
import itertools
import math
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import steep
import steep.nn.functional
from steep import _core

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
    """One function of `inputs` tensors, given each library's module and tensors.

    Attributes:
        rows: Its inputs are rows of three numbers; else single ones, in all combinations.
    """

    name: str
    call: Callable[..., Any]
    inputs: int = 1
    rows: bool = False


@dataclass(frozen=True)
class Accepted:
    """A difference that is meant: where `when(inputs)` holds for the numbers that went in."""

    reason: str
    when: Callable[..., bool] = lambda *numbers: True
    what: tuple[str, ...] = ("value", "gradient")


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


def plain(name: str) -> Callable[..., Any]:
    return lambda library, *tensors: functional(library, name)(*tensors)


def with_options(name: str, *arguments: Any, **options: Any) -> Callable[..., Any]:
    return lambda library, *tensors: functional(library, name)(*tensors, *arguments, **options)


ONE = re.compile(r"\(input: Tensor( \| Number)?(, \w+: (bool|float|str) = [^,)]+)*\) -> Tensor$")
TWO = re.compile(
    r"\(input: Tensor( \| Number)?, (other|exponent): Tensor( \| Number)?[^)]*\) -> Tensor$"
)
# Signatures alone do not tell these from elementwise functions; PyTorch's floor_divide has no
# gradient.
NOT_ELEMENTWISE = {
    *("bernoulli", "detach", "dropout", "nonzero", "one_hot", "ravel", "t", "max", "min", "matmul"),
    *("view_as", "reshape_as", "expand_as", "bitwise_and", "bitwise_or", "bitwise_xor"),
    *("bitwise_not", "contiguous", "isclose", "floor_divide"),
}


def from_registry() -> Iterator[Case]:
    """Functions of one tensor, and of two, that the registry names."""
    seen = set()
    for row in _core.registry():
        name, signature = row["name"], row["signature"]
        if name in seen or name in NOT_ELEMENTWISE or name.endswith("_"):
            continue
        inputs = 1 if ONE.match(signature) else 2 if TWO.match(signature) else 0
        if not inputs or not functional(torch, name) or not functional(steep, name):
            continue
        seen.add(name)
        yield Case(name, plain(name), inputs)


def by_hand() -> Iterator[Case]:
    """Functions with further arguments."""
    for low, high in ((-1.0, 2.0), (-math.inf, 1.0), (0.0, math.inf), (2.0, -1.0)):
        yield Case(f"clamp({low}, {high})", with_options("clamp", low, high))
    yield Case("clamp(tensors)", plain("clamp"), 3)
    yield Case("leaky_relu(-0.5)", with_options("leaky_relu", -0.5))
    yield Case("elu(2)", with_options("elu", 2.0))
    yield Case("gelu(tanh)", with_options("gelu", approximate="tanh"))
    yield Case("softplus(2, 5)", with_options("softplus", 2.0, 5.0))
    for exponent in (0.0, 0.5, 1.0, 2.0, 3.0, -1.0, -0.5):
        yield Case(f"pow({exponent})", with_options("pow", exponent))
    yield Case("pow of 2", lambda library, x: library.pow(2.0, x))
    yield Case("pow of 0", lambda library, x: library.pow(0.0, x))
    yield Case("where", lambda library, x, y: library.where(x > y, x, y), 2)
    yield Case("outer", plain("outer"), 2)
    for name in ("hardtanh", "relu6", "elu", "selu", "celu", "hardsigmoid", "hardswish", "mish"):
        both = functional(steep, name) and functional(torch, name)
        if both and name not in {row["name"] for row in _core.registry()}:
            yield Case(name, plain(name))
    for name in ("softsign", "tanhshrink", "logsigmoid", "softshrink", "hardshrink"):
        if functional(steep, name):
            yield Case(name, plain(name))


LOSSES = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "kl_div")


def losses() -> Iterator[Case]:
    """With each reduction: what one pair gives must not reach the other's gradient."""
    for name in (*LOSSES, "binary_cross_entropy_with_logits"):
        for reduction in ("none", "sum"):
            yield Case(f"{name}({reduction})", with_options(name, reduction=reduction), 2)
    yield Case("smooth_l1_loss(0.25)", with_options("smooth_l1_loss", beta=0.25), 2)
    yield Case("huber_loss(3)", with_options("huber_loss", delta=3.0), 2)
    yield Case("kl_div(log)", with_options("kl_div", log_target=True, reduction="sum"), 2)
    for index in range(3):
        yield Case(
            f"cross_entropy({index})",
            lambda library, x, index=index: library.nn.functional.cross_entropy(
                x.reshape(1, 3), library.tensor([index])
            ),
            rows=True,
        )


def of_rows() -> Iterator[Case]:
    """Functions of several numbers at once."""
    for name in ("sum", "mean", "prod", "var", "std", "amax", "amin", "max", "min", "norm"):
        yield Case(name, plain(name), rows=True)
    for name in ("cumsum", "softmax", "log_softmax", "logsumexp"):
        yield Case(name, with_options(name, 0), rows=True)
    for name in ("max", "min"):
        yield Case(f"{name}(dim)", lambda lib, x, n=name: functional(lib, n)(x, 0)[0], rows=True)
    for p in (1.0, 2.0, 3.0, 0.5, 0.0, math.inf, -math.inf):
        yield Case(f"norm({p})", lambda lib, x, p=p: lib.norm(x, p), rows=True)
    yield Case("layer_norm", with_options("layer_norm", (3,)), rows=True)
    for name in ("dot", "outer"):
        yield Case(name, plain(name), 2, rows=True)
    yield Case("mm", lambda lib, x, y: lib.mm(x.reshape(1, 3), y.reshape(3, 1)), 2, rows=True)
    yield Case("mv", lambda lib, x, y: lib.mv(x.reshape(1, 3), y), 2, rows=True)


# ---- differences that are meant -----------------------------------------------------------------


def huge(*numbers: float) -> bool:
    """Squares or sums of these leave the dtype."""
    return any(abs(n) > 1e18 for n in numbers)


def special(*numbers: float) -> bool:
    """Products of these give nan in one order and not in another."""
    return not all(math.isfinite(n) for n in numbers) or sum(n == 0 for n in numbers) > 1


VALUE, GRADIENT = ("value",), ("gradient",)
EXACT = "the exact result; PyTorch's goes by way of a quotient that overflows"
OVERFLOW = "a sum of squares that leaves the dtype; PyTorch adds in float64 or updates a mean"
DIVIDED = (
    Accepted(
        "grad / other overflows; one quotient serves both gradients, which spares a launch",
        lambda x, y: 0 < abs(y) < 1e-37,
        GRADIENT,
    ),
)
ACCEPTED: dict[str, tuple[Accepted, ...]] = {
    "div": DIVIDED,
    "divide": DIVIDED,
    "true_divide": DIVIDED,
    "atan2": (
        Accepted(
            "1 / other, or what is next to it; PyTorch's square of `other` is 0",
            lambda x, y: max(abs(x), abs(y)) < 1e-18,
            GRADIENT,
        ),
    ),
    "remainder": (Accepted(EXACT, lambda x, y: 0 < abs(y) < 1e-37 or huge(x)),),
    "fmod": (Accepted(EXACT, lambda x, y: 0 < abs(y) < 1e-37 or huge(x)),),
    "gelu": (
        Accepted(
            "1 + erf, or 1 + tanh, cancels there; a chance of its own does not", lambda x: x < -3
        ),
        Accepted("x times the chance 1", lambda x: x == math.inf),
    ),
    "elu": (
        Accepted(
            "made from the result, alpha (exp(x) - 1) + alpha: rounded", lambda x: x < 0, GRADIENT
        ),
    ),
    "pow(0.5)": (Accepted("pow of C and IEEE; PyTorch takes sqrt", lambda x: x == -math.inf),),
    "pow(-0.5)": (Accepted("pow of C and IEEE; PyTorch takes rsqrt", lambda x: x == -math.inf),),
    "sigmoid": (Accepted("out (1 - out), rounded as 1 is", lambda x: 30 <= x < 100, GRADIENT),),
    "kl_div": (
        Accepted("t (log t - x), a product; PyTorch takes t log t - t x", lambda x, t: huge(t)),
        Accepted("0 log 0 is 0, and so is its slope", lambda x, t: t == 0, GRADIENT),
    ),
    "binary_cross_entropy_with_logits": (
        Accepted(
            "(1 - t) - sigmoid(-x), rounded as 1 is", lambda x, t: 30 <= abs(x) < 100, GRADIENT
        ),
    ),
    "logsumexp": (Accepted("a softmax; PyTorch's exp(x - result) rounds", huge, GRADIENT),),
    "prod": (Accepted("the product of the others, as IEEE has it", special, GRADIENT),),
    "var": (Accepted(OVERFLOW, huge),),
    "std": (Accepted(OVERFLOW, huge),),
    "norm": (Accepted(OVERFLOW, huge),),
    "layer_norm": (Accepted(OVERFLOW, huge),),
}


def acceptance(case: Case, what: str, numbers: tuple[float, ...]) -> Accepted | None:
    """The entry that a difference falls under."""
    entries = (e for key in (case.name, case.name.split("(")[0]) for e in ACCEPTED.get(key, ()))
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
    if not case.rows:
        numbers = itertools.product(grid(dtype), repeat=case.inputs)
        yield list(np.array(list(numbers), dtype=dtype).T.copy())
        return
    rows = list(itertools.product(row_grid(dtype), repeat=3))
    if case.inputs == 1:
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
        self.used: set[int] = set()

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
        wrong = differs(got, wanted, dtype, case.rows)
        for place in zip(*np.nonzero(wrong), strict=True):
            # Elementwise: the numbers at that place; otherwise all that went in.
            elementwise = not case.rows and wrong.shape == arrays[0].shape
            numbers = tuple(
                float(v) for a in arrays for v in (a[place].reshape(-1) if elementwise else a)
            )
            if entry := acceptance(case, what, numbers):
                self.accepted += 1
                self.used.add(id(entry))
                continue
            shown = tuple(float(np.atleast_1d(a)[place]) for a in (got, wanted))
            part = f"{what} by {by}" if what == "gradient" and len(arrays) > 1 else what
            inputs = ", ".join(f"{n:.6g}" for n in numbers[:6])
            self.tell(case, dtype, f"{part} at ({inputs}): {shown[0]:.9g}, PyTorch {shown[1]:.9g}")

    def tell(self, case: Case, dtype: str, text: str) -> None:
        self.differences += 1
        key = (case.name, dtype)
        self.shown[key] = self.shown.get(key, 0) + 1
        if self.shown[key] <= SHOWN:
            print(f"{case.name} {dtype}: {text}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="functions to compare; default: all")
    parser.add_argument("--seconds", type=float, default=600.0, help="stop after so many")
    options = parser.parse_args()
    if torch is None:
        print("extremes: PyTorch is not installed; `pip install torch` to compare with it")
        return 2
    warnings.simplefilter("ignore")
    cases = [*from_registry(), *by_hand(), *losses(), *of_rows()]
    if options.names:
        cases = [
            c for c in cases if c.name in options.names or c.name.split("(")[0] in options.names
        ]
    tally, end, left = Tally(), time.monotonic() + options.seconds, 0
    for case, dtype in itertools.product(cases, DTYPES):
        if time.monotonic() > end:
            left += 1
            continue
        for arrays in batches(case, dtype):
            tally.compare(case, dtype, arrays)
    if not options.names and not left:
        for name, entries in ACCEPTED.items():
            for entry in entries:
                if id(entry) not in tally.used:
                    print(f"{name}: accepted, but not seen any more: {entry.reason}")
                    tally.differences += 1
    unfinished = f"; {left} of {2 * len(cases)} not reached in the time given" if left else ""
    found = f"{tally.differences} differences, {tally.accepted} accepted"
    print(
        f"extremes: {tally.compared} numbers of {len(cases)} functions compared with PyTorch "
        f"{torch.__version__}, {found}{unfinished}"
    )
    return 1 if tally.differences or not tally.compared else 0


if __name__ == "__main__":
    sys.exit(main())
