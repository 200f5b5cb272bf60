"""Networks trained at once: the bits, and the history, of each trained alone."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep
from many_support import Adam, alone, mlp, same_training, table
from steep import nn
from steep.data import DataLoader, Subset, TensorDataset, k_fold_indices
from steep.train import Callback, fit, fit_many
from steep.train._measure import compiled


class Sequences(nn.Module):
    """Words, a recurrent layer, a score of each class."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(9, 8)
        self.lstm = nn.LSTM(8, 8, batch_first=True)
        self.last = nn.Linear(8, 3)

    def forward(self, codes: Any) -> Any:
        states, _ = self.lstm(self.words(codes))
        return self.last(states[:, -1])


def words() -> tuple[Any, Any]:
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 9, (40, 5))
    return steep.from_numpy(codes), steep.from_numpy(codes[:, 0] % 3)


def images() -> tuple[Any, Any]:
    rng = np.random.default_rng(2)
    return (
        steep.from_numpy(rng.normal(size=(40, 1, 6, 6)).astype(np.float32)),
        steep.from_numpy(rng.integers(0, 3, 40)),
    )


def convolutional() -> Any:
    return nn.Sequential(
        *(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(16, 3)),
    )


NETWORKS: dict[str, tuple[Callable[[], Any], Callable[[], tuple[Any, Any]]]] = {
    "linear": (mlp(), table),
    "norms and dropout": (
        mlp(lambda: nn.LayerNorm(16), lambda: nn.Dropout(0.3), lambda: nn.BatchNorm1d(16)),
        table,
    ),
    "noise": (mlp(lambda: nn.RReLU(), lambda: nn.AlphaDropout(0.2)), table),
    "embedding and recurrent": (Sequences, words),
    "convolutional": (convolutional, images),
}


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_ends_as_it_would_alone(name: str, threads: int) -> None:
    make, data = NETWORKS[name]
    loss, optimizer = nn.CrossEntropyLoss(), functools.partial(Adam, lr=0.01)
    settings: Any = {"epochs": 3, "batch_size": 8, "metrics": ["accuracy"]}
    steep.set_num_threads(1)
    expected = [alone(make, loss, optimizer, k, data(), data(), **settings) for k in range(3)]
    steep.set_num_threads(threads)
    trained = fit_many(make, loss, optimizer, data(), data(), seeds=range(3), **settings)
    for got, wanted in zip(trained, expected, strict=True):
        same_training(got, wanted)


OPTIMIZERS = {
    "sgd": functools.partial(steep.optim.SGD, lr=0.1, momentum=0.9, nesterov=True),
    "adamw": functools.partial(steep.optim.AdamW, lr=0.01, amsgrad=True),
    "rmsprop": functools.partial(steep.optim.RMSprop, lr=0.01, centered=True),
    "nadam": functools.partial(steep.optim.NAdam, lr=0.01),
    "adagrad": functools.partial(steep.optim.Adagrad, lr=0.05),
    "radam": functools.partial(steep.optim.RAdam, lr=0.01),  # of operations
}


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(name: str, count: int) -> None:
    make, loss = mlp(), nn.CrossEntropyLoss()
    expected = [alone(make, loss, OPTIMIZERS[name], k, table(), epochs=3) for k in range(count)]
    trained = fit_many(make, loss, OPTIMIZERS[name], table(), seeds=range(count), epochs=3)
    assert len(trained) == count
    for got, wanted in zip(trained, expected, strict=True):
        same_training(got, wanted)


