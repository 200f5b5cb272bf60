"""Any transform from its state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from steep.data.transforms.affine import MinMaxScaler, RobustScaler, StandardScaler
from steep.data.transforms.base import Transform
from steep.data.transforms.categories import OneHotEncoder, OrdinalEncoder
from steep.data.transforms.dates import DateParts
from steep.data.transforms.imputing import SimpleImputer
from steep.data.transforms.labels import LabelEncoder
from steep.data.transforms.quantile import QuantileTransformer

__all__ = ["transform_from_state"]

_CLASSES: dict[str, type[Transform]] = {
    kind.__name__: kind
    for kind in (
        *(DateParts, LabelEncoder, MinMaxScaler, OneHotEncoder, OrdinalEncoder),
        *(QuantileTransformer, RobustScaler, SimpleImputer, StandardScaler),
    )
}


def transform_from_state(state: Mapping[str, Any]) -> Transform:
    """The transform of one column's kind whose `state` this is, whatever its class.

    Raises:
        ValueError: if it is no state of a transform.

    Example:
        >>> import steep
        >>> state = steep.data.StandardScaler().fit([[1.0], [3.0]]).state()
        >>> steep.data.transforms.transform_from_state(state).transform([[5.0]]).tolist()
        [[3.0]]
    """
    name = state.get("transform") if isinstance(state, Mapping) else None
    if name not in _CLASSES:
        raise ValueError(
            f"transform_from_state: expected the state of one of {', '.join(_CLASSES)}, got "
            f"{name!r}"
        )
    return _CLASSES[name].from_state(state)
