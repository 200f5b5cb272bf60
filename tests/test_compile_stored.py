"""State that a compiled function stores anew at each call is replayed, and is what it would be."""

from __future__ import annotations

import collections
import copy
import types
from collections.abc import Callable
from typing import Any

import pytest

import steep
from compiling import nn
from storing import Net, beside

_MADE: list[type] = []


def program(cls: type) -> type:
    _MADE.append(cls)
    return cls


# ---- recurrent state ----------------------------------------------------------------------------


@program
class HiddenMadeAtTheFirstCall(Net):
    def begin(self) -> None:
        self.hidden: Any = None

    def step(self, x: Any) -> Any:
        if self.hidden is None:
            self.hidden = steep.zeros(2, 3)
        hidden = steep.tanh(self.layer(x) + self.hidden)
        self.hidden = hidden.detach()
        return hidden.sum().detach()


@program
class HiddenInATrainingStep(Net):
    def begin(self) -> None:
        self.hidden = steep.zeros(2, 3)
        self.optimizer = steep.optim.Adam(self.layer.parameters())

    def step(self, x: Any) -> Any:
        hidden = steep.tanh(self.layer(x) + self.hidden)
        loss = hidden.square().mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.hidden, self.last = hidden.detach(), loss.detach()
        return self.last


@program
class HiddenAndCell(Net):
    def begin(self) -> None:
        self.cell = nn.LSTMCell(3, 3)
        self.state: Any = None

    def step(self, x: Any) -> Any:
        hidden, cell = self.cell(x, self.state)
        self.state = (hidden.detach(), cell.detach())
        return hidden.detach()


@program
class HiddenOfALayerThatIsReturnedToo(Net):
    def begin(self) -> None:
        self.lstm, self.state = nn.LSTM(3, 3), None

    def step(self, x: Any) -> Any:
        with steep.no_grad():
            out, self.state = self.lstm(x.unsqueeze(0), self.state)
        return out, self.state


# ---- optimisers written by hand -----------------------------------------------------------------


@program
class MomentsInNewDicts(Net):
    def begin(self) -> None:
        self.state: dict[Any, Any] = {}

    def step(self, x: Any) -> Any:
        loss = self.loss(x)
        with steep.no_grad():
            for p in self.params():
                moment = self.state[p]["m"] if p in self.state else steep.zeros_like(p)
                self.state[p] = {"m": 0.9 * moment + p.grad}
                p -= 0.1 * self.state[p]["m"]
        return loss


@program
class AdamWithACount(Net):
    def begin(self) -> None:
        self.t = 0
        self.state = {p: {"m": steep.zeros_like(p), "v": steep.zeros_like(p)}
                      for p in self.params()}  # fmt: skip

    def step(self, x: Any) -> Any:
        self.t += 1
        loss = self.loss(x)
        with steep.no_grad():
            for p in self.params():
                state = self.state[p]
                state["m"] = 0.9 * state["m"] + 0.1 * p.grad
                state["v"] = 0.99 * state["v"] + 0.01 * p.grad**2
                scale = (state["v"] / (1 - 0.99**self.t)).sqrt() + 1e-8
                p -= 0.1 * (state["m"] / (1 - 0.9**self.t)) / scale
        return loss


@program
class ParametersWithNewMemory(Net):
    def step(self, x: Any) -> Any:
        loss = self.loss(x)
        for p in self.params():
            p.data = p.data - 0.1 * p.grad
        return loss


@program
class AverageOfAnotherNetwork(Net):
    def begin(self) -> None:
        self.target = copy.deepcopy(self.layer)
        self.optimizer = steep.optim.SGD(self.layer.parameters(), lr=0.1)

    def step(self, x: Any) -> Any:
        loss = (self.layer(x) - self.target(x).detach() - 1).square().mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        for old, new in zip(self.target.parameters(), self.params(), strict=True):
            old.data = 0.9 * old.data + 0.1 * new.data
        return loss.detach()


@program
class ParametersClampedAfterAnOptimizer(Net):
    def begin(self) -> None:
        self.optimizer = steep.optim.SGD(self.layer.parameters(), lr=0.1, momentum=0.9)

    def step(self, x: Any) -> Any:
        loss = self.loss(x)
        self.optimizer.step()
        for p in self.params():
            p.data = p.data.clamp(-0.1, 0.1)
        return loss


@program
class ParametersClampedBefore(Net):
    def step(self, x: Any) -> Any:
        for p in self.params():
            p.data = p.data.clamp(-0.5, 0.5)
        loss = self.loss(x)
        for p in self.params():
            p.data.sub_(p.grad, alpha=0.1)
        return loss


@program
class MemoryPutBackAfterTrials(Net):
    def step(self, x: Any) -> Any:
        olds = [p.data for p in self.params()]
        moves = [steep.randn(*p.shape) for p in self.params()]
        losses = []
        for sign in (0.01, -0.01):
            for p, old, move in zip(self.params(), olds, moves, strict=True):
                p.data = old + sign * move
            losses.append(self.layer(x).square().mean().detach())
        for p, old, move in zip(self.params(), olds, moves, strict=True):
            p.data = old - 0.1 * (losses[0] - losses[1]) * move
        return losses[0]


