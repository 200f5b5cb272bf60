"""State that is stored beside operations that may refuse their input, such as draws and losses."""

from __future__ import annotations

from typing import Any

import pytest

import steep
from compiling import F, nn, replays
from storing import Picture, beside, data

D = steep.distributions


class Base:
    def __init__(self) -> None:
        self.policy = nn.Linear(3, 2)
        self.begin()

    def begin(self) -> None:
        """Make the state."""


class Acting(Base):
    """What it draws from is checked in the midst, before anything is stored."""

    def step(self, x: Any) -> Any:
        distribution = D.Categorical(logits=self.policy(x))
        action = distribution.sample()
        self.last = (x, action, distribution.log_prob(action))
        return action


class Clipped(Base):
    def begin(self) -> None:
        self.optimizer = steep.optim.Adam(self.policy.parameters(), lr=0.01)
        self.stats: dict[str, Any] = {}
        self.steps = 0

    def step(self, x: Any) -> Any:
        distribution = D.Normal(self.policy(x), 1.0)
        ratio = (distribution.log_prob(steep.ones(2)) + 1).exp()
        loss = -ratio.clamp(0.8, 1.2).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.steps += 1
        self.stats = {"ratio": ratio.detach().mean(), "loss": loss.detach() / self.steps}
        return loss.detach()


class Confusion(Base):
    def begin(self) -> None:
        self.counts = steep.zeros(4, dtype=steep.int64)

    def step(self, x: Any) -> Any:
        index = 2 * (x[:, 0] > 0).long() + self.policy(x).argmax(1)
        self.counts = self.counts + steep.zeros_like(self.counts).scatter_add(0, index, index + 1)
        return self.counts


class TokenFedBack(Base):
    """What is checked is itself stored."""

    def begin(self) -> None:
        self.table, self.token = nn.Embedding(2, 3), steep.tensor([1, 0])

    def step(self, x: Any) -> Any:
        logits = self.policy(self.table(self.token) + x)
        self.token = logits.argmax(1)
        return logits.detach()


@pytest.mark.parametrize("make", [Acting, Clipped, Confusion, TokenFedBack])
def test_what_is_stored_after_all_checks_is_replayed(make: Any) -> None:
    beside(make)


class Failing(Base):
    """Refused in the midst; `early` chooses what is stored before that."""

    def begin(self) -> None:
        self.table = nn.Embedding(4, 3)
        self.count = steep.zeros(1)
        self.hidden: Any = steep.zeros(2, 3)
        self.steps = 0

    def step(self, x: Any, k: Any) -> Any:
        self.count += 1
        found = self.table((x[:, 0] * 0 + k).long())
        self.hidden = self.hidden * 0.5 + found.detach()
        self.steps += 1
        self.pair = [self.hidden, x * self.steps]
        return self.hidden.sum()


class FailingLate(Failing):
    def step(self, x: Any, k: Any) -> Any:
        self.hidden = self.hidden * 0.5 + x
        found = self.table((self.hidden[:, 0] * 0 + k).long())
        self.pair = [self.hidden, found.detach()]
        return found.detach().sum()


class FailingLateInMemory(Failing):
    def step(self, x: Any, k: Any) -> Any:
        self.policy.bias.data = self.policy.bias.data * 0.5 + x[0, :2]
        found = self.table((self.policy.bias.detach() * 0 + k).long())
        self.hidden = self.hidden + found.detach()
        return found.detach().sum()


@pytest.mark.parametrize(
    ("make", "least"), [(Failing, 8), (FailingLate, 0), (FailingLateInMemory, 0)]
)
@pytest.mark.filterwarnings("ignore:compile")
def test_a_check_that_fails_leaves_what_the_function_would(make: Any, least: int) -> None:
    steep.manual_seed(3)
    plain = make()
    steep.manual_seed(3)
    twin = make()
    compiled = steep.compile(twin.step)
    for i in range(18):
        raised = []
        for step in (plain.step, compiled):
            try:
                step(data(i), steep.tensor(9.0 if i in (8, 9, 14) else 2.0))
            except IndexError as error:
                raised.append(str(error).partition(" (in ")[0])  # no layer in a replay
        assert len(raised) == 2 * (i in (8, 9, 14))
        assert len({*raised}) <= 1
        assert Picture().of(plain) == Picture().of(twin)
    assert replays(compiled) >= least


def test_an_order_of_checks_and_stores_that_changes_is_seen() -> None:
    """Which comes first is asked of a number that has no other effect."""

    class Turning(Failing):
        late = False

        def step(self, x: Any, k: Any) -> Any:
            hidden = x * 2
            if self.late:
                self.hidden = hidden
            found = self.table((hidden[:, 0] * 0 + k).long())
            self.hidden = hidden
            return F.relu(found).detach()

    turning = Turning()
    compiled = steep.compile(turning.step)
    for i in range(8):
        compiled(data(i), steep.tensor(2.0))
    assert replays(compiled) > 0
    turning.late = True
    for i in range(8):
        with pytest.raises(IndexError):
            compiled(data(i), steep.tensor(9.0))
        assert turning.hidden.equal(data(i) * 2)
