"""Failures at every point of what changes state.

Allocations of tensor memory that fail, allocations of Python's that fail, and a KeyboardInterrupt
at every line of the package.

After each, the state is the old or the new one, bit for bit, memory is not lost, and what follows
goes on as if nothing had been.

    python tools/inject_failures.py --seconds 60
"""

from __future__ import annotations

import argparse
import gc
import linecache
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import steep
from steep import _core, nn, optim

PACKAGE = os.path.dirname(steep.__file__)
KINDS = ("memory", "objects", "lines")

# ---- what is tried ----------------------------------------------------------------------------


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

# ---- how it fails -----------------------------------------------------------------------------


class Failure:
    """One of the points that a call comes by fails.

    Attributes:
        at: which, counted from 1.
        count: how many there were, at least.
        where: the line, if it is known.
        others: what else than MemoryError and KeyboardInterrupt tells of it.
    """

    others: tuple[type[Exception], ...] = ()

    def __init__(self, at: int) -> None:
        self.at = at
        self.count = 0
        self.where = ""

    def run(self, function: Callable[[], Any]) -> None:
        """Call the function, and let the point fail."""
        raise NotImplementedError


class Interrupt(Failure):
    """Raises KeyboardInterrupt before one line of the package is run; counts them."""

    def __call__(self, frame: Any, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        if event == "line":
            self.count += 1
            if self.count == self.at:
                self.where = f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
                raise KeyboardInterrupt
        return self

    def run(self, function: Callable[[], Any]) -> None:
        before = sys.gettrace()
        sys.settrace(self)
        try:
            function()
        finally:
            sys.settrace(before)


class Memory(Failure):
    """Lets one allocation of tensor memory fail."""

    def run(self, function: Callable[[], Any]) -> None:
        _core.fail_allocation(self.at - 1)
        try:
            function()
        finally:
            self.count = self.at if _core.allocations_until_failure() < 0 else self.at - 1
            _core.fail_allocation(-1)


class Objects(Failure):
    """Lets one allocation of Python's fail. It counts those of the interpreter itself as well."""

    others = (RuntimeError, OSError, SystemError)  # what the interpreter makes of some

    def run(self, function: Callable[[], Any]) -> None:
        import _testcapi

        set_nomemory, remove = _testcapi.set_nomemory, _testcapi.remove_mem_hooks
        try:
            set_nomemory(self.at, self.at + 1)
            function()
        finally:
            remove()
        self.count = self.at - 1  # nothing has failed: that was the last, or no one minded


FAILURES = {"memory": Memory, "objects": Objects, "lines": Interrupt}


class FindingError(AssertionError):
    """What a failure has left is neither the old nor the new state."""


def expected_states(make: Callable[[], Trial]) -> list[Any]:
    """The state before the calls, and after each of them, where nothing fails."""
    trial = make()
    states = [trial.state()]
    for call in trial.calls:
        call()
        states.append(trial.state())
    return states


def fails_once(make: Callable[[], Trial], states: list[Any], kind: str, at: int) -> bool:
    """Let the `at`-th point fail and check; false where there are not so many."""
    trial = make()
    failure = FAILURES[kind](at)
    grad_enabled = steep.is_grad_enabled()
    try:
        failure.run(trial.start)
    except (KeyboardInterrupt, MemoryError, *failure.others):
        where = f"{kind} {at} {failure.where}"
        if steep.is_grad_enabled() != grad_enabled or _core.is_recording():
            raise FindingError(f"{where}: the mode of the thread is another") from None
        now = trial.state()
        # The last that it can be: calls that change nothing cannot be told apart.
        found = [i for i, state in enumerate(states) if state == now]
        if not found:
            raise FindingError(f"{where}: neither the old nor the new state") from None
        trial.resume(found[-1])
    else:
        if failure.count < at:
            return False
    if not trial.complete(states, failure.where):
        raise FindingError(f"{kind} {at} {failure.where}: what followed went another way")
    return True


def try_all(name: str, kind: str, points: Iterator[int], until: float) -> tuple[int, bool]:
    """Let one point after the other fail; how many did, and whether there were no more."""
    make = TRIALS[name]
    states = expected_states(make)
    gc.collect()
    before = steep.memory_stats()["allocated_bytes"]
    count = 0
    # Some failures of objects the interpreter gets over by itself: those are not the last.
    most = 40 if kind == "objects" else 1
    unnoticed = 0
    for at in points:
        if time.monotonic() > until or unnoticed == most:
            break
        if fails_once(make, states, kind, at):
            count += 1
            unnoticed = 0
        else:
            unnoticed += 1
    gc.collect()
    after = steep.memory_stats()["allocated_bytes"]
    # The interpreter loses a call's arguments where it finds no memory for the function's cells.
    if after > before and kind != "objects":
        raise FindingError(f"{name}, {kind}: {after - before} bytes of tensors are lost")
    return count, unnoticed == most


# ---- the command ------------------------------------------------------------------------------


def in_a_process(name: str, kind: str, first: int, step: int, last: int, seconds: float) -> int:
    """`try_all` in a process of its own, which a failure may end; how many points were tried."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import inject_failures as tool;"
        "name, kind, first, step, last, seconds = sys.argv[2:];"
        "import time, warnings; warnings.simplefilter('ignore');"
        "points = iter(range(int(first), int(last), int(step)));"
        "print(tool.try_all(name, kind, points, time.monotonic() + float(seconds))[0])"
    )
    given = [os.path.dirname(os.path.abspath(__file__)), name, kind]
    given += [str(first), str(step), str(last), str(seconds)]
    done = subprocess.run(
        [sys.executable, "-c", code, *given], capture_output=True, text=True, check=False
    )
    if done.returncode:
        text = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise FindingError(f"{name}, {kind}: {text[-1]}")
    return int(done.stdout.split()[-1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--trial", choices=[*TRIALS], action="append")
    parser.add_argument("--kind", choices=KINDS, action="append")
    options = parser.parse_args()
    pairs = [(n, k) for n in options.trial or TRIALS for k in options.kind or KINDS]
    random.shuffle(pairs)
    end = time.monotonic() + options.seconds
    tried, findings = 0, 0
    for left, (name, kind) in zip(range(len(pairs), 0, -1), pairs, strict=True):
        seconds = max(1.0, (end - time.monotonic()) / left)
        # Of objects there are too many to try each: another part of them each time.
        step = random.choice((7, 11, 13)) if kind == "objects" else 1
        first = random.randrange(1, step + 1)
        try:
            tried += in_a_process(name, kind, first, step, 20000, seconds)
        except FindingError as finding:
            findings += 1
            print(f"FINDING {finding}")
    print(f"{tried} failures injected into {len(pairs)} trials, {findings} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
