"""Gradients of strided convolutions, which are computed phase by phase where they are large."""

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


def products(size: int) -> int:
    """Launches of convolutions that the gradient of a strided one of this image takes."""
    x = steep.ones(1, 8, size, size, requires_grad=True)
    out = F.conv2d(x, steep.ones(16, 8, 3, 3), stride=2)
    with steep.profiler.profile() as profile:
        steep.autograd.grad(out, [x], steep.ones_like(out))
    return sum(event.name == "conv" for event in profile.events)


def test_large_ones_go_phase_by_phase_and_small_ones_in_one_launch() -> None:
    assert products(40) == 4
    assert products(8) == 1
