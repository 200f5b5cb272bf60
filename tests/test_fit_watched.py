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


def rare(count: int = 1200, share: float = 0.03) -> tuple[Tensor, Tensor]:
    """Numbers, and a class that is rare and cannot be told from them."""
    steep.manual_seed(2)
    return steep.randn(count, 6), (steep.rand(count) < share).long()


def told(net: nn.Module, loss: nn.Module, train: Any, **settings: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        fit(net, loss, adam(net), train, epochs=4, **settings)
    assert all(isinstance(one.message, TrainingWarning) for one in seen)
    assert {one.filename for one in seen} <= {__file__}
    return [str(one.message).partition(":")[0] for one in seen]


def test_a_class_that_accuracy_hides_is_told_at_the_end() -> None:
    x, y = rare()
    assert told(mlp(6, 16, 2), LOSS, (x, y), metrics=["accuracy"]) == ["class-imbalance"]
    binary = y.float()[:, None]
    assert told(mlp(6, 16, 1), nn.BCEWithLogitsLoss(), (x, binary)) == ["class-imbalance"]
    three = y + (steep.rand(len(y)) < 0.02).long()
    assert told(mlp(6, 16, 3), LOSS, (x, three), accumulate=1) == ["class-imbalance"]
    net = mlp(6, 16, 2)
    with pytest.raises(TrainingError, match=r"class 0 has 0\.97. of the 1200 samples"):
        fit(net, LOSS, adam(net), (x, y), epochs=4, sanitize="strict")


def test_a_rare_class_that_is_known_of_or_learned_is_not_told() -> None:
    x, y = rare()
    assert told(mlp(6, 16, 2), LOSS, (x, y), metrics=["recall_macro"]) == []
    weighted = nn.CrossEntropyLoss(weight=steep.tensor([1.0, 30.0]))
    assert told(mlp(6, 16, 2), weighted, (x, y)) == []
    assert told(mlp(6, 16, 2), LOSS, (x, y, steep.ones(len(y)))) == []
    assert told(mlp(6, 16, 2), LOSS, (x, y), steps=20) == []  # too short to say
    assert told(mlp(6, 16, 2), LOSS, (x, y), sanitize=False) == []
    learned = (x[:, 0] > 1.8).long()
    assert 0.02 < learned.float().mean().item() < 0.05
    net = mlp(6, 32, 2)
    fit(net, LOSS, adam(net, 1e-2), (x, learned), epochs=20)


def test_the_look_at_the_outcome_leaves_no_trace() -> None:
    def state(sanitize: bool) -> list[bytes]:
        net = network()
        x, y = rare()
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            fit(net, LOSS, adam(net), (x, y), epochs=4, sanitize=sanitize)
        assert len(seen) == sanitize
        assert net.training
        tensors = [*net.state_dict().values(), steep.get_rng_state()]
        return [tensor.numpy().tobytes() for tensor in tensors]

    assert state(True) == state(False)
