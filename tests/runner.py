"""Running a row of the table: in the engine, in the reference, and by finite differences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

import steep
from cases.row import Arr, Array, Call, Row, find, materialize, transform
from steep import _core
from steep.reference import OPS
from tolerances import SLOPE, SLOPE_STEP, close, same_bits

Layout = Callable[[Array], Any]


def tensor(array: Array) -> Any:
    """A tensor with memory of its own, in the array's dtype."""
    return steep.from_numpy(np.ascontiguousarray(array).copy().reshape(array.shape))


def native_dtype(dtype: np.dtype[Any]) -> Any:
    return getattr(steep, dtype.name)


def to_native(call: Call, layout: Layout = tensor) -> Call:
    """`call` with tensors in place of arrays, and steep's dtypes in place of NumPy's."""
    native = transform(call, np.ndarray, layout)
    return Call(
        native.args,
        {k: native_dtype(v) if isinstance(v, np.dtype) else v for k, v in native.kwargs.items()},
    )


def function_of(name: str, row: Row) -> Callable[..., Any]:
    """The operation as Python calls it."""
    if row.function is not None:
        return row.function
    function = getattr(_core, name, None)
    if function is None:
        function = getattr(steep.Tensor, name)
    assert callable(function)
    return function


def outputs(result: Any) -> list[Any]:
    return list(result) if isinstance(result, list | tuple) else [result]


def numpy(result: Any) -> list[Array]:
    """The results as arrays."""
    return [
        t.detach().numpy() if isinstance(t, steep.Tensor) else np.asarray(t)
        for t in outputs(result)
    ]


def run(name: str, row: Row, call: Call, layout: Layout = tensor) -> list[Array]:
    native = to_native(call, layout)
    return numpy(function_of(name, row)(*native.args, **native.kwargs))


def expected(row: Row, call: Call) -> list[Array]:
    """The reference's results."""
    reference = OPS[row.reference].forward if isinstance(row.reference, str) else row.reference
    assert reference is not None
    return [np.asarray(r) for r in outputs(reference(*call.args, **call.kwargs))]


def calls(row: Row, dtype: str, seed: str) -> Iterator[tuple[Call, Call]]:
    """The row's calls: as described, and with arrays."""
    for call in row.calls:
        yield call, materialize(call, dtype, seed)


def wants_gradient(described: Call, call: Call) -> list[bool]:
    """Of each array, whether its gradient is asked for."""
    specs = find(described, (Arr, np.ndarray))
    return [
        array.dtype.kind == "f" and not (isinstance(spec, Arr) and spec.fixed)
        for spec, array in zip(specs, find(call, np.ndarray), strict=True)
    ]


class Recorded:
    """One call with its graph: results, and tensors to ask gradients for."""

    def __init__(self, name: str, row: Row, described: Call, call: Call, layout: Layout = tensor):
        self.leaves: list[Any] = []
        self.arrays: list[Array] = []
        flags = iter(wants_gradient(described, call))

        def leaf(array: Array) -> Any:
            x = layout(array)
            if next(flags):
                x.requires_grad_()
                self.leaves.append(x)
                self.arrays.append(array)
            return x

        native = to_native(call, leaf)
        results = outputs(function_of(name, row)(*native.args, **native.kwargs))
        self.results = [r for r in results if r.dtype.is_floating_point]

    def cotangents(self, rng: np.random.Generator) -> list[Array]:
        """Random gradients of the results."""
        arrays = numpy(self.results)
        return [np.asarray(rng.normal(size=a.shape)).astype(a.dtype) for a in arrays]

    def gradients(self, grads: Sequence[Any], create_graph: bool = False) -> list[Any]:
        """By every leaf; zeros where the results do not depend on one."""
        found = steep.autograd.grad(
            self.results,
            self.leaves,
            grad_outputs=list(grads),
            allow_unused=True,
            create_graph=create_graph,
        )
        return [
            steep.zeros_like(x) if g is None else g for g, x in zip(found, self.leaves, strict=True)
        ]


def perturbed(call: Call, arrays: Sequence[Array], function: Callable[[], float]) -> list[Array]:
    """Central differences of ``function()`` by every element of `arrays`, changed in place."""
    slopes = []
    for x in arrays:
        slope = np.empty_like(x)
        for i in np.ndindex(x.shape):
            kept = x[i]
            x[i] = kept + SLOPE_STEP
            above = function()
            x[i] = kept - SLOPE_STEP
            slope[i] = (above - function()) / (2 * SLOPE_STEP)
            x[i] = kept
        slopes.append(slope)
    return slopes


class Compared:
    """Counts the numbers a test compares; leaving it with none fails: the test checked nothing."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.numbers = 0

    def __enter__(self) -> Compared:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        assert error is not None or self.numbers > 0, f"{self.what}: no call was compared"

    def close(self, got: Array, wanted: Array, factor: float = 1.0) -> None:
        close(got, wanted, factor)
        self.numbers += got.size

    def same_bits(self, got: Array, wanted: Array) -> None:
        same_bits(got, wanted)
        self.numbers += got.size

    def same_slope(self, gradient: Array, slope: Array) -> None:
        np.testing.assert_allclose(gradient, slope, **SLOPE)
        self.numbers += gradient.size


def weighted(results: Sequence[Array], weights: Sequence[Array]) -> float:
    """A scalar in which every element of every result has its own share."""
    return float(
        sum((r.astype(np.float64) * w).sum() for r, w in zip(results, weights, strict=True))
    )


def small(call: Call, limit: int) -> bool:
    """Whether finite differences over every element are affordable."""
    return sum(x.size for x in find(call, np.ndarray)) <= limit
