"""Datasets of arrays: their batches, mapped files that are never read whole, what is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steep
from steep import data

X = np.arange(66, dtype=np.float32).reshape(11, 2, 3)
Y = np.arange(11)


def test_samples_and_batches_are_those_of_tensors() -> None:
    arrays = data.ArrayDataset(X, Y, steep.arange(11) * 2)
    tensors = data.TensorDataset(steep.as_tensor(X), steep.as_tensor(Y), steep.arange(11) * 2)
    assert len(arrays) == 11
    assert [x.tolist() for x in arrays[-2]] == [x.tolist() for x in tensors[-2]]
    for settings in ({}, {"shuffle": True}, {"batch_size": 4, "shuffle": True, "num_workers": 2}):
        steep.manual_seed(0)
        found = [[x.tolist() for x in batch] for batch in data.DataLoader(arrays, **settings)]
        steep.manual_seed(0)
        expected = [[x.tolist() for x in batch] for batch in data.DataLoader(tensors, **settings)]
        assert found == expected


@pytest.mark.parametrize("collate", [None, data.default_collate, lambda x: data.default_collate(x)])
def test_named_arrays_make_dicts(collate: Any) -> None:
    named = data.ArrayDataset(image=X, label=Y)
    assert {k: v.tolist() for k, v in named[3].items()} == {"image": X[3].tolist(), "label": 3}
    part = data.Subset(named, range(2, 9))
    last = list(data.DataLoader(part, 3, collate_fn=collate))[-1]
    assert list(last) == ["image", "label"]
    assert last["label"].tolist() == [8]
    assert last["image"].tolist() == X[8:9].tolist()


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (np.float16, steep.float32),
        (np.float32, steep.float32),
        (np.float64, steep.float64),
        (np.int8, steep.int32),
        (np.int16, steep.int32),
        (np.uint16, steep.int32),
        (np.int32, steep.int32),
        (np.int64, steep.int64),
        (np.uint8, steep.uint8),
        (np.bool_, steep.bool),
    ],
)
def test_values_come_in_the_dtypes_that_tensors_have(kind: Any, expected: Any) -> None:
    values = np.arange(12).reshape(6, 2).astype(kind)
    for array in (values, values[::-1, ::-1], np.asfortranarray(values)):
        dataset = data.ArrayDataset(array)
        (batch,) = next(iter(data.DataLoader(dataset, 4, sampler=[5, 0, 3, 3])))
        assert batch.dtype == expected == dataset[0][0].dtype
        np.testing.assert_array_equal(batch.numpy(), array[[5, 0, 3, 3]])


def test_lists_and_scalars_are_arrays_too() -> None:
    dataset = data.ArrayDataset([[1.0, 2.0], [3.0, 4.0]], [True, False])
    x, y = next(iter(data.DataLoader(dataset, 2)))
    assert x.dtype == steep.float64
    assert (x.tolist(), y.tolist()) == ([[1.0, 2.0], [3.0, 4.0]], [True, False])


def test_samples_are_copies() -> None:
    """Of a file mapped to be read, a tensor that shared its memory would crash when written to."""
    array = X.copy()
    array.flags.writeable = False
    dataset = data.ArrayDataset(array)
    sample, (batch,) = dataset[0][0], next(iter(data.DataLoader(dataset, 3)))
    sample.fill_(7)
    batch.fill_(7)
    np.testing.assert_array_equal(array, X)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_mapped_file_is_read_batch_by_batch(tmp_path: Path) -> None:
    """A file of 64 GB, holes for the most part, by a process that may have a few MB of it."""
    path = tmp_path / "x.npy"
    rows = 2**24
    x = np.lib.format.open_memmap(path, "w+", np.float32, (rows, 1024))
    x[rows - 2, 5] = 3.0
    x.flush()
    del x
    code = f"""
import numpy as np, steep
from steep import data
steep.set_num_threads(1)  # a thread's stack may take a huge page
x = np.load({str(path)!r}, mmap_mode="r")
dataset = data.ArrayDataset(x, x[:, 0])
def anonymous():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))
before = anonymous()
sampler = data.RandomSampler(dataset, True, 96)
loader = data.DataLoader(dataset, 16, sampler=sampler, num_workers=2)
assert sum(len(y) for _, y in loader) == 96
(last, _), = data.DataLoader(data.Subset(dataset, [-2]), 1)
assert last[0, 5].item() == 3.0
assert steep.memory_stats()["peak_allocated_bytes"] < 2_000_000, steep.memory_stats()
assert anonymous() - before < 20_000, anonymous() - before  # kB
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("make", "kind", "text"),
    [
        (lambda: data.ArrayDataset(), TypeError, "by position or all by name, got none"),
        (lambda: data.ArrayDataset(X, y=Y), TypeError, "by position or all by name, got 1 and 1"),
        (lambda: data.ArrayDataset(X, Y[:3]), ValueError, "one length, got 11 of 0, 3 of 1"),
        (lambda: data.ArrayDataset(x=X, y=Y[:3]), ValueError, "got 11 of 'x', 3 of 'y'"),
        (lambda: data.ArrayDataset(X, np.float32(3)), ValueError, "a single number as 1"),
        (lambda: data.ArrayDataset(np.array(["a"])), TypeError, "got dtype <U1 as 0; convert"),
        (lambda: data.ArrayDataset(X.astype(">f4")), TypeError, "got dtype >f4"),
        (lambda: data.ArrayDataset(X.astype(complex)), TypeError, "got dtype complex128"),
        (lambda: data.ArrayDataset(X)[11], IndexError, "index 11 is out of range for 11 samples"),
        (lambda: data.ArrayDataset(X)[-12], IndexError, "index -12 is out of range"),
        (
            lambda: next(iter(data.DataLoader(data.ArrayDataset(X), 2, sampler=[3, 11]))),
            IndexError,
            "index 11 at position 1 is out of range for 11 rows",
        ),
    ],
)
def test_bad_input_is_named(make: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        make()
