"""Pooling beyond its rows: networks with it, compiled too, special values, layouts, both ways."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep
from compiling import Run, Twins, replays
from steep.reference import OPS

nn = steep.nn
F = steep.nn.functional
LAST = 6


class Autoencoder(nn.Module):
    """Takes the places of the maxima along, and puts what comes of them back there."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(2, return_indices=True)
        self.unpool = nn.MaxUnpool2d(2)
        self.conv, self.last = nn.Conv2d(2, 3, 3, padding=1), nn.Linear(3 * 49, 5)

    def forward(self, x: Any) -> Any:
        x = self.conv(x)
        out, places = self.pool(x)
        return self.last(self.unpool(out.tanh(), places, x.size()[2:]).flatten(1))


NETWORKS: dict[str, Callable[[], Any]] = {
    "maxima": lambda: nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 5)
    ),
    "overlapping": lambda: nn.Sequential(
        nn.MaxPool2d(3, 2, 1), nn.Conv2d(2, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(4, 5),
    ),
    "means": lambda: nn.Sequential(
        nn.Conv2d(2, 4, 2), nn.Tanh(), nn.AvgPool2d(3, 2, 1, ceil_mode=True), nn.Flatten(),
        nn.Linear(64, 5),
    ),
    "adaptive": lambda: nn.Sequential(
        nn.Conv2d(2, 4, 2), nn.AdaptiveMaxPool2d((4, None)), nn.AdaptiveAvgPool2d(3), nn.Flatten(),
        nn.Linear(36, 5),
    ),
    "norms": lambda: nn.Sequential(
        nn.Conv2d(2, 4, 2), nn.Softplus(), nn.LPPool2d(2, 2), nn.Flatten(), nn.Linear(36, 5)
    ),
    "unpooling": Autoencoder,
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


@pytest.mark.parametrize("name", NETWORKS)
def test_evaluation_is_replayed_with_the_same_bits(name: str) -> None:
    steep.manual_seed(0)
    model = NETWORKS[name]().eval()
    compiled = steep.compile(model)
    with steep.no_grad():
        for x, _ in batches(7):
            np.testing.assert_array_equal(compiled(x).numpy(), model(x).numpy())
    assert replays(compiled) > 0


# Windows of every way there is: tiles, rows of windows, window by window.
WINDOWS = [(2, 2, 0), (2, 1, 1), (3, 2, 1), (3, 3, 0), ((2, 4), 2, (1, 2))]


@pytest.mark.parametrize("settings", WINDOWS)
@pytest.mark.parametrize("width", [4, 9, 21])
def test_of_nans_the_last_is_the_largest(settings: tuple[Any, ...], width: int) -> None:
    x = np.zeros((1, 6, width), np.float32)
    x[0, 2, 1] = x[0, 3, 2] = x[0, 5, 3] = np.nan
    x[0, 4, :2] = -np.inf
    x[0, 1, width - 3] = x[0, 4, width - 4] = np.nan
    out, places = F.max_pool2d(steep.from_numpy(x), *settings, return_indices=True)
    wanted = steep.reference.OPS["max_pool2d"].forward(x, *settings, return_indices=True)
    np.testing.assert_array_equal(out.numpy(), wanted[0])
    np.testing.assert_array_equal(places.numpy(), wanted[1])
    leaf = steep.from_numpy(x).requires_grad_()
    F.max_pool2d(leaf, *settings).sum().backward()
    reference = steep.reference.OPS["max_pool2d"].gradient(np.ones_like(wanted[0]), x, *settings)
    np.testing.assert_array_equal(leaf.grad.numpy(), reference[0])


@pytest.mark.parametrize("size", [(1, 5), (3, 5), (6, 9), (7, 70)])
@pytest.mark.parametrize("nans", [0, 1, 3])
def test_one_window_of_a_whole_plane(size: tuple[int, int], nans: int) -> None:
    """Seen by several lanes at once: the same of equal elements, and of NaNs, as one by one."""
    rng = np.random.default_rng(nans)
    x = rng.integers(0, 3, (5, 4, *size)).astype(np.float32)
    for plane in x.reshape(20, -1):
        plane[rng.integers(0, plane.size, nans)] = np.nan
    out, places = F.max_pool2d(steep.from_numpy(x), size, return_indices=True)
    wanted = steep.reference.OPS["max_pool2d"].forward(x, size, return_indices=True)
    np.testing.assert_array_equal(out.numpy(), wanted[0])
    np.testing.assert_array_equal(places.numpy(), wanted[1])
    mean = F.adaptive_avg_pool2d(steep.from_numpy(x), 1).numpy()
    np.testing.assert_allclose(mean[..., 0, 0], x.mean((2, 3)), rtol=1e-5)


def test_all_minus_infinity_has_its_first_element() -> None:
    x = steep.full((1, 4, 8), -float("inf"))
    for kernel in (2, (1, 2), 3):
        out, places = F.max_pool2d(x, kernel, return_indices=True)
        assert out.isinf().all()
        assert places[0, 0, 0] == 0


def test_a_window_without_elements_has_no_place() -> None:
    out, places = F.max_pool1d(steep.ones(1, 1), 2, 1, 1, 2, return_indices=True)
    assert out.item() == -float("inf")
    assert places.item() == -1
    x = steep.ones(1, 1, requires_grad=True)
    F.max_pool1d(x, 2, 1, 1, 2).backward(steep.ones(1, 1))
    assert x.grad.item() == 0


@pytest.mark.parametrize("pool", [F.max_pool2d, F.avg_pool2d], ids=["max", "avg"])
@pytest.mark.parametrize("settings", WINDOWS)
def test_the_order_of_memory_changes_nothing(pool: Any, settings: tuple[Any, ...]) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3, 6, 9)).astype(np.float32)
    last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    results = []
    for array in (x, last):
        leaf = steep.from_numpy(array).requires_grad_()
        out = pool(leaf, *settings)
        out.square().sum().backward()
        results.append((out.detach().numpy(), leaf.grad.numpy()))
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("settings", [(2,), (3, 2, 1), ((2, 2),)])
def test_ways_of_evaluation_and_of_training_agree(settings: tuple[Any, ...]) -> None:
    x = steep.from_numpy(np.random.default_rng(0).normal(size=(2, 3, 8, 10)).astype(np.float32))
    plain = F.max_pool2d(x, *settings)
    with_places, _ = F.max_pool2d_with_indices(x, *settings)
    recorded = F.max_pool2d(x.clone().requires_grad_(), *settings)
    for other in (with_places, recorded.detach()):
        np.testing.assert_array_equal(plain.numpy(), other.numpy())


