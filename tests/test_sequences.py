"""Sequences of unequal length: padded, packed, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import steep
from steep.nn.utils import rnn

LENGTHS = [[3, 2, 1], [2, 4, 1, 4], [5], [1, 1]]


def sequences(lengths: list[int], *rest: int) -> list[Any]:
    """Of numbers that are all different."""
    steep.manual_seed(0)
    return [steep.randn(n, *rest, dtype=steep.float64) for n in lengths]


def padded(given: list[Any], steps: int, value: float, left: bool = False) -> Any:
    """(batch, steps, *), by NumPy."""
    out = np.full((len(given), steps, *given[0].shape[1:]), value)
    for row, x in zip(out, given, strict=True):
        row[steps - len(x) if left else 0 :][: len(x)] = x.tolist()
    return out


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("rest", [(), (2,), (2, 3)])
@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("first", [False, True])
def test_pad_sequence(lengths, rest, side, first):
    given = sequences(lengths, *rest)
    got = rnn.pad_sequence(given, first, -7.0, side)
    expected = padded(given, max(lengths), -7.0, side == "left")
    np.testing.assert_array_equal(got.tolist(), expected if first else expected.swapaxes(0, 1))
    if side == "right":
        parts = rnn.unpad_sequence(got, steep.tensor(lengths), first)
        assert [x.tolist() for x in parts] == [x.tolist() for x in given]


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("rest", [(), (2,)])
@pytest.mark.parametrize("first", [False, True])
def test_pack_and_pad(lengths, rest, first):
    given = sequences(lengths, *rest)
    batch = rnn.pad_sequence(given, first)
    packed = rnn.pack_padded_sequence(batch, steep.tensor(lengths), first, enforce_sorted=False)
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    steps = range(max(lengths))
    rows = [given[i][t].tolist() for t in steps for i in order if lengths[i] > t]
    assert packed.data.tolist() == rows
    assert packed.batch_sizes.tolist() == [sum(n > t for n in lengths) for t in steps]
    assert packed.sorted_indices.tolist() == order
    assert [order[i] for i in packed.unsorted_indices.tolist()] == list(range(len(lengths)))
    total = max(lengths) + 2
    got, found = rnn.pad_packed_sequence(packed, first, 9.0, total)
    expected = padded(given, total, 9.0)
    np.testing.assert_array_equal(got.tolist(), expected if first else expected.swapaxes(0, 1))
    assert found.tolist() == lengths
    assert [x.tolist() for x in rnn.unpack_sequence(packed)] == [x.tolist() for x in given]


def test_sorted_sequences_keep_their_order():
    given = sequences([3, 2, 2])
    packed = rnn.pack_sequence(given)
    assert packed.sorted_indices is None
    assert packed.unsorted_indices is None
    assert [x.tolist() for x in rnn.unpack_sequence(packed)] == [x.tolist() for x in given]


def test_gradients_go_to_the_elements_alone():
    x = steep.zeros(3, 2, dtype=steep.float64, requires_grad=True)
    packed = rnn.pack_padded_sequence(x, [1, 3], enforce_sorted=False)
    (packed.data * steep.arange(4.0)).sum().backward()
    assert x.grad.tolist() == [[1.0, 0.0], [0.0, 2.0], [0.0, 3.0]]
    data = steep.ones(4, dtype=steep.float64, requires_grad=True)
    batch, _ = rnn.pad_packed_sequence(packed._replace(data=data))
    (batch * steep.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])).sum().backward()
    assert data.grad.tolist() == [2.0, 1.0, 4.0, 6.0]
    parts = [steep.ones(n, requires_grad=True) for n in (1, 2)]
    (rnn.pad_sequence(parts) * steep.tensor([[1.0, 2.0], [3.0, 4.0]])).sum().backward()
    assert [p.grad.tolist() for p in parts] == [[1.0], [2.0, 4.0]]


def test_conversions_of_a_packed_sequence():
    packed = rnn.pack_sequence([steep.ones(2), steep.ones(1)])
    assert packed.to(steep.float32) is packed
    assert packed.cpu() is packed
    assert not packed.is_cuda
    for made, dtype in (
        (packed.to(steep.float64), steep.float64),
        (packed.double(), steep.float64),
        (packed.long(), steep.int64),
        (packed.int(), steep.int32),
        (packed.double().float(), steep.float32),
    ):
        assert isinstance(made, rnn.PackedSequence)
        assert made.data.dtype == dtype
        assert made.batch_sizes is packed.batch_sizes
    again = rnn.PackedSequence((packed.data, packed.batch_sizes))
    assert again.batch_sizes is packed.batch_sizes


def test_invert_permutation():
    assert rnn.invert_permutation(None) is None
    order = steep.randperm(20)
    assert order[rnn.invert_permutation(order)].tolist() == list(range(20))


X = steep.zeros(3, 2)
BAD: list[tuple[Any, type[Exception], str]] = [
    (lambda: rnn.pack_padded_sequence(X, [2]), RuntimeError, r"batch_size, but got 1 \(batch_s"),
    (lambda: rnn.pack_padded_sequence(X, [1, 2]), RuntimeError, "sorted in decreasing order"),
    (lambda: rnn.pack_padded_sequence(X, [2, 0]), RuntimeError, "has to be greater than 0"),
    (lambda: rnn.pack_padded_sequence(X, [4, 1]), RuntimeError, "expected lengths up to 3"),
    (lambda: rnn.pad_sequence(3), RuntimeError, "Expected iterable for input sequences"),
    (lambda: rnn.pad_sequence([]), RuntimeError, "received an empty list of sequences"),
    (lambda: rnn.pad_sequence([X], padding_side="up"), RuntimeError, "one of left or right"),
    (lambda: rnn.pad_sequence([X, X[0]]), RuntimeError, "differ in their first dimension alone"),
    (
        lambda: rnn.pad_sequence([steep.ones(2, 3), steep.ones(1, 4)]),
        RuntimeError,
        r"shape \(2, 3\) as element 0 and \(1, 4\) as element 1",
    ),
    (lambda: rnn.pad_sequence([steep.ones(())]), RuntimeError, "got a number as element 0; stack"),
    (lambda: rnn.pad_sequence([[1, 2]]), TypeError, "expected Tensor as element 0, but got list"),
    (
        lambda: rnn.pad_packed_sequence(rnn.pack_sequence([X]), total_length=2),
        ValueError,
        "Expected total_length to be at least the length of the longest sequence",
    ),
]


@pytest.mark.parametrize(("call", "error", "text"), BAD, ids=lambda x: None)
def test_bad_sequences_are_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()
