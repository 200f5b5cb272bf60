"""How a training by `fit` ends: early, interrupted, by a loss that is not finite."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

import steep
from steep import Tensor
from steep.data import DataLoader
from steep.train import EarlyStopping, NonFiniteLoss, evaluate, fit
from train_support import LOSS, Pairs, adam, blobs, fitted, network, same, weights


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
going = threading.Event()
class Tell:
    def on_epoch_end(self, run):
        if run.epoch == 3:
            going.set()
def interrupt():
    going.wait()
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt, daemon=True).start()
history = fit(model, steep.nn.CrossEntropyLoss(), sgd, (x, y), (x, y), epochs=10**6,
              callbacks=[Tell()], sanitize=False)
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


def test_no_epoch_changes_nothing() -> None:
    model = network()
    before = weights(model)
    history = fit(model, LOSS, adam(model), blobs(), epochs=0)
    assert same(before, weights(model))
    assert (len(history), history.columns, history.stopped) == (0, [], "epochs")
