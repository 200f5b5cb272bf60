"""Samplers: in which order a loader visits a dataset, in PyTorch's random stream."""

from __future__ import annotations

import itertools
import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from steep._core import Generator, Tensor, as_tensor, float64, rand, randperm
from steep.data._draws import AllAtOnce, Draws, Permutations, Range, Replacements

__all__ = [
    "BatchSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "SubsetRandomSampler",
    "WeightedRandomSampler",
]

_T = TypeVar("_T", covariant=True)


def _positive(name: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"{name} should be a positive integer value, but got {name}={value}")
    return value


class Sampler(Generic[_T]):
    """Base class: `__iter__` yields indices (or, for a batch sampler, lists of them)."""

    def __iter__(self) -> Iterator[_T]:
        raise NotImplementedError(f"{type(self).__name__} does not define __iter__")


class OrderedSampler(Sampler[int]):
    """A sampler that knows how many indices its epoch has, and can draw them in blocks.

    The loader's fast path reads the blocks as they are.
    """

    def draws(self) -> Draws:
        """The indices of one epoch; random samplers draw anew each time."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[int]:
        # A generator, so that a random order is drawn when the first index is asked for.
        draws, drawn = self.draws(), 0
        while drawn < draws.total:
            block = draws.block(drawn, 1).tolist()
            drawn += len(block)
            yield from block


class SequentialSampler(OrderedSampler):
    """The indices 0, 1, 2, ... of a dataset.

    Args:
        data_source: anything with a length.
    """

    def __init__(self, data_source: Any) -> None:
        self.data_source = data_source

    def draws(self) -> Draws:
        """0 to the length."""
        return Range(len(self.data_source))

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(OrderedSampler):
    """A dataset's indices in random order.

    With `replacement`, and for more samples than the dataset has, they are drawn in blocks as they
    are asked for, in PyTorch's order: an epoch may be longer than memory. A `generator` that is
    given is drawn from all through such an epoch; draw from it elsewhere meanwhile, and a loader
    that goes on in the middle of the epoch cannot draw the same order again.

    Args:
        data_source: anything with a length.
        replacement: draw every index independently. Default: ``False``.
        num_samples: how many indices an epoch has. Default: the length.
        generator: source of the draws. If ``None``, one seeded from the default generator.

    Raises:
        TypeError: if `replacement` is not a bool.
        ValueError: if the number of samples is not positive.

    Example:
        >>> import steep
        >>> sorted(steep.data.RandomSampler(range(4)))
        [0, 1, 2, 3]
    """

    def __init__(
        self,
        data_source: Any,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise TypeError(
                f"replacement should be a boolean value, but got replacement={replacement}"
            )
        _positive("num_samples", self.num_samples)

    @property
    def num_samples(self) -> int:
        """Number of indices in an epoch; by default the length the dataset has now."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def draws(self) -> Draws:
        """One epoch's indices."""
        kind = Replacements if self.replacement else Permutations
        return kind(len(self.data_source), self.num_samples, self.generator)

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(OrderedSampler):
    """Given indices in random order.

    Args:
        indices: the indices.
        generator: source of the permutation; the default one if ``None``.

    Example:
        >>> import steep
        >>> sorted(steep.data.SubsetRandomSampler([3, 5, 8]))
        [3, 5, 8]
    """

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def draws(self) -> Draws:
        """The indices, permuted anew."""
        return AllAtOnce(len(self.indices), self._permuted, self.generator)

    def _permuted(self) -> Any:
        order = randperm(len(self.indices), generator=self.generator).tolist()
        return array("q", [int(self.indices[i]) for i in order])

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(OrderedSampler):
    """Indices 0 to n - 1 with given probabilities.

    With replacement, the inverse of the cumulative distribution is taken at uniform draws.
    Without, and for a single sample, the indices with the least ``Exp(1) / weight`` are taken
    (Efraimidis and Spirakis, 2006). The order is PyTorch's either way.

    Args:
        weights: n weights, none negative, not all zero; they need not add up to 1.
        num_samples: how many indices to draw.
        replacement: whether an index may be drawn again. Default: ``True``.
        generator: source of the draws; the default one if ``None``.

    Raises:
        ValueError: on weights of other than one dimension, negative, not finite or all zero, a
            number of samples that is not positive, or more samples than weights above zero
            without replacement.

    Example:
        >>> import steep
        >>> list(steep.data.WeightedRandomSampler([0.0, 1.0, 0.0], 4))
        [1, 1, 1, 1]
    """

    def __init__(
        self,
        weights: Tensor | Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        _positive("num_samples", num_samples)
        if not isinstance(replacement, bool):
            raise ValueError(
                f"replacement should be a boolean value, but got replacement={replacement}"
            )
        self.weights = as_tensor(weights, dtype=float64)
        if self.weights.dim() != 1:
            raise ValueError(
                "weights should be a 1d sequence but given "
                f"weights have shape {tuple(self.weights.shape)}"
            )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator
        self._check()

    def _check(self) -> None:
        weights = self.weights.numpy()
        # Not "any below 0", which is false of a NaN.
        if not (((weights >= 0) & (weights < math.inf)).all() and (weights > 0).any()):
            raise ValueError(
                "WeightedRandomSampler: expected finite weights of at least 0, not all 0; "
                f"got {weights[:8].tolist()}{'...' if len(weights) > 8 else ''}"
            )
        possible = int((weights > 0).sum())
        if not self.replacement and self.num_samples > possible:
            raise ValueError(
                f"WeightedRandomSampler: expected at most {possible} samples without replacement, "
                f"the number of weights above 0, got {self.num_samples}"
            )

    def draws(self) -> Draws:
        """One epoch's indices, all drawn at its beginning."""
        return AllAtOnce(self.num_samples, self._chosen, self.generator)

    def _chosen(self) -> Any:
        import numpy

        weights = self.weights.numpy()
        several = self.replacement and self.num_samples > 1
        size = self.num_samples if several else len(weights)
        draws = rand(size, dtype=float64, generator=self.generator).numpy()
        if several:
            sums = numpy.cumsum(weights)
            # A draw of exactly 0 must not choose a weight of 0 in front.
            first = numpy.flatnonzero(weights)[0]
            return numpy.maximum(first, numpy.searchsorted(sums / sums[-1], draws))
        with numpy.errstate(divide="ignore", invalid="ignore"):  # a draw of exactly 0
            keys = numpy.where(weights > 0, weights / -numpy.log1p(-draws), -1.0)
        return numpy.argsort(-keys, kind="stable")[: self.num_samples]

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Groups the indices of another sampler into lists.

    Args:
        sampler: any iterable of indices.
        batch_size: length of the lists.
        drop_last: leave out a last list that would be shorter.

    Raises:
        ValueError: if `batch_size` is not a positive int or `drop_last` not a bool.

    Example:
        >>> import steep
        >>> list(steep.data.BatchSampler(range(5), batch_size=2, drop_last=False))
        [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        _positive("batch_size", batch_size)
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        while batch := list(itertools.islice(indices, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self) -> int:
        size = len(self.sampler)  # type: ignore[arg-type]
        return size // self.batch_size if self.drop_last else -(-size // self.batch_size)
