"""What the estimators do that scikit-learn's do not."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from sklearn.datasets import load_iris

import steep
from steep import models, nn, optim
from steep.sklearn import MLPClassifier, MLPRegressor
from steep.sklearn._activations import _NAMES
from steep.sklearn._optimizers import PaperEpsilon

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_iris(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
SMALL: dict[str, Any] = {
    "hidden_layer_sizes": (16,),
    "learning_rate_init": 0.02,
    "max_iter": 60,
    "random_state": 0,
}


def score(y: Any = Y, **more: Any) -> float:
    return float(MLPClassifier(**{**SMALL, **more}).fit(X, y).score(X, y))


@pytest.mark.parametrize("activation", [*_NAMES, "leaky_relu", nn.LeakyReLU(0.2), nn.GELU])
def test_every_activation_learns(activation: Any) -> None:
    assert score(activation=activation) > 0.9


@pytest.mark.parametrize(
    "loss",
    [
        *("focal", "hinge", "squared_hinge", "CrossEntropyLoss", nn.BCEWithLogitsLoss),
        *(nn.CrossEntropyLoss(label_smoothing=0.1), "MultiLabelSoftMarginLoss"),
        *("SoftMarginLoss", lambda output, target: nn.functional.cross_entropy(output, target)),
    ],
)
@pytest.mark.parametrize("classes", [2, 3])
def test_losses_of_classes(loss: Any, classes: int) -> None:
    def own(output: Any, target: Any) -> Any:
        if classes == 2:
            return nn.functional.binary_cross_entropy_with_logits(output, target)
        return loss(output, target)

    is_own = callable(loss) and not isinstance(loss, (nn.Module, type))
    chosen = own if is_own else loss
    y = np.minimum(Y, classes - 1)
    model = MLPClassifier(**SMALL, loss=chosen).fit(X, y)
    assert model.score(X, y) > 0.9
    np.testing.assert_array_equal(model.predict_proba(X).argmax(axis=1), model.predict(X))
    assert model.predict_proba(X).shape == (150, classes)
    if not is_own:  # a weight of 0 is as if the row were not there
        half = np.arange(150) % 2 == 0
        options = {**SMALL, "loss": loss, "alpha": 0.0, "max_iter": 20, "dtype": "float64"}
        weighted = MLPClassifier(**options).fit(X, y, sample_weight=half * 2.0)
        without = MLPClassifier(**options).fit(X[half], y[half])
        np.testing.assert_allclose(weighted.coefs_[0], without.coefs_[0], atol=1e-9)


@pytest.mark.parametrize("loss", ["absolute_error", "huber", nn.SmoothL1Loss(), "HuberLoss"])
def test_losses_of_numbers(loss: Any) -> None:
    model = MLPRegressor(loss, **{**SMALL, "max_iter": 200}).fit(X[:, :3], X[:, 3])
    assert model.score(X[:, :3], X[:, 3]) > 0.9


def test_a_quantile_is_a_loss_of_ones_own() -> None:
    def pinball(output: Any, target: Any) -> Any:
        error = target - output
        return steep.maximum(error * 0.9, error * -0.1)

    y = np.random.RandomState(0).randn(600)
    model = MLPRegressor(pinball, **{**SMALL, "max_iter": 200}).fit(np.zeros((600, 1)), y)
    assert model.predict([[0.0]])[0] == pytest.approx(np.quantile(y, 0.9), abs=0.15)
    weighted = MLPRegressor(pinball, **SMALL).fit(np.zeros((600, 1)), y, sample_weight=y > 0)
    assert weighted.predict([[0.0]])[0] > 1


@pytest.mark.parametrize(
    "solver",
    [
        *("adamw", "rmsprop", "nadam", "radam", "adamax", "adagrad", "asgd", "rprop", "adafactor"),
        lambda parameters: steep.optim.SGD(parameters, lr=0.1, momentum=0.9, weight_decay=1e-4),
    ],
)
def test_solvers(solver: Any) -> None:
    assert score(solver=solver, learning_rate_init=0.05, batch_size=30) > 0.85


@pytest.mark.parametrize("schedule", ["cosine", "onecycle", "linear"])
def test_schedules_move_the_learning_rate(schedule: str) -> None:
    rates: list[float] = []
    note = lambda model: rates.append(model._optimizer.param_groups[0]["lr"])  # noqa: E731
    score(learning_rate=schedule, callbacks=[note], max_iter=10, batch_size=50)
    assert len(rates) == 10
    assert min(rates) < 0.005 < max(rates) <= 0.02


def test_a_scheduler_of_ones_own() -> None:
    rates: list[float] = []

    def halving(optimizer: Any) -> Any:
        return steep.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)

    note = lambda model: rates.append(model._optimizer.param_groups[0]["lr"])  # noqa: E731
    score(learning_rate=halving, callbacks=[note], max_iter=3)
    assert rates == pytest.approx([0.01, 0.005, 0.0025])


def test_dropout_and_batch_normalisation() -> None:
    model = MLPClassifier(**{**SMALL, "hidden_layer_sizes": (16, 8)}, dropout=[0.2, 0.0],
                          batch_norm=True, batch_size=149).fit(X, Y)  # fmt: skip
    names = [type(layer).__name__ for layer in model.model_]
    block = ["Linear", "BatchNorm1d", "ReLU"]
    assert names == [*block, "Dropout", *block, "Linear"]
    assert model.score(X, Y) > 0.9
    np.testing.assert_array_equal(model.predict_proba(X), model.predict_proba(X))
    with pytest.raises(ValueError, match="one for each of the 2 hidden layers, got 1"):
        model.set_params(dropout=[0.2]).fit(X, Y)


def test_class_weights_count_as_weights() -> None:
    kinds = {0: 1.0, 1: 3.0, 2: 0.5}
    weight = np.array([kinds[label] for label in Y])
    one = MLPClassifier(**SMALL, class_weight=kinds).fit(X, Y)
    other = MLPClassifier(**SMALL).fit(X, Y, sample_weight=weight)
    np.testing.assert_array_equal(one.coefs_[0], other.coefs_[0])
    few = np.r_[0:50, 50:55]
    plain, balanced = (
        MLPClassifier(**SMALL, class_weight=kind, alpha=10).fit(X[few], Y[few])
        for kind in (None, "balanced")
    )
    assert balanced.predict_proba(X)[:, 1].mean() > plain.predict_proba(X)[:, 1].mean()
    with pytest.raises(ValueError, match="not supported for partial_fit"):
        MLPClassifier(class_weight="balanced").partial_fit(X, Y, classes=[0, 1, 2])


def test_a_validation_set_of_ones_own() -> None:
    train, held = np.arange(150) % 3 != 0, np.arange(150) % 3 == 0
    model = MLPClassifier(**SMALL).fit(X[train], Y[train], X_val=X[held], y_val=Y[held])
    assert len(model.validation_scores_) == model.n_iter_ == 60
    assert model.validation_scores_[-1] == model.score(X[held], Y[held])
    stopping = MLPClassifier(**{**SMALL, "max_iter": 400}, early_stopping=True)
    stopping.fit(X[train], Y[train], X_val=X[held], y_val=Y[held])
    assert stopping.n_iter_ < 400
    best = max(stopping.validation_scores_)
    assert stopping.best_validation_score_ == best == stopping.score(X[held], Y[held])
    before = model.predict_proba(X)
    for wrong, message in [
        ({"X_val": X}, "got X_val alone: add y_val"),
        ({"y_val": Y}, "got y_val alone: add X_val"),
        ({"X_val": X, "y_val": Y[:9]}, "inconsistent numbers of samples"),
        ({"X_val": X, "y_val": Y, "sample_weight_val": [1.0]}, "inconsistent numbers of samples"),
    ]:
        with pytest.raises(ValueError, match=message):
            model.fit(X, Y, **wrong)
    assert np.array_equal(model.predict_proba(X), before)


def test_callbacks_see_each_epoch_and_may_stop() -> None:
    seen: list[float] = []

    def note(model: MLPClassifier) -> bool:
        seen.append(model.loss_)
        return model.n_iter_ == 5

    model = MLPClassifier(**SMALL, callbacks=[note]).fit(X, Y)
    assert model.n_iter_ == 5
    assert seen == model.loss_curve_


def table() -> tuple[Any, np.ndarray]:
    import pandas as pd

    random = np.random.RandomState(0)
    colours = np.array(["red", "green", "blue", "grey"])
    frame = pd.DataFrame(
        {
            "size": random.randn(400),
            "colour": colours[random.randint(4, size=400)],
            "grade": pd.Categorical(random.randint(3, size=400)),
        }
    )
    frame.loc[::50, "colour"] = None
    effect = frame["colour"].map({"red": 2.0, "green": -1.0, "blue": 0.0, "grey": 1.0}).fillna(3.0)
    return frame, (effect + frame["size"] + frame["grade"].astype(float)).to_numpy()


@pytest.mark.parametrize(
    "columns", ["from_dtype", ["colour", "grade"], [1, 2], [False, True, True]]
)
def test_categorical_columns_are_embedded(columns: Any) -> None:
    x, y = table()
    options = {**SMALL, "hidden_layer_sizes": (32,), "max_iter": 150}
    model = MLPRegressor(**options, categorical_features=columns).fit(x, y)
    assert model.score(x, y) > 0.97
    assert model.model_.cardinalities == [6, 4]  # four colours and none at all, and the unknown
    assert list(model.feature_names_in_) == ["size", "colour", "grade"]
    strange = x.iloc[:3].assign(colour="mauve")
    missing = x.iloc[:3].assign(colour=None)
    assert np.isfinite(model.predict(strange)).all()
    assert np.isfinite(model.predict(missing)).all()
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(strange), model.predict(strange))


def test_a_fitted_network_goes_into_a_model_file(tmp_path: Any) -> None:
    x, y = table()
    model = MLPRegressor(**SMALL, categorical_features="from_dtype").fit(x, y)
    models.save(tmp_path / "net.steep", model.model_)
    again = models.load(tmp_path / "net.steep").model
    numbers, codes = model._tensors_of(x, reset=False)
    np.testing.assert_array_equal(
        again(numbers, codes).detach().numpy()[:, 0].astype(float), model.predict(x)
    )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"activation": "rleu"}, "activation: expected a layer"),
        ({"loss": "mse"}, "loss: expected a loss"),
        ({"loss": nn.KLDivLoss()}, "KLDivLoss does not compare"),
        ({"loss": 3}, "loss: expected a name"),
        ({"solver": "adamm"}, "'solver' parameter to be one of adam"),
        ({"dropout": 1.0}, "'dropout' parameter to be a number from 0, below 1"),
        ({"dropout": 0.5, "solver": "lbfgs"}, "dropout changes the loss"),
        ({"learning_rate": "cosin"}, "'learning_rate' parameter"),
        ({"callbacks": [3]}, "'callbacks' parameter"),
        ({"dtype": "float16"}, "'dtype' parameter"),
        ({"hidden_layer_sizes": (4, 0)}, "hidden_layer_sizes must be > 0"),
        ({"alpha": -1}, "'alpha' parameter to be a number of at least 0, got -1"),
        ({"batch_size": 0}, "'batch_size' parameter"),
        ({"max_iter": 2.5}, "'max_iter' parameter"),
        ({"categorical_features": ["colour"]}, "need a data frame"),
        ({"categorical_features": "colour"}, "a single name goes into a list"),
        ({"categorical_features": [7]}, r"positions from 0 to 3, got \[7\]"),
        ({"categorical_features": [True]}, "a mask of 4 columns"),
    ],
)
def test_wrong_parameters_are_named(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MLPClassifier(**parameters).fit(X, Y)


def test_without_scikit_learn_the_extra_is_named() -> None:
    code = "import sys; sys.modules['sklearn'] = None; import steep; steep.sklearn"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "`steep.sklearn` needs sklearn: pip install 'steep[sklearn]'" in run.stderr


def test_what_is_refused_changes_nothing() -> None:
    model = MLPClassifier(**SMALL).fit(X, Y)
    before, attributes = model.predict_proba(X), {**vars(model)}
    refused: list[tuple[Any, Any, dict[str, Any]]] = [
        (X, np.array(["a", "b", "c"])[Y], {"activation": "none such"}),
        (X, np.array(["a", "b", "c"])[Y], {"loss": "none such"}),
        (X[:, :2], Y[:10], {}),
        (X * np.nan, Y, {}),
        (X[:, :2], Y, {"dropout": [0.1, 0.2]}),
    ]
    for x, y, parameters in refused:
        with pytest.raises(ValueError, match=r"."):
            model.set_params(**parameters).fit(x, y)
        model.set_params(activation="relu", loss="log_loss", dropout=0.0)
        assert {**vars(model)}.keys() == attributes.keys()
        np.testing.assert_array_equal(model.predict_proba(X), before)
    with pytest.raises(ValueError, match="not the same as on last call"):
        model.partial_fit(X, Y, classes=[0, 1])
    fresh = MLPClassifier()
    with pytest.raises(ValueError, match="has classes not in"):
        fresh.partial_fit(X, Y, classes=[0, 1])
    assert "classes_" not in vars(fresh)


def test_wrong_data_is_named() -> None:
    with pytest.raises(ValueError, match="value too large for float32"):
        MLPClassifier(dtype="float32").fit(X * 1e300, Y)
    with pytest.raises(ValueError, match="some value of y is negative"):
        MLPRegressor("poisson").fit(X, X[:, 0])
    with pytest.raises(ValueError, match=r"zeros alone|one non-zero"):
        MLPClassifier().fit(X, Y, sample_weight=np.zeros(150))
    with pytest.raises(ValueError, match="expected columns of size, colour, grade"):
        MLPRegressor(categorical_features=["shade"]).fit(*table())
    with pytest.raises(ValueError, match="one value a sample"):
        MLPRegressor(lambda o, t: (o - t).square().mean()).fit(X, Y, sample_weight=Y)


@pytest.mark.parametrize(("share", "most_off"), [(0.0, 1e-12), (0.05, 0.051)])
def test_epsilon_is_the_papers_at_every_step(share: float, most_off: float) -> None:
    optimizer = optim.Adam([steep.zeros(1, requires_grad=True)])
    epsilon = PaperEpsilon(optimizer, 1e-8, 0.999, share)
    looks = 0
    for step in range(1, 3001):
        if epsilon.held == 0:
            epsilon.next_step()
            looks += 1
        epsilon.held -= 1
        paper = 1e-8 / (1.0 - 0.999**step) ** 0.5
        assert abs(optimizer.param_groups[0]["eps"] / paper - 1.0) <= most_off
    assert (looks == 3000) if share == 0.0 else (looks < 150)


def test_no_epsilon_stays_none() -> None:
    optimizer = optim.Adam([steep.zeros(1, requires_grad=True)], eps=0.0)
    epsilon = PaperEpsilon(optimizer, 0.0, 0.999, 0.0)
    epsilon.next_step()
    assert optimizer.param_groups[0]["eps"] == 0.0
    assert epsilon.held > 0


def test_a_batch_of_one_has_no_normalisation() -> None:
    model = MLPClassifier(**SMALL, batch_norm=True, batch_size=1)
    with pytest.raises(ValueError, match=r"at least 2 with batch_norm=True, got 1.*batch_size=32"):
        model.fit(X, Y)
    assert not hasattr(model, "model_")
    model.set_params(batch_size=8).partial_fit(X, Y, classes=[0, 1, 2])
    before = pickle.dumps(model.coefs_)
    with pytest.raises(ValueError, match="at least 2 samples with batch_norm=True, got 1"):
        model.partial_fit(X[:1], Y[:1])
    assert pickle.dumps(model.coefs_) == before