SETTINGS: dict[str, dict[str, Any]] = {
    "eager": {"compile": False},
    "in order": {"shuffle": False},
    "clipped": {"clip_norm": 0.5, "clip_value": 0.1},
    "steps": {"steps": 7, "batch_size": 16},
    "whole": {"batch_size": 100},
    "by step": {
        "scheduler": lambda made: steep.optim.lr_scheduler.OneCycleLR(
            made, max_lr=0.1, total_steps=30
        )
    },
    "by epoch": {"scheduler": lambda made: steep.optim.lr_scheduler.StepLR(made, 1, 0.5)},
    "stopped early": {"early_stopping": 2, "epochs": 12, "monitor": "val_accuracy"},
    "plateau": {
        "scheduler": lambda made: steep.optim.lr_scheduler.ReduceLROnPlateau(made, patience=0)
    },
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings(name: str) -> None:
    settings: Any = {"epochs": 4, "metrics": ["accuracy"], "batch_size": 12, **SETTINGS[name]}
    make, loss = mlp(lambda: nn.Dropout(0.2)), nn.CrossEntropyLoss()
    optimizer = functools.partial(Adam, lr=0.05)
    data = table(), table(20, seed=1)
    expected = [alone(make, loss, optimizer, k, *data, **settings) for k in (5, 2, 9)]
    trained = fit_many(make, loss, optimizer, *data, seeds=(5, 2, 9), **settings)
    for got, wanted in zip(trained, expected, strict=True):
        same_training(got, wanted)
    if name == "stopped early":
        assert len({len(one.history) for one in trained}) > 1


def test_ignored_targets_and_norms_of_gradients() -> None:
    x, y = table()
    data = x, steep.where(steep.arange(70) % 7 < 2, steep.tensor(-100), y)
    settings: Any = {"epochs": 3, "batch_size": 16, "gradient_norm": True, "clip_norm": 0.5}
    for weight in (None, steep.tensor([0.5, 1.0, 2.0])):
        loss = nn.CrossEntropyLoss(weight)
        expected = [alone(mlp(), loss, Adam, k, data, data, **settings) for k in range(2)]
        trained = fit_many(mlp(), loss, Adam, data, data, seeds=range(2), **settings)
        for got, wanted in zip(trained, expected, strict=True):
            same_training(got, wanted)


def test_learning_rates_and_losses_of_their_own() -> None:
    rates = [0.001, 0.01, 0.1]
    losses = [nn.CrossEntropyLoss(label_smoothing=0.1 * k) for k in range(3)]
    optimizers = [functools.partial(Adam, lr=rate) for rate in rates]
    trained = fit_many(mlp(), losses, optimizers, table(), seeds=[4, 4, 4], epochs=2)
    for k, got in enumerate(trained):
        same_training(got, alone(mlp(), losses[k], optimizers[k], 4, table(), epochs=2))
    assert [one.history["lr"][-1] for one in trained] == rates


def test_sample_weights() -> None:
    data = (*table(), steep.linspace(0.1, 2, 70))
    trained = fit_many(mlp(), nn.CrossEntropyLoss(), Adam, data, seeds=range(2), epochs=2)
    for k, got in enumerate(trained):
        same_training(got, alone(mlp(), nn.CrossEntropyLoss(), Adam, k, data, epochs=2))


def test_folds() -> None:
    """Networks with data of different lengths, and so with batches of different sizes."""
    data = TensorDataset(*table(67))
    folds = list(k_fold_indices(67, 4))
    train = [Subset(data, rows.tolist()) for rows, _ in folds]
    held_out = [Subset(data, rows.tolist()) for _, rows in folds]
    loss, settings = nn.CrossEntropyLoss(), {"epochs": 3, "batch_size": 10}
    expected = [alone(mlp(), loss, Adam, 3, train[k], held_out[k], **settings) for k in range(4)]
    trained = fit_many(mlp(), loss, Adam, train, held_out, seeds=[3] * 4, **settings)
    for got, wanted in zip(trained, expected, strict=True):
        same_training(got, wanted)


def test_overlapping_slices_of_an_array_are_compiled() -> None:
    """No warning comes, and numbers are those of each alone."""
    x, y = (part.numpy() for part in table())
    slices = [(x[10 * k : 10 * k + 40], y[10 * k : 10 * k + 40]) for k in range(3)]
    settings: Any = {"epochs": 6, "batch_size": 8}
    loss = nn.CrossEntropyLoss()
    for train, other in ((slices, slices[::-1]), ([(x, y)] * 3, slices)):
        trained = fit_many(mlp(), loss, Adam, train, other, seeds=range(3), shuffle=False,
                           **settings)  # fmt: skip
        for k, got in enumerate(trained):
            same_training(got, alone(mlp(), loss, Adam, k, train[k], other[k], shuffle=False,
                                     sanitize=False, **settings))  # fmt: skip


def test_arrays_of_their_own() -> None:
    parts = [table(rows, seed=rows) for rows in (30, 41, 30)]
    trained = fit_many(
        mlp(), nn.CrossEntropyLoss(), Adam, parts, parts, seeds=range(3), epochs=3, batch_size=8
    )
    for k, got in enumerate(trained):
        wanted = alone(
            mlp(), nn.CrossEntropyLoss(), Adam, k, parts[k], parts[k], epochs=3, batch_size=8
        )
        same_training(got, wanted)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_loader_gives_all_of_them_the_same_batches(workers: int) -> None:
    def loader() -> Any:
        drawn = steep.Generator().manual_seed(8)
        return DataLoader(
            TensorDataset(*table()), 16, shuffle=True, generator=drawn, num_workers=workers
        )

    make = mlp(lambda: nn.Dropout(0.1))
    trained = fit_many(make, nn.CrossEntropyLoss(), Adam, loader(), seeds=range(3), epochs=2)
    for k, got in enumerate(trained):
        same_training(got, alone(make, nn.CrossEntropyLoss(), Adam, k, loader(), epochs=2))


def test_models_that_are_made_already() -> None:
    """Their seeds are drawn, and told."""
    models = []
    for seed in range(3):
        steep.manual_seed(seed)
        models.append(mlp(lambda: nn.Dropout(0.5))())
    copies = [mlp(lambda: nn.Dropout(0.5))() for _ in models]
    for one, model in zip(copies, models, strict=True):
        one.load_state_dict(model.state_dict())
    trained = fit_many(models, nn.CrossEntropyLoss(), Adam, table(), epochs=2)
    assert trained.models == models
    assert len({one.seed for one in trained}) == 3
    for got, copied in zip(trained, copies, strict=True):
        steep.manual_seed(got.seed)
        optimizer = Adam(copied.parameters())
        history = fit(copied, nn.CrossEntropyLoss(), optimizer, table(), epochs=2)
        same_training(got, (copied, optimizer, history))


def test_steps_are_one_program_without_barriers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each thread has whole networks, of classes as well, whose targets are checked before."""
    steep.set_num_threads(2)
    functions: list[Any] = []

    def kept(step: Any, name: str) -> Any:
        functions.append(compiled(step, name))
        return functions[-1]

    monkeypatch.setattr("steep.train._together.compiled", kept)
    trained = fit_many(
        mlp(), nn.CrossEntropyLoss(), Adam, table(64), seeds=range(8), epochs=6, batch_size=8
    )
    assert [one.history["steps"][-1] for one in trained] == [48] * 8
    (function,) = functions  # 12 calls of four steps each, of which 3 are not replayed
    assert sum(program.runs for program in function.programs()) == 9
    listing = function.explain()
    assert {"rank 0", "rank 1"} <= set(re.findall(r"rank \d", listing))
    assert " | " not in listing


def test_a_network_that_diverges_is_stopped_alone() -> None:
    rates = [0.01, 1e38, 0.02]
    optimizers = [functools.partial(steep.optim.SGD, lr=rate) for rate in rates]
    settings: Any = {"epochs": 5, "batch_size": 10}
    trained = fit_many(
        mlp(), nn.CrossEntropyLoss(), optimizers, table(), seeds=range(3), **settings
    )
    assert [one.history.stopped for one in trained] == ["epochs", "non-finite loss", "epochs"]
    assert len(trained[1].history) == 0
    for k in (0, 2):
        wanted = alone(mlp(), nn.CrossEntropyLoss(), optimizers[k], k, table(), **settings)
        same_training(trained[k], wanted)


def test_callbacks_see_each_network_and_can_stop_it() -> None:
    class Stop(Callback):
        def __init__(self) -> None:
            self.seen: list[int] = []

        def on_batch_end(self, run: Any) -> None:
            self.seen.append(run.step)
            if run.model is models[1] and run.step == 7:
                run.stop()

    models = [mlp()() for _ in range(3)]
    stop = Stop()
    trained = fit_many(
        models, nn.CrossEntropyLoss(), Adam, table(50), epochs=4, batch_size=10, callbacks=[stop]
    )
    assert [one.history.stopped for one in trained] == ["epochs", "callback", "epochs"]
    assert [len(one.history) for one in trained] == [4, 1, 4]
    assert sorted(stop.seen).count(20) == 2


def test_the_best_one_and_a_table() -> None:
    trained = fit_many(
        mlp(), nn.CrossEntropyLoss(), functools.partial(Adam, lr=0.01), table(), table(20, seed=1),
        seeds=range(4), epochs=3, metrics=["accuracy"], monitor="val_accuracy",
    )  # fmt: skip
    bests = [max(one.history["val_accuracy"]) for one in trained]
    assert max(trained.best.history["val_accuracy"]) == max(bests)
    assert [row["seed"] for row in trained.rows()] == [0, 1, 2, 3]
    assert [row["val_accuracy"] for row in trained.rows()] == bests
    assert [row["network"] for row in trained.rows()] == list(trained.to_frame()["network"])
    head, *lines = repr(trained).split("\n")
    assert head.split()[:4] == ["network", "seed", "stopped", "epochs"]
    assert [line.split()[:2] for line in lines] == [[str(i)] * 2 for i in range(4)]
    assert repr(type(trained)()) == "TrainedMany of no network"
    unmonitored = fit_many(mlp(), nn.CrossEntropyLoss(), Adam, table(), seeds=[1], epochs=1)
    with pytest.raises(ValueError, match="expected a monitored column"):
        _ = unmonitored.best


def test_the_default_stream_goes_on_as_if_nothing_had_been_drawn() -> None:
    steep.manual_seed(7)
    before = steep.get_rng_state()
    fit_many(mlp(lambda: nn.Dropout(0.5)), nn.CrossEntropyLoss(), Adam, table(), seeds=[1, 2],
             epochs=1)  # fmt: skip
    assert steep.equal(steep.get_rng_state(), before)


def test_a_bar_for_all_of_them(capfd: pytest.CaptureFixture[str]) -> None:
    fit_many(mlp(), nn.CrossEntropyLoss(), Adam, table(), seeds=[1, 2], epochs=2, progress=True)
    shown = capfd.readouterr().err
    assert "training: 100%" in shown
    assert "loss least" in shown


def test_an_interrupt_ends_all_of_them_with_what_there_is() -> None:
    class Interrupt(Callback):
        def on_epoch_end(self, run: Any) -> None:
            if run.epoch == 2:
                raise KeyboardInterrupt

    trained = fit_many(
        mlp(), nn.CrossEntropyLoss(), Adam, table(), seeds=[1, 2], epochs=5,
        callbacks=[Interrupt()],
    )  # fmt: skip
    assert [one.history.stopped for one in trained] == ["interrupted"] * 2
    assert [len(one.history) for one in trained] == [2, 1]
    assert all(module.training for one in trained for module in one.model.modules())
