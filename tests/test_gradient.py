"""Every gradient: the reference's, the slope of the result, and its own slope once more."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import numpy as np
import pytest

import steep
from cases import TABLE
from cases.row import FLOATS, Arr, Array, Call, Row, find, materialize
from runner import (
    Compared,
    Recorded,
    calls,
    numpy,
    perturbed,
    run,
    small,
    tensor,
    wants_gradient,
    weighted,
)
from steep.reference import OPS
from test_forward import STORAGE, gapped, reversed_order

DIFFERENTIABLE = [name for name, row in TABLE.items() if row.gradient is True]
WITH_RULE = [
    name
    for name in DIFFERENTIABLE
    if isinstance(TABLE[name].reference, str) and OPS[str(TABLE[name].reference)].gradient
]


def cotangents_for(name: str) -> np.random.Generator:
    return np.random.default_rng(sum(name.encode()))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", WITH_RULE)
def test_gradient_is_the_reference_s(name: str, dtype: str) -> None:
    row = TABLE[name]
    with Compared(name) as compared:
        for described, call in calls(row, dtype, name):
            recorded = Recorded(name, row, described, call)
            if not recorded.leaves or not recorded.results:
                continue
            grads = recorded.cotangents(cotangents_for(name))
            got = numpy(recorded.gradients([tensor(g) for g in grads]))
            wanted = reference_gradients(str(row.reference), call, grads, recorded.arrays)
            for gradient, reference in zip(got, wanted, strict=True):
                compared.close(gradient, reference, 4 * row.rough)


def reference_gradients(
    reference: str, call: Call, grads: list[Array], arrays: list[Array]
) -> list[Array]:
    """The rule's gradients by `arrays`, which are among those of the call."""
    op = OPS[reference]
    assert op.gradient is not None
    result = op.forward(*call.args, **call.kwargs)
    cotangent: object = grads[0]
    if isinstance(result, tuple):  # a gradient for each result, zeros for indices
        floats = iter(grads)
        cotangent = tuple(next(floats) if r.dtype.kind == "f" else 0 * r for r in result)
    rule = op.gradient(cotangent, *call.args, **call.kwargs)
    passed = inspect.signature(op.forward).bind(*call.args, **call.kwargs).arguments
    listed = [a for p in op.arrays for a in find(Call((passed.get(p),)), np.ndarray)]
    entries = {id(array): entry for array, entry in zip(listed, rule, strict=True)}
    found = [entries[id(array)] for array in arrays]
    return [np.zeros_like(a) if f is None else f for a, f in zip(arrays, found, strict=True)]


# Finite differences go over every element: calls of at most so many are affordable.
MOST_FOR_SLOPE, MOST_FOR_SECOND = 40, 30


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradient_is_the_slope(name: str) -> None:
    row = TABLE[name]
    with Compared(name) as compared:
        for described, call in calls(row, "float64", name):
            if not small(call, MOST_FOR_SLOPE) or has_ties(described):
                continue
            recorded = Recorded(name, row, described, call)
            arrays = [a for a in recorded.arrays if a.dtype == np.float64]
            if not recorded.results or len(arrays) != len(recorded.arrays):
                continue
            weights = recorded.cotangents(cotangents_for(name))
            got = numpy(recorded.gradients([tensor(w) for w in weights]))

            def value(call: Call = call, weights: list[Array] = weights) -> float:
                return weighted([r for r in run(name, row, call) if r.dtype.kind == "f"], weights)

            for gradient, slope in zip(got, perturbed(call, arrays, value), strict=True):
                compared.same_slope(gradient, slope)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_second_derivative_is_the_slope_of_the_gradient(name: str) -> None:
    row = TABLE[name]
    with Compared(name) as compared:
        for described, call in calls(row, "float64", name):
            wide = call_is_wide(described, call) and not has_ties(described)
            if small(call, MOST_FOR_SECOND) and wide:
                check_second_derivative(name, row, described, call, compared)


def has_ties(described: Call) -> bool:
    """Where two elements are equal, an extremum has no slope; the reference says who gets what."""
    return any(spec.domain == "ties" for spec in find(described, Arr))


