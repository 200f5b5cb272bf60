"""The buffer protocol, both ways: odd buffers that are read, and every flag of what is exported."""

from __future__ import annotations

import array
import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep
from steep.data import _pipeline

# CPython's own exporter of every kind of buffer; a build of Python may lack it.
testbuffer = pytest.importorskip("_testbuffer")

READERS: list[Callable[[Any], steep.Tensor]] = [steep.tensor, steep.as_tensor, steep.from_numpy]

ODD = {
    "no bytes": np.zeros(3, "V0"),
    "raw bytes": np.zeros(3, "V4"),
    "empty strings": np.zeros(3, "S0"),
    "strings": np.array(["a", "b"]),
    "a record": np.zeros(3, [("a", "f4"), ("b", "i8")]),
    "a record of nothing": np.zeros(3, []),
    "swapped bytes": np.ones(2, ">f8" if np.dtype("=f8") == np.dtype("<f8") else "<f8"),
    "objects": np.array([None, 1], dtype=object),
    "dates": np.zeros(2, "M8[s]"),
    "complex": np.zeros(2, np.complex64),
    "long double": np.zeros(2, np.longdouble),
    "uint32": np.zeros(2, np.uint32),
    "characters": memoryview(b"abc").cast("c"),
}


@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__)
@pytest.mark.parametrize("kind", ODD)
def test_elements_that_no_tensor_has(kind: str, read: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError, match=r"expected an array of dtype float16, .*convert it first"):
        read(ODD[kind])


def unaligned() -> np.ndarray:
    return np.frombuffer(bytearray(25), dtype=np.float64, count=3, offset=1)


SHAPES: dict[str, Callable[[], np.ndarray]] = {
    "backwards": lambda: np.arange(6.0)[::-1],
    "both backwards": lambda: np.arange(6.0).reshape(2, 3)[::-1, ::-1],
    "every other": lambda: np.arange(8.0)[::2],
    "transposed": lambda: np.arange(6.0).reshape(2, 3).T,
    "repeated": lambda: np.broadcast_to(np.arange(3.0), (4, 3)),
    "one repeated": lambda: np.lib.stride_tricks.as_strided(np.ones(1), (5,), (0,)),
    "unaligned": unaligned,
    "a field": lambda: np.ones(3, [("a", "f8"), ("b", "i4")])["a"],
    "an unaligned field": lambda: np.ones(3, [("b", "i1"), ("a", "f8")])["a"],
    "empty": lambda: np.zeros((0, 3)),
    "empty in the middle": lambda: np.zeros((2, 0, 3))[::-1],
    "a number": lambda: np.array(2.5),
    "many dimensions": lambda: np.ones((1,) * 30 + (2,)),
}


@pytest.mark.parametrize("kind", SHAPES)
def test_layouts_are_read_and_shared_only_where_they_can_be(kind: str) -> None:
    source = SHAPES[kind]()
    for got in (steep.tensor(source), steep.as_tensor(source)):
        assert got.shape == source.shape
        assert got.tolist() == source.tolist()
    try:
        shared = steep.from_numpy(source)
    except ValueError:
        with pytest.raises(ValueError, match=r"\.copy\(\)"):
            steep.from_numpy(source)
    else:
        assert shared.tolist() == source.tolist()
        assert np.shares_memory(shared.numpy(), source) or source.size == 0


@pytest.mark.parametrize("shape", [[6], [2, 3], [2, 3, 2]])
@pytest.mark.parametrize("format", ["i", "f", "d", "?", "B", "q"])
def test_pointers_to_rows_are_followed(shape: list[int], format: str) -> None:
    """A suboffset says that a dimension holds addresses, not numbers."""
    values = [i % 2 for i in range(int(np.prod(shape)))]
    direct = testbuffer.ndarray(values, shape=shape, format=format)
    pointers = testbuffer.ndarray(values, shape=shape, format=format, flags=testbuffer.ND_PIL)
    assert steep.tensor(pointers).tolist() == direct.tolist()
    assert steep.as_tensor(pointers).tolist() == direct.tolist()
    with pytest.raises(ValueError, match=r"expected .*; pass a copy"):
        steep.from_numpy(
            testbuffer.ndarray(
                values,
                shape=shape,
                format=format,
                flags=testbuffer.ND_PIL | testbuffer.ND_WRITABLE,
            )
        )


