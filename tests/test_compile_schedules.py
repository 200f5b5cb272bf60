"""Compiled steps under learning-rate schedules: replayed with the new rates, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import steep
from cases import OPTIMIZERS
from compiling import reason, replays
from steep import nn
from steep.optim import lr_scheduler as S
from steep.optim.swa_utils import SWALR, AveragedModel, get_ema_avg_fn, get_ema_multi_avg_fn

SCHEDULES: dict[str, Callable[[Any], Any]] = {
    "LambdaLR": lambda o: S.LambdaLR(o, lambda e: 0.95**e),
    "MultiplicativeLR": lambda o: S.MultiplicativeLR(o, lambda e: 0.95),
    "StepLR": lambda o: S.StepLR(o, 3, 0.5),
    "MultiStepLR": lambda o: S.MultiStepLR(o, [4, 9], 0.5),
    "ConstantLR": S.ConstantLR,
    "LinearLR": lambda o: S.LinearLR(o, total_iters=20),
    "ExponentialLR": lambda o: S.ExponentialLR(o, 0.9),
    "PolynomialLR": lambda o: S.PolynomialLR(o, 30),
    "CosineAnnealingLR": lambda o: S.CosineAnnealingLR(o, 7),
    "CosineAnnealingWarmRestarts": lambda o: S.CosineAnnealingWarmRestarts(o, 7),
    "CyclicLR": lambda o: S.CyclicLR(o, 0.01, 0.1, 5),
    "OneCycleLR": lambda o: S.OneCycleLR(o, 0.1, total_steps=60),
    "SequentialLR": lambda o: S.SequentialLR(
        o, [S.ConstantLR(o, 0.1, 2), S.ExponentialLR(o, 0.9)], [5]
    ),
    "ChainedScheduler": lambda o: S.ChainedScheduler(
        [S.ConstantLR(o, 0.1, 2), S.ExponentialLR(o, 0.9)]
    ),
    "ReduceLROnPlateau": lambda o: S.ReduceLROnPlateau(o, patience=2),
    "SWALR": lambda o: SWALR(o, 0.01, anneal_epochs=5),
}


class Training:
    """A step with a schedule in it or after it."""

    def __init__(self, name: str, kind: str, compiled: bool, inside: bool, tensor: bool) -> None:
        steep.manual_seed(0)
        net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
        rate = steep.tensor(0.05) if tensor else 0.05
        settings = {"momentum": 0.9} if kind == "SGD" else {}
        optimizer = getattr(steep.optim, kind)(
            OPTIMIZERS[kind].takes(net.parameters()), lr=rate, **settings
        )
        schedule = SCHEDULES[name](optimizer)
        x, y = steep.randn(8, 3), steep.randn(8, 1)
        measure = (1.0,) if name == "ReduceLROnPlateau" else ()

        def step() -> Any:
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(net(x), y)
            loss.backward()
            optimizer.step()
            if inside:
                schedule.step(*measure)
            return loss.detach()

        self.function = steep.compile(step) if compiled else step
        self.losses = []
        for _ in range(24):
            self.losses.append(self.function().item())
            if not inside:
                schedule.step(*measure)
        self.state = [p.tolist() for p in net.parameters()], repr(schedule.state_dict())


@pytest.mark.parametrize("tensor", [False, True])
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_one_program_follows_a_schedule(name, kind, tensor):
    plain = Training(name, kind, False, False, tensor)
    compiled = Training(name, kind, True, False, tensor)
    assert compiled.losses == plain.losses
    assert compiled.state[0] == plain.state[0]
    assert len(compiled.function.programs()) == 1
    assert replays(compiled.function) == 21  # of 24 calls: one warms up, two are recorded


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_every_optimizer_follows_a_schedule(kind):
    plain = Training("ExponentialLR", kind, False, False, False)
    compiled = Training("ExponentialLR", kind, True, False, False)
    assert compiled.losses == plain.losses
    assert len(compiled.function.programs()) == 1
    assert replays(compiled.function) == 21


@pytest.mark.filterwarnings("ignore:compile. .*runs eagerly")
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_stepped_inside_is_right_and_eager_with_a_word(name):
    plain = Training(name, "SGD", False, True, False)
    compiled = Training(name, "SGD", True, True, False)
    assert compiled.losses == plain.losses
    assert compiled.state == plain.state
    assert replays(compiled.function) == 0
    text = "it steps a learning-rate schedule; call scheduler.step() outside the function"
    assert text in reason(compiled.function)


@pytest.mark.filterwarnings("ignore:compile. .*runs eagerly")
def test_the_rate_that_a_schedule_has_set_is_read_anew():
    found = []
    for compiled in (False, True):
        weight = steep.ones(2, requires_grad=True)
        optimizer = steep.optim.SGD([weight], lr=0.1)
        schedule = S.StepLR(optimizer, 7, 0.5)

        def step(optimizer: Any = optimizer, schedule: Any = schedule, weight: Any = weight) -> Any:
            optimizer.zero_grad()
            weight.sum().backward()
            optimizer.step()
            return weight.detach().clone(), schedule.get_last_lr()[0]

        function = steep.compile(step) if compiled else step
        rates = []
        for _ in range(20):
            value, rate = function()
            rates.append((value.tolist(), rate))
            schedule.step()
        found.append(rates)
    assert found[0] == found[1]


# ---- averages -----------------------------------------------------------------------------------

AVERAGES = {
    "equal": {},
    "exponential": {"avg_fn": get_ema_avg_fn(0.9)},
    "of all at once": {"multi_avg_fn": get_ema_multi_avg_fn(0.9)},
    "with buffers": {"use_buffers": True},
}


class Averaging:
    """A step that averages the weights."""

    def __init__(self, settings: dict[str, Any]) -> None:
        steep.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
        self.net.register_buffer("seen", steep.zeros(2))
        self.optimizer = steep.optim.SGD(self.net.parameters(), lr=0.05)
        self.average = AveragedModel(self.net, **settings)
        self.x = steep.randn(8, 3)

    def step(self) -> Any:
        self.optimizer.zero_grad()
        loss = self.net(self.x).square().mean()
        loss.backward()
        self.optimizer.step()
        self.net.seen.add_(1)
        self.average.update_parameters(self.net)
        return loss.detach()

    def state(self) -> Any:
        return {name: value.tolist() for name, value in self.average.state_dict().items()}


@pytest.mark.parametrize("settings", AVERAGES.values(), ids=AVERAGES)
def test_a_step_that_averages_the_weights_is_replayed(settings):
    plain, other = Averaging(settings), Averaging(settings)
    compiled = steep.compile(other.step, fullgraph=True)
    for i in range(16):
        if i == 9:  # the averages begin anew
            plain.average.n_averaged.zero_()
            other.average.n_averaged.zero_()
        assert compiled().item() == plain.step().item()
        assert other.state() == plain.state()
    assert replays(compiled) > 8


def test_another_average_is_followed():
    plain, other = Averaging({}), Averaging({})
    compiled = steep.compile(other.step, fullgraph=True)
    for i in range(18):
        if i == 6:
            for run in (plain, other):
                run.average.avg_fn = get_ema_avg_fn(0.5)
        if i == 12:
            for run in (plain, other):
                run.average.use_buffers = True
        assert compiled().item() == plain.step().item()
        assert other.state() == plain.state()
    assert replays(compiled) > 6
