"""Memory handed to other libraries and taken from them by DLPack: values, lifetimes, refusals."""

from __future__ import annotations

import ctypes
import gc
import threading
import weakref
from typing import Any

import numpy as np
import pytest

import steep
from settled import allocated, settled
from steep.utils.dlpack import to_dlpack

DTYPES = (steep.float32, steep.float64, steep.int64, steep.int32, steep.uint8, steep.bool)
NUMPY = np.lib.NumpyVersion(np.__version__)
of_version_1 = pytest.mark.skipif(NUMPY < "2.1.0", reason="NumPy of before reads no DLPack 1")
Deleter = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class Array(ctypes.Structure):
    """The structures once more, after the specification, to make capsules no library makes."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("kind", ctypes.c_int32),
        ("number", ctypes.c_int32),
        ("dims", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


class Managed(ctypes.Structure):
    _fields_ = (("array", Array), ("owner", ctypes.c_void_p), ("deleter", Deleter))


class ManagedVersioned(ctypes.Structure):
    _fields_ = (
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("owner", ctypes.c_void_p),
        ("deleter", Deleter),
        ("flags", ctypes.c_uint64),
        ("array", Array),
    )


api = ctypes.pythonapi
api.PyCapsule_New.restype = ctypes.py_object
api.PyCapsule_New.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
api.PyCapsule_GetPointer.restype = ctypes.c_void_p
api.PyCapsule_GetPointer.argtypes = (ctypes.py_object, ctypes.c_char_p)


class Exporter:
    """Another library: 12 doubles, of which it counts the releases."""

    def __init__(self, versioned: bool = True, **changes: Any) -> None:
        self.numbers = np.arange(12.0)
        self.released = 0
        shape, strides = changes.pop("shape", (3, 4)), changes.pop("strides", None)
        self.shape = (ctypes.c_int64 * len(shape))(*shape)
        self.strides = strides and (ctypes.c_int64 * len(strides))(*strides)
        self.managed = ManagedVersioned() if versioned else Managed()
        self.deleter = self.managed.deleter = Deleter(self.count)
        if versioned:
            self.managed.major = 1
        array = self.managed.array
        array.data, array.kind, array.dims = self.numbers.ctypes.data, 1, len(shape)
        array.code, array.bits, array.lanes = 2, 64, 1
        array.shape = ctypes.cast(self.shape, ctypes.POINTER(ctypes.c_int64))
        if self.strides:
            array.strides = ctypes.cast(self.strides, ctypes.POINTER(ctypes.c_int64))
        for name, value in changes.items():
            setattr(array if hasattr(array, name) else self.managed, name, value)

    def count(self, _: int) -> None:
        self.released += 1

    def capsule(self) -> Any:
        name = b"dltensor_versioned" if isinstance(self.managed, ManagedVersioned) else b"dltensor"
        return api.PyCapsule_New(ctypes.addressof(self.managed), name, None)

    def __dlpack__(self, **_: Any) -> Any:
        return self.capsule()

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)


# ---- to others ----------------------------------------------------------------------------------


@of_version_1
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_numpy_takes_every_dtype_without_a_copy(dtype: steep.dtype) -> None:
    x = steep.ones(2, 3).to(dtype)
    array = np.from_dlpack(x)
    assert array.dtype == x.numpy().dtype
    x[1, 2] = 0
    assert array[1, 2] == 0
    array[0, 0] = 0
    assert x[0, 0] == 0


@of_version_1
def test_strides_and_offsets_are_kept() -> None:
    x = steep.arange(24.0).reshape(2, 3, 4)
    for view in (x.permute(2, 0, 1), x[1:, ::2, 1:], x[:, 1].t(), x[..., :1].expand(2, 3, 5)):
        np.testing.assert_array_equal(np.from_dlpack(view), view.numpy())
        again = steep.from_dlpack(np.from_dlpack(view))
        assert again.tolist() == view.tolist()
    assert np.from_dlpack(x[:0]).shape == (0, 3, 4)
    assert np.from_dlpack(x.sum()).shape == ()


def structure(capsule: Any, kind: type[Any], name: bytes) -> Any:
    return kind.from_address(api.PyCapsule_GetPointer(capsule, name))


def test_what_a_capsule_says() -> None:
    """By version: NumPy says no more than values, and torch is not asked here."""
    x = steep.arange(6, dtype=steep.int32).reshape(2, 3)[:, 1:]
    first = x.__dlpack__()
    old = structure(first, Managed, b"dltensor").array
    assert (old.kind, old.number, old.dims, old.byte_offset) == (1, 0, 2, 0)
    assert (old.code, old.bits, old.lanes) == (0, 32, 1)
    capsule = x.__dlpack__(max_version=(1, 0), dl_device=(1, 0), stream=None)
    new = structure(capsule, ManagedVersioned, b"dltensor_versioned")
    assert (new.major, new.minor, new.flags) == (1, 0, 0)
    assert new.array.data == x.data_ptr()
    assert (new.array.shape[:2], new.array.strides[:2]) == ([2, 2], [3, 1])
    later = x.__dlpack__(max_version=(2, 5), copy=True)
    copied = structure(later, ManagedVersioned, b"dltensor_versioned")
    assert (copied.major, copied.flags) == (1, 2)
    assert copied.array.data != x.data_ptr()
    flat = steep.ones(1, 3).t()[:, :1].__dlpack__()  # strides of sizes of 1: of whole rows
    assert structure(flat, Managed, b"dltensor").array.strides[:2] == [1, 1]
    assert x.__dlpack_device__() == (1, 0)


def test_the_memory_outlives_the_tensor() -> None:
    before = settled()
    x = steep.full((1000,), 3.0)
    array = np.from_dlpack(x)
    x.data = steep.zeros(1)  # other memory, while the old one is out
    del x
    junk = [steep.zeros(1000) for _ in range(20)]
    assert (array == 3).all()
    del array, junk
    assert allocated() == before


def test_a_capsule_that_nobody_takes_frees_its_memory() -> None:
    before = settled()
    x = steep.ones(1000)
    capsules = [x.__dlpack__(), x.__dlpack__(max_version=(1, 0)), to_dlpack(x)]
    del x
    assert allocated() > before
    del capsules
    assert allocated() == before


def test_a_deleter_needs_no_interpreter() -> None:
    """ctypes calls it without the lock, and from another thread."""
    x = steep.ones(1000)
    x.data = steep.from_numpy(np.ones(1000, np.float32))  # whose release needs the lock
    owner = weakref.ref(x)
    capsule = x.__dlpack__(max_version=(1, 0))
    managed = structure(capsule, ManagedVersioned, b"dltensor_versioned")
    address = ctypes.cast(managed.deleter, ctypes.c_void_p).value
    del x
    assert owner() is None
    api.PyCapsule_SetName.argtypes = (ctypes.py_object, ctypes.c_char_p)
    name = b"used_dltensor_versioned"
    api.PyCapsule_SetName(capsule, name)
    delete = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address or 0)
    thread = threading.Thread(target=delete, args=(ctypes.addressof(managed),))
    thread.start()
    thread.join()


def test_what_is_not_handed_out() -> None:
    x = steep.ones(2)
    with pytest.raises(BufferError, match="requires grad; use"):
        steep.ones(2, requires_grad=True).__dlpack__()
    with pytest.raises(BufferError, match="no streams"):
        x.__dlpack__(stream=1)
    with pytest.raises(BufferError, match=r"dl_device=\(1, 0\)"):
        x.__dlpack__(dl_device=(2, 0))
    with pytest.raises(TypeError, match="max_version as a tuple of two ints"):
        x.__dlpack__(max_version=1)
    with pytest.raises(TypeError):
        x.__dlpack__(max_version=("1", 0))


# ---- from others --------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_arrays_are_shared(dtype: steep.dtype) -> None:
    if dtype == steep.bool and NUMPY < "1.25.0":
        pytest.skip("NumPy of before has no bool in DLPack")
    array = steep.ones(2, 3).to(dtype).numpy().copy()
    x = steep.from_dlpack(array)
    assert (x.dtype, x.shape) == (dtype, (2, 3))
    x[1, 1] = 0
    assert array[1, 1] == 0
    assert not steep.from_dlpack(array, copy=True)[1, 1]
    steep.from_dlpack(array, copy=True)[0, 0] = 0
    assert array[0, 0] == 1


@pytest.mark.parametrize("versioned", [True, False])
def test_the_owner_is_released_once_and_last(versioned: bool) -> None:
    exporter = Exporter(versioned)
    x = steep.from_dlpack(exporter)
    row, view = x[1], x.numpy()
    assert x.tolist() == np.arange(12.0).reshape(3, 4).tolist()
    del x
    gc.collect()
    assert exporter.released == 0
    del view
    assert row.tolist() == [4, 5, 6, 7]
    del row
    assert exporter.released == 1


def test_a_graph_keeps_the_memory() -> None:
    exporter = Exporter()
    w = steep.ones(4, dtype=steep.float64, requires_grad=True)
    loss = (steep.from_dlpack(exporter) * w).sum()
    assert exporter.released == 0
    loss.backward()
    del loss
    assert w.grad.tolist() == [12, 15, 18, 21]
    assert exporter.released == 1


def test_strides_of_others() -> None:
    columns = Exporter(shape=(4, 3), strides=(1, 4))
    assert (
        steep.from_dlpack(columns, copy=False).tolist() == columns.numbers.reshape(3, 4).T.tolist()
    )
    offset = Exporter(shape=(2,), byte_offset=32)
    assert steep.from_dlpack(offset).tolist() == [4, 5]
    empty = Exporter(shape=(0, 3), data=None)
    assert steep.from_dlpack(empty).shape == (0, 3)
    assert empty.released == 1  # there is nothing to keep
    assert steep.from_dlpack(Exporter(shape=())).tolist() == 0
    assert Exporter(deleter=Deleter()).released == 0


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"shape": (3,), "strides": (-1,), "byte_offset": 16}, "negative strides"),
        ({"shape": (2,), "byte_offset": 4}, "unaligned memory"),
        ({"flags": 1}, "read-only memory"),
        ({"shape": (4,), "code": 2, "bits": 16}, "elements of a dtype that tensors do not have"),
    ],
)
def test_what_cannot_be_shared_is_copied(changes: dict[str, Any], text: str) -> None:
    exporter = Exporter(**changes)
    with pytest.raises(BufferError, match=f"got {text}; leave out copy=False"):
        steep.from_dlpack(exporter, copy=False)
    assert exporter.released == 1
    x = steep.from_dlpack(exporter)
    assert exporter.released == 2
    if "negative" in text:
        assert x.tolist() == [2, 1, 0]
    exporter.numbers[:] = -5
    assert (x != -5).all()


@pytest.mark.parametrize("kind", [np.int8, np.int16, np.uint16, np.float16])
def test_small_numbers_are_widened(kind: Any) -> None:
    x = steep.from_dlpack(np.arange(6).reshape(2, 3).astype(kind).T)
    assert x.dtype == (steep.float32 if kind is np.float16 else steep.int32)
    assert x.tolist() == [[0, 3], [1, 4], [2, 5]]


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"major": 2}, BufferError, "expected version 1 of DLPack, got 2.0"),
        ({"kind": 2}, BufferError, r"got \(2, 0\); move it there"),
        ({"bits": 128}, TypeError, "got float128"),
        ({"code": 5}, TypeError, "got complex64"),
        ({"code": 77}, TypeError, "got type 77 of 64"),
        ({"bits": 32, "lanes": 4}, TypeError, "got float32 in lanes of 4"),
        ({"bits": 4}, TypeError, "got float4"),
        ({"shape": (-1, 2)}, RuntimeError, "negative"),
        ({"shape": (2**40, 2**40)}, RuntimeError, "more elements than can be addressed"),
        ({"dims": -1}, ValueError, "expected a shape"),
        ({"shape": (2, 2), "strides": (2**62, 1)}, RuntimeError, "64"),
        ({"data": None}, ValueError, "expected memory, got none"),
    ],
)
def test_refused_and_released(changes: dict[str, Any], error: type[Exception], text: str) -> None:
    exporter = Exporter(**changes)
    with pytest.raises(error, match=text):
        steep.from_dlpack(exporter)
    assert exporter.released == 1


def test_a_capsule_is_taken_once() -> None:
    capsule = to_dlpack(steep.ones(2))
    assert steep.from_dlpack(capsule).tolist() == [1, 1]
    with pytest.raises(ValueError, match="was not taken before, got one named used_dltensor"):
        steep.from_dlpack(capsule)


@pytest.mark.parametrize("thing", [3, [1.0], None, "x", np.float64(2)])
def test_what_is_no_array(thing: object) -> None:
    with pytest.raises(TypeError, match="expected an array with __dlpack__"):
        steep.from_dlpack(thing)


def test_tensors_of_our_own() -> None:
    x = steep.ones(3)
    y = steep.from_dlpack(x)
    y[0] = 5
    assert x.tolist() == [5, 1, 1]
    w = steep.ones(3, requires_grad=True)
    z = (w * x).sum()
    y.add_(1)  # noticed, because both count the changes of one memory
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.backward()
    with pytest.raises(BufferError, match="requires grad"):
        steep.from_dlpack(w)
    with pytest.raises((RuntimeError, ValueError, TypeError), match="cuda"):
        steep.from_dlpack(x, device="cuda")


def test_other_devices_are_refused_before_a_capsule_is_made() -> None:
    class OnGpu:
        def __dlpack__(self, **_: Any) -> Any:
            raise AssertionError

        def __dlpack_device__(self) -> tuple[int, int]:
            return (2, 0)

    with pytest.raises(BufferError, match=r"got \(2, 0\)"):
        steep.from_dlpack(OnGpu())


def test_exporters_from_before_the_keywords() -> None:
    class Old:
        def __dlpack__(self) -> Any:
            return to_dlpack(steep.ones(2))

    assert steep.from_dlpack(Old()).tolist() == [1, 1]
    assert steep.from_dlpack(Old(), copy=True).tolist() == [1, 1]


def test_a_compiled_function_runs_eagerly() -> None:
    array = np.ones(2)
    compiled = steep.compile(lambda x: x + steep.from_dlpack(array))
    compiled(steep.zeros(2))
    with pytest.warns(UserWarning, match="from_dlpack"):
        compiled(steep.zeros(2))
    for step in range(3):
        array[:] = step
        assert compiled(steep.zeros(2)).tolist() == [step, step]
