"""`DataLoader`: batches of a dataset."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from steep._core import Generator
from steep.data._draws import draw_seed
from steep.data._epoch import IteratorTasks, SerialIterator, Tasks
from steep.data._finish import Finish, Numbered, composed
from steep.data._gather import ArraySource
from steep.data._position import Position, Stream, generators_of, set_states, states_of
from steep.data._spans import Span, batch_tasks, sample_tasks
from steep.data._workers import END, WorkerInfo
from steep.data.augmentation import Augmentation, Compose
from steep.data.collate import default_collate, default_convert
from steep.data.dataset import Dataset, IterableDataset
from steep.data.sampler import BatchSampler, RandomSampler, SequentialSampler

__all__ = ["DataLoader"]

_T = TypeVar("_T", covariant=True)

_NEXT_SEED = 0x9E3779B1  # odd, near 2^32 over the golden ratio: seeds of epochs lie far apart
_FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")


class DataLoader(Generic[_T]):
    """Iterates over a dataset in batches.

    After the same `manual_seed` the order of the samples is PyTorch's. Batches of a
    `TensorDataset` or an `ArrayDataset`, or a `Subset` of one, are gathered straight from the
    arrays, with no step per sample, unless `collate_fn` is given. `state_dict` says where it is in
    its epoch, and `load_state_dict` goes on from there.

    Args:
        dataset: a `Dataset`, anything indexable with a length, or an `IterableDataset`.
        batch_size: samples per batch; ``None`` yields single samples. Default: 1.
        shuffle: visit the samples in a new random order every epoch. Default: ``False``.
        sampler: iterable of indices; excludes `shuffle`.
        batch_sampler: iterable of lists of indices; excludes the three before and `drop_last`.
        num_workers: background threads that prepare batches; 0 (default) prepares each when it
            is asked for.
        collate_fn: makes a batch of a list of samples. Default: `default_collate`.
        pin_memory: accepted for PyTorch's sake; changes nothing.
        drop_last: leave out a last batch that would be smaller. Default: ``False``.
        timeout: seconds to wait for a batch of a worker; 0 (default) waits for ever.
        worker_init_fn: called with a worker's number in its thread, before its first batch.
        multiprocessing_context: accepted for PyTorch's sake; workers are threads.
        generator: source of the shuffling and of the workers' seeds.
        prefetch_factor: batches prepared ahead per worker. Default: 2.
        persistent_workers: draw a seed for the workers in the first epoch alone, as PyTorch does.
            They end with their epoch all the same: threads are cheap to start.
        pin_memory_device: accepted for PyTorch's sake; changes nothing.
        in_order: only ``True``: batches always come in order.
        augment: an augmentation, or a list of them, applied to the inputs of each batch, its first
            field (`MixUp` and `CutMix` to the targets, the second, too). What they draw depends on
            the loader's generator, the epoch, the batch and the place in it, not on workers.
        check_finite: raise on a batch that holds nan or infinities. Default: ``False``.

    Raises:
        ValueError: on arguments that are out of range or exclude each other.

    Example:
        >>> import steep
        >>> data = steep.data.TensorDataset(steep.arange(5), steep.arange(5) * 10)
        >>> for x, y in steep.data.DataLoader(data, batch_size=2):
        ...     print(x.tolist(), y.tolist())
        [0, 1] [0, 10]
        [2, 3] [20, 30]
        [4] [40]
    """

    def __init__(
        self,
        dataset: Dataset[_T] | Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Any = None,
        batch_sampler: Any = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
        augment: Augmentation | Compose | Iterable[Augmentation] | None = None,
        check_finite: bool = False,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        self.dataset: Any = dataset
        self.num_workers = num_workers
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.pin_memory = pin_memory
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.generator = generator
        self.persistent_workers = persistent_workers
        self._iterable = isinstance(dataset, IterableDataset)
        if self._iterable:
            _check_iterable(shuffle, sampler, batch_sampler)
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, "
                    "sampler, and drop_last"
                )
            batch_size = None
        elif batch_size is None and drop_last:
            raise ValueError(
                "batch_size=None option disables auto-batching and is mutually exclusive with "
                "drop_last"
            )
        if sampler is None and not self._iterable:
            random = RandomSampler(dataset, generator=generator) if shuffle else None
            sampler = random or SequentialSampler(dataset)
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(() if self._iterable else sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        default = default_convert if batch_sampler is None else default_collate
        self.collate_fn: Callable[[Any], Any] = collate_fn or default
        self.augment = composed(augment)
        self.check_finite = check_finite
        if self.batch_sampler is None and not self._iterable and (augment or check_finite):
            raise ValueError(
                "DataLoader: augment and check_finite expect batches, got batch_size=None; use "
                "batch_size=1"
            )
        self._position: Position | None = None  # of the epoch that began last
        self._kept: tuple[int, int] | None = None  # of workers that persist, see `_seed`
        self._resumed: Position | None = None  # where the next one begins, if not at the front
        self._ready = True

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _FIXED and self.__dict__.get("_ready"):
            raise ValueError(
                f"{name} attribute should not be set after {type(self).__name__} is initialized"
            )
        object.__setattr__(self, name, value)

    def __len__(self) -> int:
        if not self._iterable:
            return len(self.sampler if self.batch_sampler is None else self.batch_sampler)
        size = len(self.dataset)
        if self.batch_size is None:
            return size
        return size // self.batch_size if self.drop_last else -(-size // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        position = self._resumed
        generators = self._generators()
        if position is None:
            return self._epoch(Position(states_of(generators)))[0]
        # The order is drawn again as it was then; what was drawn since, by others too, has been.
        now = states_of(generators)
        set_states(generators, position.begin)
        try:
            iterator, held = self._epoch(position)
        except BaseException:
            set_states(generators, now)
            raise
        if position.taken:
            kept = [(g, state) for g, state in zip(generators, now, strict=True) if g is not held]
            set_states(*zip(*kept, strict=True))
        self._resumed = None
        return iterator

    def _epoch(self, position: Position) -> tuple[Iterator[Any], Generator | None]:
        """The batches from a position on, and a generator that their order is still drawn from."""
        seed, kept = self._seed()
        tasks, make_fetch = self._plan(seed)
        new = Position(position.begin)
        if not self._iterable:
            tasks.skip(position.taken)
        iterator = self._iterator(tasks, make_fetch, seed, new)
        while new.taken < position.taken and next(iterator, END) is not END:
            pass  # a stream has to be read again
        self._position, self._kept = new, kept
        return iterator, tasks.held()

    def _seed(self) -> tuple[int, tuple[int, int] | None]:
        """The seed of an epoch, and what is kept of it: the first one's, and how many have begun.

        It is drawn whether it is needed or not, as PyTorch does: the shuffle that follows depends
        on how much was drawn before. Workers that persist are seeded once; later epochs go on from
        there without a draw.
        """
        if not self.persistent_workers:
            return draw_seed(self.generator), None
        first, begun = self._kept or (draw_seed(self.generator), 0)
        return (first + begun * _NEXT_SEED) % 2**32, (first, begun + 1)

    def _iterator(
        self, tasks: Tasks, make_fetch: Callable[[], Any], seed: int, position: Position
    ) -> Iterator[Any]:
        if self.num_workers == 0:
            return SerialIterator(tasks, make_fetch, position)
        # Imported here: most programs never need it.
        from steep.data._prefetch import PrefetchingIterator

        infos = [
            WorkerInfo(i, self.num_workers, seed + i, self.dataset) for i in range(self.num_workers)
        ]
        return PrefetchingIterator(
            tasks,
            make_fetch,
            infos,
            self.worker_init_fn,
            self.prefetch_factor or 2,
            self.timeout,
            position,
        )

    def _generators(self) -> list[Stream]:
        inner = getattr(self.batch_sampler, "sampler", None)
        return generators_of(self, self.sampler, self.batch_sampler, inner)

    def state_dict(self) -> dict[str, Any]:
        """Where the loader is: how far in its epoch, in which order, and its generators' states.

        The position is that of the iterator that was made last. It belongs together with the state
        of the default generator (`get_rng_state`), which `save_checkpoint` saves besides.

        The order is drawn again from the states that the generators had as the epoch began. So it
        is the same again if the samplers draw it then, as all of steep do, or depend on nothing.
        Streams (`IterableDataset`) are read again from their beginning up to the position. What
        workers draw for themselves begins anew.

        Example:
            >>> import steep
            >>> data = steep.data.TensorDataset(steep.arange(6))
            >>> loader = steep.data.DataLoader(data, batch_size=2, shuffle=True)
            >>> batches = iter(loader)
            >>> first = next(batches)
            >>> state, rest = loader.state_dict(), [x.tolist() for x, in batches]
            >>> other = steep.data.DataLoader(data, batch_size=2, shuffle=True)
            >>> other.load_state_dict(state)
            >>> [x.tolist() for x, in other] == rest
            True
        """
        position = self._position
        inside = position is not None and not position.ended
        return {
            "taken": position.taken if position is not None and inside else None,
            "begin": list(position.begin) if position is not None and inside else [],
            "generators": states_of(self._generators()[1:]),
            "samples": self._size(),
            "batch_size": self.batch_size,
            "workers": self._kept_before(inside),
        }

    def _kept_before(self, inside: bool) -> list[int] | None:
        """What was kept as the epoch began that a resumed one begins again."""
        if self._kept is None or (inside and self._kept[1] == 1):
            return None
        return [self._kept[0], self._kept[1] - inside]

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where the loader was whose `state_dict` this is: the next epoch is its rest.

        Raises:
            ValueError: if the datasets, batch sizes or numbers of generators differ.
        """
        taken, begin, own = (state_dict[name] for name in ("taken", "begin", "generators"))
        generators = self._generators()
        expected = {"samples": self._size(), "batch_size": self.batch_size}
        for name, mine in expected.items():
            if taken is not None and state_dict[name] != mine:
                raise ValueError(
                    f"DataLoader.load_state_dict: expected {name}={mine} of the middle of an "
                    f"epoch, got {state_dict[name]}; make the loader as it was"
                )
        if len(own) != len(generators) - 1:
            raise ValueError(
                f"DataLoader.load_state_dict: expected states of {len(generators) - 1} generators "
                f"of the loader's own, got {len(own)}; make the loader as it was"
            )
        set_states(generators[1:], own)
        first, begun = state_dict.get("workers") or (0, 0)
        self._kept = (first, begun) if begun else None
        self._resumed = None if taken is None else Position(list(begin), taken)
        self._position = self._resumed

    def _size(self) -> int | None:
        try:
            return len(self.dataset)
        except (TypeError, NotImplementedError):
            return None

    def _plan(self, seed: int) -> tuple[Tasks, Callable[[], Callable[[Any], Any]]]:
        """The tasks of one epoch, and what makes a function that turns a task into a batch."""
        source = None
        make_fetch: Callable[[], Callable[[Any], Any]]
        if self._iterable:
            tasks: Tasks = IteratorTasks(itertools.repeat(None))
            make_fetch = self._stream
        elif self.batch_sampler is None:
            return sample_tasks(self.sampler), lambda: self._single
        else:
            tasks = batch_tasks(self.batch_sampler)
            make_fetch = lambda: self._collated  # noqa: E731
            if self.collate_fn is default_collate:
                source = ArraySource.of(self.dataset)
        if self.augment is None and not self.check_finite:
            if source is None:
                return tasks, make_fetch
            gather = source.batch
            return tasks, lambda: lambda task: gather(*Span.of(task))
        finish = Finish(self.augment, self.check_finite, seed)
        if source is None:
            return Numbered(tasks), lambda: finish.after(make_fetch())
        gathered = finish.gathered(source)
        return Numbered(tasks), lambda: gathered

    def _single(self, task: Any) -> Any:
        index = task.indices()[0] if isinstance(task, Span) else task
        return self.collate_fn(self.dataset[index])

    def _collated(self, task: Any) -> Any:
        indices = task.indices() if isinstance(task, Span) else task
        getitems = getattr(self.dataset, "__getitems__", None)
        if callable(getitems):
            return self.collate_fn(getitems(indices))
        return self.collate_fn([self.dataset[i] for i in indices])

    def _stream(self) -> Callable[[Any], Any]:
        """A function that returns the next batch of a fresh iterator over the dataset."""
        samples = iter(self.dataset)

        def single(_: Any) -> Any:
            sample = next(samples, END)
            return END if sample is END else self.collate_fn(sample)

        def batched(_: Any) -> Any:
            batch = list(itertools.islice(samples, self.batch_size))
            short = self.batch_size is not None and len(batch) < self.batch_size
            if not batch or (short and self.drop_last):
                return END
            return self.collate_fn(batch)

        return single if self.batch_size is None else batched


def _check_workers(
    num_workers: int, timeout: float, prefetch_factor: int | None, persistent: bool
) -> None:
    if num_workers < 0:
        raise ValueError(
            "num_workers option should be non-negative; use num_workers=0 to prepare batches in "
            f"the calling thread. Got {num_workers}"
        )
    if timeout < 0:
        raise ValueError(f"timeout option should be non-negative, got {timeout}")
    if num_workers == 0 and prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified with num_workers > 0; "
            f"got prefetch_factor={prefetch_factor}"
        )
    if prefetch_factor is not None and prefetch_factor < 1:
        raise ValueError(f"prefetch_factor option should be positive, got {prefetch_factor}")
    if persistent and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")


def _check_iterable(shuffle: Any, sampler: Any, batch_sampler: Any) -> None:
    given = {"shuffle": shuffle or None, "sampler": sampler, "batch_sampler": batch_sampler}
    for name, value in given.items():
        if value is not None:
            raise ValueError(
                f"DataLoader with IterableDataset: expected unspecified {name} option, "
                f"but got {name}={value}"
            )
