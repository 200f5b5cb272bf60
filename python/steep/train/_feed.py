"""What networks that are trained together get in a step: rows of the same arrays, or batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from steep._core import Tensor, cat
from steep.train._arrays import mapped, tensors_in
from steep.train._batches import Batch, Batches, Parts

__all__ = ["Cut", "Feed", "OwnBatches", "OwnRows", "SharedBatches", "feed_of"]

Steps = Sequence[Sequence[Batch]]  # by network, then by step


class Cut:
    """Which samples of a block belong to which network.

    Attributes:
        starts: by network, where its samples begin.
        counts: by network, how many samples it gets in a step.
    """

    def __init__(self, counts: Sequence[int]) -> None:
        self.counts = tuple(counts)
        self.starts = tuple(sum(self.counts[:k]) for k in range(len(self.counts)))


class Feed:
    """How the batches of several networks become the arguments of one function.

    Attributes:
        is_shared: whether there is one stream of batches, for all of them.
    """

    is_shared = False

    def block(self, members: Sequence[int], batches: Steps) -> Any:
        """The arguments of some steps, of batches that have the same sizes in all of them."""
        raise NotImplementedError

    def part(self, block: Any, step: int, k: int, cut: Cut) -> Parts:
        """What network `k` gets in a step: part of the function, and so of its program."""
        raise NotImplementedError


class OwnRows(Feed):
    """Every network has rows of its own of the same arrays, which are taken out at once."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    def block(self, members: Sequence[int], batches: Steps) -> Any:
        """Arrays of shape (steps, samples of all networks, ...)."""
        rows = cat([one[1][0] for step in zip(*batches, strict=True) for one in step])
        rows = rows.view(len(batches[0]), -1)

        def take(t: Tensor) -> Tensor:
            return t[rows]

        return [None if part is None else mapped(take, part) for part in self.parts]

    def part(self, block: Any, step: int, k: int, cut: Cut) -> Parts:
        """Views of a network's samples."""
        start, count = cut.starts[k], cut.counts[k]

        def view(t: Tensor) -> Tensor:
            return t[step].narrow(0, start, count)

        x, y, weight = block
        return mapped(view, x), mapped(view, y), None if weight is None else view(weight)


class OwnBatches(Feed):
    """Every network has batches of its own; `parts` has the arrays of those that are rows."""

    def __init__(self, parts: Sequence[Parts | None]) -> None:
        self.parts = parts

    def block(self, members: Sequence[int], batches: Steps) -> Any:
        """By step, then by network."""
        named = [
            [taken(one, self.parts[k]) for one in own]
            for k, own in zip(members, batches, strict=True)
        ]
        return list(zip(*named, strict=True))

    def part(self, block: Any, step: int, k: int, cut: Cut) -> Parts:
        """A network's batch."""
        found: Parts = block[step][k]
        return found


class SharedBatches(Feed):
    """All networks have the same batches."""

    is_shared = True

    def __init__(self, parts: Parts | None) -> None:
        self.parts = parts

    def block(self, members: Sequence[int], batches: Steps) -> Any:
        """By step."""
        return [taken(one, self.parts) for one in batches[0]]

    def part(self, block: Any, step: int, k: int, cut: Cut) -> Parts:
        """The batch of the step."""
        found: Parts = block[step]
        return found


def taken(batch: Batch, parts: Parts | None) -> Parts:
    """Inputs, targets and weights of a batch, which may be an index of rows of `parts`."""
    if parts is None:
        x, y, weight = batch[1]
        return x, y, weight
    rows = batch[1][0]

    def take(t: Tensor) -> Tensor:
        return t[rows]

    x, y, weight = (None if part is None else mapped(take, part) for part in parts)
    return x, y, weight


def feed_of(sources: Sequence[Batches], is_shared: bool) -> Feed:
    """How the batches of these sources, one for each network, are brought together.

    They are shared where all sources are the same object.
    """
    parts = [source.parts if source.in_rows else None for source in sources]
    if is_shared:
        return SharedBatches(parts[0])
    if parts[0] is not None and all(_same(parts[0], other) for other in parts):
        return OwnRows(parts[0])
    return OwnBatches(parts)


def _same(parts: Parts, other: Parts | None) -> bool:
    """Whether two parts are the same tensors."""
    if other is None:
        return False
    mine, others = tensors_in(parts[:2]), tensors_in(other[:2])
    same = len(mine) == len(others) and all(map(_is, mine, others))
    return same and parts[2] is other[2]


def _is(a: Any, b: Any) -> bool:
    return a is b
