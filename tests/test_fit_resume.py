"""`fit` goes on from a checkpoint to the bits of a training that was never interrupted."""

from __future__ import annotations

import csv
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import steep
from steep import nn
from steep.data import DataLoader, Subset, TensorDataset
from steep.optim import lr_scheduler
from steep.train import Checkpoint, EarlyStopping, fit
from train_support import adam, blobs, network, same, weights

LOSS = nn.CrossEntropyLoss()
METRICS = ["accuracy", "auc", "f1"]


class Stop:
    """Ends a training at a step as a crash would: by an exception that `fit` does not know."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_batch_end(self, run: Any) -> None:
        if run.step == self.step:
            raise ConnectionError("gone")


def parts(kind: str) -> Any:
    """Training data in several forms."""
    x, y = blobs(100)
    source = steep.Generator()
    source.manual_seed(3)
    data = TensorDataset(x, y)
    return {
        "arrays": (x, y),
        "weighted": (x, y, steep.arange(100) / 50),
        "loader": DataLoader(Subset(data, range(99)), 32, shuffle=True, generator=source),
        "workers": DataLoader(data, 32, shuffle=True, num_workers=2),
        "single": DataLoader([(x[i], y[i]) for i in range(100)], 32, shuffle=True),
    }[kind]


def training(
    path: Path,
    *,
    kind: str = "arrays",
    stop: int | None = None,
    resume: Any = False,
    epochs: int = 5,
    seed: int = 0,
    every_steps: int | None = 3,
    every_epochs: int = 1,
    **more: Any,
) -> Any:
    model = network(dropout=0.3)
    optimizer = steep.optim.Adam(model.parameters(), lr=0.02)
    schedule = lr_scheduler.ExponentialLR(optimizer, 0.9)
    steep.manual_seed(seed)
    history = fit(
        model, LOSS, optimizer, parts(kind), blobs(60, seed=2), epochs=epochs, metrics=METRICS,
        scheduler=schedule, schedule_by="step", early_stopping=20, resume=resume,
        checkpoint=Checkpoint(path, every_steps=every_steps, every_epochs=every_epochs),
        callbacks=[] if stop is None else [Stop(stop)], **more,
    )  # fmt: skip
    return model, optimizer, history


def table(history: Any) -> Any:
    return {name: history[name] for name in history.columns if name != "seconds"}


def state(optimizer: Any) -> list[Any]:
    return [v for s in optimizer.state_dict()["state"].values() for v in s.values()]


@pytest.mark.parametrize("kind", ["arrays", "weighted", "loader", "workers", "single"])
@pytest.mark.parametrize("stop", [8, 10, 13])  # after a save in mid-epoch, at, after an end
def test_it_goes_on_to_the_same_bits(tmp_path: Path, kind: str, stop: int) -> None:
    whole, one, history = training(tmp_path / "whole", kind=kind)
    drawn = steep.rand(3)
    path = tmp_path / "broken"
    with pytest.raises(ConnectionError):
        training(path, kind=kind, stop=stop)
    model, two, rest = training(path, kind=kind, resume=True, seed=99)
    assert same(weights(whole), weights(model))
    assert all(map(_equal, state(one), state(two)))
    assert table(rest) == table(history)
    assert rest.best_epoch == history.best_epoch
    assert steep.equal(drawn, steep.rand(3))


def _equal(one: Any, other: Any) -> bool:
    return steep.equal(one, other) if isinstance(one, steep.Tensor) else one == other


@pytest.mark.parametrize("more", [{"steps": 5}, {"accumulate": 2}, {"compile": False}])
def test_other_ways_go_on_as_well(tmp_path: Path, more: dict[str, Any]) -> None:
    whole, _, history = training(tmp_path / "whole", every_steps=4, **more)
    path = tmp_path / "broken"
    with pytest.raises(ConnectionError):
        training(path, stop=7, every_steps=4, **more)
    model, _, rest = training(path, resume=True, every_steps=4, **more)
    assert same(weights(whole), weights(model))
    assert table(rest) == table(history)


@pytest.mark.parametrize(("kind", "steps"), [("arrays", 4), ("loader", 8), ("single", 4)])
def test_a_checkpoint_at_the_end_of_a_pass_that_is_no_epoch(
    tmp_path: Path, kind: str, steps: int
) -> None:
    more: Any = {"kind": kind, "steps": steps, "every_steps": None}
    whole, _, history = training(tmp_path / "whole", **more)
    training(tmp_path / "short", epochs=2, **more)
    model, _, rest = training(tmp_path / "short", resume=True, **more)
    assert same(weights(whole), weights(model))
    assert table(rest) == table(history)


def test_a_shorter_training_is_made_longer(tmp_path: Path) -> None:
    whole, _, history = training(tmp_path / "whole")
    training(tmp_path / "short", epochs=2)
    model, _, rest = training(tmp_path / "short", resume=True)
    assert same(weights(whole), weights(model))
    assert table(rest) == table(history)
    again, _, same_rest = training(tmp_path / "short", resume=True)  # there is nothing left to do
    assert same(weights(again), weights(model))
    assert table(same_rest) == table(history)


def test_a_training_that_stopped_early_stays_so(tmp_path: Path) -> None:
    def run(resume: bool) -> Any:
        model = network()
        optimizer = steep.optim.SGD(model.parameters(), lr=0.0)
        history = fit(
            model, LOSS, optimizer, blobs(), blobs(), epochs=20, resume=resume,
            early_stopping=EarlyStopping(patience=3), checkpoint=tmp_path / "c", sanitize=False,
        )  # fmt: skip
        return model, history

    model, history = run(False)
    again, rest = run(True)
    assert (len(history), history.stopped) == (4, "early stopping")
    assert (len(rest), rest.stopped, rest.restored) == (4, "early stopping", True)
    assert same(weights(model), weights(again))


def test_without_a_file_it_begins_and_another_file_must_be_there(tmp_path: Path) -> None:
    _, _, history = training(tmp_path / "new", resume=True, epochs=1)
    assert len(history) == 1
    with pytest.raises(FileNotFoundError):
        training(tmp_path / "new", resume=tmp_path / "none")
    _, _, history = training(tmp_path / "other", resume=tmp_path / "new", epochs=2)
    assert history["epoch"] == [1, 2]


def test_what_does_not_fit_is_refused_before_anything_is_changed(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    training(path, epochs=1)
    model = network(outputs=4)
    before = weights(model)
    adam = steep.optim.Adam(model.parameters())
    with pytest.raises(ValueError, match="only there: accuracy, auc, keeper, scheduler,") as info:
        fit(model, LOSS, adam, blobs(), checkpoint=path, resume=True, metrics=["f1", "recall"])
    assert str(info.value).endswith("stopping, validation; only here: recall")
    steep.save({"a": 1}, tmp_path / "other")
    with pytest.raises(ValueError, match="expected a checkpoint that fit wrote"):
        fit(model, LOSS, adam, blobs(), resume=tmp_path / "other")
    with pytest.raises(ValueError, match="expected a checkpoint to resume from"):
        fit(model, LOSS, adam, blobs(), resume=True)
    with pytest.raises(TypeError, match="expected resume to be a bool or a path"):
        fit(model, LOSS, adam, blobs(), resume=3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="expected checkpoint to be a path"):
        fit(model, LOSS, adam, blobs(), checkpoint=3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="it would never save"):
        Checkpoint(path, every_epochs=0)
    with pytest.raises(ValueError, match="at least 0"):
        Checkpoint(path, every_steps=0)
    assert same(before, weights(model))


PROGRAM = """
import os, sys, steep
from steep.train import Checkpoint, fit
path, end = sys.argv[1], int(sys.argv[2])

