"""Scalers: each column shifted and scaled by what the training part says of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from steep._core import (
    Tensor,
    dtype,
    float32,
    float64,
    from_numpy,
    isfinite,
    ones_like,
    where,
    zeros_like,
)
from steep.data.transforms.base import Transform

__all__ = ["AffineScaler", "MinMaxScaler", "RobustScaler", "StandardScaler"]

_Self = TypeVar("_Self", bound="AffineScaler")


class AffineScaler(Transform):
    """Base of the scalers: ``out = (x - shift) * scale``, one shift and scale per column.

    A column is one element of everything behind the first dimension. Tensors, NumPy arrays and
    tables are taken; a tensor is given for a tensor, an array for all else. What `fit` learns is
    kept in float64 and applied in the input's dtype; integers become float32 in tensors, as floats
    are there by default, and float64 in arrays.
    """

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

    def fit(self: _Self, x: Any) -> _Self:
        """Learn from the training part, ``(N, *columns)``; returns the scaler.

        Raises:
            ValueError: if there is no row, or a value is nan, infinite or no number.
        """
        name = type(self).__name__
        given, names = self._tensor(x, "fit", None)
        if given.dim() == 0 or given.shape[0] == 0:
            raise ValueError(
                f"{name}.fit: expected at least one row along the first dimension, "
                f"got shape {tuple(given.shape)}"
            )
        rows = given.detach().to(float64)
        bad = isfinite(rows).logical_not()
        if bool(bad.any().item()):
            raise ValueError(
                f"{name}.fit: expected finite values, got {int(bad.sum().item())} that are nan or "
                "infinite; drop or fill them first"
            )
        self._learn(rows)
        self.names = names
        self._refresh()
        return self

    def _tensor(
        self, x: Any, method: str, names: list[str] | None
    ) -> tuple[Tensor, list[str] | None]:
        """What was given as a tensor that shares memory where it can, and its columns' names."""
        if isinstance(x, Tensor):
            return x, None
        from steep.data.transforms.inputs import numbers_in  # needs NumPy

        array, found = numbers_in(x, f"{type(self).__name__}.{method}", names)
        usable = array.flags.writeable and min(array.strides, default=0) >= 0
        return from_numpy(array if usable else array.copy()), found

    def _refresh(self) -> None:
        self._shift, self._scale = self._affine()
        self._cast = {}

    def affine(self, dtype: dtype) -> tuple[Tensor, Tensor]:
        """``(shift, scale)`` in a dtype, for kernels that apply them themselves.

        Raises:
            RuntimeError: if the scaler is not fitted.
        """
        self._check_fitted()
        assert self._shift is not None
        assert self._scale is not None
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

    def _apply(self, x: Any, method: str, formula: Callable[..., Tensor]) -> Any:
        self._check_fitted()
        given, _ = self._tensor(x, method, self.names)
        out = formula(*self._checked(given, method))
        return out if isinstance(x, Tensor) else out.numpy()

    def transform(self, x: Any) -> Any:
        """Scale rows of the columns the scaler was fitted on, ``(N, *columns)``.

        Raises:
            RuntimeError: if the scaler is not fitted.
            ValueError: if the columns are not those it was fitted on.
        """
        return self._apply(x, "transform", lambda rows, shift, scale: (rows - shift) * scale)

    def inverse_transform(self, x: Any) -> Any:
        """Undo `transform`; arguments and errors as there."""
        return self._apply(x, "inverse_transform", lambda rows, shift, scale: rows / scale + shift)

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

    def _restored(self, name: str, value: Any) -> Tensor:
        import numpy

        return from_numpy(numpy.array(value, dtype=numpy.float64))  # a copy


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
        mean = x.mean(0)
        centred = x - mean
        variance = (centred * centred).mean(0)
        # The mean of equal values may be off by roundings, which would make a deviation of it.
        # Where the deviation is far beyond these, there is no need to look at the values again.
        if bool((variance <= (1e-6 * mean) ** 2).any().item()):
            low = x.min(0)[0]
            constant = low == x.max(0)[0]
            mean = where(constant, low, mean)
            variance = where(constant, zeros_like(variance), variance)
        self.mean, self.std = mean, variance.sqrt()

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

    _arguments = ("feature_range",)
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


class RobustScaler(AffineScaler):
    """Take away each column's median and divide by its interquartile range; outliers matter little.

    A column whose quartiles are equal is not divided.

    Args:
        quantile_range: the percentiles between which the range lies. Default: (25, 75), quartiles.

    Attributes:
        center: medians of the columns, float64; set by `fit`.
        extent: their ranges.

    Raises:
        ValueError: if the percentiles are not 0 <= low < high <= 100.

    Example:
        >>> import steep
        >>> x = steep.tensor([[1.0], [2.0], [3.0], [4.0], [1e6]])
        >>> scaler = steep.data.RobustScaler().fit(x)
        >>> scaler.transform(steep.tensor([[5.0]])).tolist()
        [[1.0]]
    """

    _arguments = ("quantile_range",)
    _learned = ("center", "extent")
    center: Tensor
    extent: Tensor

    def __init__(self, quantile_range: tuple[float, float] = (25.0, 75.0)) -> None:
        super().__init__()
        low, high = quantile_range
        if not 0 <= low < high <= 100:
            raise ValueError(
                f"RobustScaler: expected quantile_range with 0 <= low < high <= 100, got "
                f"{tuple(quantile_range)}"
            )
        self.quantile_range = (float(low), float(high))

    def _learn(self, x: Tensor) -> None:
        import numpy

        low, high = self.quantile_range
        ends = numpy.percentile(x.numpy(), (low, 50.0, high), axis=0)
        self.center = from_numpy(numpy.array(ends[1]))
        self.extent = from_numpy(numpy.array(ends[2] - ends[0]))

    def _affine(self) -> tuple[Tensor, Tensor]:
        return self.center, 1.0 / where(self.extent > 0, self.extent, ones_like(self.extent))
