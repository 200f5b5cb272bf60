"""`fit` is the loop by hand: its weights, its losses, its random numbers."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

import steep
from steep import Tensor, nn
from steep.data import DataLoader, Dataset, Subset, TensorDataset
from steep.train import EarlyStopping, History, NonFiniteLoss, evaluate, fit, predict
from train_support import blobs, by_hand, network, same, weights

LOSS = nn.CrossEntropyLoss()


def adam(model: nn.Module, lr: float = 0.01) -> Any:
    return steep.optim.Adam(model.parameters(), lr=lr)


def fitted(data: Any, *, epochs: int = 6, dropout: float = 0.2, **more: Any) -> Any:
    """A model that `fit` has trained, and its history."""
    model = network(dropout=dropout)
    optimizer = adam(model)
    return model, fit(model, LOSS, optimizer, data, epochs=epochs, progress=False, **more)


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


class Pairs(Dataset[Any]):
    """The samples of tensors one by one: not the loader's fast path."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        self.x, self.y = x, y

    def __getitem__(self, index: Any) -> Any:
        return self.x[index], self.y[index]

    def __len__(self) -> int:
        return len(self.x)


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


def test_early_stopping_ends_with_the_best_weights() -> None:
    data, other = blobs(60), blobs(60, seed=3)  # other centres: the loss there soon rises
    seen: list[list[Tensor]] = []

    class Keeper:
        def on_epoch_end(self, run: Any) -> None:
            seen.append(weights(run.model))

    model, history = fitted(
        data, validation=other, epochs=50, dropout=0.0, early_stopping=3, callbacks=[Keeper()]
    )
    losses = history["val_loss"]
    assert history.stopped == "early stopping"
    assert history.best_epoch == losses.index(min(losses)) + 1
    assert len(history) == history.best_epoch + 3
    assert history.restored
    assert same(weights(model), seen[history.best_epoch - 1])
    assert history.best["val_loss"] == min(losses)
    last, _ = fitted(
        data, validation=other, epochs=50, dropout=0.0, early_stopping=3, restore_best=False
    )
    assert same(weights(last), seen[-1])


def test_an_early_stopping_of_ones_own_and_another_column() -> None:
    data, other = blobs(60), blobs(60, seed=3)
    stopping = EarlyStopping(patience=2, mode="max")
    model, history = fitted(
        data, validation=other, epochs=40, metrics="accuracy", monitor="val_accuracy",
        early_stopping=stopping,
    )  # fmt: skip
    values = history["val_accuracy"]
    assert history.best_epoch == values.index(max(values)) + 1 == stopping.best_step + 1
    assert evaluate(model, LOSS, other, ["accuracy"])["accuracy"] == max(values)


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


def test_ctrl_c_ends_with_what_there_is() -> None:
    class Interrupt:
        def on_batch_end(self, run: Any) -> None:
            if run.step == 8:
                raise KeyboardInterrupt

    ended = []

    class Last:
        def on_train_end(self, run: Any) -> None:
            ended.append(run.history.stopped)

    model, history = fitted(blobs(), validation=blobs(40), callbacks=[Interrupt(), Last()])
    assert history.stopped == "interrupted"
    assert len(history) == 2
    assert history.restored
    assert ended == ["interrupted"]
    best = evaluate(model, LOSS, blobs(40))["loss"]
    assert best == pytest.approx(min(history["val_loss"]), rel=1e-6)


def test_a_callback_may_stop() -> None:
    class Stop:
        def on_batch_end(self, run: Any) -> None:
            if run.step == 4:
                run.stop("enough")

    _, history = fitted(blobs(), callbacks=[Stop()])
    assert (history.stopped, history["steps"]) == ("enough", [3])


def test_a_loss_that_is_not_finite_ends_it_with_its_place() -> None:
    model = network()
    sgd = steep.optim.SGD(model.parameters(), lr=1e30)
    with pytest.raises(
        NonFiniteLoss, match=r"the loss is (nan|inf) at step \d, in epoch 1"
    ) as info:
        fit(model, LOSS, sgd, blobs(), epochs=3, sanitize=False)
    assert info.value.epoch == 1
    assert info.value.step in (2, 3)
    assert info.value.history.stopped == "non-finite loss"


def test_before_a_loss_that_is_not_finite_is_raised_the_best_weights_are_back() -> None:
    class Raise:
        def on_epoch_begin(self, run: Any) -> None:
            if run.epoch == 3:
                run.optimizer.param_groups[0]["lr"] = 1e30

    model = network()
    sgd = steep.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(NonFiniteLoss) as info:
        fit(model, LOSS, sgd, blobs(), blobs(50), epochs=9, callbacks=[Raise()], sanitize=False)
    history = info.value.history
    assert (history.stopped, history.restored, len(history)) == ("non-finite loss", True, 2)
    assert evaluate(model, LOSS, blobs(50))["loss"] == pytest.approx(min(history["val_loss"]))


def test_a_batch_that_is_not_finite_is_named() -> None:
    x, y = blobs()
    x[80, 1] = steep.inf
    model = network()
    loader = DataLoader(Pairs(x, y), 32)
    with pytest.raises(NonFiniteLoss, match=r"at step 3, .*: the inputs of that batch hold NaN"):
        fit(model, LOSS, adam(model), loader, sanitize=False)


