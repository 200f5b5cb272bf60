"""The estimators do what scikit-learn's do, to the last digits, and fit into its tools."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from sklearn import neural_network as theirs  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.datasets import load_digits, load_iris  # noqa: E402
from sklearn.exceptions import ConvergenceWarning  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: E402

from steep import sklearn as ours  # noqa: E402
from steep.sklearn import MLPClassifier, MLPRegressor  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning"),
]


@parametrize_with_checks(
    [
        MLPClassifier(max_iter=100),
        MLPRegressor(max_iter=100),
        MLPClassifier(max_iter=100, activation="gelu", solver="adamw"),
    ]
)
def test_scikit_learns_own_checks(estimator: Any, check: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those that the checks themselves cause
        check(estimator)


X, Y = load_digits(return_X_y=True)
X, Y = X[:400] / 16, Y[:400]
WEIGHT = np.random.RandomState(0).rand(400)
LABELS = np.c_[Y % 2, Y > 5, Y > 2].astype(int)
NUMBERS = np.c_[Y, Y * Y] / 10.0
SGD = {"solver": "sgd", "learning_rate_init": 0.1}
CASES: list[tuple[str, Any, Any, dict[str, Any]]] = [
    ("MLPClassifier", Y, None, {}),
    ("MLPClassifier", Y, WEIGHT, {"alpha": 0.1}),
    ("MLPClassifier", Y, None, SGD),
    ("MLPClassifier", Y, None, {**SGD, "nesterovs_momentum": False}),
    ("MLPClassifier", Y, None, {**SGD, "momentum": 0.0, "learning_rate": "invscaling"}),
    ("MLPClassifier", Y, None, {**SGD, "learning_rate": "invscaling"}),
    (
        "MLPClassifier",
        Y,
        None,
        {**SGD, "learning_rate": "adaptive", "tol": 1.0, "n_iter_no_change": 2},
    ),
    ("MLPClassifier", Y, None, {"early_stopping": True, "learning_rate_init": 0.01}),
    ("MLPClassifier", Y % 2, None, {"early_stopping": True, "n_iter_no_change": 1}),
    ("MLPClassifier", Y, None, {"activation": "logistic"}),
    ("MLPClassifier", Y, None, {"activation": "tanh", "alpha": 0.1, "shuffle": False}),
    ("MLPClassifier", Y, None, {"activation": "identity", "batch_size": "auto"}),
    ("MLPClassifier", Y, None, {"solver": "lbfgs"}),
    ("MLPClassifier", Y % 2, None, {"solver": "lbfgs", "alpha": 1.0}),
    ("MLPClassifier", Y % 2, WEIGHT, {"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-5}),
    ("MLPClassifier", LABELS, None, {}),
    ("MLPClassifier", LABELS, WEIGHT, {}),
    ("MLPRegressor", NUMBERS[:, 0], None, {}),
    ("MLPRegressor", NUMBERS[:, 0], None, {"early_stopping": True, "learning_rate_init": 0.01}),
    ("MLPRegressor", NUMBERS, WEIGHT, {}),
    ("MLPRegressor", NUMBERS, WEIGHT, {"alpha": 1.0, "batch_size": 7}),
    ("MLPRegressor", NUMBERS[:, 0], None, {"loss": "poisson"}),
    ("MLPRegressor", NUMBERS[:, 0], WEIGHT, {"solver": "lbfgs"}),
]


@pytest.mark.parametrize(("kind", "y", "weight", "parameters"), CASES)
def test_the_same_weights_as_scikit_learns(
    kind: str, y: Any, weight: Any, parameters: dict[str, Any]
) -> None:
    """In float64 the two differ by rounding alone, after 60 steps."""
    common = {"random_state": 3, "max_iter": 8, "batch_size": 60, "hidden_layer_sizes": (12, 7)}
    parameters = {**common, **parameters}
    given = {} if weight is None else {"sample_weight": weight}
    one = getattr(theirs, kind)(**parameters).fit(X, y, **given)
    other = getattr(ours, kind)(**parameters, dtype="float64").fit(X, y, **given)
    for a, b in zip(one.coefs_ + one.intercepts_, other.coefs_ + other.intercepts_, strict=True):
        np.testing.assert_allclose(b, a, rtol=0, atol=1e-11)
    np.testing.assert_allclose(other.predict(X), one.predict(X), rtol=1e-9)
    if kind == "MLPClassifier":
        np.testing.assert_allclose(other.predict_proba(X), one.predict_proba(X), rtol=1e-7)
    for name in ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_"):
        assert getattr(other, name) == getattr(one, name), name
    assert (other.loss_, other.score(X, y)) == pytest.approx((one.loss_, one.score(X, y)), rel=1e-4)
    if parameters.get("solver") != "lbfgs":
        assert other.loss_curve_ == pytest.approx(one.loss_curve_, rel=1e-4)
        best = one.best_loss_
        assert other.best_loss_ == (best if best is None else pytest.approx(best, rel=1e-4))
        scores = one.validation_scores_
        assert other.validation_scores_ == (scores if scores is None else pytest.approx(scores))


@pytest.mark.parametrize("options", [{"batch_size": 7}, {**SGD, "batch_size": 50}])
@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_the_penalty_at_each_step_is_part_of_the_loss(options: dict[str, Any], weight: Any) -> None:
    given: dict[str, Any] = {"alpha": 1.0, "max_iter": 4, "random_state": 0, **options}
    model = MLPClassifier((8,), dtype="float64", **given).fit(X, Y, sample_weight=weight)
    other = theirs.MLPClassifier((8,), **given).fit(X, Y, sample_weight=weight)
    np.testing.assert_allclose(model.loss_curve_, other.loss_curve_, rtol=1e-9)
    assert model.best_loss_ == pytest.approx(other.best_loss_, rel=1e-9)


def test_the_loss_of_several_outputs_has_the_whole_penalty() -> None:
    given: dict[str, Any] = {"solver": "lbfgs", "alpha": 1.0, "max_iter": 1, "random_state": 0}
    model = MLPRegressor(hidden_layer_sizes=(8,), **given).fit(X, NUMBERS)
    error = np.square(model.predict(X) - NUMBERS).mean() / 2
    penalty = sum(np.square(w).sum() for w in model.coefs_) / 2 / len(X)
    assert model.loss_ == pytest.approx(error + penalty, rel=1e-9)


def test_all_parameters_and_fitted_attributes_are_there() -> None:
    for kind in ("MLPClassifier", "MLPRegressor"):
        one, other = getattr(theirs, kind)(), getattr(ours, kind)()
        assert one.get_params().items() <= other.get_params().items()
        fit = (X[:60], Y[:60] * 1.0 if kind == "MLPRegressor" else Y[:60])
        one, other = (model.set_params(max_iter=2).fit(*fit) for model in (one, other))
        public = {name for name in vars(one) if not name.startswith("_")}
        assert {name for name in public if not hasattr(other, name)} == set()


@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
def test_partial_fit_goes_on_as_scikit_learns(kind: str) -> None:
    models = [getattr(theirs, kind)(random_state=1), getattr(ours, kind)(random_state=1)]
    models[1].set_params(dtype="float64")
    given = {"classes": np.arange(10)} if kind == "MLPClassifier" else {}
    for _ in range(4):
        for model in models:
            model.partial_fit(X, Y, **given)
        given = {}
    models[1] = pickle.loads(pickle.dumps(models[1]))  # optimiser and all
    for model in models:
        model.partial_fit(X, Y)
    np.testing.assert_allclose(models[1].coefs_[0], models[0].coefs_[0], atol=1e-11)
    assert models[1].n_iter_ == models[0].n_iter_ == 1
    assert len(models[1].loss_curve_) == 5
    assert models[1].t_ == models[0].t_


def test_warm_start_goes_on() -> None:
    one, other = (
        kind(warm_start=True, max_iter=3, random_state=0, **more)
        for kind, more in ((theirs.MLPClassifier, {}), (MLPClassifier, {"dtype": "float64"}))
    )
    for _ in range(3):
        one.fit(X, Y)
        other.fit(X, Y)
    np.testing.assert_allclose(other.coefs_[0], one.coefs_[0], atol=1e-11)
    with pytest.raises(ValueError, match="same classes as in the previous"):
        other.fit(X, Y % 3)


def test_the_tools_of_scikit_learn() -> None:
    x, y = load_iris(return_X_y=True, as_frame=True)
    model = make_pipeline(
        StandardScaler().set_output(transform="pandas"),
        MLPClassifier((16,), learning_rate_init=0.01, max_iter=100, random_state=0),
    )
    assert cross_val_score(model, x, y, cv=3).mean() > 0.93
    grid = {"mlpclassifier__activation": ["tanh", "gelu"], "mlpclassifier__dropout": [0.0, 0.1]}
    search = GridSearchCV(model, grid, cv=2, n_jobs=2).fit(x, y)
    assert search.best_score_ > 0.9
    fitted = search.best_estimator_[-1]
    assert list(fitted.feature_names_in_) == list(x.columns)
    scaled = search.best_estimator_[0].transform(x)
    for other in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
        assert np.array_equal(other.predict_proba(scaled), fitted.predict_proba(scaled))
        assert np.array_equal(other.coefs_[0], fitted.coefs_[0])
    assert "model_" not in vars(clone(fitted))


def test_the_global_random_numbers_are_left_alone() -> None:
    import steep

    steep.manual_seed(5)
    expected = steep.rand(3)
    steep.manual_seed(5)
    first = MLPClassifier(dropout=0.5, random_state=1, max_iter=3).fit(X, Y)
    assert steep.equal(steep.rand(3), expected)
    again = MLPClassifier(dropout=0.5, random_state=1, max_iter=3).fit(X, Y)
    assert all(np.array_equal(a, b) for a, b in zip(first.coefs_, again.coefs_, strict=True))


def test_weights_may_be_written() -> None:
    model = MLPRegressor(random_state=0, max_iter=2).fit(X, Y)
    model.coefs_[-1][...] = 0.0
    model.intercepts_[-1][...] = 7.0
    assert set(model.predict(X)) == {7.0}
    model.intercepts_ = [b + 1 for b in model.intercepts_]
    assert set(model.predict(X)) == {8.0}


def test_a_warning_where_training_has_not_converged() -> None:
    with pytest.warns(ConvergenceWarning, match="Maximum iterations"):
        MLPClassifier(max_iter=2).fit(X, Y)
    with pytest.warns(ConvergenceWarning, match="lbfgs did not converge"):
        MLPClassifier(max_iter=2, solver="lbfgs").fit(X, Y)
