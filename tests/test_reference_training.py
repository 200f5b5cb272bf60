"""What trains networks in the reference: layers against finite differences, optimisers by hand,
generators against NumPy, Python, torch's printed numbers and published vectors."""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cases import OPTIMIZERS
from steep.reference import optim
from steep.reference.layers import (
    CrossEntropyLoss,
    Dropout,
    Flatten,
    Layer,
    LeakyReLU,
    Linear,
    MSELoss,
    ReLU,
    Sequential,
    Sigmoid,
    Softmax,
    Tanh,
)
from steep.reference.optim import SGD, Adam, AdamW
from steep.reference.random import MT19937, philox4x32
from steep.reference.registry import Array

rng = np.random.default_rng(21)


def normal(*shape: int) -> Array:
    return np.asarray(rng.normal(size=shape))


def slopes(function: Any, x: Array, step: float = 1e-6) -> Array:
    """Central differences of ``function()`` by each element of `x`, which is changed in place."""
    out = np.empty_like(x)
    for i in np.ndindex(x.shape):
        kept = x[i]
        x[i] = kept + step
        above = function()
        x[i] = kept - step
        out[i] = (above - function()) / (2 * step)
        x[i] = kept
    return out


def dropout() -> Dropout:
    layer = Dropout(0.25)
    layer.mask = rng.random((4, 6)) < 0.75
    return layer


