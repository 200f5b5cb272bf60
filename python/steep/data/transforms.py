"""Preparation of inputs and labels: scalers fitted on the training part, and one-hot codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from steep._core import Tensor, dtype, float32, float64, isfinite, ones_like, where
from steep.nn.functional import one_hot

__all__ = ["MinMaxScaler", "StandardScaler", "one_hot"]

_Self = TypeVar("_Self", bound="AffineScaler")


class AffineScaler:
    """Base of the scalers: ``out = (x - shift) * scale``, one shift and scale per column.

    A column is one element of everything behind the first dimension. What `fit` learns is kept
    in float64 and applied in the input's dtype (float32 for integer input).
    """

    _learned: tuple[str, ...] = ()

    def __init__(self) -> None:
        self._shift: Tensor | None = None
        self._scale: Tensor | None = None
        self._cast: dict[Any, tuple[Tensor, Tensor]] = {}

    def _learn(self, x: Tensor) -> None:
        """Set the attributes named in `_learned` from float64 rows."""
        raise NotImplementedError

    def _affine(self) -> tuple[Tensor, Tensor]:
        """Shift and scale, in float64, from those attributes."""
        raise NotImplementedError

    def fit(self: _Self, x: Tensor) -> _Self:
        """Learn from the training part, ``(N, *columns)``; returns the scaler.

        Raises:
            TypeError: if `x` is not a tensor.
            ValueError: if there is no row, or a value is nan or infinite.
        """
        name = type(self).__name__
        if not isinstance(x, Tensor):
            raise TypeError(f"{name}.fit: expected a Tensor, got {type(x).__name__}")
        if x.dim() == 0 or x.shape[0] == 0:
            raise ValueError(
                f"{name}.fit: expected at least one row along the first dimension, "
                f"got shape {tuple(x.shape)}"
            )
        rows = x.detach().to(float64)
        bad = isfinite(rows).logical_not()
        if bool(bad.any().item()):
            raise ValueError(
                f"{name}.fit: expected finite values, got {int(bad.sum().item())} that are nan or "
                "infinite; drop or fill them first"
            )
        self._learn(rows)
        self._refresh()
        return self

    def _refresh(self) -> None:
        self._shift, self._scale = self._affine()
        self._cast = {}

    def affine(self, dtype: dtype) -> tuple[Tensor, Tensor]:
        """``(shift, scale)`` in a dtype, for kernels that apply them themselves.

        Raises:
            RuntimeError: if the scaler is not fitted.
        """
        if self._shift is None or self._scale is None:
            raise RuntimeError(
                f"{type(self).__name__} is not fitted yet: call fit on the training part first"
            )
        if dtype not in self._cast:
            self._cast[dtype] = (self._shift.to(dtype), self._scale.to(dtype))
        return self._cast[dtype]

    def transform_rows(self, x: Tensor) -> Tensor:
        """As `transform`, for one row or several."""
        shift, scale = self.affine(x.dtype if x.is_floating_point() else float32)
        return (x.to(shift.dtype) - shift) * scale

    def _checked(self, x: Tensor, method: str) -> tuple[Tensor, Tensor, Tensor]:
        shift, scale = self.affine(x.dtype if x.is_floating_point() else float32)
        expected, got = tuple(shift.shape), tuple(x.shape[1:])
        if x.dim() == 0 or expected != got:
            raise ValueError(
                f"{type(self).__name__}.{method}: expected columns of shape {expected}, as "
                f"fitted, got {got} (input of shape {tuple(x.shape)})"
            )
        return x.to(shift.dtype), shift, scale

    def transform(self, x: Tensor) -> Tensor:
        """Scale rows of the columns the scaler was fitted on, ``(N, *columns)``.

        Raises:
            RuntimeError: if the scaler is not fitted.
            ValueError: if the columns are not those it was fitted on.
        """
        rows, shift, scale = self._checked(x, "transform")
        return (rows - shift) * scale

    def inverse_transform(self, x: Tensor) -> Tensor:
        """Undo `transform`; arguments and errors as there."""
        rows, shift, scale = self._checked(x, "inverse_transform")
        return rows / scale + shift

    def fit_transform(self, x: Tensor) -> Tensor:
        """`fit`, then `transform` of the same rows."""
        return self.fit(x).transform(x)

    def state_dict(self) -> dict[str, Any]:
        """What was learned, by name; empty before `fit`."""
        if self._shift is None:
            return {}
        return {name: getattr(self, name) for name in self._learned}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned.

        Raises:
            KeyError: if a name is missing or unknown; nothing has changed then.
        """
        if set(state_dict) != set(self._learned):
            raise KeyError(
                f"{type(self).__name__}.load_state_dict: expected keys {sorted(self._learned)}, "
                f"got {sorted(state_dict)}"
            )
        for name in self._learned:
            setattr(self, name, state_dict[name])
        self._refresh()


class StandardScaler(AffineScaler):
    """Scale each column to mean 0 and standard deviation 1.

    The deviation is that of the population (divided by N). A constant column becomes 0.

    Attributes:
        mean: means of the columns, float64; set by `fit`.
        std: their standard deviations, float64.

    Example:
        >>> import steep
        >>> scaler = steep.data.StandardScaler().fit(steep.tensor([[1.0], [3.0]]))
        >>> scaler.transform(steep.tensor([[5.0]])).tolist()
        [[3.0]]
    """

    _learned = ("mean", "std")
    mean: Tensor
    std: Tensor

    def _learn(self, x: Tensor) -> None:
        # The mean of equal values may be off by a rounding, which would make a deviation of it.
        low = x.min(0)[0]
        constant = low == x.max(0)[0]
        self.mean = where(constant, low, x.mean(0))
        centred = x - self.mean
        self.std = (centred * centred).mean(0).sqrt()

    def _affine(self) -> tuple[Tensor, Tensor]:
        return self.mean, 1.0 / where(self.std > 0, self.std, ones_like(self.std))


class MinMaxScaler(AffineScaler):
    """Scale each column to a range, its least value going to one end, its greatest to the other.

    A constant column goes to the lower end.

    Args:
        feature_range: the range. Default: (0, 1).

    Attributes:
        data_min: least values of the columns, float64; set by `fit`.
        data_max: greatest values.

    Raises:
        ValueError: if the range is empty.

    Example:
        >>> import steep
        >>> scaler = steep.data.MinMaxScaler().fit(steep.tensor([[1.0], [3.0]]))
        >>> scaler.transform(steep.tensor([[2.0]])).tolist()
        [[0.5]]
    """

    _learned = ("data_min", "data_max")
    data_min: Tensor
    data_max: Tensor

    def __init__(self, feature_range: tuple[float, float] = (0.0, 1.0)) -> None:
        super().__init__()
        low, high = feature_range
        if not low < high:
            raise ValueError(
                f"MinMaxScaler: expected feature_range with min < max, got {feature_range}"
            )
        self.feature_range = (float(low), float(high))

    def _learn(self, x: Tensor) -> None:
        self.data_min = x.min(0)[0]
        self.data_max = x.max(0)[0]

    def _affine(self) -> tuple[Tensor, Tensor]:
        low, high = self.feature_range
        extent = self.data_max - self.data_min
        scale = (high - low) / where(extent > 0, extent, ones_like(extent))
        return self.data_min - low / scale, scale