@program
class Traces(Net):
    def begin(self) -> None:
        self.traces = [steep.zeros_like(p) for p in self.params()]

    def step(self, x: Any) -> Any:
        value = self.layer(x).sum()
        for i, grad in enumerate(steep.autograd.grad(value, self.params())):
            self.traces[i] = 0.9 * self.traces[i] + grad
        with steep.no_grad():
            for p, trace in zip(self.params(), self.traces, strict=True):
                p -= 0.01 * trace
        return value.detach()


@program
class InnerLoop(Net):
    def begin(self) -> None:
        self.fast: Any = None

    def step(self, x: Any) -> Any:
        weights = dict(self.layer.named_parameters())
        for _ in range(2):
            loss = steep.func.functional_call(self.layer, weights, (x,)).square().mean()
            grads = steep.autograd.grad(loss, list(weights.values()), create_graph=True)
            pairs = zip(weights.items(), grads, strict=True)
            weights = {name: p - 0.1 * grad for (name, p), grad in pairs}
        outer = steep.func.functional_call(self.layer, weights, (x,)).square().mean()
        self.layer.zero_grad()
        outer.backward()
        self.fast = {name: p.detach() for name, p in weights.items()}
        return outer.detach()


# ---- where it may be stored ---------------------------------------------------------------------


@program
class ReplacedBuffers(Net):
    def begin(self) -> None:
        self.register_buffer("mean", steep.zeros(3))
        self.register_buffer("count", steep.tensor(0))

    def step(self, x: Any) -> Any:
        self.count = self.count + 1
        self.mean = self.mean + (x.mean(0) - self.mean) / self.count
        return (x - self.mean).sum()


@program
class AttributesOfParameters(Net):
    def begin(self) -> None:
        for p in self.params():
            p.moment = steep.zeros_like(p)

    def step(self, x: Any) -> Any:
        loss = self.loss(x)
        for p in self.params():
            p.moment = p.moment * 0.9 + p.grad
        return loss


def in_a_closure() -> Any:
    hidden = steep.zeros(3)

    def step(x: Any) -> Any:
        nonlocal hidden
        hidden = hidden * 0.5 + x.sum(0)
        return hidden.sum()

    return types.SimpleNamespace(step=step)


def in_a_global_variable() -> Any:
    text = """
hidden = None
def step(x):
    global hidden
    hidden = x.sum(0) if hidden is None else hidden * 0.5 + x.sum(0)
    return hidden.sum()
"""
    space: dict[str, Any] = {}
    exec(text, space)
    return types.SimpleNamespace(step=space["step"], space=space)


def in_a_slot() -> Any:
    class Slotted:
        __slots__ = ("hidden",)

        def __init__(self) -> None:
            self.hidden = steep.zeros(3)

    holder = Slotted()

    def step(x: Any) -> Any:
        holder.hidden = holder.hidden + x.sum(0)
        return holder.hidden.max()

    return types.SimpleNamespace(step=step, holder=holder)


def in_a_class() -> Any:
    class Base:
        total: Any = None

    class Counting(Base):
        def step(self, x: Any) -> Any:
            Base.total = x.sum(0) if Base.total is None else self.total * 0.5 + x.sum(0)
            return type(self).total.sum()

    return Counting()


@program
class ThroughAProperty:
    def __init__(self) -> None:
        self._hidden = steep.zeros(3)

    @property
    def hidden(self) -> Any:
        return self._hidden

    @hidden.setter
    def hidden(self, value: Any) -> None:
        self._hidden = value * 2

    def step(self, x: Any) -> Any:
        self.hidden = self.hidden * 0.2 + x.sum(0)
        setattr(self, "last", x + 1)  # noqa: B010
        return self.hidden


@program
class TheLastFew:
    def __init__(self) -> None:
        self.last = collections.deque([steep.zeros(2, 3)] * 3, maxlen=3)
        self.sums = [steep.zeros(())] * 3

    def step(self, x: Any) -> Any:
        self.last.append(x)
        self.sums.append(x.sum())
        del self.sums[0]
        return sum(self.last) * sum(self.sums)


@program
class TheLastFewFromNone:
    def __init__(self) -> None:
        self.last: Any = collections.deque(maxlen=3)

    def step(self, x: Any) -> Any:
        self.last.append((x.sum(0), x))
        return sum(row for row, _ in self.last)


@program
class ForLogs:
    def __init__(self) -> None:
        self.stats: dict[str, Any] = {}

    def step(self, x: Any) -> Any:
        loss = x.square().mean()
        self.stats["loss"], self.stats["most"], self.batch = loss, x.max(), x
        return loss


@program
class AnAverageFromANumber:
    def __init__(self) -> None:
        self.average: Any = 0.0

    def step(self, x: Any) -> Any:
        self.average = 0.9 * self.average + 0.1 * x.mean()
        return self.average


_PLACES: list[Callable[[], Any]] = [in_a_closure, in_a_global_variable, in_a_slot, in_a_class]


@pytest.mark.parametrize("make", [*_MADE, *_PLACES], ids=lambda make: make.__name__)
def test_what_is_stored_anew_is_replayed(make: Any) -> None:
    beside(make)
