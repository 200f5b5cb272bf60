"""Preparation of inputs and labels: fitted on the training part, applied to every part.

Each has `fit`, `transform`, `fit_transform`, `state` and `from_state`, and `inverse_transform`
where there is a way back. They take tensors, NumPy arrays and tables, and give a tensor for a
tensor, a NumPy array for all else.
"""

from typing import TYPE_CHECKING

from steep._lazy import importing
from steep.data.transforms.affine import MinMaxScaler, RobustScaler, StandardScaler
from steep.nn.functional import one_hot

if TYPE_CHECKING:
    from steep.data.transforms.categories import OneHotEncoder, OrdinalEncoder
    from steep.data.transforms.dates import DateParts
    from steep.data.transforms.imputing import SimpleImputer
    from steep.data.transforms.labels import LabelEncoder
    from steep.data.transforms.quantile import QuantileTransformer
    from steep.data.transforms.restoring import transform_from_state
else:
    # What imports NumPy comes with the first use.
    __getattr__ = importing(
        "steep.data.transforms",
        DateParts="dates",
        LabelEncoder="labels",
        OneHotEncoder="categories",
        OrdinalEncoder="categories",
        QuantileTransformer="quantile",
        SimpleImputer="imputing",
        transform_from_state="restoring",
    )

__all__ = [
    "DateParts",
    "LabelEncoder",
    "MinMaxScaler",
    "OneHotEncoder",
    "OrdinalEncoder",
    "QuantileTransformer",
    "RobustScaler",
    "SimpleImputer",
    "StandardScaler",
    "one_hot",
    "transform_from_state",
]


def __dir__() -> list[str]:
    """What is there already, and what comes with its first use."""
    return sorted({*globals(), *__all__})
