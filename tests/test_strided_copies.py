"""Copies between memory of different layouts: every element arrives, however the work is shared."""

from __future__ import annotations

import numpy as np
import pytest

import steep

DTYPES = [np.float32, np.float64, np.uint8]


def layout(generator: np.random.Generator, dtype: type) -> np.ndarray:
    """An array of random shape, seen through a random permutation, with steps and broadcasting."""
    dims = int(generator.integers(1, 6))
    most = {1: 5000, 2: 90, 3: 30}.get(dims, 9)
    shape = generator.integers(1, most, dims)
    whole = (generator.random(shape) * 250).astype(dtype)
    part = whole[tuple(slice(None, None, int(generator.integers(1, 4))) for _ in shape)]
    if generator.random() < 0.3:
        part = np.broadcast_to(part, (int(generator.integers(1, 20)), *part.shape))
    return np.transpose(part, generator.permutation(part.ndim))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_copies_out_of_and_into_strided_memory(dtype: type, threads: int) -> None:
    generator = np.random.default_rng(7)
    before = steep.get_num_threads()
    steep.set_num_threads(threads)
    try:
        for _ in range(150):
            array = layout(generator, dtype)
            x = steep.as_tensor(array.copy(order="K")) if array.size else steep.tensor(array)
            order = tuple(generator.permutation(x.ndim).tolist())
            out = x.permute(order).contiguous()
            np.testing.assert_array_equal(out.numpy(), array.transpose(order))
            wide = steep.zeros([2 * n for n in x.shape], dtype=x.dtype)
            view = wide[tuple(slice(None, None, 2) for _ in x.shape)]
            view.copy_(x)
            expected = np.zeros(wide.shape, dtype)
            expected[tuple(slice(None, None, 2) for _ in x.shape)] = array
            np.testing.assert_array_equal(wide.numpy(), expected)
    finally:
        steep.set_num_threads(before)


def test_a_large_transposition_on_many_threads() -> None:
    array = np.arange(1200 * 1100, dtype=np.float32).reshape(1200, 1100)
    x = steep.from_numpy(array)
    np.testing.assert_array_equal(x.T.contiguous().numpy(), array.T)
    np.testing.assert_array_equal(x[::3, 1:].T.contiguous().numpy(), array[::3, 1:].T)
