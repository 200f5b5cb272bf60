"""`torch.utils.data.distributed`: one process's share of a dataset."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sized
from typing import Any

from steep._core import Generator, randperm
from steep.compat.distributed import get_rank, get_world_size
from steep.data.sampler import Sampler

__all__ = ["DistributedSampler"]


class DistributedSampler(Sampler[int]):
    """Every `num_replicas`-th index from `rank` on, in an order that is drawn anew each epoch.

    Args:
        dataset: anything with a length.
        num_replicas: how many processes share it. Default: 1, the only process.
        rank: which of them this is, from 0 on. Default: 0.
        shuffle: whether the order is drawn at random. Default: ``True``.
        seed: of the order; the epoch is added to it. Default: 0.
        drop_last: leave out the last indices, so that all shares are equally long; otherwise the
            first ones come again. Default: ``False``.

    Raises:
        ValueError: if `rank` is not one of the processes.

    Example:
        >>> from steep.compat.distributed_sampler import DistributedSampler
        >>> list(DistributedSampler(range(5), num_replicas=2, rank=1, shuffle=False))
        [1, 3, 0]
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        num_replicas = get_world_size() if num_replicas is None else num_replicas
        rank = get_rank() if rank is None else rank
        if not 0 <= rank < num_replicas:
            raise ValueError(
                f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]"
            )
        self.dataset: Any = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.shuffle = shuffle
        self.seed = seed
        self.drop_last = drop_last
        self.epoch = 0
        each = len(dataset) / num_replicas
        self.num_samples = math.floor(each) if drop_last else math.ceil(each)
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[int]:
        indices = list(range(len(self.dataset)))
        if self.shuffle:
            order = Generator().manual_seed(self.seed + self.epoch)
            indices = randperm(len(indices), generator=order).tolist()
        while len(indices) < self.total_size:
            indices += indices[: self.total_size - len(indices)]
        return iter(indices[self.rank : self.total_size : self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Choose the order: call it before each epoch, in all processes alike."""
        self.epoch = epoch
