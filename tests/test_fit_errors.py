"""What `fit` refuses, before anything is changed."""

from __future__ import annotations

from typing import Any

import pytest

import steep
from steep import nn
from steep.data import TensorDataset
from steep.train import fit
from train_support import LOSS, adam, blobs, network, same, weights

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


def test_a_last_batch_of_one_says_how_it_is_left_out() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    with pytest.raises(ValueError, match=r"\[1, 3\].*DataLoader\(\.\.\., drop_last=True\)"):
        fit(model, LOSS, adam(model), blobs(33))
