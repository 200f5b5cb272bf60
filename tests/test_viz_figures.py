"""Learning curves and what shows how good a classifier is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steep
from steep.viz import (
    calibration_curve,
    confusion_matrix,
    learning_curves,
    misclassified,
    roc_curve,
)
from steep.viz.classification import _wilson

nan, inf = float("nan"), float("inf")


def labels(figure: Any, panel: int = 0) -> list[str]:
    return [str(line.get_label()) for line in figure.axes[panel].lines]


def test_nothing_touches_pyplot() -> None:
    code = (
        "import sys; from steep.viz import confusion_matrix as f; f([0], [0]); "
        "print('matplotlib.pyplot' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert out.stdout == "False\n"


def test_without_matplotlib_the_error_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['matplotlib'] = sys.modules['matplotlib.figure'] = None\n"
        "import steep\n"
        "print(steep.viz.summary(steep.nn.Linear(2, 1)).parameters)\n"
        "try: steep.viz.confusion_matrix([0], [0])\n"
        "except ImportError as error: print(error)"
    )
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert out.stdout.splitlines()[0] == "3"
    assert "pip install 'steep[viz]'" in out.stdout


# ---- learning curves ----


def test_curves_of_a_training(tmp_path: Path) -> None:
    model = steep.nn.Linear(2, 1)
    data = steep.rand(16, 2), steep.rand(16, 1)
    sgd = steep.optim.SGD(model.parameters(), lr=0.1)
    loss = steep.nn.MSELoss()
    history = steep.train.fit(model, loss, sgd, data, data, epochs=3, batch_size=8)
    figure = learning_curves(history, save=tmp_path / "curve.svg")
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "learning rate"]
    lines = figure.axes[0].lines
    assert labels(figure)[:2] == ["training", "validation"]
    assert lines[0].get_ydata().tolist() == history["loss"]
    assert lines[1].get_ydata().tolist() == history["val_loss"]
    assert lines[0].get_xdata().tolist() == [1, 2, 3]
    assert (tmp_path / "curve.svg").read_text().startswith("<?xml")


def test_curves_from_logs(tmp_path: Path) -> None:
    rows = [{"step": 10, "loss": 2.0, "note": "x"}, {"step": 20, "loss": 1.0, "val_loss": 3.0}]
    table = {"step": [10, 20], "loss": [2.0, 1.0], "val_loss": [None, 3.0]}
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    (tmp_path / "log.json").write_text(json.dumps(table))
    (tmp_path / "log.csv").write_text("step,loss,val_loss,note\n10,2.0,,x\n20,1.0,3.0,\n")
    for source in (*(tmp_path / f"log.{kind}" for kind in ("jsonl", "json", "csv")), rows, table):
        figure = learning_curves(source)
        (axes,) = figure.axes
        assert axes.get_xlabel() == "step"
        assert labels(figure) == ["training", "validation"]
        assert axes.lines[0].get_xydata().tolist() == [[10, 2], [20, 1]]
        np.testing.assert_array_equal(axes.lines[1].get_ydata(), [nan, 3])


def test_what_is_not_finite_is_marked() -> None:
    figure = learning_curves({"loss": [3.0, nan, 1.0, inf], "val_loss": [None, 1.0, 1.0, 1.0]})
    assert labels(figure) == ["training", "training: not finite", "validation"]
    assert figure.axes[0].lines[1].get_xdata().tolist() == [2, 4]


def test_wide_losses_are_on_a_logarithmic_scale() -> None:
    assert learning_curves({"loss": [10.0, 0.1]}).axes[0].get_yscale() == "log"
    assert learning_curves({"loss": [10.0, 1.0]}).axes[0].get_yscale() == "linear"
    assert learning_curves({"loss": [10.0, 1.0]}, log=True).axes[0].get_yscale() == "log"
    assert learning_curves({"loss": [10.0, -1.0]}, log=True).axes[0].get_yscale() == "linear"


def test_columns_are_chosen() -> None:
    table = {"loss": [1.0], "val_loss": [2.0], "accuracy": [0.5], "lr": [0.1]}
    figure = learning_curves(table, ["accuracy"], title="A title")
    assert [axes.get_ylabel() for axes in figure.axes] == ["accuracy"]
    assert len(learning_curves(table).axes) == 3
    many = {f"metric{k}": [0.0, 1.0] for k in range(7)}
    assert len(learning_curves(many).axes) == 7


@pytest.mark.parametrize(
    ("history", "error", "said"),
    [
        ({}, ValueError, "got an empty one"),
        ({"loss": []}, ValueError, "got an empty one"),
        ([], ValueError, "got an empty one"),
        (steep.train.History(), ValueError, "got an empty one"),
        ({"loss": [1, 2], "lr": [1]}, ValueError, "one length"),
        ({"epoch": [1]}, ValueError, "column of numbers"),
        ({"note": ["a"]}, ValueError, "column of numbers"),
        (3, TypeError, "expected a History"),
        ([3], TypeError, "each row to be a dict"),
        ("log.txt", ValueError, "ends in"),
    ],
)
def test_what_is_no_history(history: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        learning_curves(history)


def test_a_broken_log(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text('{"loss": 1}\n{"loss": \n')
    with pytest.raises(ValueError, match=r"expected JSON in .*log.jsonl, line 2, but"):
        learning_curves(log)


def test_unknown_column() -> None:
    with pytest.raises(ValueError, match="expected columns among loss, got 'accuracy'"):
        learning_curves({"loss": [1.0]}, ["accuracy"])


# ---- classification ----


def cells(figure: Any) -> dict[tuple[int, int], str]:
    return {
        (int(text.get_position()[1]), int(text.get_position()[0])): text.get_text()
        for text in figure.axes[0].texts
    }


def test_confusion_matrix_counts() -> None:
    truth, given = steep.tensor([0, 1, 1, 2, 2, 2]), np.array([0, 1, 2, 2, 2, 0])
    figure = confusion_matrix(truth, given, classes=["a", "b", "c"])
    expected = {(0, 0): "1", (1, 1): "1", (1, 2): "1", (2, 2): "2", (2, 0): "1"}
    assert cells(figure) == expected
    assert figure.axes[0].get_title(loc="left") == "Accuracy 66.7% of 6"
    ticks = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert ticks == ["a", "b", "c"]
    shares = cells(confusion_matrix(truth, given, normalize=True))
    assert shares[2, 2] == "67%"


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_labels_that_are_missing(missing: Any) -> None:
    labels = np.array(["a", "b", missing, missing], dtype=object)
    with pytest.raises(ValueError, match=r"in truth, got none for 2 of 4, the first at \[2\]"):
        confusion_matrix(labels, ["a"] * 4)
    with pytest.raises(ValueError, match="in predicted, got none for 2 of 4"):
        confusion_matrix(["a"] * 4, labels)


def test_confusion_matrix_of_scores_and_of_names() -> None:
    scores = [[2.0, 1.0], [0.0, 1.0], [3.0, 1.0]]
    assert cells(confusion_matrix([0, 1, 1], scores)) == {(0, 0): "1", (1, 1): "1", (1, 0): "1"}
    figure = confusion_matrix(["cat", "dog"], ["dog", "dog"])
    assert cells(figure) == {(0, 1): "1", (1, 1): "1"}
    figure = confusion_matrix(["dog", "cat"], scores[:2], classes=["cat", "dog"])
    assert cells(figure) == {(1, 0): "1", (0, 1): "1"}
    figure = confusion_matrix(np.arange(60), np.arange(60))  # too many to write
    assert cells(figure) == {}


def test_roc_is_that_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    random = np.random.default_rng(0)
    truth = random.integers(0, 2, 200)
    scores = (truth + random.normal(size=200)).round(1)  # with ties
    (_, line) = roc_curve(truth, scores).axes[0].lines
    false, hit, _ = metrics.roc_curve(truth, scores, drop_intermediate=False)
    np.testing.assert_allclose(line.get_xdata(), false)
    np.testing.assert_allclose(line.get_ydata(), hit)
    assert line.get_label() == f"area {metrics.roc_auc_score(truth, scores):.3f}"
    pair = np.stack([-scores, scores], axis=1)
    assert labels(roc_curve(truth, pair))[1] == line.get_label()


def test_roc_of_several_classes() -> None:
    figure = roc_curve([0, 1, 2, 0], np.eye(4)[[0, 1, 2, 1]], classes=["a", "b", "c", "d"])
    assert labels(figure) == ["chance", "a: area 0.750", "b: area 0.833", "c: area 1.000"]


def test_calibration() -> None:
    certain = np.array([[0.9, 0.1], [0.85, 0.15], [0.35, 0.65], [0.55, 0.45]])
    figure = calibration_curve([0, 1, 1, 0], certain)
    # Bins: 0.55 right; 0.65 right; 0.85 wrong; 0.9 right.
    error = (0.45 + 0.35 + 0.85 + 0.1) / 4
    assert figure.axes[0].get_title(loc="left") == f"Expected calibration error {error:.1%}"
    assert [bar.get_height() for bar in figure.axes[1].patches] == [0, 0, 0, 0, 0, 1, 1, 0, 1, 1]
    figure = calibration_curve([0, 1, 1, 1], [0.2, 0.8, 0.8, 0.8], bins=2)
    assert figure.axes[0].get_title(loc="left") == "Expected calibration error 20.0%"
    low, high = _wilson(np.array([0.0, 1.0]), np.array([1, 3]))
    np.testing.assert_allclose(low, [0, 0.4385], atol=1e-4)  # Wilson's, of 0 of 1 and 3 of 3
    np.testing.assert_allclose(high, [0.7935, 1], atol=1e-4)
    figure = calibration_curve([1, 0], [1.0, 0.0], bins=4)
    assert figure.axes[0].get_title(loc="left") == "Expected calibration error 0.0%"


@pytest.mark.parametrize("function", [confusion_matrix, roc_curve, calibration_curve])
def test_what_does_not_fit(function: Any) -> None:
    with pytest.raises(ValueError, match="of 3 samples"):
        function([0, 1, 1], [0.5, 1.0] if function is not confusion_matrix else [0, 1])
    with pytest.raises(ValueError, match="got none"):
        function([], [])
    with pytest.raises(ValueError, match="finite"):
        function([0, 1], [[0.5, nan], [0.5, 0.5]])
    with pytest.raises(ValueError, match="labels from 0 to 1"):
        function([0, 5], [[0.5, 0.5], [0.5, 0.5]], **_two(function))
    with pytest.raises(TypeError, match="as a tensor or an array"):
        function(3, [0.5])


def _two(function: Any) -> dict[str, Any]:
    return {"classes": ["a", "b"]} if function is confusion_matrix else {}


def test_what_has_no_curve() -> None:
    with pytest.raises(ValueError, match="both classes"):
        roc_curve([1, 1], [0.1, 0.2])
    with pytest.raises(ValueError, match="softmax"):
        calibration_curve([0, 1], [0.1, 1.2])
    with pytest.raises(ValueError, match="one bin or more"):
        calibration_curve([0, 1], [0.1, 0.2], bins=0)
    with pytest.raises(ValueError, match="of one kind"):
        confusion_matrix(["a"], [0])
    with pytest.raises(ValueError, match="labels among"):
        confusion_matrix(["a"], ["c"], classes=["a", "b"])


# ---- misclassified samples ----


def test_sheet_of_images(tmp_path: Path) -> None:
    images = steep.rand(6, 1, 4, 4)
    scores = steep.tensor([[3.0, 0], [0, 1], [2, 0], [0, 9], [1, 0], [0, 1]])
    truth = [0, 1, 1, 0, 1, 1]
    figure = misclassified(
        images, truth, scores, classes=["cat", "dog"], save=tmp_path / "sheet.png"
    )
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["cat as dog, 100%\n#3", "dog as cat, 88%\n#2", "dog as cat, 73%\n#4"]
    assert figure.get_suptitle().startswith("3 of 6 wrong (50.0%)")
    shown = figure.axes[1].images[0].get_array()
    low, high = images.min().item(), images.max().item()
    np.testing.assert_allclose(shown, (images[2, 0].numpy() - low) / (high - low), rtol=1e-6)
    assert len(misclassified(images, truth, scores, most=1).axes) == 1


def test_colour_images_and_flat_ones() -> None:
    figure = misclassified(np.random.default_rng(0).random((2, 3, 5, 4)), [0, 1], [1, 1])
    assert figure.axes[0].images[0].get_array().shape == (5, 4, 3)
    figure = misclassified(np.zeros((2, 20)), [0, 1], [1, 1], shape=(5, 4))
    assert figure.axes[0].images[0].get_array().shape == (5, 4)


def test_rows_of_a_table_are_text() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.DataFrame({"age": [30, 40], "name": ["Ada", "Bob"]})
    figure = misclassified(frame, ["yes", "no"], ["yes", "yes"])
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == ["row", "true as predicted", "age", "name", "1", "no as yes", "40", "Bob"]
    mixed = np.array([["a", 1], ["b", 2]], dtype=object)
    assert misclassified(mixed, [0, 1], [1, 1]).axes[0].texts[-1].get_text() == "1"
    texts = [t.get_text() for t in misclassified([[1.5, nan]], [0], [1]).axes[0].texts]
    assert texts[-2:] == ["1.5", "nan"]


def test_nothing_wrong() -> None:
    figure = misclassified(np.zeros((3, 2, 2)), [0, 1, 2], [0, 1, 2])
    assert [text.get_text() for text in figure.texts] == ["All 3 are right."]


def test_what_is_no_sheet() -> None:
    with pytest.raises(ValueError, match="expected samples of 9 numbers"):
        misclassified(np.zeros((2, 8)), [0, 1], [1, 1], shape=(3, 3))
    with pytest.raises(ValueError, match="expected images"):
        misclassified(np.zeros((2, 2, 8, 8)), [0, 1], [1, 1])
    with pytest.raises(ValueError, match="finite"):
        misclassified(np.full((2, 8, 8), nan), [0, 1], [1, 1])
    with pytest.raises(ValueError, match="of 3 samples"):
        misclassified(np.zeros((2, 8, 8)), [0, 1, 1], [1, 1, 1])
    with pytest.raises(ValueError, match="1 or more"):
        misclassified(np.zeros((2, 8, 8)), [0, 1], [1, 1], most=0)
    with pytest.raises(ValueError, match="names of 2 columns"):
        misclassified(np.zeros((1, 2)), [0], [1], columns=["a"])
