"""What tools/inject_failures.py tries: changes of state, done step by step."""

from __future__ import annotations

import linecache
import os
import tempfile
from collections.abc import Callable
from typing import Any

import steep
from steep import nn, optim

PACKAGE = os.path.dirname(steep.__file__)


class Trial:
    """Calls that change state one after the other, and the state that they change."""

    calls: list[Callable[[], Any]]

    def state(self) -> Any:
        """All of it, comparable and independent of what comes later."""
        raise NotImplementedError

    def resume(self, done: int) -> None:
        """Do the calls that follow the first `done`."""
        for call in self.calls[done:]:
            call()

    def complete(self, states: list[Any], where: str) -> bool:
        """Whether it has come to its end as it should, after a failure at `where`."""
        return bool(self.state() == states[-1])

    def start(self) -> None:
        """Do all of the calls, in the way that is tried."""
        self.resume(0)


def bits(value: Any) -> Any:
    """A tensor's dtype, shape and bytes; in whatever holds it."""
    if isinstance(value, steep.Tensor):
        return str(value.dtype), tuple(value.shape), value.detach().numpy().tobytes()
    if isinstance(value, dict):
        return {key: bits(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [bits(item) for item in value]
    return value


def state_of(model: Any, optimizer: Any = None) -> Any:
    """Values, gradients and modes of a model, and an optimiser's state."""
    return [
        bits(dict(model.state_dict())),
        [(bits(p.grad), p.requires_grad) for p in model.parameters()],
        [(type(m).__name__, m.training, sorted(public(m))) for m in model.modules()],
        None if optimizer is None else bits(optimizer.state_dict()),
    ]


def public(module: Any) -> list[str]:
    """The names of a module's attributes, but for what it only remembers to be quick."""
    return [name for name in vars(module) if not name.startswith("_")]


def network() -> Any:
    steep.manual_seed(3)
    return nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.Tanh(), nn.Linear(8, 2))


class Training(Trial):
    """Steps of a network: clear, forward and backward, step."""

    def __init__(
        self, kind: str, groups: int = 1, compiled: bool = False, steps: int = 2, **settings: Any
    ) -> None:
        self.model = network()
        params = list(self.model.parameters())
        parts = [{"params": params[i::groups]} for i in range(groups)]
        self.optimizer = getattr(optim, kind)(parts, **settings)
        steep.manual_seed(5)
        self.x, self.y = steep.randn(6, 4), steep.randn(6, 2)
        self.calls = [self.optimizer.zero_grad, self.backward, self.optimizer.step] * steps
        self.compiled = steep.compile(self.step) if compiled else None

    def backward(self) -> None:
        nn.functional.mse_loss(self.model(self.x), self.y).backward()

    def step(self) -> None:
        self.optimizer.zero_grad()
        self.backward()
        self.optimizer.step()

    def resume(self, done: int) -> None:
        if self.compiled is None:
            return super().resume(done)
        while done % 3:  # the rest of a step that was broken off, as it is
            self.calls[done]()
            done += 1
        for _ in range(done, len(self.calls), 3):
            self.compiled()

    def state(self) -> Any:
        return state_of(self.model, self.optimizer)


class Changes(Trial):
    """Calls of a model and an optimiser that have been trained a little."""

    def __init__(self, *names: str) -> None:
        self.trained = Training("Adam", steps=1)
        self.trained.resume(0)
        self.model, self.optimizer = self.trained.model, self.trained.optimizer
        other = Training("Adam", steps=3, lr=0.5)
        other.resume(0)
        self.values = {k: v.clone() for k, v in other.model.state_dict().items()}
        self.settings = other.optimizer.state_dict()
        self.more = [nn.Parameter(steep.ones(3)), nn.Parameter(steep.ones(2))]
        self.calls = [getattr(self, name) for name in names]

    def fill(self) -> None:
        self.optimizer.zero_grad(set_to_none=False)

    def clear(self) -> None:
        self.model.zero_grad()

    def load(self) -> None:
        self.model.load_state_dict(self.values)

    def assign(self) -> None:
        self.model.load_state_dict(self.values, assign=True)

    def load_optimizer(self) -> None:
        self.optimizer.load_state_dict(self.settings)

    def add_group(self) -> None:
        self.optimizer.add_param_group({"params": self.more, "lr": 0.25})

    def double(self) -> None:
        self.model.double()

    def evaluate(self) -> None:
        self.model.eval()

    def freeze(self) -> None:
        self.model.requires_grad_(False)

    def replace(self) -> None:
        self.model[2] = nn.ReLU()

    def insert(self) -> None:
        self.model.insert(1, nn.Dropout(0.5))

    def extra(self) -> None:
        self.model.extra = self.more[0]

    def state(self) -> Any:
        return state_of(self.model, self.optimizer)


class Saving(Trial):
    """Saving over a file that is there, and loading it."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "state")
        self.old = {"a": steep.zeros(50), "n": [1, None, (2.5, "x")]}
        self.new = {"a": steep.ones(60), "m": {"b": steep.tensor([True, False])}}
        steep.save(self.old, self.path)
        self.calls = [self.save, self.load]

    def save(self) -> None:
        steep.save(self.new, self.path)

    def load(self) -> None:
        steep.load(self.path)

    def state(self) -> Any:
        left = [name for name in os.listdir(self.folder.name) if name != "state"]
        # What an interrupted handler could not remove, the next save does.
        assert len(left) <= 1, left
        return bits(steep.load(self.path))


class Loading(Trial):
    """Batches of a loader, each of which comes once, in order."""

    def __init__(self, kind: str, workers: int = 0) -> None:
        data: Any = steep.arange(7)
        dataset: Any = steep.data.TensorDataset(data) if kind == "tensors" else data.tolist()
        steep.manual_seed(1)
        loader = steep.data.DataLoader(dataset, 2, shuffle=True, num_workers=workers)
        self.iterator = iter(loader)
        self.broken = False
        self.found: list[Any] = [None] * 4  # room, so that to put a batch there cannot fail
        self.count = 0
        self.calls = [self.take] * 4

    def take(self) -> None:
        self.found[self.count] = next(self.iterator)
        self.count += 1

    def resume(self, done: int) -> None:
        for _ in range(self.count, len(self.calls)):
            try:
                self.take()
            except StopIteration:
                return
            except RuntimeError as error:  # it says that it has been broken off
                if "broken off" not in str(error):
                    raise
                self.broken = True
                return

    def complete(self, states: list[Any], where: str) -> bool:
        """Whether every batch has come once, but for one that was lost as it was returned."""
        found = self.state()
        if self.broken or found == states[-1]:
            return True
        without = [states[-1][:i] + states[-1][i + 1 :] for i in range(len(self.calls))]
        file, _, line = where.partition(":")
        path = os.path.join(PACKAGE, "data", file)
        return found in without and "return" in linecache.getline(path, int(line or 0))

    def state(self) -> Any:
        return bits(self.found[: self.count])


TRIALS: dict[str, Callable[[], Trial]] = {
    "SGD": lambda: Training("SGD", lr=0.1),
    "SGD with momentum": lambda: Training("SGD", lr=0.1, momentum=0.9, groups=2),
    "Adam": lambda: Training("Adam"),
    "AdamW of groups": lambda: Training("AdamW", groups=3, amsgrad=True),
    "RMSprop": lambda: Training("RMSprop", groups=2, centered=True),
    "RAdam of groups": lambda: Training("RAdam", groups=2),
    "compiled Adafactor": lambda: Training("Adafactor", groups=2, compiled=True, steps=5),
    "compiled SGD": lambda: Training("SGD", lr=0.1, momentum=0.9, compiled=True, steps=5),
    "compiled Adam": lambda: Training("Adam", groups=2, compiled=True, steps=5),
    "gradients": lambda: Changes("fill", "clear"),
    "load": lambda: Changes("load"),
    "assign": lambda: Changes("assign"),
    "load optimizer": lambda: Changes("load_optimizer"),
    "groups": lambda: Changes("add_group"),
    "convert": lambda: Changes("double"),
    "modes": lambda: Changes("evaluate", "freeze"),
    "members": lambda: Changes("replace", "extra", "insert"),
    "save": Saving,
    "loader": lambda: Loading("tensors"),
    "loader of samples": lambda: Loading("list"),
}
