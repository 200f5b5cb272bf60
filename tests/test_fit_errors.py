"""What `fit` refuses, before anything is changed."""

from __future__ import annotations

from typing import Any

import pytest

import steep
from steep import nn
from steep.data import DataLoader, TensorDataset
from steep.train import fit, fit_many
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


@pytest.mark.parametrize(
    ("samples", "size", "words"),
    [
        (
            33,
            32,
            "got 33 samples, of which batches of 32 leave one .*batch_size=33.*drop_last=True",
        ),
        (33, 1, "got batch_size=1; use batch_size=3, say"),
        (1, 32, "got a single sample in all"),
    ],
)
def test_a_batch_of_one_is_refused_before_the_first_step(
    samples: int, size: int, words: str
) -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    before = weights(model)
    x, y = blobs()
    with pytest.raises(ValueError, match=words):
        fit(model, LOSS, adam(model), (x[:samples], y[:samples]), batch_size=size)
    assert same(weights(model), before)
    assert model.eval()(x[:1]).shape == (1, 3)  # nothing looks on any more
    model.train()
    with pytest.raises(ValueError, match=words):
        fit_many([model], LOSS, steep.optim.Adam, (x[:samples], y[:samples]), batch_size=size)


def test_a_last_batch_of_one_that_is_large_enough_is_none() -> None:
    x, y = blobs(33)
    # Several values for each channel in a sample, a part that does not train, no last batch.
    wide = nn.Sequential(nn.Unflatten(1, (1, 4)), nn.BatchNorm1d(1), nn.Flatten(), nn.Linear(4, 3))
    fit(wide, LOSS, adam(wide), (x, y), epochs=1)
    frozen = nn.Sequential(nn.BatchNorm1d(4).eval(), nn.Linear(4, 3))
    fit(frozen, LOSS, adam(frozen), (x, y), epochs=1)
    plain = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 3))
    loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True, drop_last=True)
    fit(plain, LOSS, adam(plain), loader, epochs=1)
    whole = blobs(65)
    other = whole[0][32:], whole[1][32:]
    fit(plain, LOSS, adam(plain), (x[:32], y[:32]), other, epochs=1)  # of validation it may be
