"""Gradients of convolutions with respect to the image: phase by phase, and by columns."""

from __future__ import annotations

import numpy as np
import pytest
from tests.tolerances import RTOL

import steep
from steep.nn import functional as F

# input, weight, stride, padding, dilation, groups; each large enough for phases
LARGE = [
    ((2, 8, 24, 24), (16, 8, 3, 3), (2, 2), (1, 1), (1, 1), 1),
    ((2, 8, 25, 22), (16, 4, 3, 2), (2, 3), (0, 2), (1, 1), 2),
    (
        (2, 16, 23, 29),
        (24, 16, 2, 3),
        (3, 2),
        (1, 0),
        (2, 2),
        1,
    ),  # stride and dilation share a factor
    ((3, 32, 20, 20), (48, 32, 1, 1), (2, 2), (0, 0), (1, 1), 1),  # phases without any place
    ((2, 8, 120, 1), (16, 8, 5, 1), (4, 1), (3, 0), (3, 1), 1),
    ((2, 40, 19, 21), (40, 1, 5, 5), (2, 2), (2, 2), (1, 1), 40),
]


@pytest.mark.parametrize(("input", "weight", "stride", "padding", "dilation", "groups"), LARGE)
def test_gradients_are_those_of_the_convolution_without_stride(
    input: tuple[int, ...],
    weight: tuple[int, ...],
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: tuple[int, int],
    groups: int,
) -> None:
    generator = np.random.default_rng(3)
    x = steep.from_numpy(generator.standard_normal(input)).requires_grad_()
    w = steep.from_numpy(generator.standard_normal(weight)).requires_grad_()
    out = F.conv2d(x, w, None, stride, padding, dilation, groups)
    whole = F.conv2d(x, w, None, 1, padding, dilation, groups)
    expected = whole[:, :, :: stride[0], :: stride[1]]
    np.testing.assert_allclose(out.detach().numpy(), expected.detach().numpy(), rtol=1e-10)
    cotangent = steep.from_numpy(generator.standard_normal(tuple(out.shape)))
    got = steep.autograd.grad(out, [x, w], cotangent)
    wanted = steep.autograd.grad(expected, [x, w], cotangent)
    for mine, other in zip(got, wanted, strict=True):
        scale = float(other.abs().max())
        np.testing.assert_allclose(
            mine.numpy() / scale, other.numpy() / scale, atol=RTOL["float64"]
        )


@pytest.mark.parametrize("kernel", [1, 2, 3])
def test_a_transposed_convolution_has_its_bias_everywhere(kernel: int) -> None:
    generator = np.random.default_rng(4)
    x, w = (
        generator.standard_normal((2, 32, 12, 12)),
        generator.standard_normal((32, 16, kernel, kernel)),
    )
    bias = generator.standard_normal(16)
    x, w, bias = (steep.from_numpy(array) for array in (x, w, bias))
    out = F.conv_transpose2d(x, w, bias, stride=2, output_padding=1)
    without = F.conv_transpose2d(x, w, None, stride=2, output_padding=1)
    np.testing.assert_allclose(
        out.numpy(), without.numpy() + bias.numpy()[:, None, None], rtol=1e-12, atol=1e-12
    )


def launched(x: tuple[int, ...], w: tuple[int, ...], stride: int = 1) -> list[str]:
    """What the gradient with respect to an image of this size launches for its products."""
    image = steep.ones(x, requires_grad=True)
    out = F.conv2d(image, steep.ones(w), stride=stride)
    with steep.profiler.profile() as profile:
        steep.autograd.grad(out, [image], steep.ones_like(out))
    return [event.name for event in profile.events if event.name.startswith("conv")]


def test_large_ones_go_phase_by_phase_and_small_ones_in_one_launch() -> None:
    assert launched((8, 8, 40, 40), (2, 8, 3, 3), stride=2) == ["conv"] * 4
    assert launched((8, 8, 8, 8), (2, 8, 3, 3), stride=2) == ["conv"]


def test_columns_are_made_where_the_way_back_would_multiply_zeros() -> None:
    columns = ["conv_columns"]
    assert launched((8, 64, 7, 7), (64, 64, 7, 7)) == columns  # as large as the image
    assert launched((1, 3, 64, 64), (48, 3, 16, 16), stride=16) == columns  # patches
    assert launched((2, 64, 14, 14), (96, 64, 3, 3), stride=2) == columns  # large weights
    assert launched((2, 64, 14, 14), (4, 64, 5, 5)) == ["conv"]


# image, weight, stride, padding, dilation, groups; each by columns
COLUMNS = [
    ((3, 5, 4, 3), (7, 5, 4, 3), (1, 1), (0, 0), (1, 1), 1),
    ((2, 12, 7, 9), (14, 6, 7, 7), (1, 1), (0, 0), (1, 1), 2),
    ((2, 6, 23, 40), (30, 3, 9, 9), (9, 9), (1, 2), (1, 1), 2),  # runs along the kernel
    ((2, 6, 11, 61), (31, 6, 5, 3), (4, 2), (2, 0), (1, 1), 1),  # rows in phases
    ((1, 33, 12, 31), (40, 33, 2, 3), (3, 3), (1, 2), (2, 1), 1),
    ((70, 2, 3, 5), (9, 2, 3, 5), (1, 1), (0, 1), (1, 1), 1),  # many images at once
    ((2, 9, 5, 17), (32, 9, 3, 3), (2, 1), (0, 0), (2, 5), 1),  # a run with gaps
    ((1, 300, 4, 4), (3, 300, 4, 4), (1, 1), (0, 0), (1, 1), 1),  # blocks of channels
]


@pytest.mark.parametrize(("input", "weight", "stride", "padding", "dilation", "groups"), COLUMNS)
def test_columns_add_up_to_the_gradient(
    input: tuple[int, ...],
    weight: tuple[int, ...],
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: tuple[int, int],
    groups: int,
) -> None:
    """By the definition of a gradient: <conv(x), y> = <x, back(y)> for each x; and by threads."""
    generator = np.random.default_rng(5)
    x, more, w = (steep.from_numpy(generator.standard_normal(s)) for s in (input, input, weight))
    how = (None, stride, padding, dilation, groups)
    out = F.conv2d(x.requires_grad_(), w, *how)
    cotangent = steep.from_numpy(generator.standard_normal(tuple(out.shape)))
    with steep.profiler.profile() as profile:
        (grad,) = steep.autograd.grad(out, [x], cotangent)
    assert "conv_columns" in [event.name for event in profile.events]
    for probe in (x.detach(), more):
        left = float((F.conv2d(probe, w, *how) * cotangent).sum())
        assert float((probe * grad).sum()) == pytest.approx(left, rel=1e-10, abs=1e-10)
    before = steep.get_num_threads()
    try:
        for threads in (1, 3):
            steep.set_num_threads(threads)
            (again,) = steep.autograd.grad(F.conv2d(x, w, *how), [x], cotangent)
            assert (again == grad).all()
    finally:
        steep.set_num_threads(before)