def test_unpooling_takes_back_what_pooling_took() -> None:
    x = steep.from_numpy(np.random.default_rng(0).normal(size=(2, 3, 8, 11)).astype(np.float32))
    for kernel, stride in itertools.product((2, 3), (2, 3)):
        if stride < kernel:
            continue
        out, places = F.max_pool2d(x, kernel, stride, return_indices=True)
        back = F.max_unpool2d(out, places, kernel, stride, output_size=x.shape)
        kept = back != 0
        np.testing.assert_array_equal(back[kept].numpy(), x[kept].numpy())
        assert kept.sum() == out.numel()


def test_where_two_share_a_place_the_last_is_put_and_both_have_its_gradient() -> None:
    x = steep.tensor([[1.0, 2.0]], requires_grad=True)
    out = F.max_unpool1d(x, steep.tensor([[3, 3]]), 2)
    out.backward(steep.tensor([[1.0, 2.0, 3.0, 4.0]]))
    assert out.tolist() == [[0.0, 0.0, 0.0, 2.0]]
    assert x.grad.tolist() == [[4.0, 4.0]]


def test_windows_far_larger_than_the_image_end() -> None:
    x = steep.arange(5.0).reshape(1, 5)
    huge = 2**31 - 1
    assert F.max_pool1d(x, huge, 1, huge // 2).tolist() == [[4.0] * 5]
    whole = F.avg_pool1d(x, huge, 1, huge // 2, count_include_pad=False)
    assert whole.tolist() == [[2.0] * 5]


def test_of_values_with_one_place_the_last_is_kept() -> None:
    x, places = np.array([[[1.0, 2.0, 3.0]]]), np.zeros((1, 1, 3), np.int64)
    out = steep.nn.functional.max_unpool1d(steep.from_numpy(x), steep.from_numpy(places), 2)
    expected = OPS["max_unpool1d"].forward(x, places, 2)
    assert out.tolist() == expected.tolist() == [[[3.0, 0.0, 0.0, 0.0, 0.0, 0.0]]]
