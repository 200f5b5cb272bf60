"""What the classifier and the regressor share: inputs, the network, and its training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

import steep
from steep import nn
from steep._core import Tensor
from steep.models.tabular import TabularNet, embedding_dimensions, mlp
from steep.sklearn._activations import activation_layer
from steep.sklearn._columns import ColumnCoder
from steep.sklearn._data import Samples, floats
from steep.sklearn._fitting import fit_by_batches
from steep.sklearn._lbfgs import minimize
from steep.sklearn._losses import Loss
from steep.sklearn._optimizers import is_stochastic
from steep.sklearn._parameters import check_parameters, hidden_sizes
from steep.sklearn._steps import square_sum

__all__ = ["BaseMLP", "has_partial_fit"]

_CHUNK = 16384  # rows predicted at once
_FEW = 256  # rows up to which float64 costs next to nothing


def has_partial_fit(estimator: Any) -> bool:
    """Whether an estimator's solver goes by batches.

    Raises:
        AttributeError: if it does not.
    """
    if not is_stochastic(estimator.solver):
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. "
            f"{estimator.solver} is not stochastic."
        )
    return True


@contextmanager
def _seeded(random_state: np.random.RandomState) -> Iterator[None]:
    """Let dropout draw from numbers that follow from `random_state`, which is not advanced."""
    before = steep.get_rng_state()
    state = random_state.get_state(legacy=False)  # a copy would take as long as ten steps
    seed = random_state.randint(2**31 - 1)
    random_state.set_state(state)
    steep.manual_seed(int(seed))
    try:
        yield
    finally:
        steep.set_rng_state(before)


def _is_given(x: Any, y: Any, weight: Any) -> bool:
    """Whether there is a validation set from outside.

    Raises:
        ValueError: if there is a part of one, or its parts are not of one length.
    """
    if (x is None) != (y is None):
        given, lacking = ("X_val", "y_val") if y is None else ("y_val", "X_val")
        raise ValueError(f"expected a validation set as X_val and y_val, got {given} alone: add "
                         f"{lacking}, or leave out both")  # fmt: skip
    if x is None:
        return False
    check_consistent_length(x, y, weight)
    return True


class BaseMLP(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A multi-layer perceptron with scikit-learn's interface."""

    # What lives in memory alone: compiled steps are made anew after copying and unpickling.
    _UNSAVED = ("_stepper",)
    _dtype: str
    n_outputs_: int
    classes_: Any

    # ---- inputs -----------------------------------------------------------------------------

    def _tensors_of(self, x: Any, *, reset: bool) -> tuple[Tensor, ...]:
        """The network's arguments for a table; fits the coder of categorical columns if `reset`."""
        if self.categorical_features is None:
            kinds = (np.float64, np.float32)
            x = validate_data(self, x, accept_sparse=("csr", "csc"), dtype=kinds, reset=reset)
            if reset:
                self._choose_dtype(x.shape[0])
            return (floats(x, self._dtype),)
        if not hasattr(x, "columns"):
            x = check_array(x, dtype=None, ensure_all_finite=False)
        validate_data(self, x, skip_check_array=True, reset=reset)
        if reset:
            self._coder = ColumnCoder(self.categorical_features).fit(x)
            self._choose_dtype(len(x))
        numbers, codes = self._coder.transform(x)
        if numbers.shape[1]:
            numbers = check_array(numbers, dtype=(np.float64, np.float32))
        else:
            numbers = np.zeros((len(codes), 0))
        return floats(numbers, self._dtype), steep.from_numpy(codes)

    def _choose_dtype(self, rows: int) -> None:
        wide = rows < _FEW or not is_stochastic(self.solver)
        self._dtype = ("float64" if wide else "float32") if self.dtype == "auto" else self.dtype

    # ---- the network ------------------------------------------------------------------------

    def _build(self, inputs: tuple[Tensor, ...], outputs: int) -> None:
        """A new network, from the same weights as scikit-learn's for the same `random_state`."""
        coder = self._coder if self.categorical_features is not None else None
        sizes = coder.cardinalities if coder is not None else []
        if self.embedding_dim == "auto":
            dimensions = embedding_dimensions(sizes)
        else:
            dimensions = [int(self.embedding_dim)] * len(sizes)
        features = int(inputs[0].shape[1]) + sum(dimensions)
        activation = activation_layer(self.activation)
        with _seeded(self._random_state):
            network: nn.Module = mlp(
                features,
                hidden_sizes(self.hidden_layer_sizes),
                outputs,
                activation=activation,
                dropout=self.dropout,
                batch_norm=bool(self.batch_norm),
            )
            if coder is not None:
                network = TabularNet(sizes, dimensions, network)
        if isinstance(network, TabularNet):
            with steep.no_grad():
                for table in network.embeddings:
                    table.weight[0] = 0.0  # values never seen
        self.model_ = network.to(getattr(steep, self._dtype))
        self._draw_weights()

    def _draw_weights(self) -> None:
        """Glorot and Bengio's uniform weights, 2010, eq. 16, in scikit-learn's order."""
        factor = 2.0 if self.activation == "logistic" else 6.0
        with steep.no_grad():
            for layer in self._linear():
                bound = np.sqrt(factor / (layer.in_features + layer.out_features))
                shape = (layer.in_features, layer.out_features)
                weight = self._random_state.uniform(-bound, bound, shape)
                bias = self._random_state.uniform(-bound, bound, layer.out_features)
                layer.weight.copy_(steep.from_numpy(np.ascontiguousarray(weight.T)))
                if layer.bias is not None:
                    layer.bias.copy_(steep.from_numpy(bias))

    def _linear(self) -> list[nn.Linear]:
        return [layer for layer in self.model_.modules() if isinstance(layer, nn.Linear)]

    def _matrices(self, attribute: str) -> list[np.ndarray]:
        if "model_" not in vars(self):
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {attribute!r} before it is fitted"
            )
        part = "weight" if attribute == "coefs_" else "bias"
        arrays = [getattr(layer, part).detach().numpy() for layer in self._linear()]
        return [array.T for array in arrays]

    def _set_matrices(self, attribute: str, values: Any) -> None:
        for array, value in zip(self._matrices(attribute), values, strict=True):
            array[...] = value

    @property
    def coefs_(self) -> list[np.ndarray]:
        """Weights of each layer, [inputs, outputs]: the network's own memory."""
        return self._matrices("coefs_")

    @coefs_.setter
    def coefs_(self, values: Any) -> None:
        self._set_matrices("coefs_", values)

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """Biases of each layer, [outputs]: the network's own memory."""
        return self._matrices("intercepts_")

    @intercepts_.setter
    def intercepts_(self, values: Any) -> None:
        self._set_matrices("intercepts_", values)

    # ---- fitting ----------------------------------------------------------------------------

    def _fit(
        self,
        x: Any,
        y: Any,
        sample_weight: Any,
        *,
        incremental: bool = False,
        validation: tuple[Any, Any, Any] | None = None,
    ) -> None:
        check_parameters(self)
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        first = "model_" not in vars(self) or not (self.warm_start or incremental)
        held_out = None
        with self._kept():
            inputs = self._tensors_of(x, reset=first)
            rows = int(inputs[0].shape[0])
            if self.batch_norm and rows == 1:
                raise ValueError(
                    f"{type(self).__name__}: expected at least 2 samples with batch_norm=True, got "
                    "1, which has no variance; collect more of them, or use batch_norm=False"
                )
            loss, target = self._loss_and_target(y, rows, first=first, incremental=incremental)
            weight = self._weights(sample_weight, inputs[0], y, incremental)
            if validation is not None and _is_given(*validation):
                held_out = (self._tensors_of(validation[0], reset=False), *validation[1:])
            self._random_state = check_random_state(self.random_state)
            if first:
                self._start(inputs)
        samples = Samples(inputs, target, weight)
        with _seeded(self._random_state):
            if is_stochastic(self.solver):
                fit_by_batches(self, loss, samples, y, held_out, incremental)
            else:
                self._fit_at_once(loss, samples)
        self._check_finite()

    @contextmanager
    def _kept(self) -> Iterator[None]:
        """What is found to be wrong inside leaves the estimator as it was."""
        before = dict(vars(self))
        try:
            yield
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    def _start(self, inputs: tuple[Tensor, ...]) -> None:
        for name in ("_optimizer", "_stepper"):
            self.__dict__.pop(name, None)
        self._build(inputs, self.n_outputs_)
        self.n_iter_ = self.t_ = 0
        self.n_layers_ = len(self._linear()) + 1
        if is_stochastic(self.solver):
            self.loss_curve_: list[float] = []
            self._no_improvement_count = 0
            stops = bool(self.early_stopping)
            self.best_loss_ = None if stops else np.inf
            self.validation_scores_: list[float] | None = [] if stops else None
            self.best_validation_score_ = -np.inf if stops else None

    def _fit_at_once(self, loss: Loss, samples: Samples) -> None:
        """L-BFGS, always in float64: its line search cannot do with less."""
        wide = Samples(
            tuple(x.double() if x.is_floating_point() else x for x in samples.inputs),
            samples.target.double() if samples.target.is_floating_point() else samples.target,
            None if samples.weight is None else samples.weight.double(),
        )
        self.model_.to(steep.float64)
        value, self.n_iter_ = minimize(self.model_, loss, wide, self)
        rows = len(wide) if wide.weight is None else wide.weight.sum().item()
        penalty = 0.5 * float(self.alpha) / rows * square_sum(self.model_)
        self.loss_ = (value - penalty) / (self.n_outputs_ if loss.per_output else 1) + penalty
        self.model_.to(getattr(steep, self._dtype))

    def _weights(self, sample_weight: Any, x: Tensor, y: Any, incremental: bool) -> Tensor | None:
        """Weights of the samples, those of their classes included."""
        if sample_weight is None:
            return None
        rows = np.empty((int(x.shape[0]), 1))
        weight = _check_sample_weight(sample_weight, rows, ensure_non_negative=True)
        if not weight.sum() > 0:
            raise ValueError("sample_weight: expected some weight above 0, got zeros alone")
        return floats(weight, self._dtype)

    def _check_finite(self) -> None:
        if not all(np.isfinite(p.detach().numpy()).all() for p in self.model_.parameters()):
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large "
                "values and need to be preprocessed."
            )

    # ---- predicting -------------------------------------------------------------------------

    def _output(self, x: Any) -> np.ndarray:
        """The network's output before its last activation, [rows, outputs]."""
        check_is_fitted(self)
        return self._output_of(self._tensors_of(x, reset=False))

    def _output_of(self, inputs: tuple[Tensor, ...]) -> np.ndarray:
        self.model_.eval()
        rows = int(inputs[0].shape[0])
        with steep.no_grad():
            if rows <= _CHUNK:
                whole: np.ndarray = self.model_(*inputs).numpy()
                return whole
            parts = [
                self.model_(*(x[i : i + _CHUNK] for x in inputs)).numpy()
                for i in range(0, rows, _CHUNK)
            ]
        return np.concatenate(parts)

    def _loss_and_target(
        self, y: Any, rows: int, *, first: bool, incremental: bool
    ) -> tuple[Loss, Tensor]:
        raise NotImplementedError

    def _score_of(self, inputs: tuple[Tensor, ...], y: Any, weight: Any) -> float:
        raise NotImplementedError

    # ---- scikit-learn's protocols -----------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name not in self._UNSAVED}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = self.categorical_features is None
        tags.input_tags.categorical = self.categorical_features is not None
        tags.input_tags.string = self.categorical_features is not None
        return tags
