"""Every fused kernel beside its formula, for inputs that are large, small and far from 0.

Rounding shows where a kernel has combined what its formula keeps apart: a logarithm added to a
large maximum, a mean rounded to float32. The formulas are those of the reference, in float64; where
a kernel promises the bits of the operations it stands for, these are the reference. Which kernels
an operation has, and what they are tried with, says its row of the table of cases (`fused`,
`kernels`); a kernel that no row speaks of is noticed.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steep
from cases import TABLE
from cases.fused import ROWS, Fused, lost_nothing, positive, rng
from cases.row import Row, materialize
from optim_support import CASES, Reference, array, make_params, run
from runner import Recorded, function_of, tensor
from steep import _core
from steep.profiler import profile
from steep.reference import OPS
from tolerances import RTOL, same_bits

F = steep.nn.functional

SCALES = (1e-6, 1e-3, 1.0, 1e2, 1e4, 1e8)
OFFSETS = (0.0, 1e-6, 1.0, 1e2, 1e4, 1e6, 1e8)

FOLDER = Path(__file__).parent.parent / "csrc" / "kernels"
HEADERS = "".join(path.read_text() for path in sorted(FOLDER.rglob("*.h")))


def kernels_in(text: str) -> set[str]:
    """The kernels whose handles these headers declare, by the names that their launches carry."""
    lists = re.findall(r"^extern Kernel ([^;]*);", text, re.MULTILINE)
    handles = [handle.strip() for found in lists for handle in found.split(",")]
    return {re.sub(r"(?<!^)(?=[A-Z])", "_", handle[1:]).lower() for handle in handles}


KERNELS = kernels_in(HEADERS)

# Each with the name of its operation.
FUSED = {
    f"{name} {fused.label}".strip(): (name, fused)
    for name, row in TABLE.items()
    for fused in row.fused
}


def kernels_alone(name: str, row: Row) -> tuple[str, ...]:
    """The kernels of an operation that are the operation itself, for which there is no composite.

    A row of special values is tried on numbers of all sizes with them.
    """
    own = (name,) if row.special and name in KERNELS else ()
    fused = {kernel for fused in row.fused for kernel in fused.kernels}
    return tuple(kernel for kernel in (*own, *row.kernels) if kernel not in fused)


def in_dtype(value: Any, dtype: str) -> Any:
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return value.astype(dtype)
    return value


def native(value: Any, leaves: list[Any] | None = None) -> Any:
    """A tensor in an array's place."""
    if not isinstance(value, np.ndarray):
        return value
    x = steep.tensor(value)
    if leaves is not None and value.dtype.kind == "f":
        leaves.append(x.requires_grad_())
    return x


class Result:
    """Value, gradient by the first argument, fused and as a composite, and the kernels launched."""

    def __init__(self, name: str, fused: Fused, x: Any, dtype: str) -> None:
        row = TABLE[name]
        function = function_of(name, row)
        more = [in_dtype(value, dtype) for value in fused.more]
        settings = {name: in_dtype(value, dtype) for name, value in fused.settings.items()}
        leaf = native(x).requires_grad_()

        def call() -> Any:
            named = {name: native(value) for name, value in settings.items()}
            return function(leaf, *(native(value) for value in more), **named)

        with profile() as prof:
            out = call()
            self.grad = rng(7).normal(size=tuple(out.shape)).astype(dtype)
            out.backward(native(self.grad))
        self.launched = {event.name for event in prof.events if event.kind == "kernel"}
        again = steep.autograd.grad(call(), leaf, native(self.grad), create_graph=True)[0]
        self.got = [out.detach().numpy(), leaf.grad.numpy(), again.detach().numpy()]
        self.expected = self.by_the_formula(row, x.astype(np.float64), more, settings)
        self.sizes = [np.abs(e).max(initial=0) for e in self.expected]
        if fused.cancels:
            self.sizes[1] = max(self.sizes[1], np.abs(self.grad).max())
        self.sizes.append(self.sizes[1])
        self.expected.append(self.expected[1])

    def by_the_formula(
        self, row: Row, x: Any, more: list[Any], settings: dict[str, Any]
    ) -> list[Any]:
        op = OPS[str(row.reference)]
        assert op.gradient is not None
        wide = [in_dtype(value, "float64") for value in more]
        named = {name: in_dtype(value, "float64") for name, value in settings.items()}
        gradient = op.gradient(self.grad.astype(np.float64), x, *wide, **named)
        return [op.forward(x, *wide, **named), gradient[0]]


def inputs(fused: Fused, dtype: str) -> list[tuple[float, float, Any]]:
    base = rng(8).normal(size=(ROWS, fused.size))
    furthest = fused.furthest.get(dtype, np.inf)
    return [
        (scale, offset, (base * scale + offset).astype(dtype))
        for scale in SCALES
        for offset in OFFSETS
        if offset / scale <= furthest
    ]


