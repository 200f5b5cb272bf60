"""Checkpoints: everything in one file, resumed to the same bits, all of it or nothing."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steep
from cases import OPTIMIZERS, SEARCHES
from compiling import replays
from processes import run
from runner import numpy
from steep import data, nn, optim
from steep.optim.lr_scheduler import StepLR
from test_compile_schedules import SCHEDULES
from tolerances import same_bits

STEPS = 24


class Training:
    """Everything that a training has: dropout, a shuffled loader, a schedule, noise of all kinds.

    Each step is a function of all of them; `losses` has what they came to.
    """

    def __init__(self, compiled: bool = False, workers: int = 0, own: bool = False) -> None:
        steep.manual_seed(1)
        np.random.seed(2)
        random.seed(3)
        self.generator = steep.Generator().manual_seed(4) if own else None
        self.noise = np.random.default_rng(5)
        self.model = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.3), nn.Tanh(), nn.Linear(8, 1))
        self.optimizer = optim.AdamW(self.model.parameters(), lr=0.01)
        self.schedule = StepLR(self.optimizer, 3, 0.5)
        x = steep.arange(33).float().reshape(11, 3)
        self.loader = data.DataLoader(
            data.TensorDataset(x, x.sum(1, keepdim=True) / 100),
            batch_size=4,
            shuffle=True,
            num_workers=workers,
            generator=self.generator,
        )
        self.function = steep.compile(self.step) if compiled else self.step
        self.epoch, self.losses = 0, []

    def step(self, x: Any, y: Any) -> Any:
        self.optimizer.zero_grad()
        loss = nn.functional.mse_loss(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        return loss

    def run(self) -> Iterator[None]:
        """Train, with a stop after each step."""
        while True:
            for x, y in self.loader:
                noise = random.random() + np.random.rand() + self.noise.random()
                self.losses.append(self.function(x + 0.01 * noise, y).item())
                yield
            self.schedule.step()
            self.epoch += 1

    def parts(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "optimizer": self.optimizer,
            "scheduler": self.schedule,
            "loader": self.loader,
            "noise": self.noise,
        }

    def save(self, path: Path, **more: Any) -> None:
        more |= {"epoch": self.epoch, "losses": self.losses[-STEPS:]}
        steep.save_checkpoint(path, random=("steep", "numpy", "python"), **self.parts(), **more)

    def load(self, path: Path) -> None:
        rest = steep.load_checkpoint(path, **self.parts())
        self.epoch, self.losses = rest.pop("epoch"), rest.pop("losses")
        assert rest.keys() <= {"number"}

    def everything(self) -> list[Any]:
        state = self.optimizer.state_dict()["state"]
        kept = [x for key in sorted(state) for x in state[key].values()]
        own = [] if self.generator is None else [self.generator.get_state()]
        streams = [steep.get_rng_state(), *own]
        return [*numpy([*self.model.parameters(), *kept, *streams]), np.array(self.losses)]


@pytest.mark.parametrize("at", range(1, 8))
@pytest.mark.parametrize(
    "settings", [{}, {"compiled": True}, {"workers": 2}, {"own": True}, {"workers": 1, "own": True}]
)
def test_a_resumed_training_is_the_training(
    settings: dict[str, Any], at: int, tmp_path: Path
) -> None:
    """At every place of an epoch of three batches, and beyond it."""
    straight = Training(**settings)
    for _ in itertools.islice(straight.run(), STEPS):
        pass
    expected = straight.everything()
    first = Training(**settings)
    for _ in itertools.islice(first.run(), at):
        pass
    first.save(tmp_path / "file")
    second = Training(**settings)
    steep.manual_seed(99)
    random.seed(99)
    second.load(tmp_path / "file")
    for _ in itertools.islice(second.run(), STEPS - at):
        pass
    for got, wanted in zip(second.everything(), expected, strict=True):
        same_bits(got, wanted)
    assert second.epoch == straight.epoch
    assert "compiled" not in settings or replays(second.function) > 0


def test_a_compiled_step_goes_on_after_a_load(tmp_path: Path) -> None:
    """In the same process: the programs hold on to the parameters, which stay the same."""
    training = Training(compiled=True)
    steps = training.run()
    for _ in itertools.islice(steps, 6):
        pass
    training.save(tmp_path / "file")
    for _ in itertools.islice(steps, 12):
        pass
    expected = training.everything()
    training.load(tmp_path / "file")
    before = replays(training.function)
    for _ in itertools.islice(training.run(), 12):
        pass
    for got, wanted in zip(training.everything(), expected, strict=True):
        same_bits(got, wanted)
    assert replays(training.function) >= before + 3


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_goes_on(name: str, tmp_path: Path) -> None:
    def made() -> tuple[Any, Any]:
        optimizer = optim.SGD([steep.zeros(1, requires_grad=True)], lr=0.1, momentum=0.9)
        return optimizer, SCHEDULES[name](optimizer)

    measure = (1.0,) if name == "ReduceLROnPlateau" else ()
    optimizer, schedule = made()
    others = made()
    rates = []
    for i in range(12):
        if i == 5:
            parts = {"optimizer": optimizer, "scheduler": schedule}
            steep.save_checkpoint(tmp_path / "file", **parts)
            optimizer, schedule = others
            parts = {"optimizer": optimizer, "scheduler": schedule}
            steep.load_checkpoint(tmp_path / "file", **parts)
        optimizer.step()
        schedule.step(*measure)
        rates.append(optimizer.param_groups[0]["lr"])
    straight, plan = made()
    for rate in rates:
        straight.step()
        plan.step(*measure)
        assert straight.param_groups[0]["lr"] == rate


@pytest.mark.parametrize(
    ("name", "settings"),
    [(n, s) for n, row in (OPTIMIZERS | SEARCHES).items() for s in row.settings],
)
def test_every_optimizer_goes_through_a_file(
    name: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    row = (OPTIMIZERS | SEARCHES)[name]
    params = [steep.randn(shape, requires_grad=True) for shape in row.shapes]
    others = [p.detach().clone().requires_grad_() for p in params]
    first, second = (
        getattr(optim, name)(given, **kw) for given, kw in ((params, settings), (others, {}))
    )

    def closure() -> Any:
        first.zero_grad()
        loss = sum((p * p).sum() for p in params)
        loss.backward()
        return loss

    for _ in range(3):
        closure()
        first.step(*[closure][: row.searches])
    steep.save_checkpoint(tmp_path / "f", optimizer=first)
    steep.load_checkpoint(tmp_path / "f", optimizer=second)
    assert plain(second.state_dict()) == plain(first.state_dict())


def plain(value: Any) -> Any:
    """A state with lists in the place of tensors and tuples."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return (str(value.dtype), value.tolist()) if isinstance(value, steep.Tensor) else value


