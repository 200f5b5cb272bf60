"""The same network from the same weights on the same batches: the engine beside the reference."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep
from runner import numpy
from steep.reference import layers as plain
from steep.reference import optim as plain_optim
from tolerances import TRAINING

STEPS, BATCH, SIZES = 200, 32, (20, 32, 32, 5)

OPTIMIZERS: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd-momentum": ("SGD", {"lr": 0.05, "momentum": 0.9, "weight_decay": 1e-4}),
    "sgd-nesterov": ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    "adam": ("Adam", {"lr": 2e-3}),
    "adamw-amsgrad": ("AdamW", {"lr": 2e-3, "amsgrad": True}),
}


def data(dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Batches that can be learned: classes by the largest of a few random directions."""
    rng = np.random.default_rng(11)
    x = rng.normal(size=(STEPS, BATCH, SIZES[0])).astype(dtype)
    y = (x @ rng.normal(size=(SIZES[0], SIZES[-1]))).argmax(-1)
    return x, y


def weights(dtype: str) -> list[np.ndarray]:
    rng = np.random.default_rng(12)
    found = []
    for fan_in, fan_out in itertools.pairwise(SIZES):
        bound = 1 / np.sqrt(fan_in)
        found.append(rng.uniform(-bound, bound, (fan_out, fan_in)).astype(dtype))
        found.append(rng.uniform(-bound, bound, fan_out).astype(dtype))
    return found


def train_reference(
    kind: str, settings: dict[str, Any], dtype: str, batches: tuple[np.ndarray, np.ndarray]
) -> tuple[list[float], list[np.ndarray]]:
    w = weights(dtype)
    activations: list[plain.Layer] = [plain.Tanh(), plain.ReLU()]
    net = plain.Sequential(
        plain.Linear(*w[0:2]), activations[0], plain.Linear(*w[2:4]), activations[1],
        plain.Linear(*w[4:6]),
    )  # fmt: skip
    loss = plain.CrossEntropyLoss()
    optimizer = getattr(plain_optim, kind)(net.parameters(), **settings)
    losses = []
    for x, y in zip(*batches, strict=True):
        net.zero_grad()
        losses.append(float(loss(net(x), y)))
        net.backward(loss.backward())
        optimizer.step(net.gradients())
    return losses, net.parameters()


def train_engine(
    kind: str, settings: dict[str, Any], dtype: str, batches: tuple[np.ndarray, np.ndarray]
) -> tuple[list[float], list[np.ndarray]]:
    nn = steep.nn
    sizes = list(itertools.pairwise(SIZES))
    model = nn.Sequential(
        nn.Linear(*sizes[0]), nn.Tanh(), nn.Linear(*sizes[1]), nn.ReLU(), nn.Linear(*sizes[2])
    ).to(getattr(steep, dtype))
    with steep.no_grad():
        for p, w in zip(model.parameters(), weights(dtype), strict=True):
            p.copy_(steep.from_numpy(w))
    loss = nn.CrossEntropyLoss()
    optimizer = getattr(steep.optim, kind)(model.parameters(), **settings)
    losses = []
    for x, y in zip(*batches, strict=True):
        optimizer.zero_grad()
        value = loss(model(steep.from_numpy(x)), steep.from_numpy(y))
        losses.append(value.item())
        value.backward()
        optimizer.step()
    return losses, numpy(list(model.parameters()))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_trains_like_the_reference(name: str, dtype: str) -> None:
    kind, settings = OPTIMIZERS[name]
    batches = data(dtype)
    trains: list[Callable[..., tuple[list[float], list[np.ndarray]]]] = [
        train_engine,
        train_reference,
    ]
    (losses, params), (expected_losses, expected) = (
        t(kind, settings, dtype, batches) for t in trains
    )
    limit = TRAINING[dtype]
    np.testing.assert_allclose(losses, expected_losses, rtol=limit, atol=limit)
    for got, reference in zip(params, expected, strict=True):
        assert got.dtype == np.dtype(dtype)
        np.testing.assert_allclose(got, reference, rtol=limit, atol=limit)
    assert np.mean(losses[-20:]) < 0.6 * losses[0]


def test_training_repeats_bit_for_bit() -> None:
    batches = data("float32")
    kind, settings = OPTIMIZERS["adam"]
    first, again = (train_engine(kind, settings, "float32", batches) for _ in range(2))
    assert first[0] == again[0]
    for a, b in zip(first[1], again[1], strict=True):
        np.testing.assert_array_equal(a, b)


def test_regression_with_mse() -> None:
    """A line is found again."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(256, 3)).astype(np.float32)
    y = x @ np.array([[1.5], [-2.0], [0.5]], np.float32) + 0.25
    model = steep.nn.Linear(3, 1)
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(300):
        optimizer.zero_grad()
        loss = steep.nn.functional.mse_loss(model(steep.from_numpy(x)), steep.from_numpy(y))
        loss.backward()
        optimizer.step()
    assert loss.item() < 1e-6
    np.testing.assert_allclose(model.weight.detach().numpy(), [[1.5, -2.0, 0.5]], atol=1e-3)
    np.testing.assert_allclose(model.bias.detach().numpy(), [0.25], atol=1e-3)
