"""Every operation against the reference: dtypes, broadcasting, empty and 0-d, layouts, NaN."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import steep
from cases import TABLE
from cases.row import FLOATS, SPECIAL, Arr, Array, Call, find, materialize, transform
from runner import Compared, calls, expected, function_of, numpy, run, tensor, to_native
from tolerances import close, same_bits

COMPARED = [name for name, row in TABLE.items() if row.reference is not None]
# What is made from sizes and numbers alone.
MADE = [n for n in COMPARED if not any(list(find(c, (Arr, np.ndarray))) for c in TABLE[n].calls)]


@pytest.mark.parametrize(
    ("name", "dtype"), [(name, dtype) for name in COMPARED for dtype in TABLE[name].dtypes]
)
def test_forward(name: str, dtype: str) -> None:
    row = TABLE[name]
    with Compared(name) as compared:
        for _, call in calls(row, dtype, name):
            results = run(name, row, call)
            references = expected(row, call)
            assert len(results) == len(references)
            for got, reference in zip(results, references, strict=True):
                compared.close(got, reference, row.rough)


@pytest.mark.parametrize("name", COMPARED)
def test_inputs_stay_as_they_are(name: str) -> None:
    row = TABLE[name]
    for _, call in calls(row, row.dtypes[0], name):
        native = to_native(call)
        tensors = list(find(native, steep.Tensor))
        versions = [x._version for x in tensors]
        function_of(name, row)(*native.args, **native.kwargs)
        for x, version, array in zip(tensors, versions, find(call, np.ndarray), strict=True):
            same_bits(x.numpy(), array)
            assert x._version == version


# Methods whose arguments, or meaning, are another than those of the function of their name.
OTHERS = ("where", "unfold", "polygamma", *MADE)


@pytest.mark.parametrize(
    "name", [n for n in COMPARED if hasattr(steep.Tensor, n) and n not in OTHERS]
)
def test_method_and_function_agree(name: str) -> None:
    row = TABLE[name]
    with Compared(name) as compared:
        for _, call in calls(row, row.dtypes[0], name):
            native = to_native(call)
            if not isinstance(native.args[0], steep.Tensor):
                continue
            results = numpy(getattr(native.args[0], name)(*native.args[1:], **native.kwargs))
            for got, other in zip(results, run(name, row, call), strict=True):
                compared.same_bits(got, other)


# --- layouts ------------------------------------------------------------------------------------


def reversed_order(array: Array) -> Any:
    """Column-major memory."""
    return tensor(array.T).permute(*range(array.ndim)[::-1]) if array.ndim else tensor(array)


def gapped(array: Array) -> Any:
    """Every other element of larger memory, from an offset on."""
    if array.ndim == 0:
        return tensor(np.stack([array, array]))[1]
    wide = np.zeros([2 * n + 1 for n in array.shape], array.dtype)
    inside = (slice(1, None, 2),) * array.ndim
    wide[inside] = array
    return tensor(wide)[inside]


STORAGE = {name: row.storage for name, row in TABLE.items() if row.storage}


@pytest.mark.parametrize("layout", [reversed_order, gapped], ids=lambda f: f.__name__)
@pytest.mark.parametrize("name", [n for n in COMPARED if n not in (*STORAGE, *MADE)])
def test_strided_inputs(name: str, layout: Any) -> None:
    row = TABLE[name]
    with Compared(name) as compared:
        for dtype in {row.dtypes[0], row.dtypes[-1]}:
            for _, call in calls(row, dtype, name):
                strided = run(name, row, call, layout)
                for got, plain in zip(strided, run(name, row, call), strict=True):
                    compared.close(got, plain, row.rough)


def repeats(array: Array) -> bool:
    return array.ndim > 0 and array.shape[0] > 0


@pytest.mark.parametrize("name", [n for n in COMPARED if n not in (*STORAGE, *MADE)])
def test_expanded_inputs(name: str) -> None:
    """One row repeated by a stride of 0 is what its copies in memory are."""
    row = TABLE[name]

    def repeated(array: Array) -> Array:
        return np.broadcast_to(array[:1], array.shape).copy() if repeats(array) else array

    def expanded(array: Array) -> Any:
        return tensor(array[:1]).expand(array.shape) if repeats(array) else tensor(array)

    with Compared(name) as compared:
        for _, call in calls(row, row.dtypes[0], name):
            if not any(repeats(array) for array in find(call, np.ndarray)):
                continue
            copies = transform(call, np.ndarray, repeated)
            shown = run(name, row, copies, expanded)
            for got, plain in zip(shown, run(name, row, copies), strict=True):
                compared.close(got, plain, row.rough)


# --- values --------------------------------------------------------------------------------------


SPECIAL_ROWS = [
    (name, dtype)
    for name, row in TABLE.items()
    for dtype in FLOATS
    if row.special and dtype in row.dtypes
]


def on_grid(call: Call, dtype: str) -> Call:
    """`call` with all pairs of special values in place of its arrays."""
    count = len(list(find(call, Arr)))
    shapes = iter([(len(SPECIAL), *(1,) * (count - 1 - i)) for i in range(count)])

    def special(_: Arr) -> Array:
        shape = next(shapes)
        return SPECIAL.astype(dtype).reshape(shape)

    with np.errstate(all="ignore"):
        return transform(call, Arr, special)


@pytest.mark.parametrize(("name", "dtype"), SPECIAL_ROWS)
def test_special_values(name: str, dtype: str) -> None:
    """Infinities, NaN, both zeros, subnormals."""
    row = TABLE[name]
    call = on_grid(row.calls[0], dtype)
    for got, reference in zip(run(name, row, call), expected(row, call), strict=True):
        close(got, reference, row.rough)


@pytest.mark.parametrize(("name", "dtype"), SPECIAL_ROWS)
def test_wide_range(name: str, dtype: str) -> None:
    """A thousand numbers of all magnitudes, so that no part of a loop stays unused."""
    row = TABLE[name]
    described = transform(row.calls[0], Arr, lambda _: Arr((1021,), "wide"))
    call = materialize(described, dtype, name)
    for got, reference in zip(run(name, row, call), expected(row, call), strict=True):
        close(got, reference, row.rough)


WITH_FLOATS = [n for n in COMPARED if "float32" in TABLE[n].dtypes and n not in MADE]


@pytest.mark.parametrize("name", WITH_FLOATS)
def test_nan_goes_where_the_reference_says(name: str) -> None:
    """One in the first operand that holds floats."""
    row = TABLE[name]
    for _, call in calls(row, "float32", name):
        hit = next((x for x in find(call, np.ndarray) if x.dtype.kind == "f" and x.size), None)
        if hit is None:
            continue
        spoilt = transform(call, np.ndarray, lambda x, hit=hit: with_nan(x) if x is hit else x)
        if row.finite:
            with pytest.raises(RuntimeError):
                run(name, row, spoilt)
            break
        for got, reference in zip(run(name, row, spoilt), expected(row, spoilt), strict=True):
            close(got, reference, row.rough)


def with_nan(array: Array) -> Array:
    out = array.copy()
    out.reshape(-1)[out.size // 2] = np.nan
    return out


REDUCTIONS = [name for name, row in TABLE.items() if row.reduces]


@pytest.mark.parametrize("name", [n for n in REDUCTIONS if TABLE[n].gradient is True])
def test_nan_reaches_the_result(name: str) -> None:
    x = steep.tensor([1.0, float("nan"), 2.0])
    result = getattr(x, name)(dim=0)
    for out in result if isinstance(result, tuple) else (result,):
        assert out.isnan().any().item() or out.dtype == steep.int64


def test_nan_wins_and_is_found() -> None:
    x = steep.tensor([[1.0, float("nan"), 3.0], [5.0, 4.0, float("inf")]])
    values, indices = x.max(1)
    assert np.isnan(values[0].item())
    assert indices.tolist() == [1, 2]
    values, indices = x.min(1)
    assert np.isnan(values[0].item())
    assert indices.tolist() == [1, 1]
    assert x.argmax().item() == 1
    assert x.argmin().item() == 1


def test_infinity_in_softmax() -> None:
    inf = float("inf")
    x = steep.tensor([[0.0, -inf], [-inf, -inf], [inf, 0.0]])
    y = x.softmax(1).numpy()
    np.testing.assert_array_equal(y[0], [1.0, 0.0])
    assert np.isnan(y[1]).all()
    assert np.isnan(y[2, 0])
    np.testing.assert_array_equal(steep.tensor([-inf, -inf]).logsumexp(0).numpy(), -inf)