# ---- the file ---------------------------------------------------------------------------------


def test_the_weights_are_found_by_any_reader(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    model = nn.Sequential(nn.Linear(2, 3))
    steep.save_checkpoint(tmp_path / "file", model=model, epoch=3)
    found = safetensors.load_file(tmp_path / "file")
    same_bits(found["model.0.weight"], model[0].weight.detach().numpy())


def test_parts_may_be_dicts_and_lists(tmp_path: Path) -> None:
    nets = {"g": nn.Linear(2, 2), "d": nn.Linear(2, 1)}
    steps = [optim.Adam(net.parameters()) for net in nets.values()]
    streams = (random.Random(1), np.random.default_rng(2), np.random.RandomState(3))
    mixed = {"best": steep.ones(2), "score": (0.5, None)}
    steep.save_checkpoint(tmp_path / "f", nets=nets, steps=steps, streams=streams, mixed=mixed)
    expected = [net.weight.tolist() for net in nets.values()]
    drawn = [streams[0].random(), streams[1].random(), streams[2].rand()]
    for net in nets.values():
        nn.init.zeros_(net.weight)
    rest = steep.load_checkpoint(tmp_path / "f", nets=nets, steps=steps, streams=streams)
    assert [net.weight.tolist() for net in nets.values()] == expected
    assert [streams[0].random(), streams[1].random(), streams[2].rand()] == drawn
    assert rest["mixed"]["score"] == (0.5, None)
    assert rest["mixed"]["best"].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("kind", ["MT19937", "PCG64", "Philox", "SFC64"])
def test_every_generator_of_numpys_goes_on(kind: str, tmp_path: Path) -> None:
    stream = np.random.Generator(getattr(np.random, kind)(7))
    stream.random(3)
    steep.save_checkpoint(tmp_path / "f", stream=stream)
    drawn = stream.random(5)
    steep.load_checkpoint(tmp_path / "f", stream=stream)
    same_bits(stream.random(5), drawn)


def test_random_states_are_restored_as_asked(tmp_path: Path) -> None:
    steep.save_checkpoint(tmp_path / "f", random=["python"])
    before, ours = random.random(), steep.get_rng_state()
    steep.rand(1)
    steep.load_checkpoint(tmp_path / "f")
    assert random.random() == before
    assert steep.get_rng_state().tolist() != ours.tolist()
    after = random.random()
    steep.load_checkpoint(tmp_path / "f", random=False)
    assert random.random() not in (before, after)


# ---- errors -----------------------------------------------------------------------------------


def test_a_load_that_fails_changes_nothing(tmp_path: Path) -> None:
    model, path = nn.Linear(2, 2), tmp_path / "f"
    adam = optim.Adam(model.parameters())
    model(steep.ones(1, 2)).sum().backward()
    adam.step()
    steep.save_checkpoint(path, model=model, optimizer=adam, epoch=3)
    other = nn.Linear(2, 2)
    sgd = optim.SGD([{"params": [p]} for p in other.parameters()], lr=0.5)
    before, stream = other.weight.tolist(), steep.get_rng_state().tolist()
    with pytest.raises(ValueError, match="different number of parameter groups"):
        steep.load_checkpoint(path, model=other, optimizer=sgd)
    with pytest.raises(
        ValueError, match=r"has no 'schedule'; it has 'model', 'optimizer', 'epoch'"
    ):
        steep.load_checkpoint(path, model=other, schedule=sgd)
    with pytest.raises(TypeError, match="expected for 'epoch' an object with a load_state_dict"):
        steep.load_checkpoint(path, model=other, epoch=0)
    with pytest.raises(ValueError, match="'model' to have the parts 'weight', 'bias', got 'net'"):
        steep.load_checkpoint(path, model={"net": other})
    assert other.weight.tolist() == before
    assert steep.get_rng_state().tolist() == stream
    assert sgd.param_groups[0]["lr"] == 0.5


def test_errors(tmp_path: Path) -> None:
    path = tmp_path / "f"
    with pytest.raises(ValueError, match="cannot be called 'checkpoint'"):
        steep.save_checkpoint(path, checkpoint=1)
    with pytest.raises(ValueError, match="random states of 'steep', 'numpy', 'python', got 'mine'"):
        steep.save_checkpoint(path, random="mine")
    with pytest.raises(TypeError, match="got set at 'names'"):
        steep.save_checkpoint(path, names={1})
    assert not path.exists()
    steep.save({"x": steep.ones(1)}, path)
    with pytest.raises(ValueError, match=r"expected a checkpoint that .* found a file with 'x'"):
        steep.load_checkpoint(path)
    steep.save_checkpoint(path, two=[nn.Linear(1, 1)] * 2)
    with pytest.raises(ValueError, match="expected 2 parts for 'two', got 1"):
        steep.load_checkpoint(path, two=[nn.Linear(1, 1)])
    with pytest.raises(FileNotFoundError):
        steep.load_checkpoint(tmp_path / "none")


# ---- killed -----------------------------------------------------------------------------------

KILLS = """
import hashlib, os, random, signal, sys, time
sys.path.insert(0, {tests!r})
import steep
from pathlib import Path
from test_checkpoint import Training

path, count, digests = Path({path!r}), 0, []

def digest(states):
    found = hashlib.sha1()
    for tensor in states["model"].values():
        found.update(tensor.numpy().tobytes())
    for entry in states["optimizer"]["state"].values():
        for tensor in entry.values():
            found.update(tensor.numpy().tobytes())
    return found.digest()

def train(told):
    training, number = Training(), 0
    if path.exists():
        number = steep.load(path)["number"]
        training.load(path)
    for _ in training.run():
        number += 1
        training.save(path, number=number)
        os.write(told, b".")

straight = Training()
steps = straight.run()

def expected(number):
    while len(digests) < number:
        next(steps)
        optimizer = straight.optimizer.state_dict()
        states = {{"model": straight.model.state_dict(), "optimizer": optimizer}}
        digests.append(digest(states))
    return digests[number - 1]

chance, last, heard = random.Random(8), 0, 0
listening, told = os.pipe()
for _ in range(200):
    child = os.fork()
    if child == 0:
        train(told)
    for _ in range(chance.randrange(2)):
        heard += len(os.read(listening, 1))
    time.sleep(chance.uniform(0.0, 0.02))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    if path.exists():
        found = steep.load(path)
        assert found["number"] >= last
        last = found["number"]
        assert digest(found) == expected(last), last
left = [name for name in os.listdir(path.parent) if name != path.name]
print(last, heard, len(left))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_training_that_is_killed_again_and_again_is_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed 200 times at random moments; after each, what it has come to is compared.

    How far it comes each time depends on the machine, but for the saves that are waited for.
    """
    monkeypatch.setenv("STEEP_NUM_THREADS", "1")
    program = KILLS.format(tests=str(Path(__file__).parent), path=str(tmp_path / "file"))
    steps, heard, left = map(int, run(program).split())
    assert steps >= heard > 50
    assert left <= 1  # what the last of them may have left, the next save would remove
