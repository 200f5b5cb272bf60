"""`MLPRegressor`."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_y

from steep._core import Tensor
from steep.sklearn._base import BaseMLP, has_partial_fit
from steep.sklearn._data import Samples, floats
from steep.sklearn._losses import Loss, regressor_loss
from steep.sklearn._parameters import keep

__all__ = ["MLPRegressor"]


class MLPRegressor(RegressorMixin, BaseMLP):  # type: ignore[misc]
    """A multi-layer perceptron that predicts numbers: scikit-learn's, on steep's engine.

    Parameters and attributes that `sklearn.neural_network.MLPRegressor` has mean the same here, and
    what it does not have is described at `MLPClassifier`. Targets are learned as they are: scale
    them first if they are large (`sklearn.compose.TransformedTargetRegressor`).

    Args:
        loss: 'squared_error' (the default; half of it, as scikit-learn has it), 'poisson',
            'absolute_error', 'huber', 'squared_log_error', a loss of `steep.nn`, or a function of
            output and target, both [rows, outputs].

    Attributes:
        validation_scores_: R^2 on the validation set by epoch.

    Example:
        >>> import numpy as np
        >>> x = np.linspace(-2, 2, 200)[:, None]
        >>> model = MLPRegressor(
        ...     hidden_layer_sizes=(32,), activation="tanh", solver="lbfgs", random_state=0,
        ...     max_iter=500)
        >>> bool(model.fit(x, np.sin(2 * x[:, 0])).score(x, np.sin(2 * x[:, 0])) > 0.99)
        True
    """

    def __init__(
        self,
        loss: Any = "squared_error",
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
        dropout: Any = 0.0,
        batch_norm: Any = False,
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
    ) -> MLPRegressor:
        """Train on a table.

        Args:
            X: [rows, columns], array, data frame or sparse matrix (which is filled up).
            y: numbers, [rows] or [rows, outputs].
            sample_weight: of each row. Default: all the same.
            X_val, y_val, sample_weight_val: a validation set; see `MLPClassifier.fit`.

        Returns:
            The estimator itself.

        Raises:
            ValueError: if a parameter or the data is not what it may be.
        """
        self._fit(X, y, sample_weight, validation=(X_val, y_val, sample_weight_val))
        return self

    @available_if(has_partial_fit)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """Train for one epoch, from the weights there are.

        Args:
            X, y, sample_weight: as of `fit`.
        """
        self._fit(X, y, sample_weight, incremental=True)
        return self

    # ---- targets ----------------------------------------------------------------------------

    def _loss_and_target(
        self, y: Any, rows: int, *, first: bool, incremental: bool
    ) -> tuple[Loss, Tensor]:
        if y is None:
            raise ValueError("MLPRegressor requires y to be passed, but the target y is None")
        y = _check_y(y, multi_output=True, y_numeric=True)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if len(y) != rows:
            raise ValueError(
                f"Found input variables with inconsistent numbers of samples: [{rows}, {len(y)}]"
            )
        outputs = 1 if y.ndim == 1 else int(y.shape[1])
        if not first and outputs != self.n_outputs_:
            raise ValueError(
                f"y: expected {self.n_outputs_} outputs as in the last fit, got {outputs}"
            )
        loss = regressor_loss(self.loss, outputs)
        if isinstance(self.loss, str) and self.loss == "poisson" and (y < 0).any():
            raise ValueError("loss 'poisson': some value of y is negative; it counts, from 0 on")
        self.n_outputs_, self.out_activation_ = outputs, loss.link
        return loss, floats(y.reshape(rows, outputs), self._dtype)

    def _strata(self, y: Any) -> None:
        return None

    def _loss_offset(self, samples: Samples) -> float:
        """What makes of the Poisson likelihood the half deviance: mean of y log(y) - y."""
        if not (isinstance(self.loss, str) and self.loss == "poisson"):
            return 0.0
        y = samples.target.numpy().astype(np.float64)
        terms = np.where(y > 0, y * np.log(np.where(y > 0, y, 1.0)), 0.0) - y
        weight = None if samples.weight is None else samples.weight.numpy()
        return float(np.average(terms.mean(axis=1), weights=weight))

    # ---- predicting -------------------------------------------------------------------------

    def predict(self, X: Any) -> np.ndarray:
        """The value of each row, [rows]; or [rows, outputs] if there are several."""
        return self._values(self._output(X))

    def _values(self, output: np.ndarray) -> np.ndarray:
        if self.out_activation_ == "exp":
            output = np.exp(output)
        output = output.astype(np.float64)
        return output[:, 0] if output.shape[1] == 1 else output

    def _score_of(self, inputs: tuple[Tensor, ...], y: Any, weight: Any) -> float:
        values = self._values(self._output_of(inputs))
        if not np.isfinite(values).all():
            return float("nan")
        return float(r2_score(y, values, sample_weight=weight))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
