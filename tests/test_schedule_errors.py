"""Plateaus, schedules of one's own, and what all schedules warn of and refuse."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import steep
from schedule_support import RATES, advance, made, momentum_of, numbers, two_groups
from steep.optim import lr_scheduler

# ---- a measure that no longer gets better -------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "measures", "expected"),
    [
        ({"patience": 2}, [3, 2, 2, 2, 2, 2], [1, 1, 1, 1, 0.5, 0.5]),
        ({"patience": 0}, [3, 3, 3, 2, 2], [1, 0.5, 0.25, 0.25, 0.125]),
        ({"patience": 0, "cooldown": 2}, [3, 3, 3, 3, 3], [1, 0.5, 0.5, 0.5, 0.25]),
        ({"patience": 0, "mode": "max"}, [1, 2, 1, 3], [1, 1, 0.5, 0.5]),
        ({"patience": 0, "threshold": 0.5}, [4, 3, 1, 0.6], [1, 0.5, 0.5, 0.25]),
        (
            {"patience": 0, "threshold": 0.5, "threshold_mode": "abs"},
            [4, 3, 2.8, 2.2],
            [1, 1, 0.5, 0.5],
        ),
        ({"patience": 0, "min_lr": 0.4}, [3, 3, 3, 3], [1, 0.5, 0.4, 0.4]),
        ({"patience": 0, "eps": 0.3}, [3, 3, 3, 3], [1, 0.5, 0.5, 0.5]),
        ({"patience": 0}, [float("nan"), 1, 1], [0.5, 0.5, 0.25]),
    ],
)
def test_rate_falls_where_a_measure_does_not(settings, measures, expected):
    optimizer = steep.optim.SGD([steep.ones(1, requires_grad=True)], lr=1.0)
    schedule = lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, **settings)
    rates = []
    for measure in measures:
        schedule.step(measure)
        rates += schedule.get_last_lr()
    assert rates == expected
    assert optimizer.param_groups[0]["lr"] == expected[-1]


def test_measures_may_be_tensors_and_floors_lists():
    optimizer = two_groups(tensors=True)
    schedule = lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, min_lr=[0.02, 0.3])
    for _ in range(4):
        schedule.step(steep.tensor(1.0))
    assert numbers(schedule.get_last_lr()) == pytest.approx([0.02, 0.3])
    optimizer.add_param_group({"params": [steep.ones(1, requires_grad=True)], "lr": 0.1})
    before = copy.deepcopy(schedule.state_dict())
    with pytest.raises(RuntimeError, match=r"number of param groups in the `optimizer` \(3\)"):
        schedule.step(1.0)
    assert schedule.state_dict() == before
    plain = lr_scheduler.ReduceLROnPlateau(two_groups(), patience=0)
    plain.optimizer.add_param_group({"params": [steep.ones(1, requires_grad=True)], "lr": 0.1})
    for _ in range(2):
        plain.step(1.0)
    assert plain.get_last_lr() == pytest.approx([0.01, 0.05, 0.01])


def test_a_plateau_goes_on_from_a_state_dict():
    first = lr_scheduler.ReduceLROnPlateau(two_groups(), "max", patience=1)
    for measure in (1, 2, 1):
        first.step(measure)
    second = lr_scheduler.ReduceLROnPlateau(two_groups(), "min", patience=5)
    second.load_state_dict(first.state_dict())
    for measure in (1, 3, 2, 2):
        first.step(measure)
        second.step(measure)
    assert second.state_dict() == first.state_dict()
    assert second.mode_worse == -math.inf


# ---- of one's own -------------------------------------------------------------------------------


class Factor:
    def __init__(self, base: float) -> None:
        self.base = base

    def __call__(self, epoch: float) -> float:
        return self.base**epoch


@pytest.mark.parametrize("name", ["LambdaLR", "MultiplicativeLR"])
def test_state_of_callable_objects_is_saved_but_not_of_functions(name):
    schedule = made(name, two_groups(), {"lr_lambda": [Factor(0.5), lambda e: 1.0]})
    state = schedule.state_dict()
    assert state["lr_lambdas"] == [{"base": 0.5}, None]
    other = made(name, two_groups(), {"lr_lambda": [Factor(0.9), lambda e: 1.0]})
    other.load_state_dict(state)
    assert other.lr_lambdas[0].base == 0.5
    assert "lr_lambdas" in state


def test_state_of_a_callable_scale_is_saved():
    settings = {"base_lr": 0.1, "max_lr": 0.9, "scale_mode": "iterations"}
    schedule = lr_scheduler.CyclicLR(two_groups(), **settings, scale_fn=Factor(0.5))
    state = schedule.state_dict()
    assert state["_scale_fn_custom"] == {"base": 0.5}
    other = lr_scheduler.CyclicLR(two_groups(), **settings, scale_fn=Factor(0.9))
    other.load_state_dict(state)
    assert other.scale_fn(2) == 0.25


def test_a_schedule_of_ones_own_is_warned_and_checked():
    class Bad(lr_scheduler.LRScheduler):
        def get_lr(self) -> Any:
            return [0.1] if self.last_epoch else [0.1, 0.2]

    optimizer = two_groups()
    schedule = Bad(optimizer)
    optimizer.step()
    before = copy.deepcopy(schedule.state_dict())
    with pytest.raises(ValueError, match="Bad: expected one learning rate for each of the"):
        schedule.step()
    assert schedule.state_dict() == before
    assert [g["lr"] for g in optimizer.param_groups] == [0.1, 0.2]
    with pytest.raises(NotImplementedError):
        lr_scheduler.LRScheduler(two_groups())


def test_a_step_beyond_the_last_changes_nothing():
    optimizer = two_groups()
    schedule = lr_scheduler.OneCycleLR(optimizer, 0.7, total_steps=3)
    advance(optimizer, schedule, 3)
    before = copy.deepcopy(schedule.state_dict())
    for _ in range(2):
        with pytest.raises(ValueError, match="Tried to step 4 times"):
            schedule.step()
    assert schedule.state_dict() == before


# ---- warnings -----------------------------------------------------------------------------------


def stepped(optimizer: Any) -> None:
    optimizer.param_groups[0]["params"][0].grad = steep.ones(2)
    optimizer.step()


def test_a_schedule_stepped_too_early_warns():
    optimizer = two_groups()
    stepped(optimizer)  # before the schedule is there: this does not count
    schedule = lr_scheduler.StepLR(optimizer, 1)
    with pytest.warns(UserWarning, match=r"`lr_scheduler.step\(\)` before `optimizer.step\(\)`"):
        schedule.step()
    optimizer = two_groups()
    schedule = lr_scheduler.StepLR(optimizer, 1)
    stepped(optimizer)
    schedule.step()


def test_copies_of_a_schedule_go_on_without_a_warning():
    schedule = lr_scheduler.StepLR(two_groups(), 1)
    for other in (copy.deepcopy(schedule), pickle.loads(pickle.dumps(schedule))):
        assert other.optimizer is not schedule.optimizer
        stepped(other.optimizer)
        other.step()
        assert numbers(other.get_last_lr()) == pytest.approx([0.01, 0.05])
    assert schedule.get_last_lr() == list(RATES)


def test_a_replayed_step_counts():
    weight = steep.ones(2, requires_grad=True)
    optimizer = steep.optim.SGD([weight], lr=0.1)

    @steep.compile
    def step() -> None:
        optimizer.zero_grad()
        weight.sum().backward()
        optimizer.step()

    for _ in range(5):
        step()
    runs = step.programs()[0].runs
    assert runs > 0
    schedule = lr_scheduler.StepLR(optimizer, 1)
    step()
    assert step.programs()[0].runs == runs + 1
    schedule.step()


def test_a_replaced_step_is_warned_of():
    optimizer = two_groups()
    schedule = lr_scheduler.StepLR(optimizer, 1)
    optimizer.step = lambda: None
    with pytest.warns(UserWarning, match="has been overridden after learning rate scheduler"):
        schedule.step()


def test_epochs_and_direct_calls_are_warned_of():
    optimizer = two_groups()
    schedule = lr_scheduler.StepLR(optimizer, 1)
    stepped(optimizer)
    with pytest.warns(UserWarning, match="The epoch parameter in"):
        schedule.step(3)
    with pytest.warns(UserWarning, match="please use `get_last_lr"):
        schedule.get_lr()


# ---- errors -------------------------------------------------------------------------------------

S = lr_scheduler
BAD: list[tuple[Callable[[Any], Any], type[Exception], str]] = [
    (lambda o: S.StepLR(3, 1), TypeError, "int is not an Optimizer"),
    (lambda o: S.CyclicLR(3, 1, 2), TypeError, "int is not an Optimizer"),
    (lambda o: S.OneCycleLR(3, 1, 2), TypeError, "int is not an Optimizer"),
    (lambda o: S.ReduceLROnPlateau(3), TypeError, "int is not an Optimizer"),
    (lambda o: S.LambdaLR(3, len), TypeError, "int is not an Optimizer"),
    (lambda o: S.LambdaLR(o, [len]), ValueError, "Expected 2 lr_lambdas, but got 1"),
    (lambda o: S.MultiplicativeLR(o, 3), TypeError, "lr_lambda should be a function, but got int"),
    (lambda o: S.ConstantLR(o, factor=2), ValueError, "between 0 and 1"),
    (lambda o: S.LinearLR(o, start_factor=0), ValueError, "greater than 0 and less or equal to 1"),
    (lambda o: S.LinearLR(o, end_factor=-1), ValueError, "Ending multiplicative factor"),
    (lambda o: S.CosineAnnealingWarmRestarts(o, 0), ValueError, "positive integer T_0"),
    (lambda o: S.CosineAnnealingWarmRestarts(o, 1, 0), ValueError, "T_mult >= 1"),
    (lambda o: S.CosineAnnealingWarmRestarts(o, 1, 1, "x"), ValueError, "float or int eta_min"),
    (lambda o: S.CyclicLR(o, 1, 2, mode="x"), ValueError, "mode is invalid and scale_fn is None"),
    (lambda o: S.CyclicLR(o, [1], 2), ValueError, "base_lr must have the same length"),
    (lambda o: S.CyclicLR(o, 1, 2, max_momentum=[1]), ValueError, "max_momentum must have the"),
    (lambda o: S.OneCycleLR(o, 1), ValueError, "You must define either total_steps OR"),
    (lambda o: S.OneCycleLR(o, 1, 2.5), ValueError, "positive integer total_steps, but got 2.5"),
    (lambda o: S.OneCycleLR(o, 1, epochs=0, steps_per_epoch=1), ValueError, "integer epochs"),
    (lambda o: S.OneCycleLR(o, 1, 5, pct_start=2), ValueError, "between 0 and 1 pct_start"),
    (lambda o: S.OneCycleLR(o, 1, 5, anneal_strategy="q"), ValueError, "'cos' or 'linear'"),
    (lambda o: S.ReduceLROnPlateau(o, mode="x"), ValueError, "mode x is unknown!"),
    (lambda o: S.ReduceLROnPlateau(o, threshold_mode="x"), ValueError, "threshold mode x is"),
    (lambda o: S.ReduceLROnPlateau(o, factor=1), ValueError, "Factor should be < 1.0."),
    (lambda o: S.ReduceLROnPlateau(o, min_lr=[1]), ValueError, "expected 2 min_lrs, got 1"),
    (lambda o: S.SequentialLR(o, [], []), ValueError, "expects at least one scheduler"),
    (lambda o: S.SequentialLR(o, [3], []), TypeError, "should have `optimizer` as its attribute"),
    (lambda o: S.SequentialLR(o, [S.StepLR(o, 1)], [1]), ValueError, "one more than the number"),
    (lambda o: S.ChainedScheduler([]), ValueError, "expects at least one scheduler to be chained"),
    (
        lambda o: S.ChainedScheduler([S.ReduceLROnPlateau(o)]),
        ValueError,
        "does not support `ReduceLROnPlateau`",
    ),
    (
        lambda o: S.ChainedScheduler([S.StepLR(o, 1), S.StepLR(two_groups(), 1)]),
        ValueError,
        "expects all schedulers to belong to the same optimizer",
    ),
]


@pytest.mark.parametrize(("make", "error", "text"), BAD, ids=lambda x: None)
def test_bad_settings_are_refused_before_anything_changes(make, error, text):
    optimizer = two_groups()
    with pytest.raises(error, match=text):
        make(optimizer)
    assert [group["lr"] for group in optimizer.param_groups] == list(RATES)
    assert momentum_of(optimizer) == [0.9, 0.9]


def test_momentum_needs_an_optimizer_that_has_it():
    class Plain(steep.optim.Optimizer):
        pass

    for make in (
        lambda o: S.CyclicLR(o, 0.1, 1.0),
        lambda o: S.OneCycleLR(o, 1.0, total_steps=5),
    ):
        optimizer = Plain([steep.ones(1, requires_grad=True)], {"lr": 0.5})
        with pytest.raises(ValueError, match="must support momentum or beta1"):
            make(optimizer)
        assert set(optimizer.param_groups[0]) == {"params", "lr"}
