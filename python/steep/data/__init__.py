"""Datasets, samplers, the loader and what prepares data; also reachable as `steep.utils.data`."""

from steep.data._workers import WorkerInfo, get_worker_info
from steep.data.collate import default_collate, default_convert
from steep.data.dataset import (
    ConcatDataset,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    random_split,
    train_val_test_split,
)
from steep.data.loader import DataLoader
from steep.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from steep.data.transforms import MinMaxScaler, StandardScaler, one_hot

__all__ = [
    "BatchSampler",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "IterableDataset",
    "MinMaxScaler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StandardScaler",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "WorkerInfo",
    "default_collate",
    "default_convert",
    "get_worker_info",
    "one_hot",
    "random_split",
    "train_val_test_split",
]
