"""Categorical columns: which they are, and their values as codes."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["ColumnCoder"]


class ColumnCoder:
    """Splits a table into numbers and codes.

    The codes of a column run from 1 in the order of its sorted values; 0 stands for values that
    were not there when it was fitted, and for missing ones.

    Args:
        columns: as `categorical_features` of scikit-learn's histogram gradient boosting: positions,
            names, a mask, or ``'from_dtype'`` for the columns of a data frame that hold text or
            categories.
    """

    def __init__(self, columns: Any) -> None:
        self.columns = columns

    def fit(self, x: Any) -> ColumnCoder:
        """Find the columns and their values in a data frame or array [rows, columns].

        Raises:
            ValueError: if a column is not there.
        """
        from sklearn.preprocessing import OrdinalEncoder

        count = x.shape[1]
        self.coded = _positions(self.columns, x)
        self.numeric = [i for i in range(count) if i not in {*self.coded}]
        self.encoder = OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1
        )
        if self.coded:
            self.encoder.fit(_columns_of(x, self.coded))
        return self

    @property
    def cardinalities(self) -> list[int]:
        """How many codes each coded column has, 0 included."""
        return [len(values) + 1 for values in self.encoder.categories_] if self.coded else []

    def transform(self, x: Any) -> tuple[Any, np.ndarray]:
        """The numeric columns as they are, and int64 codes [rows, coded columns]."""
        numbers = _columns_of(x, self.numeric)
        if not self.coded:
            return numbers, np.zeros((len(x), 0), dtype=np.int64)
        codes = self.encoder.transform(_columns_of(x, self.coded))
        return numbers, codes.astype(np.int64) + 1


def _columns_of(x: Any, positions: list[int]) -> np.ndarray:
    if hasattr(x, "iloc"):
        part: np.ndarray = x.iloc[:, positions].to_numpy()
        return part
    if hasattr(x, "to_pandas"):  # polars
        return _columns_of(x.to_pandas(), positions)
    return np.asarray(x)[:, positions]


def _positions(columns: Any, x: Any) -> list[int]:
    """Positions of the categorical columns, in rising order."""
    names = [str(name) for name in x.columns] if hasattr(x, "columns") else None
    count = x.shape[1]
    if isinstance(columns, str):
        if columns != "from_dtype":
            raise ValueError(
                f"categorical_features: expected positions, names, a mask or 'from_dtype', got "
                f"{columns!r}; a single name goes into a list"
            )
        return _by_dtype(x)
    given = np.asarray(columns)
    if given.size == 0:
        return []
    if given.dtype.kind == "b":
        if given.shape != (count,):
            raise ValueError(
                f"categorical_features: expected a mask of {count} columns, got {given.shape}"
            )
        return [int(i) for i in np.flatnonzero(given)]
    if given.dtype.kind in "iu":
        wrong = [int(i) for i in given if not 0 <= i < count]
        if wrong:
            raise ValueError(
                f"categorical_features: expected positions from 0 to {count - 1}, got {wrong}"
            )
        return sorted({int(i) for i in given})
    if names is None:
        raise ValueError(
            "categorical_features: names of columns need a data frame; give positions or a mask"
        )
    wrong_names = [str(name) for name in given if str(name) not in names]
    if wrong_names:
        raise ValueError(
            f"categorical_features: expected columns of {', '.join(names)}; got "
            f"{', '.join(wrong_names)}"
        )
    return sorted({names.index(str(name)) for name in given})


def _by_dtype(x: Any) -> list[int]:
    if hasattr(x, "to_pandas"):
        x = x.to_pandas()
    if not hasattr(x, "dtypes"):
        raise ValueError("categorical_features: 'from_dtype' needs a data frame; give positions")
    from pandas.api.types import is_numeric_dtype

    return [i for i, dtype in enumerate(x.dtypes) if not is_numeric_dtype(dtype)]
