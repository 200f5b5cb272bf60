"""Numbers that are others at every call: a replay computes them anew, as the function would."""

from __future__ import annotations

import contextlib
import math
import re
import warnings
from typing import Any

import numpy as np
import pytest

import steep
from compiling import reason, replays
from numbers_support import Keeper, both
from steep import nn


class Momentum(steep.optim.Optimizer):
    """As third parties write them: numbers of groups, and a count for each parameter."""

    def __init__(self, params: Any, lr: float = 0.1, betas: Any = (0.9, 0.99)) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": 1e-8, "decay": 0.01})

    @steep.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["step"] = 0
                    state["mean"] = steep.zeros_like(p)
                    state["square"] = steep.zeros_like(p)
                state["step"] += 1
                p.mul_(1 - group["lr"] * group["decay"])
                state["mean"].mul_(beta1).add_(p.grad, alpha=1 - beta1)
                state["square"].mul_(beta2).add_(p.grad * p.grad, alpha=1 - beta2)
                scale = (1 - beta2 ** state["step"]) ** 0.5 / (1 - beta1 ** state["step"])
                p -= group["lr"] * scale * state["mean"] / (state["square"].sqrt() + group["eps"])


@pytest.mark.parametrize("schedule", ["none", "every call", "once", "of one group"])
def test_an_optimizer_of_plain_tensor_code(schedule: str) -> None:
    kept = []

    def make() -> Any:
        model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
        groups = [{"params": model[0].parameters()}, {"params": model[2].parameters(), "lr": 0.05}]
        optimizer = Momentum(groups)
        kept[:] = [optimizer]

        def step(x: Any) -> Any:
            optimizer.zero_grad()
            loss = model(x).square().mean()
            loss.backward()
            optimizer.step()
            return loss

        return step, lambda: (optimizer.state_dict(), [p.tolist() for p in model.parameters()])

    def call(f: Any, i: int) -> Any:
        groups = kept[0].param_groups
        for group in groups[: 1 if schedule == "of one group" and i > 9 else 2]:
            if schedule in ("every call", "of one group") or (schedule == "once" and i == 7):
                group["lr"] *= 0.9
        return f(steep.rand(5, 3))

    both(make, call)


@pytest.mark.parametrize("values", [(0.1, 0.7), (0.1, 0.0), (1.0, 0.3), (2, 5), (0.5, -0.25)])
@pytest.mark.parametrize("by_name", [False, True])
def test_a_number_among_the_arguments(values: Any, by_name: bool) -> None:
    first, last = values

    def make() -> Any:
        w = steep.ones(3, requires_grad=True)

        def step(x: Any, rate: float = 1.0) -> Any:
            w.grad = None
            (w * x * rate).pow(2).sum().backward()
            with steep.no_grad():
                w.sub_(w.grad, alpha=rate)
                w.add_(x, alpha=0.3 - rate)
            return w.detach() ** rate

        return step, w.tolist

    def call(f: Any, i: int) -> Any:
        rate = type(first)(first + (last - first) * i / 13)
        x = steep.rand(3) + 0.1
        return f(x, rate=rate) if by_name else f(x, rate)

    both(make, call, replays=True if values == (0.1, 0.7) else None)


def test_rates_that_change_together_may_part() -> None:
    keeper = Keeper()
    keeper.list = [0.3, 0.3]

    def make() -> Any:
        keeper.list[:] = [0.3, 0.3]

        def step(x: Any, y: Any) -> Any:
            return (x * keeper.list[0]).sum() + (y * keeper.list[1]).sum()

        return step, lambda: keeper.list

    def call(f: Any, i: int) -> Any:
        keeper.list[0] *= 0.9
        keeper.list[1] *= 0.9 if i < 8 else 0.8
        return f(steep.ones(2), steep.ones(2))

    both(make, call)


