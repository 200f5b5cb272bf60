"""Tensors from and to Python's data: sequences, arrays, buffers, numbers, subscripts."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep


def error_of(call: Callable[[], Any], kind: type[Exception]) -> str:
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


# ---- data in and out ----------------------------------------------------------------------------


def test_dtype_is_inferred_as_in_pytorch() -> None:
    assert steep.tensor([1, 2]).dtype is steep.int64
    assert steep.tensor([1, 2.0]).dtype is steep.float32
    assert steep.tensor([True, False]).dtype is steep.bool
    assert steep.tensor([True, 2]).dtype is steep.int64
    assert steep.tensor([]).dtype is steep.float32
    assert steep.tensor([[], []]).shape == (2, 0)
    assert steep.tensor(np.float64(1)).dtype is steep.float64
    assert steep.tensor([np.float32(1), 2]).dtype is steep.float32
    assert steep.tensor([np.int32(1)]).dtype is steep.int32
    assert steep.tensor(range(3)).tolist() == [0, 1, 2]
    assert steep.tensor([steep.tensor(1.0), 2]).tolist() == [1.0, 2.0]
    assert steep.tensor([np.ones(2), np.zeros(2)]).tolist() == [[1, 1], [0, 0]]
    assert steep.Tensor([1, 2]).dtype is steep.float32
    assert steep.Tensor(2, 3).shape == (2, 3)
    assert steep.Tensor().shape == (0,)
    assert steep.Tensor(steep.ones(2, 3).shape).shape == (2, 3)


def test_ragged_sequences_say_where() -> None:
    assert "[1]" in error_of(lambda: steep.tensor([[1, 2], [3]]), ValueError)
    assert "[1]" in error_of(lambda: steep.tensor([[1, 2], 3]), ValueError)
    assert "[1]" in error_of(lambda: steep.tensor([1, [3]]), ValueError)
    assert "[1, 0]" in error_of(lambda: steep.tensor([[1], ["a"]]), TypeError)
    assert "steep.stack" in error_of(lambda: steep.tensor([steep.ones(2)]), ValueError)
    assert "str" in error_of(lambda: steep.tensor("abc"), TypeError)
    for bad in (None, {}, object()):
        assert type(bad).__name__ in error_of(lambda bad=bad: steep.tensor(bad), RuntimeError)  # type: ignore[misc]


def test_numbers_out_of_range_are_refused() -> None:
    for value, dtype in ((300, "uint8"), (-1, "uint8"), (2**40, "int32"), (float("nan"), "int64")):
        text = error_of(
            lambda v=value, d=dtype: steep.tensor([v], dtype=getattr(steep, d)),  # type: ignore[misc]
            RuntimeError,
        )
        assert dtype in text
    assert steep.tensor([2**63], dtype=steep.float64).item() == 2.0**63
    with pytest.raises(OverflowError):
        steep.tensor([2**63])


def test_from_numpy_shares_memory_and_keeps_it_alive() -> None:
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    x = steep.from_numpy(array)
    x[0, 0] = 7
    assert array[0, 0] == 7
    array[2, 3] = -1
    assert x[2, 3].item() == -1
    view = steep.from_numpy(array[::2, 1::2])
    assert view.tolist() == array[::2, 1::2].tolist()
    assert view.stride() == (8, 2)
    reference = weakref.ref(array)
    del array, view
    assert reference() is not None
    assert x[2, 3].item() == -1
    del x
    assert reference() is None


def test_arrays_that_cannot_be_shared() -> None:
    array = np.arange(4.0)
    array.flags.writeable = False
    assert ".copy()" in error_of(lambda: steep.from_numpy(array), ValueError)
    assert ".copy()" in error_of(lambda: steep.from_numpy(np.arange(4.0)[::-1]), ValueError)
    assert "float32" in error_of(lambda: steep.from_numpy(np.ones(2, np.complex64)), TypeError)
    assert "uint32" in error_of(lambda: steep.tensor(np.ones(2, np.uint32)), TypeError)
    assert "list" in error_of(lambda: steep.from_numpy([1]), TypeError)
    for bad in (
        np.array(["a"]),
        np.array([None]),
        np.array(["2020-01-01"], "M8[D]"),
        np.ones(2, ">f8"),
    ):
        error_of(lambda bad=bad: steep.tensor(bad), TypeError)  # type: ignore[misc]
    assert steep.tensor(array).tolist() == [0, 1, 2, 3]
    assert steep.tensor(np.arange(6.0).reshape(2, 3).T[::-1]).tolist() == [[2, 5], [1, 4], [0, 3]]
    assert steep.as_tensor(array).tolist() == [0, 1, 2, 3]


def test_array_methods() -> None:
    x = steep.arange(6, dtype=steep.float64).reshape(2, 3)
    array = x.numpy()
    array[0, 0] = 5
    assert x[0, 0].item() == 5
    assert np.shares_memory(np.asarray(x), array)
    assert x.T.numpy().tolist() == x.T.tolist()
    assert np.asarray(x, dtype=np.float32).dtype == np.float32
    assert np.array(steep.tensor(2.5)).shape == ()
    assert np.asarray(steep.zeros(0, 2)).shape == (0, 2)
    w = steep.ones(2, requires_grad=True)
    assert "detach()" in error_of(lambda: w.numpy(), RuntimeError)
    assert "detach()" in error_of(lambda: np.asarray(w), RuntimeError)
    assert w.numpy(force=True).tolist() == [1, 1]
    with pytest.raises(BufferError):
        memoryview(w)
    assert (np.float32(2) * steep.ones(2)).tolist() == [2, 2]
    assert type(steep.ones(2) + np.ones(2)) is steep.Tensor


@pytest.mark.parametrize(
    ("dtype", "format"),
    [
        ("float32", "f"),
        ("float64", "d"),
        ("int64", "l"),
        ("int32", "i"),
        ("uint8", "B"),
        ("bool", "?"),
    ],
)
def test_buffer(dtype: str, format: str) -> None:
    x = steep.ones(2, 3, dtype=getattr(steep, dtype))
    view = memoryview(x)
    assert view.format == format
    assert view.shape == (2, 3)
    assert not view.readonly
    assert view.strides == (3 * x.element_size(), x.element_size())
    assert memoryview(x.T).strides == view.strides[::-1]
    view[1, 2] = 0
    assert not x[1, 2].item()
    reference = weakref.ref(x)
    del x
    assert reference() is not None
    view.release()
    assert reference() is None


def test_single_elements() -> None:
    assert float(steep.tensor(2.5)) == 2.5
    assert int(steep.tensor([2.9])) == 2
    assert [10, 20, 30][steep.tensor(1)] == 20
    assert bool(steep.tensor([0])) is False
    assert f"{steep.tensor(1.5):.3f}" == "1.500"
    assert steep.tensor([[1], [2]]).tolist() == [[1], [2]]
    assert "ambiguous" in error_of(lambda: bool(steep.ones(2)), RuntimeError)
    assert "ambiguous" in error_of(lambda: bool(steep.ones(0)), RuntimeError)
    assert "integer" in error_of(lambda: [1][steep.tensor(1.0)], TypeError)
    error_of(lambda: steep.ones(2).item(), RuntimeError)
    error_of(lambda: int(steep.tensor(float("nan"))), ValueError)


# ---- indexing -----------------------------------------------------------------------------------

INDICES: list[Any] = [
    0,
    -1,
    (1, 2),
    slice(None),
    slice(1, None),
    slice(-2, None),
    slice(None, None, 2),
    slice(10, 20),
    (slice(None), 1),
    (..., 0),
    (None, 1),
    (0, ..., None),
    [0, 2],
    ([[0, 1], [2, 0]],),
    ([0, 2], [1, 3]),
    (slice(None), [0, 2]),
    [True, False, True],
    (np.array([0, 2]), slice(1, 3)),
    (np.int64(1), 2),
    np.array([True, False, True]),
    [],
    True,
    False,
    (1, None, slice(0, 2), ...),
]


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_subscripts_mean_what_numpy_means(index: Any) -> None:
    array = np.arange(24.0).reshape(3, 4, 2)
    x = steep.tensor(array)
    plain = np.array([], dtype=int) if isinstance(index, list) and not index else index
    assert x[index].tolist() == array[plain].tolist()
    array[plain] = -1
    x[index] = -1
    assert x.tolist() == array.tolist()


def test_bad_subscripts() -> None:
    x = steep.ones(3, 4)
    assert "str" in error_of(lambda: x["a"], TypeError)
    assert "float" in error_of(lambda: x[1.5], IndexError)
    error_of(lambda: x[3], IndexError)
    error_of(lambda: x[0, 0, 0], IndexError)
    assert "step" in error_of(lambda: x[::-1], ValueError)
    error_of(lambda: x.__delitem__(0), TypeError)


def test_container() -> None:
    x = steep.tensor([[1, 2], [3, 4]])
    assert len(x) == 2
    assert [row.tolist() for row in x] == [[1, 2], [3, 4]]
    assert 3 in x
    assert 5 not in x
    assert "0-d" in error_of(lambda: len(steep.tensor(1)), TypeError)
    assert "0-d" in error_of(lambda: list(steep.tensor(1)), TypeError)


def test_dates_are_no_numbers() -> None:
    """A single date of NumPy's has a buffer, of its bytes."""
    for date in (
        np.datetime64("2020"),
        np.timedelta64(3, "s"),
        np.array(["2020"], "datetime64[Y]"),
    ):
        for make in (steep.tensor, steep.as_tensor):
            with pytest.raises(TypeError, match=r"dtype (datetime64|timedelta64)"):
                make(date)


def test_images_of_pillow() -> None:
    """Which asks for `__array_interface__`."""
    x = steep.arange(12, dtype=steep.uint8).reshape(3, 4)
    interface = x.t().__array_interface__
    assert interface["data"][0] == x.data_ptr()
    assert interface["shape"] == (4, 3)
    assert interface["strides"] == (1, 4)
    assert not hasattr(steep.ones(1, requires_grad=True), "__array_interface__")
    image = pytest.importorskip("PIL.Image").fromarray(x)
    assert image.size == (4, 3)
    assert image.getpixel((1, 2)) == 9