class End:
    def on_batch_end(self, run):
        if run.step == end:
            os._exit(3)

steep.manual_seed(0)
x = steep.randn(100, 4)
model = steep.nn.Sequential(steep.nn.Linear(4, 8), steep.nn.Dropout(0.2), steep.nn.Linear(8, 3))
adam = steep.optim.Adam(model.parameters())
history = fit(model, steep.nn.CrossEntropyLoss(), adam, (x, x[:, :3].argmax(1)), epochs=4,
              metrics=["accuracy", "auc"], callbacks=[End()], resume=True,
              checkpoint=Checkpoint(path, every_steps=3))
print(history["loss"], history["auc"], [p.tolist() for p in model.parameters()])
"""


def test_another_process_goes_on_after_the_end_of_the_first(tmp_path: Path) -> None:
    def run(name: str, end: int) -> Any:
        arguments = [sys.executable, "-c", PROGRAM, str(tmp_path / name), str(end)]
        return subprocess.run(arguments, capture_output=True, text=True)

    whole = run("whole", -1)
    assert whole.returncode == 0, whole.stderr
    assert [run("broken", end).returncode for end in (5, 11)] == [3, 3]
    assert run("broken", -1).stdout == whole.stdout


def test_callbacks_with_a_state_go_on(tmp_path: Path) -> None:
    class Counter:
        count = 0

        def on_epoch_end(self, run: Any) -> None:
            self.count += 1

        def state_dict(self) -> dict[str, int]:
            return {"count": self.count}

        def load_state_dict(self, state: dict[str, int]) -> None:
            self.count = state["count"]

    def run(epochs: int, resume: bool) -> Counter:
        model, counter = network(), Counter()
        adam = steep.optim.Adam(model.parameters())
        fit(model, LOSS, adam, blobs(), epochs=epochs, checkpoint=tmp_path / "c", resume=resume,
            callbacks=[counter])  # fmt: skip
        return counter

    run(2, False)
    assert run(5, True).count == 5


# ---- logs -------------------------------------------------------------------------------------


def test_logs_grow_by_whole_lines(tmp_path: Path) -> None:
    lines, rows = tmp_path / "log.jsonl", tmp_path / "log.csv"
    seen = []

    class Look:
        def on_epoch_end(self, run: Any) -> None:
            seen.append((lines.read_text().count("\n"), rows.read_text().count("\n")))

    model = network()
    adam = steep.optim.Adam(model.parameters())
    lines.write_text("old\n")
    history = fit(model, LOSS, adam, blobs(), blobs(), epochs=3, metrics=["confusion_matrix", "f1"],
                  log=[lines, rows], callbacks=[Look()])  # fmt: skip
    assert seen == [(1, 2), (2, 3), (3, 4)]
    read = [json.loads(line) for line in lines.read_text().splitlines()]
    assert {name: [row[name] for row in read] for name in history} == history.to_dict()
    with rows.open() as file:
        table = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in table] == history["loss"]
    assert list(table[0]) == history.columns
    assert (
        os.listdir(tmp_path) == sorted(["log.csv", "log.jsonl"]) or len(os.listdir(tmp_path)) == 2
    )


def test_a_checkpoint_in_no_folder_is_refused_before_the_training(tmp_path: Path) -> None:
    model = network()
    path = tmp_path / "runs" / "last.safetensors"
    with pytest.raises(FileNotFoundError, match=r"make the folder, as by os\.makedirs"):
        fit(model, LOSS, adam(model), blobs(), epochs=1, checkpoint=path)
    assert same(weights(model), weights(network()))


def test_a_resumed_training_has_one_log(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    rare: Any = {"every_steps": None, "every_epochs": 3, "log": log}
    training(tmp_path / "c", epochs=3, **rare)
    with pytest.raises(ConnectionError):  # its last line is of an epoch that will come again
        training(tmp_path / "c", resume=True, stop=17, **rare)
    assert log.read_text().count("\n") == 4
    assert steep.load(tmp_path / "c")["loop"]["run"]["epoch"] == 3
    _, _, history = training(tmp_path / "c", resume=True, **rare)
    read = [json.loads(line) for line in log.read_text().splitlines()]
    assert [row["epoch"] for row in read] == [1, 2, 3, 4, 5]
    assert [row["loss"] for row in read] == history["loss"]


def test_json_has_no_nan(tmp_path: Path) -> None:
    model = nn.Linear(1, 1)
    sgd = steep.optim.SGD(model.parameters(), lr=0.0)
    one = steep.ones(1, 1)
    history = fit(model, nn.MSELoss(), sgd, (one, one), epochs=1, metrics=["r2"],
                  log=tmp_path / "l.jsonl")  # fmt: skip
    assert math.isnan(history["r2"][0])
    assert json.loads((tmp_path / "l.jsonl").read_text())["r2"] is None


def test_bad_logs_are_refused(tmp_path: Path) -> None:
    model = network()
    before = weights(model)
    adam = steep.optim.Adam(model.parameters())
    with pytest.raises(ValueError, match=r"ends in \.jsonl or \.csv"):
        fit(model, LOSS, adam, blobs(), log="log.txt")
    with pytest.raises(FileNotFoundError):
        fit(model, LOSS, adam, blobs(), log=tmp_path / "none" / "log.csv")
    assert same(before, weights(model))


def test_tensorboard_reads_what_is_written(tmp_path: Path) -> None:
    training(tmp_path / "c", epochs=2, tensorboard=tmp_path / "board")
    _, _, history = training(tmp_path / "c", epochs=3, resume=True, tensorboard=tmp_path / "board")
    from tensorboardX.proto.event_pb2 import Event

    found: dict[str, dict[int, float]] = {}
    for file in sorted((tmp_path / "board").iterdir()):
        data = file.read_bytes()
        while data:  # length, its checksum, the record, its checksum
            size = int.from_bytes(data[:8], "little")
            event = Event.FromString(data[12 : 12 + size])
            for value in event.summary.value:
                found.setdefault(value.tag, {})[event.step] = value.simple_value
            data = data[16 + size :]
    assert sorted(found) == [
        *("accuracy/train", "accuracy/validation", "auc/train", "auc/validation"),
        *("f1/train", "f1/validation", "loss/train", "loss/validation", "lr"),
    ]
    assert found["loss/validation"] == pytest.approx(
        {epoch + 1: value for epoch, value in enumerate(history["val_loss"])}, rel=1e-6
    )


def test_without_tensorboardx_it_says_what_to_install(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['tensorboardX'] = None\n"
        "import steep\nm = steep.nn.Linear(1, 1)\ns = steep.optim.SGD(m.parameters(), lr=0.1)\n"
        "steep.train.fit(m, steep.nn.MSELoss(), s, (steep.ones(1, 1), steep.ones(1, 1)), "
        "tensorboard='b')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path
    )
    assert "`steep.train.fit` needs tensorboardX: pip install 'steep[tensorboard]'" in done.stderr
