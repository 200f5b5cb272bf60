"""A small dataset and ways to look at batches, for the tests of steep.data."""

from __future__ import annotations

import steep
import steep.data as data


class Squares(data.Dataset):
    """Plain numbers, so that a loader of it takes the general path."""

    def __init__(self, size=10):
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        if not 0 <= index < self.size:
            raise IndexError(index)
        return index * index


def tensors(n=11):
    x = steep.arange(n * 6).reshape(n, 2, 3).float()
    return x, steep.arange(n)


def batches(loader):
    return [b.tolist() for b in loader]


class Stream(data.IterableDataset):
    """0 to 9; with workers, each takes its share."""

    def __iter__(self):
        info = data.get_worker_info()
        start, step = (0, 1) if info is None else (info.id, info.num_workers)
        return iter(range(start, 10, step))