@pytest.mark.parametrize(
    "layer",
    [
        *(ReLU(), LeakyReLU(0.2), Tanh(), Sigmoid(), Softmax(1), Flatten(), dropout()),
        *(Linear(normal(5, 6), normal(5)), Linear(normal(5, 6))),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_layer(layer: Layer) -> None:
    x = normal(4, 6)
    weight = np.asarray(rng.normal(size=layer(x).shape))
    by_x = layer.backward(weight)

    def total() -> float:
        return float((layer(x) * weight).sum())

    np.testing.assert_allclose(by_x, slopes(total, x), rtol=1e-6, atol=1e-7)
    for parameter, gradient in zip(layer.parameters(), layer.gradients(), strict=True):
        np.testing.assert_allclose(gradient, slopes(total, parameter), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("loss", "target"),
    [(CrossEntropyLoss(label_smoothing=0.1), rng.integers(0, 3, 8)), (MSELoss(), normal(8, 3))],
    ids=["CrossEntropyLoss", "MSELoss"],
)
def test_network(loss: Any, target: Array) -> None:
    x = normal(8, 4)
    net = Sequential(Linear(normal(5, 4), normal(5)), Tanh(), Linear(normal(3, 5), normal(3)))
    first = float(loss(net(x), target))
    net.backward(loss.backward())
    for parameter, gradient in zip(net.parameters(), net.gradients(), strict=True):
        expected = slopes(lambda: float(loss(net(x), target)), parameter)
        np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-7)
    optimiser = Adam(net.parameters(), lr=0.02)
    for _ in range(100):
        net.zero_grad()
        loss(net(x), target)
        net.backward(loss.backward())
        optimiser.step(net.gradients())
    assert float(loss(net(x), target)) < 0.7 * first


def after(optimiser: type, grads: list[float], **kwargs: Any) -> float:
    """Where a parameter that starts at 1 ends."""
    p = np.array([1.0])
    stepper = optimiser([p], **kwargs)
    for g in grads:
        stepper.step([np.array([g])])
    stepper.step([None])
    return float(p[0])


def test_sgd_by_hand() -> None:
    assert after(SGD, [2.0], lr=0.1) == pytest.approx(0.8)
    assert after(SGD, [2.0], lr=0.1, maximize=True) == pytest.approx(1.2)
    assert after(SGD, [2.0], lr=0.1, weight_decay=1.0) == pytest.approx(0.7)
    # buffers 2, then 0.5 * 2 + 4 = 5
    assert after(SGD, [2.0, 4.0], lr=0.1, momentum=0.5) == pytest.approx(0.3)
    # dampened: 0.5 * 2 + 0.75 * 4 = 4; the first step is not dampened
    assert after(SGD, [2.0, 4.0], lr=0.1, momentum=0.5, dampening=0.25) == pytest.approx(0.4)
    # steps 2 + 0.5 * 2 = 3 and 4 + 0.5 * 5 = 6.5
    assert after(SGD, [2.0, 4.0], lr=0.1, momentum=0.5, nesterov=True) == pytest.approx(0.05)


def test_adam_by_hand() -> None:
    # The first step has length lr, whatever the gradient.
    assert after(Adam, [3.0], lr=0.1, eps=0.0) == pytest.approx(0.9)
    assert after(Adam, [3.0], lr=0.1, eps=0.0, maximize=True) == pytest.approx(1.1)
    assert after(AdamW, [3.0], lr=0.1, eps=0.0, weight_decay=0.5) == pytest.approx(0.95 - 0.1)
    # m = 0.1 * 3 * 0.9, v = 0.001 * 9 * 0.999 after a second gradient of 0
    second = 0.1 * (0.27 / 0.19) / np.sqrt(0.008991 / 0.001999)
    assert after(Adam, [3.0, 0.0], lr=0.1, eps=0.0) == pytest.approx(0.9 - second)
    # AMSGrad divides by the largest v, 0.009
    second = 0.1 * (0.27 / 0.19) / np.sqrt(0.009 / 0.001999)
    assert after(Adam, [3.0, 0.0], lr=0.1, eps=0.0, amsgrad=True) == pytest.approx(0.9 - second)


# ---- the formulas of the docstrings, one parameter at a time ------------------------------------

Update = Callable[[Array, Array, dict[str, Any]], Array]


def sgd(
    lr: float,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
    maximize: bool = False,
) -> Update:
    def update(p: Array, g: Array, state: dict[str, Any]) -> Array:
        g = (-g if maximize else g) + weight_decay * p
        if momentum:
            b = state.get("b")
            state["b"] = b = g if b is None else momentum * b + (1 - dampening) * g
            g = g + momentum * b if nesterov else b
        return p - lr * g

    return update


def adam(
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    amsgrad: bool = False,
    maximize: bool = False,
    decoupled: bool = False,
) -> Update:
    def update(p: Array, g: Array, state: dict[str, Any]) -> Array:
        g = -g if maximize else g
        if decoupled:
            p = p * (1 - lr * weight_decay)
        else:
            g = g + weight_decay * p
        t = state["t"] = state.get("t", 0) + 1
        m = state["m"] = betas[0] * state.get("m", 0) + (1 - betas[0]) * g
        v = state["v"] = betas[1] * state.get("v", 0) + (1 - betas[1]) * g**2
        if amsgrad:
            v = state["top"] = np.maximum(state.get("top", 0), v)
        denominator = np.sqrt(v) / math.sqrt(1 - betas[1] ** t) + eps
        return np.asarray(p - lr / (1 - betas[0] ** t) * m / denominator)

    return update


# For other classes a few values by hand will do, as above.
FORMULAS: dict[str, Callable[..., Update]] = {
    "SGD": sgd,
    "Adam": adam,
    "AdamW": functools.partial(adam, decoupled=True),
}


@pytest.mark.parametrize(
    ("name", "settings"), [(n, given) for n in FORMULAS for given in OPTIMIZERS[n].settings]
)
def test_optimisers_follow_the_formula(name: str, settings: dict[str, Any]) -> None:
    params = [normal(3, 4), normal(5), normal()]
    expected = [p.copy() for p in params]
    stepper = getattr(optim, name)(params, **settings)
    update, state = FORMULAS[name](**settings), [{} for _ in params]
    for _ in range(20):
        grads = [normal(*p.shape) for p in params]
        stepper.step(grads)
        expected = [update(*given) for given in zip(expected, grads, state, strict=True)]
    for p, e in zip(params, expected, strict=True):
        np.testing.assert_allclose(p, e, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("seed", [0, 1, 5489, 2**32 - 1])
def test_mt19937_is_numpys(seed: int) -> None:
    ours, theirs = MT19937(seed), np.random.RandomState(seed)
    expected = theirs.randint(0, 2**32, 1300, dtype=np.uint32)
    assert [ours.next() for _ in range(1300)] == expected.tolist()


@pytest.mark.parametrize("key", [[0], [12345], [1, 2, 3]])
def test_mt19937_is_pythons(key: list[int]) -> None:
    ours = MT19937.from_key(key)
    theirs = random.Random(sum(word << (32 * i) for i, word in enumerate(key)))
    assert [ours.next() for _ in range(1300)] == [theirs.getrandbits(32) for _ in range(1300)]


def test_draws_in_pytorchs_order() -> None:
    """What torch 2.13 prints after ``manual_seed(0)``."""
    for draw, expected in DRAWS.items():
        method, *args = draw
        np.testing.assert_allclose(getattr(MT19937(0), method)(*args), expected, rtol=1e-6)


DRAWS: dict[tuple[Any, ...], list[float]] = {
    ("rand", 3): [0.49625659, 0.7682218, 0.088477433],
    ("randn", 3): [1.5409961, -0.2934289, -2.1787894],
    ("randn", 17): [
        -1.1258398,
        -1.6959312,
        0.56665063,
        0.79350835,
        0.59883946,
        -1.5550951,
        -0.34136039,
        1.8530061,
        0.46809641,
        -0.58549756,
        -0.17339675,
        0.18347794,
        1.3893661,
        1.5863342,
        0.94629836,
        -0.84367675,
        0.93182659,
    ],
    ("randint", 0, 10, 8): [4, 9, 3, 0, 3, 9, 7, 3],
    ("randperm", 8): [4, 0, 7, 3, 2, 5, 1, 6],
}


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        (
            "00000000 00000000 00000000 00000000",
            "00000000 00000000",
            "6627e8d5 e169c58d bc57ac4c 9b00dbd8",
        ),
        (
            "ffffffff ffffffff ffffffff ffffffff",
            "ffffffff ffffffff",
            "408f276d 41c83b0e a20bc7c6 6d5451fd",
        ),
        (
            "243f6a88 85a308d3 13198a2e 03707344",
            "a4093822 299f31d0",
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_philox_known_answers(counter: str, key: str, expected: str) -> None:
    """The vectors that Random123 publishes for philox4x32 with ten rounds."""
    words = philox4x32([int(w, 16) for w in counter.split()], [int(w, 16) for w in key.split()])
    assert " ".join(f"{word:08x}" for word in words) == expected