def test_pointers_are_no_rows_to_gather() -> None:
    pointers = testbuffer.ndarray([1, 2], shape=[2], format="q", flags=testbuffer.ND_PIL)
    with pytest.raises(BufferError):
        _pipeline.gather(pointers, array.array("q", [0]), 0, 1, steep.zeros(1, dtype=steep.int64))


def test_what_an_exporter_leaves_out_is_row_major() -> None:
    """ctypes exports no strides, and its numbers no shape."""
    matrix = (ctypes.c_float * 3 * 2)((1, 2, 3), (4, 5, 6))
    for read in READERS:
        assert read(matrix).tolist() == [[1, 2, 3], [4, 5, 6]]
    shared = steep.from_numpy(matrix)
    shared[1, 0] = 9
    assert matrix[1][0] == 9
    assert steep.tensor(ctypes.c_int64(7)).item() == 7


# ---- what a tensor exports ----------------------------------------------------------------------

LAYOUTS: dict[str, Callable[[], steep.Tensor]] = {
    "rows": lambda: steep.arange(6.0).view(2, 3),
    "columns": lambda: steep.arange(6.0).view(2, 3).t(),
    "neither": lambda: steep.arange(12.0).view(2, 6)[:, ::2],
    "a window": lambda: steep.arange(12.0).view(3, 4)[1:, 1:3],
    "expanded": lambda: steep.arange(3.0).expand(2, 3),
    "one dimension": lambda: steep.arange(4.0),
    "every other": lambda: steep.arange(4.0)[::2],
    "a number": lambda: steep.tensor(3.0),
    "nothing": lambda: steep.zeros(0, 3),
    "ones": lambda: steep.zeros(1, 3, 1),
    "cube": lambda: steep.arange(24.0).view(2, 3, 4).permute(2, 1, 0),
}

FLAGS = [
    name
    for name in dir(testbuffer)
    if name.startswith("PyBUF_") and name not in ("PyBUF_READ", "PyBUF_WRITE")
]


@pytest.mark.parametrize("flag", FLAGS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_flags_are_honoured_as_numpy_does(layout: str, flag: str) -> None:
    """The same requests are granted, and what is granted says the same."""
    x = LAYOUTS[layout]()
    flags = getattr(testbuffer, flag) | testbuffer.PyBUF_FORMAT * (flag != "PyBUF_SIMPLE")
    like = np.lib.stride_tricks.as_strided(
        x.numpy(), x.shape, [step * 4 for step in x.stride()], writeable=True
    )
    if flag in ("PyBUF_FORMAT", "PyBUF_WRITABLE", "PyBUF_WRITEABLE"):
        flags |= testbuffer.PyBUF_STRIDES
    try:
        expected = testbuffer.ndarray(like, getbuf=flags)
    except (BufferError, ValueError):
        with pytest.raises(BufferError, match="Tensor: "):
            testbuffer.ndarray(x, getbuf=flags)
        return
    got = testbuffer.ndarray(x, getbuf=flags)
    for name in ("nbytes", "itemsize", "format", "shape", "readonly", "suboffsets"):
        assert getattr(got, name) == getattr(expected, name), name
    for name in ("c_contiguous", "f_contiguous", "contiguous"):
        assert getattr(got, name) == getattr(expected, name), name
    assert got.tobytes() == x.contiguous().numpy().tobytes()


def test_a_plain_request_gets_bytes() -> None:
    """Without a shape there is one dimension, of bytes."""
    x = steep.arange(6.0).view(2, 3)
    got = testbuffer.ndarray(x, getbuf=testbuffer.PyBUF_SIMPLE)
    assert (got.ndim, got.nbytes, got.format) == (1, 24, "")
    with pytest.raises(BufferError, match="strides were not asked for"):
        testbuffer.ndarray(x.t(), getbuf=testbuffer.PyBUF_SIMPLE)


def test_a_request_for_an_order_is_refused_where_it_is_another() -> None:
    rows, columns = LAYOUTS["rows"](), LAYOUTS["columns"]()
    with pytest.raises(BufferError, match="not contiguous, as was asked"):
        testbuffer.ndarray(columns, getbuf=testbuffer.PyBUF_C_CONTIGUOUS)
    with pytest.raises(BufferError, match="column-major order"):
        testbuffer.ndarray(rows, getbuf=testbuffer.PyBUF_F_CONTIGUOUS)
    with pytest.raises(BufferError, match="neither order"):
        testbuffer.ndarray(LAYOUTS["neither"](), getbuf=testbuffer.PyBUF_ANY_CONTIGUOUS)
    assert memoryview(columns).tobytes("F") == rows.numpy().tobytes()
