"""`fit` is the loop by hand: its weights, its losses, its random numbers."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

import steep
from steep import Tensor, nn
from steep.data import DataLoader, Subset, TensorDataset
from steep.train import EarlyStopping, History, evaluate, fit, predict
from train_support import LOSS, Pairs, adam, blobs, by_hand, fitted, network, same, weights


@pytest.mark.parametrize("compile", [True, False])
@pytest.mark.parametrize("threads", [1, 2])
def test_fit_gives_the_bits_of_the_loop_by_hand(compile: bool, threads: int) -> None:
    before = steep.get_num_threads()
    steep.set_num_threads(threads)
    try:
        hand = network(dropout=0.2)
        columns = by_hand(hand, LOSS, adam(hand), blobs(), epochs=6)
        drawn = steep.rand(3)
        model, history = fitted(blobs(), compile=compile)
    finally:
        steep.set_num_threads(before)
    assert same(weights(hand), weights(model))
    assert history["loss"] == columns["loss"]
    assert steep.equal(steep.rand(3), drawn)  # not a number more or less was drawn


@pytest.mark.parametrize("kind", [TensorDataset, Pairs])
def test_a_validation_leaves_the_bits_alone_and_has_its_own(kind: Any) -> None:
    data, other = blobs(90), blobs(50, seed=1)
    hand = network(dropout=0.2)
    columns = by_hand(hand, LOSS, adam(hand), data, epochs=6, validation=other)
    loader = DataLoader(kind(*other), 32)
    model, history = fitted(data, validation=loader, restore_best=False)
    assert same(weights(hand), weights(model))
    assert history["val_loss"] == pytest.approx(columns["val_loss"], rel=1e-6)


class Loader:
    """Batches that are no steep.data.DataLoader's."""

    def __init__(self, loader: Any) -> None:
        self.loader = loader

    def __iter__(self) -> Any:
        return iter(self.loader)


@pytest.mark.parametrize(
    "make",
    [
        lambda x, y: (x, y),
        lambda x, y: (x.numpy(), y.numpy()),
        lambda x, y: TensorDataset(x, y),
        lambda x, y: DataLoader(TensorDataset(x, y), 32, shuffle=True),
        lambda x, y: DataLoader(Subset(TensorDataset(x, y), range(len(x))), 32, shuffle=True),
        lambda x, y: Pairs(x, y),
        lambda x, y: DataLoader(Pairs(x, y), 32, shuffle=True, num_workers=2),
        lambda x, y: Loader(DataLoader(TensorDataset(x, y), 32, shuffle=True)),
    ],
)
def test_all_forms_of_data_give_the_same_bits(make: Callable[..., Any]) -> None:
    hand = network(dropout=0.2)
    by_hand(hand, LOSS, adam(hand), blobs(), epochs=5)
    model, _ = fitted(make(*blobs()), epochs=5)
    assert same(weights(hand), weights(model))


def test_a_subset_is_its_rows() -> None:
    x, y = blobs()
    rows = list(range(80, 10, -1))
    part = DataLoader(Subset(TensorDataset(x, y), rows), 16, shuffle=True, drop_last=True)
    one, _ = fitted(part)
    two, history = fitted(DataLoader(TensorDataset(x[rows], y[rows]), 16, True, drop_last=True))
    assert same(weights(one), weights(two))
    assert history["steps"][0] == 4


def test_a_generator_of_ones_own_draws_the_order() -> None:
    def source() -> steep.Generator:
        made = steep.Generator()
        made.manual_seed(7)
        return made

    hand = network()
    by_hand(hand, LOSS, adam(hand), blobs(), epochs=4, generator=source())
    model, _ = fitted(blobs(), epochs=4, dropout=0.0, generator=source())
    assert same(weights(hand), weights(model))


