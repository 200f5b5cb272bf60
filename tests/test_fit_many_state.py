"""Steps of several batches, logs and checkpoints of networks that are trained at once."""

from __future__ import annotations

import csv
import functools
import json
from pathlib import Path
from typing import Any

import pytest

import steep
from many_support import Adam, alone, mlp, same_state, same_training, table
from steep import nn
from steep.data import DataLoader, TensorDataset
from steep.train import Checkpoint, fit_many

LOSS = nn.CrossEntropyLoss()


def ignoring() -> tuple[Any, Any]:
    x, y = table()
    return x, steep.where(steep.arange(70) % 7 < 2, steep.tensor(-100), y)


@pytest.mark.parametrize("more", [{}, {"shuffle": False}, {"steps": 3}, {"compile": False}])
@pytest.mark.parametrize(
    ("loss", "make"),
    [
        (LOSS, table),
        (nn.CrossEntropyLoss(steep.tensor([0.5, 1.0, 2.0])), ignoring),
        (nn.CrossEntropyLoss(reduction="sum"), table),
    ],
)
def test_several_batches_to_a_step(loss: Any, make: Any, more: dict[str, Any]) -> None:
    settings: Any = {"epochs": 5, "batch_size": 8, "accumulate": 3, "metrics": ["accuracy"]}
    settings = {**settings, "clip_norm": 1.0, "gradient_norm": True, **more}
    maker, data = mlp(lambda: nn.Dropout(0.2)), (make(), table(20, seed=1))
    expected = [alone(maker, loss, Adam, k, *data, **settings) for k in range(3)]
    for got, wanted in zip(
        fit_many(maker, loss, Adam, *data, seeds=range(3), **settings), expected, strict=True
    ):
        same_training(got, wanted)


@pytest.mark.parametrize("shared", [True, False])
def test_several_batches_of_loaders_and_folds(shared: bool) -> None:
    settings: Any = {"epochs": 3, "batch_size": 16, "accumulate": 2}
    if shared:
        parts: Any = DataLoader(TensorDataset(*table()), 8)
        each = [parts] * 3
    else:
        parts = each = [table(rows) for rows in (70, 50, 64)]
    expected = [alone(mlp(), LOSS, Adam, k, each[k], **settings) for k in range(3)]
    trained = fit_many(mlp(), LOSS, Adam, parts, seeds=range(3), **settings)
    for got, wanted in zip(trained, expected, strict=True):
        same_training(got, wanted)


SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "steps": {"steps": 5},
    "accumulated": {"accumulate": 2},
    "scheduled": {"scheduler": lambda made: steep.optim.lr_scheduler.StepLR(made, 2, 0.5)},
}


def trained(data: Any, epochs: int, **more: Any) -> Any:
    steep.manual_seed(epochs)  # nothing may depend on it
    optimizer = functools.partial(Adam, lr=0.02)
    return fit_many(
        mlp(lambda: nn.Dropout(0.3)), LOSS, optimizer, data(), table(20, seed=1),
        seeds=[4, 7, 1], epochs=epochs, batch_size=8, metrics=["accuracy"], **more,
    )  # fmt: skip


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize(
    "data", [table, lambda: DataLoader(TensorDataset(*table()), 8, shuffle=True)]
)
def test_a_training_goes_on_to_the_same_bits(name: str, data: Any, tmp_path: Path) -> None:
    settings, path = SETTINGS[name], tmp_path / "last.safetensors"
    if data is not table:  # whose own generator it draws from
        steep.manual_seed(0)
    whole = trained(data, 6, **settings)
    for epochs in (2, 3, 6):
        got = trained(data, epochs, **settings, checkpoint=path, resume=True)
    if data is table:
        for one, other in zip(got, whole, strict=True):
            same_training(one, (other.model, other.optimizer, other.history))
    for one in got:
        assert one.history["epoch"] == [1, 2, 3, 4, 5, 6]
        assert one.history["seconds"] == sorted(one.history["seconds"])


def test_networks_that_were_stopped_stay_so(tmp_path: Path) -> None:
    path = Checkpoint(tmp_path / "last.safetensors", every_epochs=2)
    rates = [functools.partial(steep.optim.SGD, lr=rate) for rate in (0.01, 1e38)]

    def run(epochs: int) -> Any:
        return fit_many(mlp(), LOSS, rates, table(), seeds=[0, 1], epochs=epochs, batch_size=10,
                        checkpoint=path, resume=True)  # fmt: skip

    first, second = run(2), run(5)
    assert [one.history.stopped for one in second] == ["epochs", "non-finite loss"]
    assert [len(one.history) for one in second] == [5, 0]
    same_state(second[1].model.state_dict(), first[1].model.state_dict())


def test_a_log_has_a_line_for_each_network_and_epoch(tmp_path: Path) -> None:
    paths = [tmp_path / "log.jsonl", tmp_path / "log.csv"]
    settings: Any = {"checkpoint": tmp_path / "last.safetensors", "resume": True, "log": paths}
    for epochs in (2, 3):
        found = trained(table, epochs, **settings)
    rows = [json.loads(line) for line in paths[0].read_text().splitlines()]
    assert [(row["epoch"], row["network"], row["seed"]) for row in rows] == [
        (epoch, k, seed) for epoch in (1, 2, 3) for k, seed in enumerate([4, 7, 1])
    ]
    for row in rows:
        assert row["loss"] == found[row["network"]].history["loss"][row["epoch"] - 1]
    with open(paths[1], newline="") as file:
        assert [int(row["seed"]) for row in csv.DictReader(file)] == [4, 7, 1] * 3


def test_checkpoints_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "last.safetensors"

    def run(seeds: Any, **more: Any) -> Any:
        return fit_many(mlp(), LOSS, Adam, table(), seeds=seeds, epochs=1, **more)

    run([1, 2], checkpoint=path)
    bad: list[tuple[type[Exception], str, Any]] = [
        (ValueError, r"of the seeds \[1, 3\], found one of \[1, 2\]",
         lambda: run([1, 3], checkpoint=path, resume=True)),
        (ValueError, "every_epochs, got every_steps",
         lambda: run([1], checkpoint=Checkpoint(path, every_steps=3))),
        (ValueError, "fit_many: expected a checkpoint to resume", lambda: run([1], resume=True)),
        (FileNotFoundError, "fit_many: expected checkpoint to be a file in a folder",
         lambda: run([1], checkpoint=tmp_path / "no" / "last.safetensors")),
        (ValueError, r"ends in \.jsonl or \.csv", lambda: run([1], log="log.txt")),
        (ValueError, "accumulate to be at least 1", lambda: run([1], accumulate=0)),
    ]  # fmt: skip
    for kind, text, call in bad:
        with pytest.raises(kind, match=text):
            call()
    model = mlp()()
    with pytest.raises(ValueError, match="expected a checkpoint that fit wrote"):
        steep.train.fit(model, LOSS, Adam(model.parameters()), table(), resume=path)