def test_a_course_that_depends_on_a_number_is_followed_or_refused() -> None:
    keeper = Keeper()

    def make() -> Any:
        keeper.t = 0

        def step(x: Any) -> Any:
            keeper.t += 1
            return x * keeper.t if keeper.t < 9 else x - keeper.t

        return step, lambda: keeper.t

    both(make, lambda f, i: f(steep.ones(2)))  # while it is below 9, and again above


@pytest.mark.parametrize(
    ("look", "line"),
    [
        (lambda t: math.fsum([t, 6]), "math.fsum"),
        (lambda t: [1, 2][t % 2], r"\[1, 2\]\[t % 2\]"),
        (lambda t: len(range(t)), "range"),
        (lambda t: float(f"{t}"), 'f"{t}"'),
    ],
)
def test_a_number_that_python_looks_at_is_named(look: Any, line: str) -> None:
    keeper = Keeper()

    def step(x: Any) -> Any:
        keeper.t += 1
        return x * look(keeper.t)

    compiled = steep.compile(step)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for i in range(12):
            assert compiled(steep.ones(1)).item() == pytest.approx(look(i + 1))
    said = str(caught[0].message)
    assert re.search(f"a number whose value Python code depends on .*{line}", said), said
    assert keeper.t == 12


def test_a_number_of_another_type_is_another_number() -> None:
    keeper = Keeper()
    compiled = steep.compile(lambda x: x * 2 if isinstance(keeper.t, int) else x * 3)
    for t in [*range(6), 7.0, 8.5, 9, 10.5, 11]:
        keeper.t = t
        assert compiled(steep.ones(1)).item() == (2 if isinstance(t, int) else 3)
    assert replays(compiled) > 0


@pytest.mark.filterwarnings("ignore")
def test_a_number_of_many_digits_may_be_looked_at() -> None:
    keeper = Keeper()
    keeper.t = 7**6000

    def step(x: Any) -> Any:
        keeper.t += 1
        return x * len(range(keeper.t % 5))

    compiled = steep.compile(step)
    for _ in range(12):
        assert compiled(steep.ones(1)).item() == keeper.t % 5
    assert "a number whose value Python code depends on" in reason(compiled)


def test_numbers_beyond_what_operations_take_are_refused_as_ever() -> None:
    keeper = Keeper()

    def step(x: Any) -> Any:
        keeper.t = keeper.t * 8 + 3
        return x * keeper.t

    compiled = steep.compile(step)
    for _ in range(21):
        compiled(steep.ones(1))
    with pytest.raises(OverflowError, match="an int that fits into 64 bits"):
        compiled(steep.ones(1))
    large = steep.compile(lambda x, s: x.clamp(max=s))
    for i in range(20):
        large(steep.ones(1), 4.0 * 10.0**i)
    with pytest.raises(RuntimeError, match="without overflow"):
        large(steep.ones(1), 1e39)
    assert replays(compiled) > 0


@pytest.mark.filterwarnings("ignore:compile")
@pytest.mark.parametrize("activation", [nn.functional.leaky_relu, nn.functional.elu])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_gradient_is_that_of_a_number_of_another_sign(activation: Any, sign: float) -> None:
    """What such a rule keeps of the forward pass depends on it."""

    def step(x: Any, slope: float) -> Any:
        leaf = x.clone().requires_grad_()
        activation(leaf, slope).sum().backward()
        return leaf.grad

    compiled = steep.compile(step)
    x = steep.tensor([-1.0, 2.0])
    for i in range(12):
        compiled(x, sign * (0.31 + 0.05 * i))
    assert replays(compiled) > 3
    for slope in [-0.3, 0.25, -1.5, -0.7, -0.9, -0.2, 0.1, -0.6]:
        assert compiled(x, sign * slope).tolist() == step(x, sign * slope).tolist()


def test_a_number_below_zero_is_refused_as_ever() -> None:
    compiled = steep.compile(lambda x, tolerance: steep.isclose(x, x * 1.1, atol=tolerance))
    for i in range(10):
        compiled(steep.ones(2), 0.01 * (i + 1))
    assert replays(compiled) > 0
    with pytest.raises(RuntimeError, match="isclose: expected tolerances of at least 0"):
        compiled(steep.ones(2), -0.01)


