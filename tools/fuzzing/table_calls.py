"""Calls of the table of cases with other sizes and memory: all of them have a right answer."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np

import steep
from cases import TABLE
from cases.row import FLOATS, Arr, Array, Call, Row, find, materialize, transform
from fuzzing.judge import Finding, Job, attempt, bits, tensors_in
from fuzzing.tensors import LAYOUTS, Layout, whole
from runner import Recorded, expected, function_of, numpy, run, tensor, to_native, weighted
from test_forward import STORAGE
from test_gradient import WITH_RULE, call_is_wide, has_ties, reference_gradients
from tolerances import SLOPE, SLOPE_STEP, close

NAMES = sorted(TABLE)
SIZES = [0, 1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 31, 33, 65]
LARGE = [129, 257, 1025, 4097]
COMPARED = 4_000_000  # elements of operands made alike; with more a comparison takes a gigabyte


class Case:
    """One call: the row, the arguments, and the layout of each tensor."""

    def __init__(self, chance: random.Random) -> None:
        self.name = chance.choice(NAMES)
        self.row: Row = TABLE[self.name]
        self.dtype = chance.choice(self.row.dtypes)
        described = chance.choice(self.row.calls)
        self.resized = chance.random() < 0.6
        if self.resized:
            described = resized(chance, described)
        self.special = self.row.special and self.dtype in FLOATS and chance.random() < 0.3
        if self.special:
            described = transform(described, Arr, lambda a: Arr(a.shape, "special", a.dtype))
        self.described = described
        self.seed = str(chance.random())
        self.call = materialize(described, self.dtype, self.seed)
        self.layouts = [chance.choice(LAYOUTS) for _ in find(self.call, np.ndarray)]

    @property
    def layout(self) -> Layout:
        """Lays the arrays out, each in its way; for one call."""
        if self.name in STORAGE:
            return tensor
        ways = iter(self.layouts)
        return lambda array: next(ways, whole)(array)

    def with_values(self, seed: str) -> Call:
        return materialize(self.described, self.dtype, seed)

    def text(self) -> str:
        ways = ", ".join(way.__name__ for way in self.layouts)
        return f"{self.name} {self.dtype} {self.described} layouts [{ways}]"


def resized(chance: random.Random, call: Call) -> Call:
    """Other sizes in place of those of the call's arrays, the same for the same; 1 stays 1."""
    sizes: dict[int, int] = {1: 1}
    large = chance.random() < 0.1
    room = 200_000 if large else 3000

    def other(spec: Arr) -> Arr:
        for n in spec.shape:
            sizes.setdefault(n, chance.choice(LARGE if large and chance.random() < 0.5 else SIZES))
        shape = tuple(sizes[n] for n in spec.shape)
        return Arr(shape, spec.domain, spec.dtype, spec.fixed) if np.prod(shape) < room else spec

    made = transform(call, Arr, other)
    try:
        together = np.broadcast_shapes(*(spec.shape for spec in find(made, Arr)))
    except ValueError:  # they are not broadcast, or are to be refused
        return made
    return made if np.prod(together) < COMPARED else call


def reference_of(case: Case) -> list[Array] | None:
    """The reference's results; None where it has none, or refuses the arguments."""
    if case.row.reference is None:
        return None
    try:
        with np.errstate(all="ignore"):
            return expected(case.row, case.call)
    except Exception:  # sizes that do not go together: the engine has to refuse them on its own
        return None


def compare(got: Any, reference: Array, rough: float, what: str, terms: int = 1) -> None:
    """Within the table's tolerance; sums of more elements than there have more room."""
    more = 1 + np.log2(1 + max(reference.size, terms))
    try:
        close(got, reference, rough * more)
    except AssertionError as error:
        raise Finding(f"{what}: {error}") from error


def nearest_stair(got: Any, reference: Array, case: Case) -> Array:
    """The reference, but at the edges of its stairs what `got` has, if it is of the next one.

    In what dtype an argument is scaled decides there, and the table does not say.
    """
    if np.dtype(case.dtype).kind != "f":  # whole numbers are not scaled
        return reference
    out = reference.copy()
    step = np.finfo(case.dtype).eps
    for factor in (1 - step, 1 + step):
        nudged = transform(case.call, np.ndarray, lambda a, factor=factor: a * factor)
        with np.errstate(all="ignore"):
            (other,) = expected(case.row, nudged)
        out = np.where(np.abs(got - other) < np.abs(got - out), other, out)
    return out


def forward(case: Case, tally: Callable[[str], None]) -> bool:
    """Against the reference; whether the call was accepted."""
    results, refusal = attempt(lambda: run(case.name, case.row, case.call, case.layout))
    wanted = reference_of(case)
    if refusal is not None:
        if not case.resized and not case.special:
            raise Finding(f"refused: {type(refusal).__name__}: {refusal}")
        tally("refused")
        return False
    if wanted is not None:
        terms = max((array.size for array in find(case.call, np.ndarray)), default=1)
        for got, reference in zip(results, wanted, strict=True):
            if case.row.jumps == "value":
                reference = nearest_stair(got, reference, case)
            compare(got, reference, case.row.rough, "differs from the reference", terms)
        tally("equal to the reference")
    return True


