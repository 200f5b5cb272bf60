"""Programs that keep tensors from step to step, as people write them, are replayed."""

from __future__ import annotations

import copy
from typing import Any

import pytest

import steep
from compiling import F, nn
from storing import beside, data

ROWS: list[tuple[type, dict[str, Any]]] = []


def program(**settings: Any) -> Any:
    """A row: a class, and how it is run."""

    def add(cls: type) -> type:
        ROWS.append((cls, settings))
        return cls

    return add


class Trained(nn.Module):
    """A layer, its optimiser, and what `begin` makes."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)
        self.begin()
        self.optimizer = steep.optim.SGD(self.parameters(), lr=0.1, momentum=0.9)

    def begin(self) -> None:
        """Make the state."""

    def learn(self, loss: Any) -> Any:
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def weights(self) -> list[Any]:
        return list(self.layer.parameters())


class Average:
    """The average of a network's parameters, which may be put in their place."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.shadow = {name: p.detach().clone() for name, p in model.named_parameters()}
        self.backup: dict[str, Any] = {}

    def update(self) -> None:
        for name, p in self.model.named_parameters():
            self.shadow[name] = 0.9 * self.shadow[name] + 0.1 * p.data

    def apply(self) -> None:
        for name, p in self.model.named_parameters():
            self.backup[name], p.data = p.data, self.shadow[name]

    def restore(self) -> None:
        for name, p in self.model.named_parameters():
            p.data = self.backup.pop(name)


def tried(side: Any, i: int) -> None:
    """Evaluate the average now and then."""
    if i % 5 == 4:
        side.average.apply()
        side.layer(data(0)).sum().backward()
        side.average.restore()


@program(calls=20, between=tried)
class AveragedWeights(Trained):
    def begin(self) -> None:
        self.average = Average(self.layer)

    def step(self, x: Any) -> Any:
        loss = self.learn(self.layer(x).square().mean())
        self.average.update()
        return loss


@program()
class SharpnessAware(Trained):
    def begin(self) -> None:
        self.old: dict[Any, Any] = {}

    def step(self, x: Any) -> Any:
        self.optimizer.zero_grad()
        self.layer(x).square().mean().backward()
        norm = steep.sqrt(sum((p.grad**2).sum() for p in self.weights()))
        with steep.no_grad():
            for p in self.weights():
                self.old[p] = p.data.clone()
                p.add_(p.grad / (norm + 1e-12) * 0.05)
        self.optimizer.zero_grad()
        loss = self.layer(x).square().mean()
        loss.backward()
        for p in self.weights():
            p.data = self.old[p]
        self.optimizer.step()
        return loss.detach()


@program()
class SlowWeights(Trained):
    def begin(self) -> None:
        self.slow = [p.detach().clone() for p in self.weights()]

    def step(self, x: Any) -> Any:
        for _ in range(2):
            loss = self.learn(self.layer(x).square().mean())
        self.slow = [a + 0.5 * (p.detach() - a) for a, p in zip(self.slow, self.weights(),
                                                                strict=True)]  # fmt: skip
        for p, a in zip(self.weights(), self.slow, strict=True):
            p.data.copy_(a)
        return loss


@program()
class QueueOfKeys(Trained):
    def begin(self) -> None:
        self.register_buffer("queue", steep.randn(6, 3))
        self.keys = copy.deepcopy(self.layer).requires_grad_(False)

    def step(self, x: Any) -> Any:
        for old, new in zip(self.keys.parameters(), self.weights(), strict=True):
            old.data = old.data * 0.9 + new.data * 0.1
        key = F.normalize(self.keys(x), dim=1)
        query = F.normalize(self.layer(x), dim=1)
        logits = steep.cat([(query * key).sum(1, keepdim=True), query @ self.queue.t()], 1)
        loss = self.learn(F.cross_entropy(logits, steep.zeros(2, dtype=steep.long)))
        self.queue = steep.cat([self.queue[2:], key])
        return loss


def begun_anew(side: Any, i: int) -> None:
    if i % 7 == 0:
        side.potential = side.spikes = side.trace = None


