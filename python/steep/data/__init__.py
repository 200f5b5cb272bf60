"""Datasets, samplers, the loader and what prepares data; also reachable as `steep.utils.data`."""

from typing import TYPE_CHECKING

from steep._lazy import importing
from steep.data._workers import WorkerInfo, get_worker_info
from steep.data.arrays import ArrayDataset
from steep.data.augmentation import (
    Augmentation,
    BatchAugmentation,
    Compose,
    CutMix,
    GaussianNoise,
    Jitter,
    MixUp,
    Normalize,
    RandomBrightness,
    RandomContrast,
    RandomCrop,
    RandomErasing,
    RandomFlip,
    RandomRotation,
    RandomScale,
    RandomShift,
    TimeShift,
    ToFloat,
)
from steep.data.collate import default_collate, default_convert
from steep.data.combined import ChainDataset, StackDataset
from steep.data.dataset import (
    ConcatDataset,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    random_split,
)
from steep.data.folders import ImageFolder
from steep.data.loader import DataLoader
from steep.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from steep.data.transforms import MinMaxScaler, RobustScaler, StandardScaler, one_hot

if TYPE_CHECKING:
    from steep.data.splits import k_fold_indices, k_folds, split_indices, train_val_test_split
    from steep.data.tables import (
        TableDataset,
        TableTransform,
        TableWarning,
        TargetTransform,
        read_table,
    )
    from steep.data.transforms import (
        DateParts,
        LabelEncoder,
        OneHotEncoder,
        OrdinalEncoder,
        QuantileTransformer,
        SimpleImputer,
    )
else:
    # What imports NumPy comes with the first use.
    _SPLITS = ("k_fold_indices", "k_folds", "split_indices", "train_val_test_split")
    _TABLES = (
        *("TableDataset", "TableTransform", "TableWarning", "TargetTransform"),
        "read_table",
    )
    _TRANSFORMS = (
        *("DateParts", "LabelEncoder", "OneHotEncoder", "OrdinalEncoder"),
        *("QuantileTransformer", "SimpleImputer"),
    )
    __getattr__ = importing(
        "steep.data",
        *("splits", "tables"),
        **dict.fromkeys(_SPLITS, "splits"),
        **dict.fromkeys(_TABLES, "tables"),
        **dict.fromkeys(_TRANSFORMS, "transforms"),
    )

__all__ = [
    "ArrayDataset",
    "Augmentation",
    "BatchAugmentation",
    "BatchSampler",
    "ChainDataset",
    "Compose",
    "ConcatDataset",
    "CutMix",
    "DataLoader",
    "Dataset",
    "DateParts",
    "GaussianNoise",
    "ImageFolder",
    "IterableDataset",
    "Jitter",
    "LabelEncoder",
    "MinMaxScaler",
    "MixUp",
    "Normalize",
    "OneHotEncoder",
    "OrdinalEncoder",
    "QuantileTransformer",
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomErasing",
    "RandomFlip",
    "RandomRotation",
    "RandomSampler",
    "RandomScale",
    "RandomShift",
    "RobustScaler",
    "Sampler",
    "SequentialSampler",
    "SimpleImputer",
    "StackDataset",
    "StandardScaler",
    "Subset",
    "SubsetRandomSampler",
    "TableDataset",
    "TableTransform",
    "TableWarning",
    "TargetTransform",
    "TensorDataset",
    "TimeShift",
    "ToFloat",
    "WeightedRandomSampler",
    "WorkerInfo",
    "default_collate",
    "default_convert",
    "get_worker_info",
    "k_fold_indices",
    "k_folds",
    "one_hot",
    "random_split",
    "read_table",
    "split_indices",
    "train_val_test_split",
]


def __dir__() -> list[str]:
    """What is there already, and what comes with its first use."""
    return sorted({*globals(), *__all__})