def recorded(case: Case) -> Recorded:
    return Recorded(case.name, case.row, case.described, case.call, case.layout)


def backward(case: Case, tally: Callable[[str], None]) -> None:
    """Gradients against the reference's rule, and against themselves as a graph."""
    if case.row.gradient is not True:
        return
    graph = recorded(case)
    if not graph.leaves or not graph.results or not all(r.requires_grad for r in graph.results):
        return
    grads = graph.cotangents(np.random.default_rng(1))
    cotangents = [tensor(g) for g in grads]
    got = numpy(graph.gradients(cotangents))
    if case.name in WITH_RULE and not case.special:
        try:
            with np.errstate(all="ignore"):
                wanted = reference_gradients(
                    str(case.row.reference), case.call, grads, graph.arrays
                )
        except ZeroDivisionError:  # a mean over nothing
            return
        for gradient, reference in zip(got, wanted, strict=True):
            compare(gradient, reference, 8 * case.row.rough, "gradient differs from the reference")
        tally("gradient equal to the reference")
    if case.dtype == "float64":
        second_order(case, grads, tally)
    tally("backward")


def second_order(case: Case, grads: list[Array], tally: Callable[[str], None]) -> None:
    """The gradient's own slope along one random direction, by differences."""
    if case.special or has_ties(case.described) or not call_is_wide(case.described, case.call):
        return
    if case.row.jumps:
        return
    graph = recorded(case)
    rng = np.random.default_rng(2)
    weights = [np.asarray(rng.normal(size=a.shape)) for a in graph.arrays]
    first = graph.gradients([tensor(g) for g in grads], create_graph=True)
    total = sum((g * tensor(w)).sum() for g, w in zip(first, weights, strict=True))
    if not total.requires_grad or sum(a.size for a in graph.arrays) > 2000:
        return
    second = steep.autograd.grad(total, graph.leaves, allow_unused=True)
    along = [np.asarray(rng.normal(size=a.shape)) for a in graph.arrays]
    slope = sum(
        float((g.numpy() * d).sum()) for g, d in zip(second, along, strict=True) if g is not None
    )

    def value(step: float) -> float:
        for array, d in zip(graph.arrays, along, strict=True):
            array += step * d
        found = weighted(numpy(recorded(case).gradients([tensor(g) for g in grads])), weights)
        for array, d in zip(graph.arrays, along, strict=True):
            array -= step * d
        return found

    above, below = value(SLOPE_STEP), value(-SLOPE_STEP)
    room = max(abs(above), abs(below), 1.0) * 1e-4 + abs(slope) * 1e3 * SLOPE["rtol"]
    difference = (above - below) / (2 * SLOPE_STEP)
    if np.isfinite(difference) and not abs(difference - slope) <= room:
        raise Finding(f"second derivative {slope}, by differences {difference}")
    tally("second order")


def replayed(case: Case, tally: Callable[[str], None]) -> None:
    """`steep.compile` of the call and its gradient, against the call itself, bit for bit."""
    function = function_of(case.name, case.row)
    native = Call(())

    def step(*tensors: Any) -> list[Any]:
        given = iter(tensors)
        call = transform(native, steep.Tensor, lambda _: next(given))
        results = tensors_in(function(*call.args, **call.kwargs))
        leaves = [x for x in tensors if x.requires_grad]
        floats = [r for r in results if r.requires_grad]
        if leaves and floats:
            total = sum((r * r).sum() for r in floats)
            grads = steep.autograd.grad(total, leaves, allow_unused=True)
            results += [g for g in grads if g is not None]
        return [r.detach() for r in results]

    def arguments(seed: str) -> list[Any]:
        nonlocal native
        arrays = case.with_values(seed)
        native = to_native(arrays, case.layout)
        tensors = list(find(native, steep.Tensor))
        wants = case.row.gradient is True
        return [
            x.detach().requires_grad_() if wants and x.dtype.is_floating_point else x
            for x in tensors
        ]

    compiled = steep.compile(step)
    for again in range(5):
        args = arguments(f"{case.seed} {again}")
        if not args:
            return
        steep.manual_seed(again)
        wanted = [bits(x) for x in step(*args)]
        steep.manual_seed(again)
        got = [bits(x) for x in compiled(*args)]
        if got != wanted:
            raise Finding(f"call {again} of the compiled function has other bits")
    tally("compiled")


def job(chance: random.Random, tally: Callable[[str], None]) -> Job:
    """One call, and all that follows from it."""
    case = Case(chance)
    steps = [backward, replayed] if chance.random() < 0.15 else [backward]

    def go() -> None:
        if not forward(case, tally):
            return
        for step in steps:
            _, refusal = attempt(lambda step=step: step(case, tally))
            if refusal is not None and not case.resized:
                raise Finding(f"{step.__name__}: {type(refusal).__name__}: {refusal}")

    return Job(case.text(), go)