def test_a_signal_ends_it_and_the_program_goes_on(tmp_path: Any) -> None:
    program = """
import os, signal, threading, steep
from steep.train import fit
model = steep.nn.Linear(4, 3)
sgd = steep.optim.SGD(model.parameters(), lr=0.1)
x, y = steep.rand(5000, 4), steep.arange(5000) % 3
threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
history = fit(model, steep.nn.CrossEntropyLoss(), sgd, (x, y), (x, y), epochs=10**6, sanitize=False)
print(history.stopped, len(history) > 1, history.restored, model.training)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "interrupted True True True\n", done.stderr


def test_an_early_stopping_that_was_used_begins_anew() -> None:
    stopping = EarlyStopping(patience=2)
    for _ in range(2):
        model = network()
        sgd = steep.optim.SGD(model.parameters(), lr=0.0)
        history = fit(model, LOSS, sgd, blobs(), blobs(), epochs=9, early_stopping=stopping,
                      sanitize=False)  # fmt: skip
        assert (len(history), history.best_epoch) == (3, 1)


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


def test_no_epoch_changes_nothing() -> None:
    model = network()
    before = weights(model)
    history = fit(model, LOSS, adam(model), blobs(), epochs=0)
    assert same(before, weights(model))
    assert (len(history), history.columns, history.stopped) == (0, [], "epochs")


BAD: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
    ((steep.zeros(0, 4), steep.zeros(0).long()), {}, ValueError, "got arrays of length 0"),
    ((steep.zeros(3, 4), steep.zeros(2).long()), {}, ValueError, "arrays of lengths 3, 2"),
    ((steep.zeros(3, 4),), {}, ValueError, r"expected train to be \(x, y\)"),
    ((steep.zeros(2, 4) * steep.nan, steep.zeros(2).long()), {}, ValueError, "x of train"),
    (steep.zeros(3, 4), {}, TypeError, "expected train to be a DataLoader"),
    (iter([]), {}, TypeError, "got an iterator"),
    (TensorDataset(steep.zeros(0, 4), steep.zeros(0)), {}, ValueError, "empty dataset"),
    (None, {"epochs": -1}, ValueError, "epochs to be at least"),
    (None, {"batch_size": 0}, ValueError, "batch_size to be at least 1"),
    (None, {"batch_size": 2.5}, TypeError, "batch_size to be an int"),
    (None, {"metrics": ["acuracy"]}, ValueError, "the nearest is 'accuracy'"),
    (None, {"metrics": [3]}, TypeError, "got int"),
    (None, {"metrics": ["accuracy", "accuracy"]}, ValueError, "a name of its own"),
    (None, {"monitor": "val_loss"}, ValueError, "expected monitor to be one of 'loss'"),
    (None, {"early_stopping": "yes"}, TypeError, "how many epochs to wait"),
    (None, {"callbacks": [object()]}, TypeError, "on_epoch_end"),
    (None, {"scheduler": 3}, TypeError, "expected scheduler"),
    (None, {"schedule_by": "batch"}, ValueError, "'step', 'epoch' or None"),
    (None, {"validation": (steep.zeros(1, 3), steep.zeros(1).long())}, RuntimeError, "3"),
    ((steep.zeros(3, 4), steep.zeros(3).long(), steep.zeros(3)), {}, ValueError, "not all 0"),
    ((steep.zeros(9, 4), steep.arange(9) - 5), {}, ValueError, "classes from 0 to 2.*, got -5"),
    ((steep.zeros(9, 4), steep.arange(9) // 2), {}, ValueError, "classes from 0 to 2.*, got 3"),
    ((steep.zeros(3, 4), ["a", "b", "c"]), {}, TypeError, "y of train to be a tensor or an array"),
]


@pytest.mark.parametrize(("data", "more", "error", "text"), BAD)
def test_bad_input_is_refused_before_anything_is_changed(
    data: Any, more: dict[str, Any], error: type[Exception], text: str
) -> None:
    model = network()
    before, drawn = weights(model), steep.get_rng_state()
    with pytest.raises(error, match=text):
        fit(model, LOSS, adam(model), blobs() if data is None else data, **more)
    assert same(before, weights(model))
    assert steep.equal(drawn, steep.get_rng_state())
    assert model.training


def test_bad_models_losses_and_optimisers_are_refused() -> None:
    model, other = network(), network()
    with pytest.raises(TypeError, match=r"expected model to be a steep\.nn\.Module"):
        fit(lambda x: x, LOSS, adam(model), blobs())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="got the class CrossEntropyLoss; call it"):
        fit(network(), nn.CrossEntropyLoss, adam(network()), blobs())
    with pytest.raises(TypeError, match="callbacks with methods such as on_epoch_end"):
        fit(model := network(), LOSS, adam(model), blobs(), callbacks=print)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"a list of samples goes into DataLoader\(data"):
        fit(model := network(), LOSS, adam(model), [blobs()])
    with pytest.raises(TypeError, match="expected loss"):
        fit(model, "mse", adam(model), blobs())  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match=r"outside of no_grad\(\)"), steep.no_grad():
        fit(model, LOSS, adam(model), blobs())
    with pytest.raises(ValueError, match="parameters that require grad, got one with none"):
        fit(network().requires_grad_(False), LOSS, adam(other), blobs())
    with pytest.raises(ValueError, match="has none of them"):
        fit(model, LOSS, adam(other), blobs())
    with pytest.raises(TypeError, match="expected optimizer"):
        fit(model, LOSS, "adam", blobs())
    with pytest.raises(ValueError, match="one number, got shape"):
        fit(model, nn.CrossEntropyLoss(reduction="none"), adam(model), blobs())
    with pytest.raises(ValueError, match="a task of binary or multiclass, got regression"):
        fit(model, nn.MSELoss(), adam(model), (blobs()[0], steep.zeros(90, 3)), metrics="accuracy")


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
