"""Learning-rate schedules against their formulas, alone and together; states, errors, warnings."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from schedule_support import RATES, advance, made, momentum_of, numbers, two_groups
from steep.optim import lr_scheduler


def triangle(t: int, up: int, down: int) -> tuple[int, float]:
    """The cycle, from 1 on, and the height in it."""
    cycle, rest = divmod(t, up + down)
    return cycle + 1, rest / up if rest <= up else (up + down - rest) / down


def one_cycle(t: int, base: float, total: int, cosine: bool) -> float:
    """From a 25th of 0.7 to 0.7 in three tenths of the steps, and to 1 / 10000 of the former."""
    peak, last = 0.3 * total - 1, total - 1
    low, lowest = 0.7 / 25, 0.7 / 25 / 1e4
    start, end, share = (
        (low, 0.7, t / peak) if t <= peak else (0.7, lowest, (t - peak) / (last - peak))
    )
    weight = (1 - math.cos(math.pi * share)) / 2 if cosine else share
    return start + (end - start) * weight


def restart(t: int, first: int, factor: int) -> tuple[int, int]:
    """Epochs since the last restart, and how long this run is."""
    length = first
    while t >= length:
        t, length = t - length, length * factor
    return t, length


def half_cosine(share: float, base: float, low: float = 0.0) -> float:
    return low + (base - low) * (1 + math.cos(math.pi * share)) / 2


# A schedule, its settings, and the rate at epoch t from the initial one.
FORMULAS: list[tuple[str, dict[str, Any], Callable[[int, float], float]]] = [
    ("LambdaLR", {"lr_lambda": lambda e: 0.9**e}, lambda t, b: b * 0.9**t),
    ("MultiplicativeLR", {"lr_lambda": lambda e: 0.9}, lambda t, b: b * 0.9**t),
    ("StepLR", {"step_size": 3, "gamma": 0.5}, lambda t, b: b * 0.5 ** (t // 3)),
    (
        "MultiStepLR",
        {"milestones": [2, 5, 5]},
        lambda t, b: b * 0.1 ** ((t >= 2) + 2 * (t >= 5)),
    ),
    ("ConstantLR", {"factor": 0.25, "total_iters": 4}, lambda t, b: b if t >= 4 else b / 4),
    (
        "LinearLR",
        {"start_factor": 0.2, "end_factor": 0.8, "total_iters": 6},
        lambda t, b: b * (0.2 + 0.6 * min(t, 6) / 6),
    ),
    ("ExponentialLR", {"gamma": 0.95}, lambda t, b: b * 0.95**t),
    (
        "PolynomialLR",
        {"total_iters": 12, "power": 1.5},
        lambda t, b: b * (1 - min(t, 12) / 12) ** 1.5,
    ),
    (
        "CosineAnnealingLR",
        {"T_max": 5, "eta_min": 0.01},
        lambda t, b: half_cosine(t / 5, b, 0.01),
    ),
    (
        "CosineAnnealingWarmRestarts",
        {"T_0": 3, "T_mult": 2, "eta_min": 0.01},
        lambda t, b: half_cosine(restart(t, 3, 2)[0] / restart(t, 3, 2)[1], b, 0.01),
    ),
    (
        "CyclicLR",
        {"base_lr": 0.1, "max_lr": 0.9, "step_size_up": 4, "step_size_down": 3},
        lambda t, b: 0.1 + 0.8 * triangle(t, 4, 3)[1],
    ),
    (
        "CyclicLR",
        {"base_lr": 0.1, "max_lr": 0.9, "step_size_up": 4, "mode": "triangular2"},
        lambda t, b: 0.1 + 0.8 * triangle(t, 4, 4)[1] / 2 ** (triangle(t, 4, 4)[0] - 1),
    ),
    (
        "CyclicLR",
        {"base_lr": 0.1, "max_lr": 0.9, "step_size_up": 4, "mode": "exp_range", "gamma": 0.9},
        lambda t, b: 0.1 + 0.8 * triangle(t, 4, 4)[1] * 0.9**t,
    ),
    (
        "CyclicLR",
        {"base_lr": 0.1, "max_lr": 0.9, "step_size_up": 4, "scale_fn": lambda x: 1 / x},
        lambda t, b: 0.1 + 0.8 * triangle(t, 4, 4)[1] / triangle(t, 4, 4)[0],
    ),
    ("OneCycleLR", {"max_lr": 0.7, "total_steps": 30}, lambda t, b: one_cycle(t, b, 30, True)),
    (
        "OneCycleLR",
        {"max_lr": 0.7, "epochs": 6, "steps_per_epoch": 5, "anneal_strategy": "linear"},
        lambda t, b: one_cycle(t, b, 30, False),
    ),
]
IDS = [f"{name}-{i}" for i, (name, _, _) in enumerate(FORMULAS)]


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("tensors", [False, True])
@pytest.mark.parametrize(("name", "settings", "formula"), FORMULAS, ids=IDS)
def test_schedule_follows_its_formula(name, settings, formula, tensors, kind):
    optimizer = two_groups(kind, tensors)
    held = [group["lr"] for group in optimizer.param_groups]
    schedule = made(name, optimizer, settings)
    for t in range(25):
        expected = [formula(t, base) for base in RATES]
        assert numbers(schedule.get_last_lr()) == pytest.approx(expected, rel=1e-9, abs=1e-12)
        assert numbers(g["lr"] for g in optimizer.param_groups) == numbers(schedule.get_last_lr())
        optimizer.step()
        schedule.step()
    if tensors:  # whoever holds the tensor sees the rate
        assert all(g["lr"] is x for g, x in zip(optimizer.param_groups, held, strict=True))


@pytest.mark.parametrize(("name", "settings", "formula"), FORMULAS, ids=IDS)
def test_schedule_goes_on_from_a_state_dict(name, settings, formula):
    whole = two_groups()
    expected = advance(whole, made(name, whole, settings), 20)
    first = two_groups()
    schedule = made(name, first, settings)
    got = advance(first, schedule, 8)
    saved = copy.deepcopy(first.state_dict()), copy.deepcopy(schedule.state_dict())
    other = two_groups()
    schedule = made(name, other, settings)
    other.load_state_dict(saved[0])
    schedule.load_state_dict(saved[1])
    assert got + advance(other, schedule, 12) == expected
    assert "optimizer" not in saved[1]


# Those whose rate at an epoch does not depend on the rates before it, and chainable ones.
CLOSED = [row for row in FORMULAS if row[0] not in ("MultiplicativeLR", "LambdaLR")]


@pytest.mark.parametrize(("name", "settings", "formula"), CLOSED, ids=lambda x: str(x)[:20])
def test_schedule_jumps_to_an_epoch(name, settings, formula):
    optimizer = two_groups()
    schedule = made(name, optimizer, settings)
    optimizer.step()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for epoch in (7, 2, 11):
            schedule.step(epoch)
            expected = [formula(epoch, base) for base in RATES]
            assert numbers(schedule.get_last_lr()) == pytest.approx(expected, rel=1e-9, abs=1e-12)
            assert schedule.last_epoch == epoch


RESUMED = [row for row in FORMULAS if row[0] in ("LambdaLR", "CyclicLR", "OneCycleLR")]


@pytest.mark.parametrize(("name", "settings", "formula"), RESUMED, ids=lambda x: str(x)[:20])
def test_schedule_resumes_at_an_epoch(name, settings, formula):
    optimizer = two_groups()
    advance(optimizer, made(name, optimizer, settings), 6)
    schedule = made(name, optimizer, settings, last_epoch=6)  # the sixth was the last one
    for t in (7, 8, 9):
        assert schedule.last_epoch == t
        expected = [formula(t, base) for base in RATES]
        assert numbers(schedule.get_last_lr()) == pytest.approx(expected)
        advance(optimizer, schedule, 1)


def test_schedule_that_multiplies_resumes_with_the_rate_there_is():
    optimizer = two_groups()
    rates = advance(optimizer, lr_scheduler.ExponentialLR(optimizer, 0.9), 6)[-1]
    schedule = lr_scheduler.ExponentialLR(optimizer, 0.9, last_epoch=6)
    assert schedule.get_last_lr() == rates
    assert schedule.base_lrs == list(RATES)


def test_schedule_needs_the_initial_rate_to_resume():
    with pytest.raises(KeyError, match=r"'initial_lr' is not specified in param_groups\[0\]"):
        lr_scheduler.StepLR(two_groups(), 1, last_epoch=3)


# ---- momentum -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["SGD", "Adam", "AdamW"])
def test_momentum_goes_against_the_rate(kind):
    optimizer = two_groups(kind)
    low, high = [0.7, 0.8], [0.9, 0.95]
    cyclic = lr_scheduler.CyclicLR(
        optimizer, 0.1, 0.9, step_size_up=4, base_momentum=low, max_momentum=high
    )
    for t in range(12):
        height = triangle(t, 4, 4)[1]
        expected = [b - (b - a) * height for a, b in zip(low, high, strict=True)]
        assert momentum_of(optimizer) == pytest.approx(expected)
        advance(optimizer, cyclic, 1)
    optimizer = two_groups(kind)
    schedule = lr_scheduler.OneCycleLR(optimizer, 0.7, total_steps=20, anneal_strategy="linear")
    for t in range(20):
        share = t / 5 if t <= 5 else 1 - (t - 5) / 14
        assert momentum_of(optimizer) == pytest.approx([0.95 - 0.1 * share] * 2)
        if t < 19:
            advance(optimizer, schedule, 1)


def test_momentum_stays_where_it_is_not_asked_for():
    optimizer = two_groups()
    schedule = lr_scheduler.OneCycleLR(optimizer, 0.7, total_steps=9, cycle_momentum=False)
    advance(optimizer, schedule, 5)
    assert momentum_of(optimizer) == [0.9, 0.9]


def test_three_phases_are_symmetric_and_then_go_to_nothing():
    optimizer = two_groups()
    schedule = lr_scheduler.OneCycleLR(
        optimizer, 0.5, total_steps=20, three_phase=True, anneal_strategy="linear"
    )
    rates = [schedule.get_last_lr()[0], *(rate[0] for rate in advance(optimizer, schedule, 19))]
    assert rates[:6] == pytest.approx([0.02 + 0.48 * t / 5 for t in range(6)])
    assert rates[5:11] == pytest.approx(rates[5::-1])
    assert rates[-1] == pytest.approx(0.02 / 1e4)


# ---- several at once ----------------------------------------------------------------------------


def test_schedules_of_one_optimizer_are_multiplied():
    optimizer = two_groups()
    first = lr_scheduler.ExponentialLR(optimizer, 0.9)
    second = lr_scheduler.StepLR(optimizer, 2, 0.5)
    for t in range(1, 9):
        optimizer.step()
        first.step()
        second.step()
        expected = [base * 0.9**t * 0.5 ** (t // 2) for base in RATES]
        assert numbers(second.get_last_lr()) == pytest.approx(expected)


def test_chained_schedules_take_their_steps_together():
    apart, together = two_groups(), two_groups()

    def pair(optimizer: Any) -> list[Any]:
        return [
            lr_scheduler.ConstantLR(optimizer, 0.5, 3),
            lr_scheduler.ExponentialLR(optimizer, 0.9),
        ]

    both, chained = pair(apart), lr_scheduler.ChainedScheduler(pair(together))
    for _ in range(6):
        apart.step()
        for schedule in both:
            schedule.step()
        assert advance(together, chained, 1)[0] == numbers(both[1].get_last_lr())
    state = chained.state_dict()
    assert sorted(state) == ["_last_lr", "_schedulers"]
    assert state["_schedulers"][0]["factor"] == 0.5


def sequence(optimizer: Any) -> Any:
    parts = [
        lr_scheduler.ConstantLR(optimizer, factor=0.25, total_iters=10),
        lr_scheduler.ExponentialLR(optimizer, gamma=0.5),
        lr_scheduler.CosineAnnealingLR(optimizer, T_max=4),
    ]
    return lr_scheduler.SequentialLR(optimizer, parts, milestones=[3, 6])


def test_schedules_one_after_the_other_begin_at_their_milestones():
    optimizer = two_groups()
    schedule = sequence(optimizer)
    rates = [schedule.get_last_lr()[0], *(rate[0] for rate in advance(optimizer, schedule, 9))]
    assert rates[:3] == [0.025] * 3
    assert rates[3:6] == pytest.approx([0.1, 0.05, 0.025])
    # It goes on from the rate there is, towards 0.
    assert rates[6] == pytest.approx(half_cosine(0, 0.1))
    assert rates[6] > rates[7] > rates[8] > rates[9] > 0


def test_a_sequence_goes_on_from_a_state_dict():
    whole = two_groups()
    expected = advance(whole, sequence(whole), 9)
    first = two_groups()
    schedule = sequence(first)
    got = advance(first, schedule, 4)
    other = two_groups()
    resumed = sequence(other)
    other.load_state_dict(first.state_dict())
    state = copy.deepcopy(schedule.state_dict())
    resumed.load_state_dict(state)
    assert got + advance(other, resumed, 5) == expected
    assert "_schedulers" in state  # what was loaded is as it was
    state["_schedulers"].pop()
    with pytest.raises(ValueError, match="expected the states of 3 schedulers, got 2"):
        resumed.load_state_dict(state)
