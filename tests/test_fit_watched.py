"""`fit` under the sanitiser's watch: the same bits, and what it tells."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

import steep
from diagnose_bugs import broadcast
from diagnose_support import adam, mlp, sgd
from steep import Tensor, nn
from steep.diagnose import TrainingError, TrainingWarning
from steep.train import NonFiniteLoss, fit

LOSS = nn.CrossEntropyLoss()


def data(count: int = 200) -> tuple[Tensor, Tensor]:
    steep.manual_seed(1)
    y = steep.randint(0, 3, (count,))
    return 2 * steep.randn(3, 6)[y] + steep.randn(count, 6), y


def network() -> nn.Module:
    steep.manual_seed(0)
    return nn.Sequential(
        nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), mlp(16, 3)
    )


def bits(sanitize: Any, **settings: Any) -> list[bytes]:
    x, y = data()
    net = network()
    history = fit(
        net, LOSS, adam(net), (x, y), (x[:50] + 0.01, y[:50]), sanitize=sanitize, **settings
    )
    state = [tensor.numpy().tobytes() for tensor in net.state_dict().values()]
    numbers = [str(history["loss"] + history["val_loss"]).encode()]
    return [*state, *numbers, steep.get_rng_state().numpy().tobytes()]


@pytest.mark.parametrize(
    "settings",
    [{"epochs": 3}, {"epochs": 40}, {"epochs": 3, "accumulate": 2}, {"steps": 5, "clip_norm": 0.5}],
    ids=str,
)
def test_it_gives_the_same_bits(settings: dict[str, Any]) -> None:
    assert bits(True, **settings) == bits(False, **settings) == bits("strict", **settings)
    assert bits(True, compile=False, **settings) == bits(False, **settings)


def test_a_mistake_is_told_once_and_the_training_goes_on() -> None:
    net = nn.Sequential(network(), nn.Softmax(1))
    with pytest.warns(TrainingWarning, match=r"softmax-before-cross-entropy in 1") as seen:
        history = fit(net, LOSS, adam(net), data(), epochs=3)
    assert len(seen) == 1
    assert seen[0].filename == __file__
    assert len(history) == 3


def test_strict_raises_before_the_first_step() -> None:
    net = nn.Sequential(network(), nn.Softmax(1))
    before = [param.detach().numpy().tobytes() for param in net.parameters()]
    with pytest.raises(TrainingError, match="softmax-before-cross-entropy"):
        fit(net, LOSS, adam(net), data(), sanitize="strict")
    assert [param.detach().numpy().tobytes() for param in net.parameters()] == before
    assert all(module._hooks is None for module in net.modules())


def test_it_can_be_turned_off() -> None:
    net = nn.Sequential(network(), nn.Softmax(1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(net, LOSS, adam(net), data(), epochs=1, sanitize=False)
    with pytest.raises(ValueError, match="expected sanitize to be True, False or 'strict'"):
        fit(net, LOSS, adam(net), data(), sanitize="perhaps")


def test_nothing_is_left_behind() -> None:
    net, loss = network(), nn.CrossEntropyLoss()
    fit(net, loss, adam(net), data(), epochs=1)
    assert all(module._hooks is None for module in [*net.modules(), loss])


def test_what_shows_at_the_end_is_told_of_a_short_training() -> None:
    net = mlp(6, 16, 3)
    with pytest.warns(TrainingWarning, match="not-in-optimizer in 0"):
        fit(net, LOSS, adam(net[2]), data(), epochs=1)


def test_a_broadcast_is_told() -> None:
    net = mlp(6, 16, 1)
    x, y = data()
    with pytest.warns(TrainingWarning, match="silent-broadcast"):
        fit(net, broadcast, adam(net), (x, y.float()), epochs=1)


def test_weights_of_samples() -> None:
    net = mlp(6, 16, 3)
    x, y = data()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(net, LOSS, adam(net), (x, y, 0.1 + steep.rand(len(y))), epochs=20)


def test_the_layer_of_a_loss_that_is_not_finite_is_named() -> None:
    net = network()
    with pytest.warns(TrainingWarning) as seen, pytest.raises(NonFiniteLoss):
        fit(net, LOSS, sgd(net, 1e30), data())
    found = [w.message.finding for w in seen if isinstance(w.message, TrainingWarning)]
    assert any(finding is not None and finding.code == "non-finite" for finding in found)
