"""`MLPClassifier`."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels
from sklearn.utils.validation import _check_y

import steep
from steep._core import Tensor
from steep.sklearn._base import BaseMLP, has_partial_fit
from steep.sklearn._data import Samples
from steep.sklearn._losses import Loss, classifier_loss
from steep.sklearn._parameters import keep

__all__ = ["MLPClassifier"]


class MLPClassifier(ClassifierMixin, BaseMLP):  # type: ignore[misc]
    """A multi-layer perceptron that classifies: scikit-learn's, on steep's engine.

    Parameters and attributes that `sklearn.neural_network.MLPClassifier` has mean the same here;
    for the same `random_state` the training starts from the same weights and takes the batches in
    the same order. It computes in float32 unless told otherwise (see `dtype`).

    Args:
        hidden_layer_sizes: width of each hidden layer. Default: (100,).
        activation: 'identity', 'logistic', 'tanh', 'relu' (the default), the name of another
            activation of `steep.nn` ('gelu', 'silu', 'leaky_relu', ...), or a layer or class.
        solver: 'adam' (the default), 'sgd', 'lbfgs', 'adamw', 'rmsprop', 'nadam', 'radam',
            'adamax', 'adagrad', 'adadelta', 'asgd', 'rprop', 'adafactor', or a function that makes
            an optimiser of a list of parameters (whose decay it then chooses, not `alpha`).
        alpha: strength of the L2 penalty, divided by the rows of a batch; for 'adamw' and
            'adafactor' their decoupled weight decay. Default: 1e-4.
        batch_size: rows of a batch; 'auto', the default: 200, or all if there are fewer.
        learning_rate: 'constant' (the default), 'invscaling' and 'adaptive' (for 'sgd' alone),
            'cosine', 'linear' and 'onecycle' over `max_iter` epochs, or a function that makes a
            scheduler of the optimiser, which steps after each epoch.
        learning_rate_init: the learning rate. Default: 1e-3.
        power_t: exponent of 'invscaling'. Default: 0.5.
        max_iter: epochs at most; iterations at most for 'lbfgs'. Default: 200.
        shuffle: whether each epoch has an order of its own. Default: ``True``.
        random_state: seed or `RandomState` of weights, splits, orders and dropout.
        tol: an epoch is better if the loss falls, or the score rises, by so much. Default: 1e-4.
        verbose: whether each epoch is printed. Default: ``False``.
        warm_start: whether `fit` goes on from the weights there are. Default: ``False``.
        momentum: of 'sgd'. Default: 0.9.
        nesterovs_momentum: whether it is Nesterov's. Default: ``True``.
        early_stopping: whether the score on a validation set ends the training, and the weights of
            the best are kept. Default: ``False``: the training loss ends it.
        validation_fraction: share that is held out for it. Default: 0.1.
        beta_1, beta_2, epsilon: of Adam and its kin. Default: 0.9, 0.999, 1e-8.
        n_iter_no_change: epochs in a row without improvement that end the training. Default: 10.
        max_fun: evaluations at most of 'lbfgs'. Default: 15000.
        loss: 'log_loss' (the default), 'focal', 'hinge', 'squared_hinge', a loss of `steep.nn`, or
            a function of output and target (class indices int64 [rows]; 0 or 1, floating
            [rows, outputs], where there are two classes or several labels).
        dropout: share of each hidden layer's units dropped in training; or one for each.
            Default: 0.
        batch_norm: whether each hidden layer is batch-normalised. Default: ``False``.
        class_weight: weight of each class, a dict, or 'balanced': rows / (classes * rows of the
            class). Default: ``None``, all the same.
        clip_norm: the norm that gradients are clipped to. Default: ``None``.
        categorical_features: columns that are embedded: positions, names, a mask, or 'from_dtype'
            for all of a data frame that are not numbers. Values not seen in training get an
            embedding of zeros. Default: ``None``.
        embedding_dim: length of an embedding; 'auto': half the column's values, at most 50.
        callbacks: functions called with the estimator after each epoch; one that returns ``True``
            ends the training. Default: none.
        dtype: 'float32', 'float64', or 'auto' (the default): float64 for 'lbfgs' and for fewer than
            256 rows, where it costs next to nothing, else float32.

    Attributes:
        classes_: labels in the order of outputs and probabilities.
        model_: the network, a module of `steep.nn`; `coefs_` and `intercepts_` are its memory.
        loss_, best_loss_, loss_curve_: the last loss, the least, and that of each epoch.
        validation_scores_, best_validation_score_: accuracy on the validation set by epoch.
        n_iter_, t_: epochs, and samples seen.
        n_layers_, n_outputs_, out_activation_, n_features_in_, feature_names_in_: as their names
            say.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> x, y = load_iris(return_X_y=True)
        >>> model = MLPClassifier((32,), learning_rate_init=0.01, random_state=0, max_iter=300)
        >>> bool(model.fit(x, y).score(x, y) > 0.95)
        True
    """

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: Any = 0.0001,
        batch_size: Any = "auto",
        learning_rate: Any = "constant",
        learning_rate_init: Any = 0.001,
        power_t: Any = 0.5,
        max_iter: Any = 200,
        shuffle: Any = True,
        random_state: Any = None,
        tol: Any = 1e-4,
        verbose: Any = False,
        warm_start: Any = False,
        momentum: Any = 0.9,
        nesterovs_momentum: Any = True,
        early_stopping: Any = False,
        validation_fraction: Any = 0.1,
        beta_1: Any = 0.9,
        beta_2: Any = 0.999,
        epsilon: Any = 1e-8,
        n_iter_no_change: Any = 10,
        max_fun: Any = 15000,
        loss: Any = "log_loss",
        dropout: Any = 0.0,
        batch_norm: Any = False,
        class_weight: Any = None,
        clip_norm: Any = None,
        categorical_features: Any = None,
        embedding_dim: Any = "auto",
        callbacks: Any = (),
        dtype: Any = "auto",
    ) -> None:
        keep(self, locals())

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> MLPClassifier:
        """Train on a table.

        Args:
            X: [rows, columns], array, data frame or sparse matrix (which is filled up).
            y: labels [rows], or 0 and 1 [rows, labels].
            sample_weight: of each row. Default: all the same.
            X_val, y_val, sample_weight_val: a validation set, in the place of the one that
                `early_stopping` would split off; its scores are noted without that too.

        Returns:
            The estimator itself.

        Raises:
            ValueError: if a parameter or the data is not what it may be.
        """
        self._fit(X, y, sample_weight, validation=(X_val, y_val, sample_weight_val))
        return self

    @available_if(has_partial_fit)  # type: ignore[untyped-decorator]
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None
    ) -> MLPClassifier:
        """Train for one epoch, from the weights there are.

        Args:
            X, y, sample_weight: as of `fit`.
            classes: all labels there will be; needed in the first call.

        Raises:
            ValueError: if `classes` is lacking in the first call, or differs in a later one.
        """
        if isinstance(self.class_weight, str):
            raise ValueError(
                "class_weight 'balanced' is not supported for partial_fit, which does not see all "
                "labels; give the weights as a dict, or sample_weight"
            )
        with self._kept():
            self._announce(classes)
            self._fit(X, y, sample_weight, incremental=True)
        return self

    def _announce(self, classes: Any) -> None:
        """Take the labels that there will be, or check that they are the same."""
        known = "classes_" in vars(self)
        if classes is None:
            if not known:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            return
        labels = unique_labels(classes)
        if known and not np.array_equal(labels, self.classes_):
            raise ValueError(
                f"`classes={classes!r}` is not the same as on last call to partial_fit, was: "
                f"{self.classes_!r}"
            )
        self.classes_ = labels

    # ---- targets ----------------------------------------------------------------------------

    def _loss_and_target(
        self, y: Any, rows: int, *, first: bool, incremental: bool
    ) -> tuple[Loss, Tensor]:
        y = _checked_labels(y, rows)
        several = type_of_target(y).startswith("multilabel")
        self._take_classes(y, several, first, incremental)
        count = len(self.classes_)
        kind = "multilabel" if several else "multiclass" if count > 2 else "binary"
        outputs = count if several or count > 2 else 1
        loss = classifier_loss(self.loss, kind, outputs)
        if loss.target == "index":
            outputs = max(2, count)
        self.n_outputs_, self.out_activation_, self._multilabel = outputs, loss.link, several
        return loss, self._coded(y, loss)

    def _take_classes(self, y: np.ndarray, several: bool, first: bool, incremental: bool) -> None:
        found = np.arange(y.shape[1]) if several else np.unique(y)
        if "classes_" not in vars(self) or (first and not incremental):
            self.classes_ = found
            return
        if self.warm_start and not incremental and not np.array_equal(found, self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous "
                f"call to fit. Previously got {self.classes_}, `y` has {found}"
            )
        if not np.isin(found, self.classes_).all():
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. "
                f"'y' has {found}."
            )

    def _coded(self, y: np.ndarray, loss: Loss) -> Tensor:
        if self._multilabel:
            ones = y.astype(self._dtype)
        else:
            index = np.searchsorted(self.classes_, y).astype(np.int64)
            if loss.target == "index":
                return steep.from_numpy(index)
            wide = self.n_outputs_ > 1
            ones = (np.eye(self.n_outputs_)[index] if wide else index[:, None]).astype(self._dtype)
        return steep.from_numpy(ones * 2 - 1 if loss.target == "signs" else ones)

    def _weights(self, sample_weight: Any, x: Tensor, y: Any, incremental: bool) -> Tensor | None:
        weight = super()._weights(sample_weight, x, y, incremental)
        if self.class_weight is None:
            return weight
        of_class = compute_sample_weight(self.class_weight, y)
        own = None if weight is None else weight.numpy()
        return super()._weights(of_class if own is None else of_class * own, x, y, incremental)

    def _strata(self, y: Any) -> Any:
        """What a validation part keeps the shares of: two classes, as scikit-learn has it."""
        return np.asarray(y) if len(self.classes_) == 2 and not self._multilabel else None

    def _loss_offset(self, samples: Samples) -> float:
        return 0.0

    # ---- predicting -------------------------------------------------------------------------

    def predict(self, X: Any) -> np.ndarray:
        """The likeliest label of each row, [rows]; or 0 and 1, [rows, labels]."""
        return self._labels(self._output(X))

    def _labels(self, output: np.ndarray) -> np.ndarray:
        if self._multilabel:
            return (output > 0).astype(int)
        index = output.argmax(axis=1) if output.shape[1] > 1 else (output[:, 0] > 0).astype(int)
        labels: np.ndarray = self.classes_[np.minimum(index, len(self.classes_) - 1)]
        return labels

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each class, [rows, classes], in the order of `classes_`."""
        output = self._output(X)
        if self.out_activation_ == "softmax":
            shifted = np.exp(output - output.max(axis=1, keepdims=True))
            shares: np.ndarray = shifted / shifted.sum(axis=1, keepdims=True)
            return shares
        ones = steep.sigmoid(steep.from_numpy(output)).numpy()
        if self._multilabel or ones.shape[1] > 1:
            return np.asarray(ones)
        both: np.ndarray = np.hstack([1 - ones, ones])
        return both

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Logarithm of `predict_proba`."""
        with np.errstate(divide="ignore"):
            logarithms: np.ndarray = np.log(self.predict_proba(X))
        return logarithms

    def _score_of(self, inputs: tuple[Tensor, ...], y: Any, weight: Any) -> float:
        output = self._output_of(inputs)
        if not np.isfinite(output).all():
            return float("nan")
        return float(accuracy_score(y, self._labels(output), sample_weight=weight))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def _checked_labels(y: Any, rows: int) -> np.ndarray:
    """Labels as an array [rows] or [rows, labels].

    Raises:
        ValueError: if they are lacking, not labels, or not as many as rows.
    """
    if y is None:
        raise ValueError("MLPClassifier requires y to be passed, but the target y is None")
    y = _check_y(y, multi_output=True)
    check_classification_targets(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    if len(y) != rows:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: [{rows}, {len(y)}]"
        )
    return np.asarray(y.toarray() if hasattr(y, "toarray") else y)
