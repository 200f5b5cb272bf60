"""A replay that refuses its input leaves every `.grad` as the function itself would have."""

from __future__ import annotations

import contextlib
import warnings
from typing import Any

import pytest

import steep
from compiling import reason
from steep import nn

F = nn.functional


def cleared_before(first: Any, other: Any, x: Any, y: Any) -> Any:
    first.zero_grad()
    loss = F.cross_entropy(first(x), y)
    loss.backward()
    return loss


def cleared_after(first: Any, other: Any, x: Any, y: Any) -> Any:
    loss = F.cross_entropy(first(x), y)
    first.zero_grad()
    loss.backward()
    return loss


def never_cleared(first: Any, other: Any, x: Any, y: Any) -> Any:
    loss = F.cross_entropy(first(x), y)
    loss.backward()
    return loss


def computed_before_for_another(first: Any, other: Any, x: Any, y: Any) -> Any:
    first.zero_grad()
    other.zero_grad()
    other(x).tanh().sum().backward()
    loss = F.cross_entropy(first(x), y)
    loss.backward()
    return loss


def added_to_afterwards(first: Any, other: Any, x: Any, y: Any) -> Any:
    first.zero_grad()
    first(x).tanh().sum().backward()
    loss = F.cross_entropy(first(x), y)
    loss.backward()
    return loss


def assigned_before(first: Any, other: Any, x: Any, y: Any) -> Any:
    first.weight.grad = None
    first.bias.grad = x.sum() * steep.ones(4)
    loss = F.cross_entropy(first(x), y)
    loss.backward()
    return loss


def cleared_twice(first: Any, other: Any, x: Any, y: Any) -> Any:
    first.zero_grad()
    first(x).tanh().sum().backward()
    first.zero_grad()
    loss = F.cross_entropy(first(x), y)
    loss.backward()
    return loss


def assigned_after(first: Any, other: Any, x: Any, y: Any) -> Any:
    """What is to be the gradient is there before the check, in `.grad` only after it."""
    grad = x.sum() * first.bias.detach()
    loss = F.cross_entropy(first(x).detach(), y + 0)
    first.bias.grad = grad
    return loss


def assigned_between(first: Any, other: Any, x: Any, y: Any) -> Any:
    grad = x.sum() * first.bias.detach()
    F.cross_entropy(first(x).detach(), y + 0)
    first.bias.grad = grad
    return F.cross_entropy(first(x).detach(), y * 1)


STEPS = [cleared_before, cleared_after, never_cleared, computed_before_for_another]
STEPS += [added_to_afterwards, assigned_before, cleared_twice]
STEPS += [assigned_after, assigned_between]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_gradients_after_a_target_out_of_range(step: Any) -> None:
    left = []
    for compiled in (False, True):
        steep.manual_seed(0)
        first, other = nn.Linear(3, 4), nn.Linear(3, 4)
        params = [*first.parameters(), *other.parameters()]
        function = steep.compile(step) if compiled else step
        for _ in range(5):
            function(first, other, steep.rand(2, 3), steep.tensor([0, 1]))
        if compiled:
            assert function.programs()[0].runs > 0
        for last in ([0, 9], [0, 1], [9, 0]):
            try:
                function(first, other, steep.rand(2, 3), steep.tensor(last))
            except IndexError:
                assert 9 in last
            left.append([p.grad if p.grad is None else p.grad.tolist() for p in params])
    assert left[:3] == left[3:]


def handled(w: Any, count: Any, x: Any, y: Any) -> Any:
    w.mul_(2)
    try:
        return F.nll_loss(x, y)
    except IndexError:
        count.add_(1)
        return x.sum()
    finally:
        w.div_(2)


def cleaned_up(w: Any, count: Any, x: Any, y: Any) -> Any:
    w.mul_(2)
    with contextlib.suppress(IndexError):
        count.add_(F.nll_loss(x, y))
    w.div_(2)
    return x * w