def call_is_wide(described: Call, call: Call) -> bool:
    """All that is differentiated is float64: elsewhere a small step is lost in rounding."""
    arrays = list(find(call, np.ndarray))
    flags = wants_gradient(described, call)
    return any(flags) and all(
        a.dtype == np.float64 for a, f in zip(arrays, flags, strict=True) if f
    )


def check_second_derivative(
    name: str, row: Row, described: Call, call: Call, compared: Compared
) -> None:
    """With random weights v, the gradient of <v, gradient>: by the inputs and by the cotangent."""
    rng = cotangents_for(name)
    recorded = Recorded(name, row, described, call)
    if not recorded.results:
        return
    grads = recorded.cotangents(rng)
    directions = [np.asarray(rng.normal(size=a.shape)) for a in recorded.arrays]
    cotangents = [tensor(g).requires_grad_() for g in grads]
    first = recorded.gradients(cotangents, create_graph=True)
    total = steep.zeros((), dtype=steep.float64)
    for gradient, direction in zip(first, directions, strict=True):
        total = total + (gradient * tensor(direction)).sum()
    inputs = [*recorded.leaves, *cotangents]
    if not total.requires_grad:  # a gradient that depends on nothing
        second = [np.zeros(tuple(x.shape)) for x in inputs]
    else:
        found = steep.autograd.grad(total, inputs, allow_unused=True)
        second = [
            np.zeros(tuple(x.shape)) if g is None else g.numpy()
            for g, x in zip(found, inputs, strict=True)
        ]

    def value() -> float:
        again = Recorded(name, row, described, call)
        return weighted(numpy(again.gradients([tensor(g) for g in grads])), directions)

    slopes = perturbed(call, [*recorded.arrays, *grads], value)
    for gradient, slope in zip(second, slopes, strict=True):
        compared.same_slope(gradient, slope)


@pytest.mark.parametrize("layout", [reversed_order, gapped], ids=lambda f: f.__name__)
@pytest.mark.parametrize("name", [n for n in DIFFERENTIABLE if n not in STORAGE])
def test_gradient_of_strided_inputs(name: str, layout: Callable[[Array], object]) -> None:
    row = TABLE[name]
    with Compared(name) as compared:
        for described, call in calls(row, "float64", name):
            plain = Recorded(name, row, described, call)
            other = Recorded(name, row, described, call, layout)
            if not plain.leaves or not plain.results:
                continue
            grads = plain.cotangents(cotangents_for(name))
            by_plain = numpy(plain.gradients([tensor(g) for g in grads]))
            by_other = numpy(other.gradients([layout(g) for g in grads]))
            for a, b in zip(by_plain, by_other, strict=True):
                compared.close(b, a, 4 * row.rough)


# The reference's rule for a product is quadratic in its length.
LARGE = [n for n in WITH_RULE if TABLE[n].large is not None and n != "prod"]


@pytest.mark.parametrize("name", LARGE)
def test_gradient_of_large_inputs(name: str) -> None:
    """Sizes that run through every block and tail of a kernel."""
    row = TABLE[name]
    assert row.large is not None
    call = materialize(row.large, "float32", name)
    recorded = Recorded(name, row, row.large, call)
    grads = recorded.cotangents(cotangents_for(name))
    got = numpy(recorded.gradients([tensor(g) for g in grads]))
    wanted = reference_gradients(str(row.reference), call, grads, recorded.arrays)
    with Compared(name) as compared:
        for gradient, reference in zip(got, wanted, strict=True):
            compared.close(gradient, reference, 40 * row.rough)  # sums of hundreds of terms


def test_a_test_that_compares_nothing_fails() -> None:
    with pytest.raises(AssertionError, match="add: no call was compared"), Compared("add"):
        pass
    with pytest.raises(AssertionError, match="no call"), Compared("add") as compared:
        compared.close(np.ones(0), np.ones(0))


def test_materialized_calls_repeat() -> None:
    """The same row gives the same numbers, on which the comparisons between processes rest."""
    call = TABLE["add"].calls[1]
    first, again = materialize(call, "float32", "add"), materialize(call, "float32", "add")
    for a, b in zip(find(first, np.ndarray), find(again, np.ndarray), strict=True):
        np.testing.assert_array_equal(a, b)
