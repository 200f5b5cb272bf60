"""Recording a training step and running it again: the bits of the steps themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep
from cases import OPTIMIZERS, TABLE
from cases.gamma import FAMILIES
from cases.random import DRAWS
from cases.row import find, materialize
from runner import function_of, numpy, outputs, run, to_native
from steep import _core
from test_counts import Counting
from tolerances import same_bits

# Rows that seed the generator themselves, which is Python's doing and not recorded.
SEEDED = {*DRAWS, *FAMILIES}
ROWS = [n for n, row in TABLE.items() if row.reference is not None and n not in SEEDED]

FEATURES, CLASSES, BATCH = 20, 5, 16


# What networks are trained with: one setting an optimiser.
TRAINED = {name: row.training or row.settings[0] for name, row in OPTIMIZERS.items()}


class Training:
    """A network, its optimiser, and one step on whatever lies in `x` and `y`."""

    def __init__(self, optimizer: str, **settings: Any) -> None:
        nn = steep.nn
        steep.manual_seed(3)
        self.model = nn.Sequential(
            nn.Linear(FEATURES, 32), nn.ReLU(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, CLASSES)
        )
        self.optimizer = getattr(steep.optim, optimizer)(
            OPTIMIZERS[optimizer].takes(self.model.parameters()), **settings
        )
        self.x = steep.zeros(BATCH, FEATURES)
        self.y = steep.zeros(BATCH, dtype=steep.int64)
        self.loss = steep.zeros(())

    def load(self, i: int) -> None:
        rng = np.random.default_rng(i)
        self.x.copy_(steep.from_numpy(rng.normal(size=(BATCH, FEATURES)).astype(np.float32)))
        self.y.copy_(steep.from_numpy(rng.integers(0, CLASSES, BATCH)))

    def step(self) -> None:
        self.optimizer.zero_grad(set_to_none=False)
        loss = steep.nn.functional.cross_entropy(self.model(self.x), self.y)
        loss.backward()
        self.optimizer.step()
        self.loss.copy_(loss.detach())

    def state(self) -> list[np.ndarray]:
        params = list(self.model.parameters())
        kept = [
            v for p in params for v in self.optimizer.state.get(p, {}).values() if v is not None
        ]
        return [a.copy() for a in numpy([*params, *(p.grad for p in params), *kept, self.loss])]


def record(function: Callable[[], None]) -> Any:
    recorder = _core.Recorder()
    recorder.start()
    try:
        function()
    finally:
        recorder.stop()
    return recorder


@pytest.mark.parametrize("name", ROWS)
def test_replayed_operations_see_new_inputs(name: str) -> None:
    """Recorded on some values and replayed on others: the results of the others, or a refusal."""
    row = TABLE[name]
    for described in row.calls:
        old, new = (materialize(described, row.dtypes[0], seed) for seed in ("old", "new"))
        native = to_native(old)
        inputs = list(find(native, steep.Tensor))
        kept: list[Any] = []
        recorder = record(
            lambda native=native, kept=kept: kept.append(
                function_of(name, row)(*native.args, **native.kwargs)
            )
        )
        if recorder.refusal is not None or not isinstance(outputs(kept[0])[0], steep.Tensor):
            continue
        for x, array in zip(inputs, find(new, np.ndarray), strict=True):
            x.copy_(steep.from_numpy(array))
        recorder.replay()
        for got, expected in zip(numpy(kept[0]), run(name, row, new), strict=True):
            same_bits(got, expected)


@pytest.mark.parametrize(
    ("name", "settings"),
    [(name, given) for name, row in OPTIMIZERS.items() for given in row.settings],
)
def test_replayed_steps_are_the_steps(name: str, settings: dict[str, Any]) -> None:
    eager, replayed = (Training(name, **settings) for _ in range(2))
    for i in range(2):  # state and gradients come into being
        for training in (eager, replayed):
            training.load(i)
            training.step()
    eager.load(2)
    replayed.load(2)
    eager.step()
    recorder = record(replayed.step)
    assert recorder.refusal is None
    for got, expected in zip(replayed.state(), eager.state(), strict=True):
        np.testing.assert_array_equal(got, expected)
    for i in range(3, 20):
        eager.load(i)
        replayed.load(i)
        eager.step()
        recorder.replay()
        for got, expected in zip(replayed.state(), eager.state(), strict=True):
            np.testing.assert_array_equal(got, expected)


def test_a_replay_follows_the_learning_rate() -> None:
    """Hyperparameters are read when a kernel runs, not when it was recorded."""
    eager, replayed = (Training("Adam", lr=1e-2) for _ in range(2))
    for training in (eager, replayed):
        training.load(0)
        training.step()
    eager.step()
    recorder = record(replayed.step)
    for training in (eager, replayed):
        training.optimizer.param_groups[0]["lr"] = 1e-3
    eager.step()
    write_settings(replayed.optimizer)
    recorder.replay()
    for got, expected in zip(replayed.state(), eager.state(), strict=True):
        np.testing.assert_array_equal(got, expected)


def write_settings(optimizer: Any) -> None:
    """What `step` does before its launch."""
    for group, plan in zip(optimizer.param_groups, optimizer._plans, strict=True):
        plan.write(optimizer._hyper(group))


def test_a_replay_draws_new_numbers() -> None:
    """Random kernels advance the generator, in a replay too."""
    x, out = steep.ones(1000), steep.zeros(1000)

    def draw() -> None:
        out.copy_(steep.nn.functional.dropout(x, 0.5) + steep.rand(1000))

    steep.manual_seed(5)
    draw()
    expected = []
    for _ in range(3):
        draw()
        expected.append(out.numpy().copy())
    steep.manual_seed(5)
    draw()
    recorder = record(draw)
    np.testing.assert_array_equal(out.numpy(), expected[0])
    for i in (1, 2):
        recorder.replay()
        np.testing.assert_array_equal(out.numpy(), expected[i])


def test_launches_are_recorded_in_order() -> None:
    x = steep.ones(4)
    recorder = record(lambda: (x * 2 + 1).exp_())
    assert [name for name in recorder.launches() if name != "copy"] == ["mul", "add", "exp"]
    with Counting() as count:
        recorder.replay()
    assert count["launches"] == len(recorder.launches())
    assert count["nodes"] == 0


def test_a_replay_moves_versions() -> None:
    """What it writes has changed, for whoever has saved it."""
    x = steep.ones(3)
    w = steep.ones(3, requires_grad=True)
    recorder = record(lambda: x.add_(1))
    y = w * x
    recorder.replay()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


@pytest.mark.parametrize(
    "read", [lambda x: x.sum().item(), lambda x: bool(x[0] > 0), lambda x: x.tolist()]
)
def test_a_value_read_while_recording_refuses_the_replay(read: Callable[[Any], Any]) -> None:
    """What comes after may depend on it."""
    x = steep.ones(3)
    recorder = record(lambda: read(x * 2))
    assert recorder.refusal
    with pytest.raises(RuntimeError, match="cannot be run again: it reads a value"):
        recorder.replay()


def test_recordings_do_not_nest() -> None:
    def inner() -> None:
        _core.Recorder().start()

    with pytest.raises(RuntimeError, match=r"record"):
        record(inner)
    assert record(lambda: steep.ones(1).add_(1)).launches()  # the outer one has ended


def test_a_replay_checks_its_targets() -> None:
    """Bad input is refused in a replay as it is in a step, and nothing is changed."""
    training = Training("SGD", lr=0.1)
    training.load(0)
    training.step()
    recorder = record(training.step)
    training.y[3] = CLASSES
    before = [p.detach().numpy().copy() for p in training.model.parameters()]
    with pytest.raises(IndexError, match="Target 5 is out of bounds"):
        recorder.replay()
    for p, old in zip(training.model.parameters(), before, strict=True):
        np.testing.assert_array_equal(p.detach().numpy(), old)
