"""Convolutions of integers: exact, and wrapped around where the dtype ends."""

from __future__ import annotations

import numpy as np
import pytest

import steep
from steep.nn import functional as F


def by_hand(x: np.ndarray, w: np.ndarray, stride: int, dilation: int) -> np.ndarray:
    """One sequence, without padding; NumPy's sums wrap around as well."""
    reach = dilation * (w.shape[2] - 1) + 1
    starts = range(0, x.shape[2] - reach + 1, stride)
    windows = [x[:, :, at : at + reach : dilation] for at in starts]
    sums = [(window[:, None] * w[None]).sum((2, 3), dtype=x.dtype) for window in windows]
    return np.stack(sums, 2)


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8"])
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2)])
def test_sums_wrap_around(dtype: str, stride: int, dilation: int) -> None:
    rng = np.random.default_rng(0)
    limit = np.iinfo(dtype)
    x = rng.integers(limit.min, limit.max, (2, 3, 9), dtype=dtype)
    w = rng.integers(limit.min, limit.max, (4, 3, 2), dtype=dtype)
    out = F.conv1d(steep.from_numpy(x), steep.from_numpy(w), stride=stride, dilation=dilation)
    right = by_hand(x, w, stride, dilation)
    assert out.numpy().dtype == x.dtype
    np.testing.assert_array_equal(out.numpy(), right)
    # The transposed one is its adjoint, modulo the range: <conv(x), y> = <x, transposed(y)>.
    y = rng.integers(limit.min, limit.max, right.shape, dtype=dtype)
    more = (x.shape[2] - 1 - dilation) % stride
    back = F.conv_transpose1d(
        steep.from_numpy(y), steep.from_numpy(w), None, stride, 0, more, 1, dilation
    ).numpy()
    assert back.shape == x.shape
    ahead = (right * y).sum(dtype=dtype)
    assert (x * back).sum(dtype=dtype) == ahead


def test_padding_beyond_the_kernel_crops() -> None:
    y, w = steep.tensor([[[1, 2, 3]]]), steep.tensor([[[1, 10]]])
    assert F.conv_transpose1d(y, w, padding=1).tolist() == [[[12, 23]]]
    assert F.conv_transpose1d(y, w, stride=3, padding=2).tolist() == [[[0, 2, 20, 0]]]
    assert F.conv1d(y, w, padding=3).tolist() == [[[0, 0, 10, 21, 32, 3, 0, 0]]]


def test_a_compiled_call_replays() -> None:
    w = steep.arange(12).reshape(2, 1, 2, 3)
    compiled = steep.compile(lambda x: F.conv2d(x, w, padding=1, stride=2))
    for i in range(5):
        x = steep.arange(60).reshape(2, 1, 5, 6) + i
        assert steep.equal(compiled(x), F.conv2d(x, w, padding=1, stride=2))
    assert "replayed" in str(compiled.explain())
