"""Where the batches of a training or a validation come from."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterable, Iterator
from typing import Any

from steep._core import Generator, Tensor, as_tensor, cat
from steep.data._draws import draw_seed
from steep.data._gather import ArraySource
from steep.data._position import Stream, generators_of, set_states, states_of
from steep.data.collate import default_collate
from steep.data.dataset import TensorDataset
from steep.data.loader import DataLoader
from steep.data.sampler import BatchSampler, OrderedSampler
from steep.train._arrays import Structure, apart, length_of, mapped, narrowed

__all__ = ["Batch", "Batches", "LoadedBatches", "Parts", "RowBatches", "row_parts", "split_batch"]

Batch = tuple[int, tuple[Any, ...]]  # how many samples, and the arguments of a step
Parts = tuple[Structure, Structure, Any]  # inputs, targets, sample weights or None

_CHUNK = 4096  # batches whose rows are cut at once: a view each


class Batches:
    """Batches of passes over a part of the data, and where in a pass it is.

    Attributes:
        in_rows: whether a batch is an index of rows, which the step itself takes out of `parts`.
        parts: inputs, targets and weights of all samples, where `in_rows`.
        length: batches in a pass, or ``None`` if that is not known.
        what: the argument that they come from, for messages.
    """

    what = "data"

    in_rows = False
    parts: Parts
    length: int | None = None

    def __init__(self) -> None:
        self._taken = 0
        self._begin: list[Tensor] = []
        self._resumed: tuple[list[Tensor], int] | None = None
        self.is_inside = False

    def generators(self) -> list[Stream]:
        """The default generator, and those of its own."""
        return generators_of(self)

    @property
    def taken(self) -> int:
        """Batches that this pass has given."""
        return self._taken

    def batches(self) -> Iterator[Batch]:
        """A pass over the data, or the rest of one that `load_state_dict` resumed."""
        for batch in self._begun():
            self._taken += 1
            yield batch
        self.is_inside = False

    def _begun(self) -> Iterator[Batch]:
        """Begin a pass: its batches from where it is to begin."""
        generators = self.generators()
        now = states_of(generators)
        resumed, self._resumed = self._resumed, None
        self._begin, skipped = resumed or (now, 0)
        set_states(generators, self._begin)
        drawn = self._drawn(skipped)
        if skipped:
            set_states(generators, now)
        self._taken, self.is_inside = skipped, True
        return drawn

    def _drawn(self, skipped: int) -> Iterator[Batch]:
        """The batches of a pass after the first `skipped` ones, whose order is drawn now."""
        raise NotImplementedError

    def first(self) -> Parts:
        """Some samples as a step gets them. The next pass is as if they had not been asked for."""
        raise NotImplementedError

    def forget_first(self) -> None:
        """Begin the next pass anew, with the random numbers that there will be then."""

    def state_dict(self) -> dict[str, Any]:
        """Where in the pass it is, and its generators' states."""
        return {
            "taken": self.taken if self.is_inside else None,
            "begin": list(self._begin) if self.is_inside else [],
            "generators": states_of(self.generators()[1:]),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where the one was whose `state_dict` this is."""
        taken = state_dict["taken"]
        set_states(self.generators()[1:], state_dict["generators"])
        self._resumed = None if taken is None else (list(state_dict["begin"]), taken)


def row_parts(dataset: Any) -> tuple[Parts, Tensor | None] | None:
    """Tensors whose rows are a dataset's samples, and which rows if not all; otherwise ``None``."""
    source = ArraySource.of(dataset)
    below = None if source is None else source.dataset
    if source is None or not isinstance(below, TensorDataset) or below.scaler is not None:
        return None
    parts = below.join([*below.tensors], tuple)
    if len(parts) not in (2, 3):
        return None
    rows = None if source.rows is None else as_tensor(source.rows)
    return (parts[0], parts[1], parts[2] if len(parts) == 3 else None), rows


class RowBatches(Batches):
    """Batches of arrays, in an order that is drawn for each pass, or as they lie.

    Random ones are indices, by which the compiled step takes the rows out of the whole; in order,
    batches are views. The random stream is that of a `DataLoader`.
    """

    def __init__(
        self,
        parts: Parts,
        batch_size: int,
        *,
        sampler: Any = None,
        rows: Tensor | None = None,
        drop_last: bool = False,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.parts, self.batch_size, self.sampler, self.rows = (
            apart(parts),
            batch_size,
            sampler,
            rows,
        )
        self.drop_last, self.generator = drop_last, generator
        self.in_rows = sampler is not None
        size = length_of(parts[0]) if sampler is None else len(sampler)
        self.length = size // batch_size if drop_last else -(-size // batch_size)
        self.samples = size
        self._kept: list[Batch] | None = None
        self._cut: Iterator[Batch] | None = None

    @staticmethod
    def of_loader(loader: Any) -> RowBatches | None:
        """The same batches as a loader's, if these are rows of tensors; otherwise ``None``."""
        plain = type(loader) is DataLoader and not loader.num_workers
        if not plain or loader.collate_fn is not default_collate:
            return None
        batch_sampler = loader.batch_sampler
        found = row_parts(loader.dataset)
        if found is None or type(batch_sampler) is not BatchSampler:
            return None
        sampler: Any = batch_sampler.sampler
        # Of steep's own kinds, and whose order can be drawn at once without anybody noticing.
        ordered = type(sampler).__module__ == OrderedSampler.__module__
        if not ordered or sampler.draws().held(1) is not None:
            return None
        parts, rows = found
        return RowBatches(
            parts,
            batch_sampler.batch_size,
            sampler=sampler,
            rows=rows,
            drop_last=batch_sampler.drop_last,
            generator=loader.generator,
        )

    def generators(self) -> list[Stream]:
        """The default generator, and those of its own."""
        return generators_of(self, self.sampler)

    def first(self) -> Parts:
        """The first two samples."""
        x, y, weight = self.parts

        def take(t: Tensor) -> Tensor:
            return t[:2]

        return mapped(take, x), mapped(take, y), None if weight is None else weight[:2]

    @property
    def taken(self) -> int:
        """Batches that this pass has given: all that were cut but those that are left."""
        left = 0 if self._cut is None else operator.length_hint(self._cut)
        return self._taken - left

    def batches(self) -> Iterator[Batch]:
        """A pass over the data, or the rest of one."""
        few = self.in_rows and (self.length or 0) <= _CHUNK
        return itertools.chain.from_iterable(self._pass()) if few else super().batches()

    def _pass(self) -> Iterator[Iterator[Batch]]:
        """The same as one iterator without Python in it: who takes from it waits for nothing."""
        batches = list(self._begun())
        self._taken, self._cut = self._taken + len(batches), iter(batches)
        yield self._cut
        self._cut, self.is_inside = None, False

    def _drawn(self, skipped: int) -> Iterator[Batch]:
        if self.sampler is None:
            return itertools.islice(self._views(), skipped, None)
        return _cut(self.order()[skipped * self.batch_size :], self.batch_size)

    def order(self) -> Tensor:
        """The rows of a pass, in the order that is drawn for it."""
        size = self.batch_size
        draw_seed(self.generator)  # as a loader does, used or not
        draws, blocks, count = self.sampler.draws(), [], 0
        while count < draws.total:
            blocks.append(as_tensor(draws.block(count, draws.total - count)))
            count += len(blocks[-1])
        order = blocks[0] if len(blocks) == 1 else cat(blocks)
        if self.rows is not None:
            order = self.rows[order]
        if self.drop_last:
            order = order[: order.shape[0] // size * size]
        return order

    def _views(self) -> Iterator[Batch]:
        # The same in each pass: a validation's are made once.
        if self._kept is not None:
            return iter(self._kept)
        views = self._cut_views()
        if (self.length or 0) > _CHUNK:
            return views
        self._kept = list(views)
        return iter(self._kept)

    def _cut_views(self) -> Iterator[Batch]:
        for start in range(0, self.samples, self.batch_size):
            count = min(self.batch_size, self.samples - start)
            x, y, weight = (None if p is None else narrowed(p, start, count) for p in self.parts)
            yield count, (x, y, weight)


def _cut(order: Tensor, size: int) -> Iterator[Batch]:
    for start in range(0, order.shape[0], size * _CHUNK):
        *full, last = order[start : start + size * _CHUNK].split(size)
        yield from [(size, (rows,)) for rows in full]
        yield int(last.shape[0]), (last,)


class LoadedBatches(Batches):
    """What a loader, or anything else that can be iterated over, yields."""

    def __init__(self, loader: Iterable[Any], who: str) -> None:
        super().__init__()
        self._peeked: Iterator[Batch] | None = None
        self.loader, self.who = loader, who
        try:
            self.length = len(loader)  # type: ignore[arg-type]
        except (TypeError, NotImplementedError):
            self.length = None

    def batches(self) -> Iterator[Batch]:
        """A pass over the data, or the rest of one."""
        peeked, self._peeked = self._peeked, None
        return peeked if peeked is not None else self._anew()

    def _anew(self) -> Iterator[Batch]:
        # A DataLoader knows by itself where it is.
        return self._drawn(0) if isinstance(self.loader, DataLoader) else super().batches()

    def _drawn(self, skipped: int) -> Iterator[Batch]:
        iterator = iter(self.loader)
        for _ in itertools.islice(iterator, skipped):
            pass
        return map(self._batch, iterator)

    def generators(self) -> list[Stream]:
        """The default generator, and those of the loader and its samplers."""
        sampler = getattr(self.loader, "batch_sampler", None)
        inner = getattr(sampler, "sampler", None)
        return generators_of(self.loader, getattr(self.loader, "sampler", None), sampler, inner)

    def first(self) -> Parts:
        """The first batch, which the next pass will give nevertheless."""
        now = states_of(self.generators())
        batches = self._anew()
        try:
            batch = next(batches, None)
            if batch is None:  # a checkpoint may have been written at the end of a pass
                batches = self._anew()
                batch = next(batches, None)
            if batch is None:
                raise ValueError(f"{self.who}: expected batches, got a loader that yields none")
        except BaseException:
            set_states(self.generators(), now)
            raise
        self._peeked = itertools.chain([batch], batches)
        x, y, weight = batch[1]
        return x, y, weight

    def forget_first(self) -> None:
        """Begin the next pass anew, with the random numbers that there will be then."""
        self._peeked = None

    def _batch(self, batch: Any) -> Batch:
        parts = split_batch(batch, self.who)
        return length_of(parts[0]), parts

    def state_dict(self) -> dict[str, Any]:
        """The loader's own, if it has one."""
        if isinstance(self.loader, DataLoader):
            return self.loader.state_dict()
        return super().state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where the one was whose `state_dict` this is."""
        if isinstance(self.loader, DataLoader):
            self.loader.load_state_dict(state_dict)
        else:
            super().load_state_dict(state_dict)


def split_batch(batch: Any, who: str) -> Parts:
    """Inputs, targets and weights (or ``None``) of what a loader yields.

    Raises:
        TypeError: if it is nothing of the kind.
    """
    if not isinstance(batch, (tuple, list)) or len(batch) not in (2, 3):
        what = type(batch).__name__
        what = f"a {what} of {len(batch)}" if isinstance(batch, (tuple, list)) else what
        raise TypeError(
            f"{who}: expected batches (x, y) or (x, y, weight), got {what}; give the loader a "
            "collate_fn that makes such a pair"
        )
    x, y = (tuple(part) if isinstance(part, list) else part for part in batch[:2])
    return x, y, batch[2] if len(batch) == 3 else None
