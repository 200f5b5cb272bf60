"""Many steps on a few tensors: views of views, writes, hooks, `.data`, gradients, in any order.

There is no reference for what comes out; but the same steps must give the same bits again.
"""

from __future__ import annotations

import copy
import gc
import pickle
import random
from collections.abc import Callable
from typing import Any

import numpy as np

import steep
from fuzzing import hostile, tensors
from fuzzing.judge import Finding, Job, attempt, bits, small

Step = Callable[["Play"], Any]
F = steep.nn.functional


class Play:
    """A pool of tensors and what was registered on them."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.pool = [tensors.tensor(self.chance, "float32") for _ in range(2)]
        self.pool.append(steep.full((3, 4), 0.5).requires_grad_())
        self.pool.append(steep.full((4,), 2.0, dtype=steep.float64))
        self.handles: list[Any] = []

    def pick(self) -> Any:
        return self.chance.choice(self.pool)

    def grown(self) -> Any:
        """A tensor with a graph, where there is one."""
        found = [x for x in self.pool if x.requires_grad]
        return self.chance.choice(found or self.pool)

    def keep(self, made: Any) -> None:
        for x in made if isinstance(made, list | tuple) else [made]:
            if isinstance(x, steep.Tensor) and x.numel() < 2000:
                self.pool.append(x)
        if len(self.pool) > 12:
            del self.pool[self.chance.randrange(len(self.pool))]

    def hook(self, grad: Any) -> Any:
        """What a hook may do; also what it should not."""
        act = self.chance.randrange(7)
        if act == 0:
            return grad * 2
        if act == 1:
            grad.mul_(0.5)
        if act == 2:
            self.pick().sum().backward()
        if act == 3:
            raise hostile.SpiteError("on purpose")
        if act == 4:
            with steep.no_grad():
                self.pick().zero_()
        if act == 5:
            self.handles.clear()
            self.pool.pop() if len(self.pool) > 1 else None
        return self.chance.choice([None, grad, grad.double(), grad.sum(), "no tensor"])


def view(play: Play) -> Any:
    x, chance = play.pick(), play.chance
    dim = chance.randrange(-3, 3)
    options: list[Callable[[], Any]] = [
        lambda: x[0],
        lambda: x[1:],
        lambda: x[..., ::2],
        lambda: x.T,
        lambda: x.view(-1),
        lambda: x.unsqueeze(dim),
        lambda: x.transpose(0, dim),
        lambda: x.expand(2, *x.shape),
        lambda: x.narrow(dim, 0, 1),
        lambda: x.as_strided((2, 2), (1, chance.choice([0, 1, 2])), chance.choice([0, 1])),
        lambda: x.chunk(2, dim),
        lambda: x.unbind(dim),
        lambda: x.detach(),
        lambda: x.diagonal(),
        lambda: x.flatten(),
        lambda: x.reshape(2, -1),
    ]
    return chance.choice(options)()


def make(play: Play) -> Any:
    x, y, chance = play.pick(), play.pick(), play.chance
    options: list[Callable[[], Any]] = [
        lambda: x + y,
        lambda: x * y,
        lambda: x / (y * y + 1),
        lambda: x.tanh(),
        lambda: x.exp().clamp(max=10.0),
        lambda: steep.where(x > 0, x, y),
        lambda: x @ y,
        lambda: x.sum(chance.choice([None, 0, -1])),
        lambda: F.softmax(x, -1),
        lambda: F.layer_norm(x, x.shape[-1:]),
        lambda: steep.cat([x, x]),
        lambda: x.max(0),
        lambda: x.sort(),
        lambda: x[x > 0],
        lambda: F.dropout(x, 0.5),
        lambda: x.clone(),
        lambda: x.to(chance.choice([steep.float64, steep.float32, steep.int64])),
        lambda: copy.deepcopy(x),
        lambda: pickle.loads(pickle.dumps(x)),
        lambda: steep.from_numpy(x.detach().numpy()),
        lambda: steep.tensor(x.tolist()),
        lambda: x.grad,
    ]
    return chance.choice(options)()


def write(play: Play) -> None:
    x, y, chance = play.pick(), play.pick(), play.chance
    options: list[Callable[[], Any]] = [
        lambda: x.add_(y),
        lambda: x.mul_(0.5),
        lambda: x.copy_(y),
        lambda: x.zero_(),
        lambda: x.clamp_(-1, 1),
        lambda: x.tanh_(),
        lambda: x.normal_(),
        lambda: x.masked_fill_(x > 0, 0.5),
        lambda: x.index_add_(0, steep.tensor([0, 0]), steep.stack([y, y])),
        lambda: x.__setitem__(0, y),
        lambda: x.__setitem__((..., slice(1, None)), x[..., :-1]),
        lambda: x.__setitem__(x > 1, 1.0),
        lambda: setattr(x, "data", y),
        lambda: setattr(x, "data", y.detach().clone()),
        lambda: x.data.add_(1),
        lambda: setattr(x, "grad", chance.choice([None, y, x.detach().clone()])),
        lambda: x.requires_grad_(chance.random() < 0.7),
        lambda: x.detach_(),
        lambda: x.retain_grad(),
        lambda: np.multiply(x.detach().numpy(), 0.5, out=x.detach().numpy()),
        lambda: x.sort()[0].mul_(2),
    ]
    with steep.set_grad_enabled(chance.random() < 0.7):
        chance.choice(options)()


def differentiate(play: Play) -> Any:
    x, y, chance = play.grown(), play.grown(), play.chance
    graph, keep = chance.random() < 0.4, chance.random() < 0.5
    options: list[Callable[[], Any]] = [
        lambda: x.sum().backward(retain_graph=keep, create_graph=graph),
        lambda: x.backward(steep.ones_like(x), retain_graph=keep),
        lambda: x.backward(y),
        lambda: steep.autograd.grad(x.sum(), y, create_graph=graph, allow_unused=keep),
        lambda: steep.autograd.grad((x * x).sum(), [y, x], create_graph=True, allow_unused=True),
        lambda: steep.autograd.backward([x.sum(), y.sum()]),
    ]
    return chance.choice(options)()


def watch(play: Play) -> None:
    x, chance = play.grown(), play.chance
    if play.handles and chance.random() < 0.3:
        play.handles.pop().remove()
    else:
        play.handles.append(x.register_hook(play.hook))


def train(play: Play) -> None:
    """A step of an optimiser over what may be anything."""
    leaves = [x for x in play.pool if x.is_leaf and x.requires_grad]
    kind = play.chance.choice([steep.optim.SGD, steep.optim.Adam, steep.optim.AdamW])
    optimizer = kind(leaves, lr=0.1)
    optimizer.step()
    if play.chance.random() < 0.5:
        steep.nn.utils.clip_grad_norm_(leaves, 1.0)
    optimizer.zero_grad()


def forget(play: Play) -> None:
    if len(play.pool) > 2:
        del play.pool[play.chance.randrange(len(play.pool))]
    if play.chance.random() < 0.2:
        gc.collect()


STEPS: list[Step] = [view, make, write, differentiate, watch, train, forget]
WEIGHTS = [5, 6, 5, 4, 1, 0.5, 1]


def run(seed: int, tally: Callable[[str], None]) -> list[Any]:
    """Plays; returns what every tensor and gradient holds in the end."""
    steep.manual_seed(seed)
    play = Play(seed)
    for _ in range(play.chance.choice([5, 15, 40])):
        step = play.chance.choices(STEPS, WEIGHTS)[0]
        made, refusal = attempt(lambda step=step: step(play))
        tally(f"steps {'refused' if refusal else 'taken'}")
        if refusal is None and step in (view, make, differentiate):
            play.keep(made)
    grads = [attempt(lambda x=x: x.grad if x.is_leaf else None)[0] for x in play.pool]
    return [bits(x) for x in [*play.pool, *grads] if x is not None and small(x)]


def job(chance: random.Random, tally: Callable[[str], None]) -> Job:
    """Plays twice."""
    seed = chance.randrange(1 << 30)

    def go() -> None:
        first, again = run(seed, tally), run(seed, lambda _: None)
        if first != again:
            raise Finding("the same steps gave other bits when they were run again")

    return Job(f"steps {seed}", go)
