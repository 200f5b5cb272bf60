"""Padding and resampling beyond their rows: networks, compiled too, layouts, what nan touches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep
from compiling import Run, Twins, replays

nn = steep.nn
F = steep.nn.functional
LAST = 6

NETWORKS: dict[str, Callable[[], Any]] = {
    "padded": lambda: nn.Sequential(
        nn.ReflectionPad2d(1), nn.Conv2d(2, 3, 3), nn.ZeroPad2d((1, 0, -1, 1)), nn.ReLU(),
        nn.ReplicationPad2d((0, 1, 1, 0)), nn.CircularPad2d(1), nn.Conv2d(3, 3, 3, 2), nn.Flatten(),
        nn.Linear(60, 5),
    ),
    "modes": lambda: nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1, padding_mode="reflect"), nn.Tanh(),
        nn.Conv2d(3, 3, 3, 2, padding=1, padding_mode="circular"), nn.Flatten(), nn.Linear(48, 5),
    ),
    "nearest": lambda: nn.Sequential(
        nn.Conv2d(2, 3, 3), nn.Upsample(scale_factor=2), nn.Conv2d(3, 2, 3, 2), nn.Flatten(),
        nn.Linear(32, 5),
    ),
    "bilinear": lambda: nn.Sequential(
        nn.Conv2d(2, 3, 3), nn.UpsamplingBilinear2d((7, 9)), nn.ReLU(), nn.Flatten(),
        nn.Linear(189, 5),
    ),
    "shuffled": lambda: nn.Sequential(
        nn.Conv2d(2, 8, 2), nn.ChannelShuffle(4), nn.PixelShuffle(2), nn.Tanh(),
        nn.PixelUnshuffle(3), nn.Conv2d(18, 2, 1), nn.Flatten(), nn.Linear(32, 5),
    ),
    "unfolded": lambda: nn.Sequential(
        nn.Unfold(3, stride=2), nn.Linear(9, 9), nn.ReLU(), nn.Fold(7, 3, stride=2), nn.Flatten(),
        nn.Linear(98, 5),
    ),
    "bicubic": lambda: nn.Sequential(
        nn.Upsample((11, 5), mode="bicubic"), nn.Conv2d(2, 2, 3), nn.Flatten(), nn.Linear(54, 5)
    ),
}  # fmt: skip


def batches(count: int) -> list[Any]:
    rng = np.random.default_rng(3)
    images = rng.normal(size=(count, 6, 2, 7, 7)).astype(np.float32)
    return [(steep.from_numpy(x), steep.from_numpy(rng.integers(0, 5, 6))) for x in images]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_learns_the_same_compiled(name: str) -> None:
    twins = Twins(lambda: Run(NETWORKS[name](), lr=1e-2))
    losses = []
    for batch in batches(8) * 2:
        loss = twins.plain.step(*batch)
        assert twins.compiled(*batch).item() == loss.item()
        losses.append(loss.item())
        twins.compare()
    assert replays(twins.compiled) >= LAST
    assert sum(losses[-8:]) < sum(losses[:8])


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
def test_what_is_added_is_what_a_convolution_pads_with(mode: str) -> None:
    x = steep.from_numpy(np.random.default_rng(0).normal(size=(2, 3, 5, 6)).astype(np.float32))
    named = {"constant": "zeros"}.get(mode, mode)
    conv = nn.Conv2d(3, 4, 3, padding=(1, 2), padding_mode=named)
    plain = F.conv2d(F.pad(x, (2, 2, 1, 1), mode), conv.weight, conv.bias)
    np.testing.assert_allclose(conv(x).detach().numpy(), plain.detach().numpy(), rtol=1e-5)


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
def test_the_order_of_memory_changes_nothing(mode: str) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 6, 9)).astype(np.float32)
    last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    one, other = (F.interpolate(steep.from_numpy(a), (9, 7), mode=mode).numpy() for a in (x, last))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_antialiasing_does_not_touch_what_is_far_away(mode: str) -> None:
    x = np.ones((1, 1, 1, 40), np.float32)
    x[..., 0] = np.nan
    out = F.interpolate(steep.from_numpy(x), (1, 10), mode=mode, antialias=True).numpy()
    assert np.isnan(out[..., 0]).all()
    np.testing.assert_allclose(out[..., 2:], 1, rtol=1e-6)


def test_interpolation_of_a_constant_is_that_constant() -> None:
    x = steep.full((1, 1, 5, 7), 3.0)
    for settings in ({}, {"align_corners": True}, {"antialias": True}):
        for mode in ("bilinear", "bicubic"):
            out = F.interpolate(x, (8, 3), mode=mode, **settings)
            np.testing.assert_allclose(out.numpy(), 3, rtol=1e-6)


def test_the_result_is_not_the_input() -> None:
    """Not even where nothing changes."""
    x = steep.zeros(1, 1, 3, 3)
    for out in (F.pad(x, (0, 0)), F.interpolate(x, 3), F.interpolate(x, 3, mode="bilinear")):
        out.add_(1)
    assert x.sum().item() == 0
