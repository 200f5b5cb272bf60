"""Kernels of 3x3 over many channels go through fewer products, and come to the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import steep
from steep.nn import functional as F

# batch, channels, rows, height, width, padding: tiles that end with the image and beyond it, last
# registers in part, one row of tiles wider than a block, and images smaller than a block
SHAPES = [
    (3, 16, 16, 14, 17, 1),
    (2, 19, 35, 18, 23, 0),
    (40, 33, 17, 4, 3, 1),
    (2, 16, 24, 5, 300, (2, 1)),
    (1, 40, 16, 31, 16, (0, 3)),
]


def tensors(shape: tuple[Any, ...], dtype: str) -> tuple[Any, Any, Any]:
    batch, channels, rows, height, width, _ = shape
    generator = np.random.default_rng(5)

    def draw(*sizes: int) -> steep.Tensor:
        return steep.from_numpy(generator.standard_normal(sizes).astype(dtype)).requires_grad_()

    return draw(batch, channels, height, width), draw(rows, channels, 3, 3), draw(rows)


def bordered(x: Any, dim: int, count: int) -> Any:
    sizes = list(x.shape)
    sizes[dim] = count
    border = steep.zeros(sizes, dtype=x.dtype)
    return steep.cat([border, x, border], dim)


def plain(x: Any, w: Any, bias: Any, padding: Any) -> Any:
    """The convolution as nine products of one place of the kernel each."""
    high, wide = padding if isinstance(padding, tuple) else (padding, padding)
    padded = bordered(bordered(x, 2, high), 3, wide)
    height, width = padded.shape[2] - 2, padded.shape[3] - 2
    total = bias.reshape(-1, 1, 1)
    for i in range(3):
        for j in range(3):
            part = padded[:, :, i : i + height, j : j + width]
            total = total + F.conv2d(part, w[:, :, i : i + 1, j : j + 1])
    return total


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_results_and_gradients_are_those_of_the_plain_sum(
    shape: tuple[Any, ...], dtype: str
) -> None:
    x, w, bias = tensors(shape, dtype)
    out, expected = F.conv2d(x, w, bias, padding=shape[-1]), plain(x, w, bias, shape[-1])
    cotangent = steep.randn(*out.shape, dtype=out.dtype, generator=steep.Generator().manual_seed(1))
    got = [out, *steep.autograd.grad(out, [x, w, bias], cotangent)]
    wanted = [expected, *steep.autograd.grad(expected, [x, w, bias], cotangent)]
    tolerance = 4e-6 if dtype == "float32" else 1e-14  # of the largest: sums of hundreds of terms
    for mine, other in zip(got, wanted, strict=True):
        scale = float(other.abs().max())
        difference = float((mine - other).abs().max())
        assert difference <= tolerance * scale


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_bits_do_not_depend_on_threads(shape: tuple[Any, ...]) -> None:
    x, w, bias = tensors(shape, "float32")
    found = []
    before = steep.get_num_threads()
    try:
        for threads in (1, 2, 3):
            steep.set_num_threads(threads)
            out = F.conv2d(x, w, bias, padding=shape[-1])
            grads = steep.autograd.grad(out, [x, w], steep.ones_like(out))
            found.append([part.detach().numpy().tobytes() for part in (out, *grads)])
    finally:
        steep.set_num_threads(before)
    assert found[0] == found[1] == found[2]


def test_an_infinity_is_seen_by_no_other_results() -> None:
    x = steep.rand(1, 16, 24, 24)
    w = steep.rand(16, 16, 3, 3)
    for row in range(8, 12):
        given = x.clone()
        given[0, 3, row, 11] = float("inf")
        finite = np.isfinite(F.conv2d(given, w).numpy()).all((0, 1))
        expected = np.ones((22, 22), bool)
        expected[row - 2 : row + 1, 9:12] = False
        np.testing.assert_array_equal(finite, expected)


def test_it_is_taken_where_channels_and_tiles_are_many() -> None:
    def kernels(channels: int, size: int) -> set[str]:
        x, w = steep.ones(1, channels, size, size), steep.ones(16, channels, 3, 3)
        with steep.profiler.profile() as profile:
            F.conv2d(x, w)
        return {event.name for event in profile.events}

    assert "winograd" in kernels(16, 40)
    assert "winograd" not in kernels(8, 40)
    assert "winograd" not in kernels(16, 10)