WHAT = ("the value", "the gradient", "the gradient as a composite")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("label", FUSED)
def test_value_and_gradient_are_those_of_the_formula(label: str, dtype: str) -> None:
    name, fused = FUSED[label]
    tiny = np.finfo(dtype).tiny  # what is less may be 0
    for scale, offset, x in inputs(fused, dtype):
        result = Result(name, fused, x, dtype)
        for what, got, expected, size in zip(
            WHAT, result.got, result.expected, result.sizes, strict=True
        ):
            assert got.dtype == dtype
            error = np.abs(got - expected).max(initial=0)
            assert error <= RTOL[dtype] * fused.lost(x) * size + tiny, (
                f"{what} at scale {scale:g} and offset {offset:g}: off by {error:.1e} of {size:.1e}"
            )


@pytest.mark.parametrize("label", FUSED)
def test_a_row_launches_what_it_says(label: str) -> None:
    name, fused = FUSED[label]
    x = rng(8).normal(size=(ROWS, fused.size))
    assert set(fused.kernels) <= Result(name, fused, x, "float64").launched


@pytest.mark.parametrize("name", [name for name in TABLE if kernels_alone(name, TABLE[name])])
def test_a_row_launches_the_kernels_that_have_no_composite(name: str) -> None:
    row = TABLE[name]
    with profile() as prof:
        for described in row.calls:
            recorded = Recorded(name, row, described, materialize(described, row.dtypes[0], name))
            backward = any(kernel.endswith("_backward") for kernel in row.kernels)
            if recorded.leaves and (row.gradient is True or backward):
                grads = recorded.cotangents(rng())
                recorded.gradients([tensor(grad) for grad in grads])
    launched = {event.name for event in prof.events if event.kind == "kernel"}
    assert set(kernels_alone(name, row)) <= launched


# ---- kernels that promise the bits of what they stand for ---------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("size", [11, 70])
def test_linear_with_an_activation_is_the_two_of_them(
    size: int, activation: str, dtype: str
) -> None:
    for _, _, x in inputs(Fused((), size=size), dtype):
        results = []
        for fused in (True, False):
            leaves: list[Any] = []
            arrays = [x, positive(5, size).astype(dtype), rng(5).normal(size=5).astype(dtype)]
            tensors = [native(a, leaves) for a in arrays]
            if fused:
                out = _core.linear_activation(*tensors, activation)
            else:
                out = getattr(steep, activation)(F.linear(*tensors))
            out.backward(native(rng(7).normal(size=(ROWS, 5)).astype(dtype)))
            results.append([out.detach().numpy(), *(leaf.grad.numpy() for leaf in leaves)])
        for got, expected in zip(*results, strict=True):
            same_bits(got, expected)


# ---- steps of optimisers ------------------------------------------------------------------------

# float32: the rounding of the parameter itself, once a step.
STEPS = {"float32": 4e-6, "float64": 4e-13}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("kind", "settings"), CASES)
def test_steps_far_from_zero(kind: Any, settings: Any, dtype: str) -> None:
    """Parameters of any size, and the gradients that go with them."""
    for scale in SCALES:
        params = make_params(getattr(steep, dtype), kind)
        with steep.no_grad():
            for p in params:
                p.mul_(scale)
        reference = Reference(params, kind, settings)
        run(kind(params, **settings), params, 5)
        expected = reference.run(5)
        for p, e in zip(params, expected, strict=True):
            error = np.abs(array(p) - e).max()
            assert error <= STEPS[dtype] * max(np.abs(e).max(), scale), f"scale {scale:g}"


# ---- no kernel without a row --------------------------------------------------------------------


# Kernels of no operation, and the tests that hold them.
ELSEWHERE = {"stream": "tests/test_benchmarks.py"}


def without_a_row(text: str, table: dict[str, Row]) -> set[str]:
    named = {kernel for row in table.values() for fused in row.fused for kernel in fused.kernels}
    named |= {kernel for name, row in table.items() for kernel in kernels_alone(name, row)}
    return kernels_in(text) - named - ELSEWHERE.keys()


def test_no_kernel_is_without_a_row() -> None:
    assert not without_a_row(HEADERS, TABLE)


def test_a_kernel_without_a_row_is_noticed() -> None:
    """The check itself, seen to fail."""
    later = HEADERS.replace("kLayerNorm;", "kLayerNorm, kBatchNorm;", 1)
    assert without_a_row(later, TABLE) == {"batch_norm"}
    rows = {name: row for name, row in TABLE.items() if name != "silu"}
    assert without_a_row(HEADERS, rows) == {"silu", "silu_backward"}


def test_reasons_are_given() -> None:
    for _, fused in FUSED.values():
        assert bool(fused.reason) == (fused.lost is not lost_nothing)
