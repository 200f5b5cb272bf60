"""Dropout of channels and of SELU's activations: values under the mask that was drawn, shares,
threads, replays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import steep
from compiling import Run, Twins, replays
from runner import tensor
from steep import nn
from steep.nn import functional as F
from steep.reference import OPS
from tolerances import close, same_bits

CHANNELS = {
    "dropout1d": (40, 50, 3),
    "dropout2d": (40, 50, 2, 2),
    "dropout3d": (40, 50, 2, 1, 3),
    "feature_alpha_dropout": (40, 50, 3),
}


def normal(*shape: int, seed: int = 0, dtype: Any = np.float32) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def dropped(name: str, x: Any, p: float) -> Any:
    return getattr(F, name)(x, p, True)


def mask_of(name: str, shape: tuple[int, ...], p: float, dtype: Any) -> Any:
    """What the function keeps, by what becomes of two inputs after the same seed."""
    results = []
    for value in (1.0, 2.0):
        steep.manual_seed(3)
        results.append(dropped(name, tensor(np.full(shape, value, dtype)), p).numpy())
    return results[0] != results[1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("name", [*CHANNELS, "alpha_dropout"])
def test_values_and_gradients_are_those_of_the_formula(name: str, p: float, dtype: Any) -> None:
    shape = CHANNELS.get(name, (200, 30))
    mask = mask_of(name, shape, p, dtype)
    assert mask.mean() == pytest.approx(1 - p, abs=0.04)
    if name in CHANNELS:
        flat = mask.reshape(*shape[:2], -1)
        assert (flat == flat[:, :, :1]).all()
    x, grad = normal(*shape, dtype=dtype), normal(*shape, seed=1, dtype=dtype)
    leaf = tensor(x).requires_grad_()
    steep.manual_seed(3)
    out = dropped(name, leaf, p)
    out.backward(tensor(grad))
    close(out.detach().numpy(), OPS[name].forward(x, p, True, mask=mask), 2.0)
    (expected,) = OPS[name].gradient(grad, x, p, True, mask=mask)
    close(leaf.grad.numpy(), expected, 2.0)


@pytest.mark.parametrize("name", ["alpha_dropout", "feature_alpha_dropout"])
def test_mean_and_variance_stay(name: str) -> None:
    x = tensor(normal(600, 500))
    for p in (0.05, 0.3):
        out = dropped(name, x, p).numpy()
        assert out.mean() == pytest.approx(0, abs=0.01)
        assert out.var() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("name", [*CHANNELS, "alpha_dropout"])
def test_gradient_of_second_order(name: str) -> None:
    """It is linear: the gradient's own gradient is the same scale."""
    shape = CHANNELS.get(name, (20, 30))
    leaf = tensor(normal(*shape)).requires_grad_()
    cotangent = tensor(normal(*shape, seed=1)).requires_grad_()
    steep.manual_seed(3)
    (grad,) = steep.autograd.grad(dropped(name, leaf, 0.3), leaf, cotangent, create_graph=True)
    (again,) = steep.autograd.grad(grad, cotangent, steep.ones(*shape))
    close(again.numpy(), grad.detach().numpy() / cotangent.detach().numpy(), 4.0)


@pytest.mark.parametrize("name", [*CHANNELS, "alpha_dropout"])
def test_masks_do_not_depend_on_threads(name: str) -> None:
    x = tensor(normal(200, 300, *CHANNELS.get(name, (1, 1, 5))[2:]))

    def masks(threads: int) -> list[Any]:
        steep.set_num_threads(threads)
        steep.manual_seed(9)
        return [dropped(name, x, 0.4).numpy() for _ in range(2)]

    alone = masks(1)
    assert (alone[0] != alone[1]).any()
    for count in (2, 3):
        for got, expected in zip(masks(count), alone, strict=True):
            same_bits(got, expected)


@pytest.mark.parametrize("name", [*CHANNELS, "alpha_dropout"])
def test_in_place(name: str) -> None:
    values = normal(*CHANNELS.get(name, (20, 30)))
    x = tensor(values)
    steep.manual_seed(4)
    expected = dropped(name, tensor(values), 0.5).numpy()
    steep.manual_seed(4)
    assert getattr(F, name)(x, 0.5, True, True) is x
    same_bits(x.numpy(), expected)


def test_a_sample_without_a_batch() -> None:
    for name, shape in (("dropout1d", (60, 3)), ("dropout3d", (60, 2, 2, 2))):
        kept = dropped(name, steep.ones(*shape), 0.5).numpy().reshape(60, -1) != 0
        assert (kept == kept[:, :1]).all()
        assert 10 < kept[:, 0].sum() < 50


def test_dimensions_that_pytorch_warns_of() -> None:
    with pytest.warns(UserWarning, match="input is interpreted as shape"):
        kept = F.dropout2d(steep.ones(6, 50, 3)).numpy() != 0
    assert (kept == kept[..., :1]).all()
    assert (kept[0] != kept[1]).any()
    for function, shape in ((F.dropout2d, (2, 3)), (F.dropout3d, (2, 3, 4))):
        with pytest.warns(UserWarning, match="please use dropout instead"):
            function(steep.ones(*shape))
    with (
        pytest.warns(UserWarning, match="deprecated"),
        pytest.raises(RuntimeError, match="dropout2d: expected an input of at least 2 dimensions"),
    ):
        F.dropout2d(steep.ones(3))


def test_all_dropped() -> None:
    for name in (*CHANNELS, "alpha_dropout"):
        shape = CHANNELS.get(name, (2, 3))
        assert not dropped(name, steep.ones(*shape), 1.0).any()


def test_the_limit_is_that_of_selu() -> None:
    x = steep.zeros(1000)
    values = set(dropped("alpha_dropout", x, 0.5).tolist())
    limit = F.selu(tensor(np.array(-1e4))).item()
    scale = 1 / math.sqrt(0.5 * (1 + 0.5 * limit**2))
    shift = -0.5 * limit * scale
    assert sorted(values) == pytest.approx([limit * scale + shift, shift], rel=1e-6)


def network() -> Any:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.SELU(),
        nn.FeatureAlphaDropout(0.2),
        nn.Dropout2d(0.3),
        nn.Flatten(2),
        nn.Dropout1d(0.2),
        nn.Flatten(),
        nn.Linear(4 * 36, 8),
        nn.SELU(),
        nn.AlphaDropout(0.2),
        nn.Linear(8, 5),
    )


def test_training_replays_with_the_same_masks() -> None:
    twins = Twins(lambda: Run(network(), lr=0.01))
    for step in range(10):
        x = tensor(normal(6, 1, 8, 8, seed=step))
        y = steep.tensor([0, 1, 2, 3, 4, step % 5])
        steep.manual_seed(step)
        got = twins.compiled(x, y).detach().numpy()
        steep.manual_seed(step)
        same_bits(got, twins.plain.step(x, y).detach().numpy())
        twins.compare()
    assert replays(twins.compiled) > 5, twins.compiled.explain()
