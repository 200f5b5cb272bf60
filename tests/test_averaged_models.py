"""Averages of weights: their formulas, buffers, rates and batch statistics."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest

import steep
from schedule_support import RATES, advance, two_groups
from steep import nn
from steep.optim import swa_utils
from steep.optim.swa_utils import AveragedModel

DECAY = 0.25


def equal(average: Any, current: Any, count: int) -> Any:
    return average + (current - average) / (count + 1)


def exponential(average: Any, current: Any, count: int) -> Any:
    return DECAY * average + (1 - DECAY) * current


AVERAGES: dict[str, tuple[dict[str, Any], Any]] = {
    "default": ({}, equal),
    "equal": ({"avg_fn": swa_utils.get_swa_avg_fn()}, equal),
    "exponential": ({"avg_fn": swa_utils.get_ema_avg_fn(DECAY)}, exponential),
    "equal of all": ({"multi_avg_fn": swa_utils.get_swa_multi_avg_fn()}, equal),
    "exponential of all": ({"multi_avg_fn": swa_utils.get_ema_multi_avg_fn(DECAY)}, exponential),
    "of one's own": ({"avg_fn": lambda a, b, n: (a + b) / 2}, lambda a, b, n: (a + b) / 2),
}


def model_with_buffers() -> Any:
    steep.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 2, dtype=steep.float64), nn.Linear(2, 1))
    model.register_buffer("mean", steep.zeros(2))
    model.register_buffer("count", steep.tensor(0))
    return model


def change(model: Any) -> None:
    with steep.no_grad():
        for p in model.parameters():
            p.add_(steep.randn_like(p))
        model.mean.add_(1.5)
        model.count.add_(4)


@pytest.mark.parametrize("use_buffers", [False, True])
@pytest.mark.parametrize("name", AVERAGES)
def test_averages_follow_their_formula(name, use_buffers):
    settings, formula = AVERAGES[name]
    model = model_with_buffers()
    average = AveragedModel(model, use_buffers=use_buffers, **settings)
    expected: dict[str, Any] = {}
    for count in range(5):
        change(model)
        average.update_parameters(model)
        for key, value in model.state_dict().items():
            current = np.asarray(value.tolist())
            is_copied = count == 0 or (key in ("mean", "count") and not use_buffers)
            expected[key] = current if is_copied else formula(expected[key], current, count)
            if key == "count":
                expected[key] = np.trunc(expected[key])
        for key, value in average.module.state_dict().items():
            np.testing.assert_allclose(value.tolist(), expected[key], rtol=1e-6, atol=1e-7)
    assert average.n_averaged.item() == 5
    assert average.n_averaged.dtype == steep.int64


def test_an_averaged_model_is_a_model():
    model = nn.Linear(3, 2)
    average = AveragedModel(model, device="cpu")
    assert list(average.state_dict()) == ["n_averaged", "module.weight", "module.bias"]
    x = steep.ones(4, 3)
    assert average(x).tolist() == model(x).tolist()
    assert average.module is not model
    average.update_parameters(model)
    loaded = AveragedModel(nn.Linear(3, 2))
    loaded.load_state_dict(average.state_dict())
    other = copy.deepcopy(average)
    with steep.no_grad():
        model.weight.zero_()
    for x in (average, loaded, other):
        x.update_parameters(model)
        assert x.n_averaged.item() == 2
    assert average.module.weight.tolist() == loaded.module.weight.tolist()
    assert average.module.weight.tolist() == other.module.weight.tolist()
    assert all(p.grad is None and p.is_leaf for p in average.parameters())


@pytest.mark.parametrize("make", [swa_utils.get_ema_avg_fn, swa_utils.get_ema_multi_avg_fn])
@pytest.mark.parametrize("decay", [-0.1, 1.5])
def test_decays_are_between_0_and_1(make, decay):
    with pytest.raises(ValueError, match=f"Invalid decay value {decay} provided"):
        make(decay)


def test_one_average_at_a_time():
    with pytest.raises(AssertionError, match="Only one of avg_fn and multi_avg_fn"):
        AveragedModel(nn.Linear(1, 1), avg_fn=equal, multi_avg_fn=lambda a, b, n: None)


# ---- rates --------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["cos", "linear"])
@pytest.mark.parametrize("epochs", [0, 1, 4])
@pytest.mark.parametrize("tensors", [False, True])
def test_rates_go_to_those_of_the_averaging(strategy, epochs, tensors):
    optimizer = two_groups(tensors=tensors)
    swa = [0.03, 0.7]
    schedule = swa_utils.SWALR(optimizer, swa, epochs, strategy)
    for t in range(8):
        share = min(1, t / epochs) if epochs else 1.0
        if strategy == "cos":
            share = (1 - math.cos(math.pi * share)) / 2
        expected = [a * (1 - share) + b * share for a, b in zip(RATES, swa, strict=True)]
        assert [float(x) for x in schedule.get_last_lr()] == pytest.approx(expected)
        advance(optimizer, schedule, 1)
    other = swa_utils.SWALR(two_groups(), 0.5)
    other.load_state_dict(schedule.state_dict())
    assert other.anneal_epochs == epochs


BAD: list[tuple[dict[str, Any], str]] = [
    ({"swa_lr": [0.1]}, "swa_lr must have the same length as optimizer.param_groups"),
    ({"swa_lr": 0.1, "anneal_strategy": "x"}, "must be one of 'cos' or 'linear', instead got x"),
    ({"swa_lr": 0.1, "anneal_epochs": -1}, "equal or greater than 0, got -1"),
    ({"swa_lr": 0.1, "anneal_epochs": 1.5}, "equal or greater than 0, got 1.5"),
]


@pytest.mark.parametrize(("settings", "text"), BAD)
def test_bad_rates_are_refused(settings, text):
    optimizer = two_groups()
    with pytest.raises(ValueError, match=text):
        swa_utils.SWALR(optimizer, **settings)
    assert "swa_lr" not in optimizer.param_groups[0]


# ---- statistics of batches ----------------------------------------------------------------------


class Norm(nn.Module):
    """Batch normalisation without more than its running mean."""

    def __init__(self) -> None:
        super().__init__()
        self.momentum: float | None = 0.1
        self.register_buffer("mean", steep.full((2,), 9.0))
        self.seen = 9

    def reset_running_stats(self) -> None:
        self.mean.zero_()
        self.seen = 0

    def forward(self, x: Any) -> Any:
        if self.training:
            assert not steep.is_grad_enabled()
            self.seen += 1
            share = 1 / self.seen if self.momentum is None else self.momentum
            self.mean.add_(x.mean(0) - self.mean, alpha=share)
        if x[0, 0].item() < 0:
            raise RuntimeError("below 0")
        return x - self.mean


@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: (x, 3), lambda x: [x]])
def test_batch_statistics_are_the_mean_of_all_batches(wrap):
    model = nn.Sequential(nn.Identity(), Norm(), nn.Dropout(0.5))
    model.eval()
    model[2].train()
    batches = [steep.full((3, 2), value) for value in (1.0, 2.0, 6.0)]
    swa_utils.update_bn([wrap(x) for x in batches], model, "cpu")
    assert model[1].mean.tolist() == pytest.approx([3.0, 3.0])
    assert model[1].momentum == 0.1
    assert [m.training for m in model.modules()] == [False, False, False, True]


def test_modes_and_momenta_are_put_back_after_an_error():
    model = nn.Sequential(Norm()).eval()
    with pytest.raises(RuntimeError, match="below 0"):
        swa_utils.update_bn([steep.full((3, 2), -1.0)], model)
    assert model[0].momentum == 0.1
    assert not model[0].training


def test_without_batch_normalisation_no_batch_is_looked_at():
    def batches() -> Any:
        raise AssertionError
        yield

    swa_utils.update_bn(batches(), nn.Linear(2, 1))