@program(calls=30, between=begun_anew, least=15)
class Spiking(Trained):
    def begin(self) -> None:
        self.potential: Any = None
        self.spikes: Any = None
        self.trace: Any = None

    def step(self, x: Any) -> Any:
        with steep.no_grad():
            current = self.layer(x)
            self.potential = current if self.potential is None else self.potential * 0.9 + current
            self.spikes = (self.potential > 1).float()
            self.potential = self.potential - self.spikes
            self.trace = self.spikes if self.trace is None else self.trace * 0.5 + self.spikes
        return self.spikes.sum()


class Meter:
    def __init__(self) -> None:
        self.sum: Any = 0.0
        self.average: Any = 0.0
        self.count = 0

    def update(self, value: Any, count: int = 1) -> None:
        self.sum = self.sum + value * count
        self.count += count
        self.average = self.sum / self.count


def reset(side: Any, i: int) -> None:
    if i % 10 == 0:
        for meter in side.meters.values():
            meter.__init__()


@program(calls=30, between=reset)
class Metered(Trained):
    def begin(self) -> None:
        self.meters = {"loss": Meter(), "positive": Meter()}

    def step(self, x: Any) -> Any:
        self.meters["loss"].update(self.learn(self.layer(x).square().mean()), 2)
        self.meters["positive"].update((x > 0).float().mean())
        return self.meters["loss"].average


@program()
class TwoAgents(Trained):
    def begin(self) -> None:
        self.cell = nn.GRUCell(3, 3)
        self.hidden: dict[str, Any] = {"a": None, "b": None}

    def step(self, x: Any) -> Any:
        loss = steep.zeros(())
        for name in self.hidden:
            hidden = self.cell(x, self.hidden[name])
            loss = loss + self.layer(hidden).square().mean()
            self.hidden[name] = hidden.detach()
        return self.learn(loss)


@program(calls=14)
class MemoryThatGrows(Trained):
    def begin(self) -> None:
        self.memory: Any = None

    def step(self, x: Any) -> Any:
        with steep.no_grad():
            key = self.layer(x)
            self.memory = key if self.memory is None else steep.cat([self.memory, key])[-6:]
            return steep.softmax(key @ self.memory.t(), 1) @ self.memory


@program()
class BaselineAndLogs(Trained):
    def begin(self) -> None:
        self.baseline = steep.zeros(())

    def step(self, x: Any) -> Any:
        chosen = F.log_softmax(self.layer(x), 1)[:, 0]
        advantage = x[:, 0] - self.baseline
        loss = self.learn(-(chosen * advantage).mean())
        self.baseline = 0.9 * self.baseline + 0.1 * x[:, 0].mean()
        self.logs = {"advantage": advantage, "x": x, "norms": [p.grad.norm() for p in
                                                               self.weights()]}  # fmt: skip
        return loss


@program(calls=14)
class LastSteps(Trained):
    """Pairs of moves and changes of the gradient, as quasi-Newton methods keep."""

    def begin(self) -> None:
        self.before: Any = None
        self.pairs: list[Any] = []

    def step(self, x: Any) -> Any:
        loss = self.layer(x).square().mean()
        self.layer.zero_grad()
        loss.backward()
        weights = steep.cat([p.detach().reshape(-1) for p in self.weights()])
        grad = steep.cat([p.grad.reshape(-1) for p in self.weights()])
        if self.before is not None:
            self.pairs = [*self.pairs, (weights - self.before[0], grad - self.before[1])][-3:]
        direction, self.before = grad, (weights, grad)
        for move, change in self.pairs:
            direction = direction - move * (move @ direction) / (move @ change + 1)
        for p, part in zip(self.weights(), direction.split([9, 3]), strict=True):
            p.data = p.data - 0.01 * part.view_as(p)
        return loss.detach()


@pytest.mark.parametrize(("make", "settings"), ROWS, ids=[cls.__name__ for cls, _ in ROWS])
def test_programs_that_keep_tensors_are_replayed(make: Any, settings: dict[str, Any]) -> None:
    beside(make, **settings)
