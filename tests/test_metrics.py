"""Metrics, batch by batch, beside scikit-learn's of all samples at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as sk

import steep
from steep import Tensor, nn
from steep.data import DataLoader, TensorDataset
from steep.train import AUC, F1, Accuracy, Metric, Precision, Recall, TopK, evaluate, fit
from train_support import blobs, network, same, weights

N = 203  # batches of 32, and a smaller last one


def some_weights(kind: str) -> Any:
    return None if kind == "none" else np.random.default_rng(5).random(N).round(2)


def measured(output: Any, loss: Any, y: Any, metrics: Any, weight: Any = None) -> dict[str, Any]:
    """The metrics of outputs as they are, in small batches."""
    data = (output, y) if weight is None else (output, y, weight)
    found = evaluate(nn.Identity(), loss, data, metrics, batch_size=32)
    compiled = evaluate(nn.Identity(), loss, data, metrics, batch_size=16)
    assert compiled.keys() == found.keys()
    found.pop("loss"), compiled.pop("loss")  # where targets are ignored it depends on the batches
    for name, value in found.items():
        np.testing.assert_allclose(compiled[name], value, rtol=1e-9, err_msg=name)
    return found


def multiclass(classes: int = 5) -> tuple[Tensor, Tensor, Any, Any]:
    random = np.random.default_rng(1)
    y = random.integers(0, classes, N)
    scores = random.normal(size=(N, classes)) + 1.5 * np.eye(classes)[y]
    scores = scores.astype(np.float32)
    p = np.exp(scores.astype(float))
    return steep.from_numpy(scores), steep.from_numpy(y), y, p / p.sum(1, keepdims=True)


AVERAGES = ("macro", "micro", "weighted")


@pytest.mark.parametrize("weighting", ["none", "weights"])
@pytest.mark.parametrize("classes", [3, 5])
def test_multiclass_beside_scikit_learn(classes: int, weighting: str) -> None:
    scores, target, y, p = multiclass(classes)
    weight, guess = some_weights(weighting), p.argmax(1)
    names = [*(f"{m}_{a}" for m in ("precision", "recall", "f1") for a in AVERAGES)]
    names += ["accuracy", "top2_accuracy", "precision", "log_loss", "auc", "confusion_matrix"]
    found = measured(scores, nn.CrossEntropyLoss(), target, names, weight)
    kw: Any = {"sample_weight": weight}
    for a in AVERAGES:
        for name in ("precision", "recall", "f1"):
            expected = getattr(sk, f"{name}_score")(y, guess, average=a, **kw)
            assert found[f"{name}_{a}"] == pytest.approx(expected, rel=1e-12)
    assert found["precision"] == found["precision_macro"]
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(y, guess, **kw), rel=1e-12)
    expected = sk.top_k_accuracy_score(y, p, k=2, **kw)
    assert found["top2_accuracy"] == pytest.approx(expected, rel=1e-12)
    assert found["log_loss"] == pytest.approx(sk.log_loss(y, p, **kw), rel=1e-9)
    expected = np.mean([sk.roc_auc_score(y == k, p[:, k], **kw) for k in range(classes)])
    assert found["auc"] == pytest.approx(expected, rel=1e-12)
    matrix = sk.confusion_matrix(y, guess, **kw)
    np.testing.assert_allclose(found["confusion_matrix"], matrix, rtol=1e-12)
    assert weight is not None or isinstance(found["confusion_matrix"][0][0], int)


def test_auc_of_many_classes_by_scikit_learns_own_rule() -> None:
    scores, target, y, p = multiclass()
    names = [AUC(), AUC("weighted")]
    names[1].name = "weighted"
    found = measured(scores, nn.CrossEntropyLoss(), target, names)
    for name, average in (("auc", "macro"), ("weighted", "weighted")):
        expected = sk.roc_auc_score(y, p, multi_class="ovr", average=average)
        assert found[name] == pytest.approx(expected, rel=1e-12)


def binary() -> tuple[Any, Any]:
    random = np.random.default_rng(2)
    y = (random.random(N) < 0.3).astype(np.int64)
    logit = (random.normal(size=N) + 1.2 * y - 0.5).round(1).astype(np.float32)  # with ties
    return logit, y


FORMS: list[tuple[str, Callable[[Any], Any], Callable[[Any], Any], Any]] = [
    ("one logit", lambda z: z[:, None], lambda y: y[:, None].astype(np.float32),
     nn.BCEWithLogitsLoss()),
    ("one logit, flat", lambda z: z, lambda y: y.astype(np.float32),
     nn.functional.binary_cross_entropy_with_logits),
    ("a probability", lambda z: 1 / (1 + np.exp(-z))[:, None],
     lambda y: y[:, None].astype(np.float32), nn.BCELoss()),
    ("two logits", lambda z: np.stack([0.3 - z / 2, 0.3 + z / 2], 1), lambda y: y,
     nn.CrossEntropyLoss()),
    ("two log-probabilities", lambda z: -np.log1p(np.exp(np.stack([z, -z], 1))), lambda y: y,
     nn.NLLLoss()),
]  # fmt: skip


@pytest.mark.parametrize("weighting", ["none", "weights"])
@pytest.mark.parametrize(("form", "output", "target", "loss"), FORMS)
def test_binary_beside_scikit_learn(
    form: str, output: Any, target: Any, loss: Any, weighting: str
) -> None:
    z, y = binary()
    z = np.where(z == 0, np.float32(0.1), z)  # on no threshold, whose sides rounding decides
    weight, guess = some_weights(weighting), (z > 0).astype(int)
    p = 1 / (1 + np.exp(-z.astype(float)))
    kw: Any = {"sample_weight": weight}
    names = ["accuracy", "precision", "recall", "f1", "f1_macro", "auc", "log_loss",
             "confusion_matrix"]  # fmt: skip
    x = output(z).astype(np.float32)
    found = measured(x, loss, target(y), names, weight)
    for name in ("accuracy", "precision", "recall", "f1"):
        expected = getattr(sk, f"{name}_score")(y, guess, **kw)
        assert found[name] == pytest.approx(expected, rel=1e-12), name
    assert found["f1_macro"] == pytest.approx(sk.f1_score(y, guess, average="macro", **kw))
    assert found["auc"] == pytest.approx(sk.roc_auc_score(y, z, **kw), rel=1e-6)
    assert found["log_loss"] == pytest.approx(sk.log_loss(y, p, **kw), rel=1e-5)
    matrix = sk.confusion_matrix(y, guess, **kw)
    np.testing.assert_allclose(found["confusion_matrix"], matrix, rtol=1e-12)


def test_several_labels_a_sample_beside_scikit_learn() -> None:
    random = np.random.default_rng(3)
    y = (random.random((N, 4)) < [0.5, 0.2, 0.7, 0.1]).astype(np.float32)
    z = (random.normal(size=(N, 4)) + y - 0.5).astype(np.float32)
    guess = z > 0
    names = ["accuracy", *(f"{m}_{a}" for m in ("precision", "recall", "f1") for a in AVERAGES),
             "auc", "log_loss"]  # fmt: skip
    found = measured(z, nn.BCEWithLogitsLoss(), y, names)
    assert found["accuracy"] == pytest.approx((guess == y).mean(), rel=1e-12)
    for name in ("precision", "recall", "f1"):
        for a in AVERAGES:
            expected = getattr(sk, f"{name}_score")(y, guess, average=a)
            assert found[f"{name}_{a}"] == pytest.approx(expected, rel=1e-12)
    assert found["auc"] == pytest.approx(sk.roc_auc_score(y, z), rel=1e-12)
    p = 1 / (1 + np.exp(-z.astype(float)))
    expected = np.mean([sk.log_loss(y[:, k], p[:, k]) for k in range(4)])
    assert found["log_loss"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("weighting", ["none", "weights"])
@pytest.mark.parametrize("columns", [0, 1, 3])
def test_regression_beside_scikit_learn(columns: int, weighting: str) -> None:
    random = np.random.default_rng(4)
    shape = (N, columns) if columns else (N,)
    y = 1e4 + random.normal(size=shape) * (1 + np.arange(max(columns, 1)))[-1]
    guess = y + 0.3 * random.normal(size=shape)
    weight = some_weights(weighting)
    kw: Any = {"sample_weight": weight}
    x, target = steep.from_numpy(guess), steep.from_numpy(y)
    w = None if weight is None else steep.from_numpy(weight)
    found = measured(x, nn.L1Loss(), target, ["mae", "mse", "rmse", "r2"], w)
    assert found["mae"] == pytest.approx(sk.mean_absolute_error(y, guess, **kw), rel=1e-12)
    assert found["mse"] == pytest.approx(sk.mean_squared_error(y, guess, **kw), rel=1e-12)
    expected = sk.root_mean_squared_error(y, guess, **kw)
    assert found["rmse"] == pytest.approx(expected, rel=1e-12)
    assert found["r2"] == pytest.approx(sk.r2_score(y, guess, **kw), rel=1e-9)


def test_r2_of_constant_targets_and_of_one_sample() -> None:
    ones = steep.ones(40, 1)
    assert measured(ones, nn.MSELoss(), ones, "r2")["r2"] == 1.0
    assert measured(ones * 2, nn.MSELoss(), ones, "r2")["r2"] == 0.0
    assert math.isnan(evaluate(nn.Identity(), nn.MSELoss(), (ones[:1], ones[:1]), "r2")["r2"])


def test_images_of_classes_and_ignored_targets() -> None:
    random = np.random.default_rng(6)
    y = random.integers(0, 3, (N, 4, 2))
    scores = (random.normal(size=(N, 3, 4, 2)) + np.moveaxis(np.eye(3)[y], -1, 1)).astype("f4")
    y[random.random(y.shape) < 0.2] = -100
    kept, guess = y.reshape(-1) >= 0, scores.argmax(1).reshape(-1)
    y_kept, guess_kept = y.reshape(-1)[kept], guess[kept]
    names = ["accuracy", "f1", "top2", "log_loss", "confusion_matrix"]
    found = measured(scores, nn.CrossEntropyLoss(), y, names)
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(y_kept, guess_kept), rel=1e-12)
    assert found["f1"] == pytest.approx(sk.f1_score(y_kept, guess_kept, average="macro"))
    assert found["confusion_matrix"] == sk.confusion_matrix(y_kept, guess_kept).tolist()
    rows = np.moveaxis(scores, 1, -1).reshape(-1, 3)[kept]
    p = np.exp(rows.astype(float))
    p /= p.sum(1, keepdims=True)
    assert found["log_loss"] == pytest.approx(sk.log_loss(y_kept, p), rel=1e-9)
    assert found["top2_accuracy"] == pytest.approx(sk.top_k_accuracy_score(y_kept, p, k=2))


def test_soft_targets_count_as_their_largest_class() -> None:
    scores, target, y, p = multiclass(3)
    soft = nn.functional.one_hot(target, 3).float() * 0.8 + 0.2 / 3
    found = measured(scores, nn.CrossEntropyLoss(), soft, ["accuracy", "f1", "log_loss"])
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(y, p.argmax(1)), rel=1e-12)
    loss = nn.functional.cross_entropy(scores.double(), soft.double()).item()
    assert found["log_loss"] == pytest.approx(loss, rel=1e-6)


def test_of_equal_scores_the_first_class_wins() -> None:
    scores, y = steep.zeros(4, 4), steep.arange(4)
    found = measured(scores, nn.CrossEntropyLoss(), y, ["accuracy", "top1", "top3"])
    assert (found["accuracy"], found["top1_accuracy"], found["top3_accuracy"]) == (0.25, 0.25, 0.75)


def test_classes_that_do_not_occur_are_left_out_of_the_mean() -> None:
    scores = steep.tensor([[9.0, 0.0, 0.0], [0.0, 9.0, 0.0], [9.0, 0.0, 0.0]])
    y = steep.tensor([0, 1, 1])
    found = evaluate(nn.Identity(), nn.CrossEntropyLoss(), (scores, y), ["f1", "recall"])
    guess = [0, 1, 0]
    assert found["f1"] == pytest.approx(sk.f1_score(y.numpy(), guess, average="macro"))
    assert found["recall"] == pytest.approx(sk.recall_score(y.numpy(), guess, average="macro"))


ALL = ["accuracy", "top2", "precision", "recall_micro", "f1", "auc", "log_loss", "confusion_matrix"]


@pytest.mark.parametrize("weighted", [False, True])
def test_all_of_them_on_the_way_give_the_weights_of_none(weighted: bool) -> None:
    x, y = blobs(100)
    data = (x, y, 0.5 + steep.arange(100) / 100) if weighted else (x, y)
    one, two = network(dropout=0.3), network(dropout=0.3)
    for model, metrics in ((one, ALL), (two, [])):
        optimizer = steep.optim.Adam(model.parameters())
        steep.manual_seed(1)
        history = fit(model, nn.CrossEntropyLoss(), optimizer, data, data, epochs=5,
                      metrics=metrics, restore_best=False)  # fmt: skip
        if metrics:
            assert sum(map(sum, history["confusion_matrix"][0])) == pytest.approx(
                sum(data[2].tolist()) if weighted else 100
            )
            final = evaluate(model, nn.CrossEntropyLoss(), data, metrics)
            for name, value in final.items():
                np.testing.assert_allclose(history[f"val_{name}"][-1], value, rtol=1e-6)
    assert same(weights(one), weights(two))


def test_metrics_on_the_way_are_those_of_the_outputs_that_were_seen() -> None:
    """At rate 0 the training part's values are those of the unchanging model."""
    model, data = network(), blobs(100)
    sgd = steep.optim.SGD(model.parameters(), lr=0.0)
    for source in (data, DataLoader(TensorDataset(*data), 32, num_workers=1)):
        history = fit(model, nn.CrossEntropyLoss(), sgd, source, epochs=5, metrics=ALL,
                      sanitize=False)  # fmt: skip
        expected = evaluate(model, nn.CrossEntropyLoss(), data, ALL)
        for name, value in expected.items():
            for epoch in history[name]:
                np.testing.assert_allclose(epoch, value, rtol=1e-6, err_msg=name)