def test_a_factor_of_changing_sign_is_followed() -> None:
    compiled = steep.compile(lambda x, factor: x * factor)
    for i in range(60):
        assert compiled(steep.ones(1), math.sin(i + 1)).item() == np.float32(math.sin(i + 1))
    assert replays(compiled) > 40


def test_a_draw_that_is_refused_counts_as_well() -> None:
    keeper = Keeper()

    def step(q: Any) -> Any:
        keeper.t += 1
        return steep.bernoulli(q * 1.0)

    compiled = steep.compile(step)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i in range(12):
            with contextlib.suppress(RuntimeError):
                compiled(steep.full((2,), 0.1 * i))
            assert keeper.t == i + 1
    assert "updates a number, and an operation may still reject its input" in reason(compiled)


def test_a_count_in_a_group_is_followed() -> None:
    class Counting(steep.optim.Optimizer):
        @steep.no_grad()
        def step(self, closure: Any = None) -> None:
            for group in self.param_groups:
                group["step"] += 1
                for p in group["params"]:
                    p -= group["lr"] / (1 + 0.3 * group["step"]) * p.grad

    kept = []

    def make() -> Any:
        w = steep.ones(3, requires_grad=True)
        optimizer = Counting([w], {"lr": 0.1, "step": 0})
        kept[:] = [optimizer]

        def step(x: Any) -> Any:
            w.grad = None
            loss = (w * x).square().sum()
            loss.backward()
            optimizer.step()
            return loss

        return step, lambda: (optimizer.param_groups[0]["step"], w.tolist())

    both(make, lambda f, i: f(steep.rand(3)))


def test_a_number_in_a_result_is_that_of_the_call() -> None:
    keeper = Keeper()

    def step(x: Any, rate: float) -> Any:
        keeper.t += 1
        return [x * rate, keeper.t, {"rate": rate, "kept": keeper.rate}]

    compiled = steep.compile(step)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i in range(24):
            if i == 16:
                keeper.rate = 0.2
            rate = 0.3 + 0.01 * i
            y, t, numbers = compiled(steep.ones(1), rate)
            assert (y / rate).item() == pytest.approx(1)
            assert (t, numbers) == (i + 1, {"rate": rate, "kept": keeper.rate})
    assert replays(compiled) > 0


def test_a_number_of_a_class_is_not_followed() -> None:
    """What is written into the dict of a class behind its back, its methods would not find."""

    class Base:
        scale = 2.5

    class Derived(Base):
        pass

    name = "scale"
    compiled = steep.compile(lambda x: x * getattr(Derived, name) + Base.scale)
    for i in range(30):
        Base.scale = 2.5 + i // 3
        assert compiled(steep.ones(1)).item() == 2 * Base.scale
        assert type(vars(Base)["scale"]) is float
    assert replays(compiled) > 0


def test_a_count_waits_for_a_check_that_may_fail() -> None:
    """Where the input may be refused in the midst, what the function counts is Python's to do."""
    keeper = Keeper()

    def step(x: Any, y: Any) -> Any:
        keeper.t += 1
        return nn.functional.cross_entropy(x * keeper.t, y + 0)

    compiled = steep.compile(step)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(6):
            compiled(steep.ones(1, 3), steep.tensor([1]))
    assert "updates a number, and an operation may still reject its input" in str(caught[0].message)
    with pytest.raises(IndexError):
        compiled(steep.ones(1, 3), steep.tensor([7]))
    assert keeper.t == 7


def test_what_is_computed_twice_is_one_number() -> None:
    """Which of two equal ones a gradient is computed with could not be told."""
    w = steep.ones(3, requires_grad=True)

    def make() -> Any:
        def step(x: Any, rate: float) -> Any:
            w.grad = None
            (w * x * (rate * 0.3)).pow(2).sum().backward()
            return w.grad * (rate * 0.3)

        return step, w.tolist

    both(make, lambda f, i: f(steep.rand(3), 0.1 + 0.013 * i))