@pytest.mark.parametrize("in_rows", [True, False])
def test_steps_are_replayed_bit_for_bit(monkeypatch: pytest.MonkeyPatch, in_rows: bool) -> None:
    made: list[Any] = []

    def compile(function: Callable[..., Any]) -> Any:
        made.append(steep.compile(function, fullgraph=True, verify=True))
        return made[-1]

    monkeypatch.setattr(steep.train._measure, "steep_compile", compile)
    data = blobs() if in_rows else DataLoader(Pairs(*blobs()), 32)
    fitted(data, validation=blobs(50), metrics=["accuracy"], sanitize=False)
    step, measure = (function.explain() for function in made)
    for text, kinds in ((step, 2), (measure, 2)):  # a smaller batch is a kind of its own
        assert text.count(" replayed, 2 recorded, 1 eager") == kinds, text


def test_accuracy_and_columns() -> None:
    data, other = blobs(90), blobs(50, seed=0)
    model, history = fitted(data, validation=other, metrics=["accuracy"], dropout=0.0)
    assert history.columns == [
        *("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "lr", "steps", "seconds")
    ]
    right = (predict(model, other[0]).argmax(dim=1) == other[1]).double().mean().item()
    assert history["val_accuracy"][history.best_epoch - 1] == right
    measured = evaluate(model, LOSS, other, "accuracy")
    assert measured["accuracy"] == right
    assert measured["loss"] == pytest.approx(min(history["val_loss"]), rel=1e-6)
    assert history["epoch"] == [1, 2, 3, 4, 5, 6]
    assert history.stopped == "epochs"


def test_a_compiled_model_is_compiled_with_its_step() -> None:
    hand, model = network(), network()
    by_hand(hand, LOSS, adam(hand), blobs(), epochs=5)
    steep.manual_seed(0)
    network()
    net = steep.compile(model)
    stopping = EarlyStopping(net, patience=9)
    fit(net, LOSS, adam(net), blobs(), epochs=5, early_stopping=stopping, restore_best=False)
    assert same(weights(hand), weights(model))
    with pytest.raises(ValueError, match="got one with another"):
        fit(net, LOSS, adam(net), blobs(), early_stopping=EarlyStopping(hand))


def test_modes_come_back_and_frozen_parts_stay_in_eval() -> None:
    modes = []

    class Look:
        def on_batch_end(self, run: Any) -> None:
            modes.append([m.training for m in run.model])

    model = network(dropout=0.2)
    model[2].eval()
    fit(model, LOSS, adam(model), blobs(), blobs(), epochs=2, callbacks=[Look()])
    assert modes == [[True, True, False, True]] * 6
    assert [m.training for m in model] == [True, True, False, True]
    model.eval()
    fit(model, LOSS, adam(model), blobs(), blobs(), epochs=1, callbacks=[Look()])
    assert modes[-1] == [True] * 4
    assert not model.training


def test_steps_make_an_epoch_that_goes_on_with_the_pass() -> None:
    hand = network()
    by_hand(hand, LOSS, adam(hand), blobs(), epochs=4)  # 3 steps each
    model, history = fitted(blobs(), dropout=0.0, epochs=6, steps=2)
    assert same(weights(hand), weights(model))
    assert history["steps"] == [2, 4, 6, 8, 10, 12]


def test_a_step_launches_little_more_than_the_bare_one() -> None:
    """The gather of inputs and targets, and the two sums of the accuracy: 12 launches."""
    x, y = blobs(96)
    model = network()
    optimizer = adam(model)

    @steep.compile
    def bare(x: Tensor, y: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss: Tensor = LOSS(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    def launches(function: Callable[[], Any]) -> int:
        before = steep.counters()["launches"]
        function()
        return int(steep.counters()["launches"] - before)

    for _ in range(4):
        bare(x[:32], y[:32])
    alone = launches(lambda: bare(x[:32], y[:32]))
    seen: list[int] = []

    class Count:
        def on_epoch_end(self, run: Any) -> None:
            seen.append(steep.counters()["launches"])

    fit(model, LOSS, optimizer, (x, y), epochs=9, metrics=["accuracy"], callbacks=[Count()],
        sanitize=False)  # fmt: skip
    epochs = {after - before for before, after in itertools.pairwise(seen[3:])}
    assert len(epochs) == 1
    assert epochs.pop() <= 3 * (alone + 12) + 8  # and 8 an epoch: the order, sums set to 0 and read


def test_a_step_that_cannot_be_compiled_runs_eagerly_and_says_so_once() -> None:
    class Reads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = network()

        def forward(self, x: Tensor) -> Tensor:
            return self.net(x) * (1.0 if x.sum().item() > 1e9 else 2.0)

    model = Reads()
    with pytest.warns(UserWarning, match="the step of fit runs eagerly: it reads a value") as seen:
        history = fit(model, LOSS, adam(model), blobs(), epochs=4, sanitize=False)
    assert len(seen) == 1
    assert len(history) == 4


def test_history_is_a_table(tmp_path: Any) -> None:
    history = History()
    assert repr(history) == "History of no epoch"
    history.append({"epoch": 1, "loss": 0.5})
    history.append({"epoch": 2, "loss": 1e-7, "extra": [1, 2]})
    assert history.to_dict() == {"epoch": [1, 2], "loss": [0.5, 1e-7], "extra": [None, [1, 2]]}
    history.to_csv(tmp_path / "h.csv")
    assert (tmp_path / "h.csv").read_text() == 'epoch,loss,extra\n1,0.5,\n2,1e-07,"[1, 2]"\n'
    assert list(history.to_frame()["loss"]) == [0.5, 1e-7]
    with pytest.raises(KeyError, match="there are 'epoch', 'loss', 'extra'"):
        history["lost"]
    assert "loss" in history
    assert len(history) == 2
    again = History()
    again.load_state_dict(history.state_dict())
    assert again.to_dict() == history.to_dict()
    assert repr(history).splitlines()[2].split() == ["2", "1.000e-07"]


def test_progress_is_shown_when_asked(capsys: Any) -> None:
    fitted(blobs(), epochs=2, validation=blobs())
    assert capsys.readouterr().err == ""
    model = network()
    fit(model, LOSS, adam(model), blobs(), blobs(), epochs=2)  # no terminal
    assert capsys.readouterr().err == ""
    fit(model, LOSS, adam(model), blobs(), blobs(), epochs=2, progress=True)
    shown = capsys.readouterr().err
    assert "100%" in shown
    assert "val_loss" in shown


@pytest.mark.parametrize("name", ["tqdm", "rich"])
def test_a_bar_by_either_library(name: str, capsys: Any, monkeypatch: Any) -> None:
    pytest.importorskip(name, reason=f"{name} is not installed")
    monkeypatch.setenv("COLUMNS", "200")  # a narrow terminal has no room for all of it
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    model = network()
    seen = []

    class Look:
        def on_epoch_end(self, run: Any) -> None:
            seen.append(run.epoch)

    fit(model, LOSS, adam(model), blobs(), blobs(), epochs=3, progress=name, callbacks=[Look()])
    shown = capsys.readouterr().err
    assert seen == [1, 2, 3]
    assert "epoch 3.0/3" in shown
    assert re.search(r"val_loss \d\.\d+", shown)
    with pytest.raises(ValueError, match="'tqdm', 'rich' or None, got 'ascii'"):
        fit(model, LOSS, adam(model), blobs(), progress="ascii")


def test_predict_takes_what_fit_takes() -> None:
    model = network(dropout=0.5)
    x, y = blobs()
    whole = predict(model, x)
    assert model.training
    assert not whole.requires_grad
    assert steep.equal(whole, predict(model, x, batch_size=7))
    assert steep.equal(whole, predict(model, x.numpy()))
    assert steep.equal(whole, predict(model, DataLoader(TensorDataset(x, y), 8)))
    assert steep.equal(whole, predict(model, TensorDataset(x, y)))
    with pytest.raises(ValueError, match="expected samples"):
        predict(model, DataLoader(TensorDataset(x, y), 100, drop_last=True))


@pytest.mark.parametrize(
    ("program", "found"),
    [("import steep", "steep.train"), ("import steep.train; steep.train.fit", "numpy")],
)
def test_importing_imports_no_more_than_is_used(program: str, found: str) -> None:
    code = f"import sys; {program}; print([m for m in sys.modules if m.startswith({found!r})])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