def picked(w: Any, count: Any, x: Any, y: Any) -> Any:
    w.mul_(2)
    try:
        return x[0][y] * w
    except IndexError:
        count.add_(1)
        return x.sum()
    finally:
        w.div_(2)


def encoded(w: Any, count: Any, x: Any, y: Any) -> Any:
    w.mul_(2)
    try:
        return F.one_hot(y, 3) * w
    except RuntimeError:
        count.add_(1)
        return x.sum()
    finally:
        w.div_(2)


HANDLED = [handled, cleaned_up, picked, encoded]


@pytest.mark.parametrize("step", HANDLED, ids=lambda step: step.__name__)
def test_what_a_function_does_about_a_failed_check_is_done(step: Any) -> None:
    left = []
    for compiled in (False, True):
        w, count, results = steep.ones(1), steep.zeros(1), []
        function = steep.compile(step) if compiled else step
        for i in range(10):
            target = steep.tensor([0, 9 if i in (6, 8) else 1])
            results.append(function(w, count, steep.ones(2, 3), target).tolist())
        if compiled:
            assert function.programs()[0].runs > 3
        left.append((results, w.tolist(), count.tolist()))
    assert left[0] == left[1]


def test_a_replay_that_refuses_an_index_names_the_operation() -> None:
    def step(x: Any, index: Any) -> Any:
        return x.gather(1, index)

    said = []
    compiled = steep.compile(step)
    for function in (step, compiled):
        for _ in range(5):
            function(steep.ones(1, 3), steep.tensor([[2]]))
        with pytest.raises(RuntimeError) as caught:
            function(steep.ones(1, 3), steep.tensor([[3]]))
        said.append(str(caught.value))
    assert compiled.programs()[0].runs > 0
    assert said[0] == said[1]
    assert said[0].startswith("gather: index 3 is out of bounds")


def test_checks_that_are_made_first_are_no_steps() -> None:
    """But for those that compute something besides, which is wanted in its turn."""

    def step(x: Any, y: Any) -> Any:
        return F.cross_entropy(x, y) + F.cross_entropy(x * 2, y + 0), F.one_hot(y, 3)

    compiled = steep.compile(step)
    for _ in range(5):
        compiled(steep.ones(2, 3), steep.tensor([0, 1]))
    lines = compiled.explain().splitlines()
    first = [line.split("first")[1].split("(")[0].strip() for line in lines if " first " in line]
    assert first == ["check_classes", "one_hot"]
    assert sum("check_classes" in line for line in lines) == 2
    assert sum("one_hot" in line for line in lines) == 2


def test_a_check_that_fails_while_it_is_recorded_is_made_again() -> None:
    def step(x: Any, index: Any) -> Any:
        try:
            return x.index_select(0, index)
        except IndexError:
            return x * 2

    compiled = steep.compile(step)
    x = steep.ones(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for last in [5, 6, 7, 8, 1, 9, 2, 0, *range(12)]:
            index = steep.tensor([0, last])
            assert compiled(x, index).tolist() == step(x, index).tolist()
    assert "an operation failed" in reason(compiled)


def test_an_error_of_a_replay_names_the_module_that_was_compiled() -> None:
    class Owner(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(steep.ones(2))

        def forward(self, x: Any) -> Any:
            steep.distributions.Normal(self.scale * x, 1.0).log_prob(x).sum().backward()

    plain = Owner()
    compiled = steep.compile(plain, fullgraph=True)
    for _ in range(5):
        compiled(steep.ones(2))
    assert compiled.programs()[0].runs > 0
    with steep.no_grad():
        plain.scale.fill_(float("nan"))
    with pytest.raises(ValueError, match=r"\(in Owner\(\)\)") as expected:
        plain(steep.ones(2))
    with pytest.raises(ValueError, match="Normal") as got:
        compiled(steep.ones(2))
    assert str(got.value) == str(expected.value)