REFUSED: list[tuple[Any, Any, Any, str]] = [
    ("r2", nn.CrossEntropyLoss(), steep.arange(3) % 2, "task of regression, got classification"),
    ("top2", nn.CrossEntropyLoss(), steep.arange(3) % 2, "more than 2 classes"),
    ("f1", nn.MSELoss(), steep.zeros(3, 2), "got regression"),
    (F1("binary"), nn.BCEWithLogitsLoss(), steep.zeros(3, 2), "classification by 2 labels"),
    ("confusion_matrix", nn.BCEWithLogitsLoss(), steep.zeros(3, 2), "one class a sample"),
    ("auc", nn.CrossEntropyLoss(), steep.zeros(3).long(), "class 1 is missing"),
    ("auc", nn.BCEWithLogitsLoss(), steep.ones(3, 2), "label 0 is always the same"),
    ("aucc", nn.MSELoss(), steep.zeros(3, 2), "nearest is 'auc'"),
    ("top0", nn.MSELoss(), steep.zeros(3, 2), "at least 1"),
]


@pytest.mark.parametrize(("metric", "loss", "y", "text"), REFUSED)
def test_what_does_not_fit_is_refused(metric: Any, loss: Any, y: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        evaluate(nn.Identity(), loss, (steep.zeros(3, 2), y), [metric])


def test_a_validation_of_one_class_is_refused_before_anything_is_changed() -> None:
    model = nn.Linear(2, 1)
    before = weights(model)
    sgd = steep.optim.SGD(model.parameters(), lr=0.1)
    good = steep.rand(4, 2), steep.tensor([[0.0], [1.0], [1.0], [0.0]])
    bad = steep.rand(4, 2), steep.ones(4, 1)
    with pytest.raises(ValueError, match="of validation, but all are of one class"):
        fit(model, nn.BCEWithLogitsLoss(), sgd, good, bad, metrics=["auc"])
    assert same(before, weights(model))


@pytest.mark.parametrize("kind", [Precision, Recall, F1, AUC])
def test_averages_are_known(kind: Any) -> None:
    with pytest.raises(ValueError, match="expected average"):
        kind("mean")


def test_objects_of_ones_own_are_not_changed() -> None:
    mine = Accuracy()
    data = steep.eye(3), steep.arange(3)
    assert evaluate(nn.Identity(), nn.CrossEntropyLoss(), data, [mine])["accuracy"] == 1.0
    assert mine.sums == {}
    assert repr(TopK(3)) == "TopK('top3_accuracy')"
    with pytest.raises(NotImplementedError, match="does not define update"):
        evaluate(nn.Identity(), nn.CrossEntropyLoss(), data, [Metric()])
