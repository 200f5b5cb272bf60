"""What networks that are trained together get in a step: rows of the same arrays, or batches."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from steep._core import Tensor, cat, stack
from steep.train._arrays import Structure, mapped, tensors_in
from steep.train._batches import Batch, Batches, Parts

__all__ = ["Block", "Feed", "OwnBatches", "OwnRows", "SharedBatches", "feed_of"]

Take = Callable[[Batch, Parts | None], Any]
Steps = Sequence[Sequence[Batch]]  # by network, then by step


@dataclass
class Block:
    """Some steps of several networks, each of whose batches has one size in all of these steps.

    Attributes:
        members: the networks.
        counts: by network, the samples of a step.
        steps: how many.
        content: what they get, as their feed keeps it.
    """

    members: list[int]
    counts: tuple[int, ...]
    steps: int
    content: Any


class Feed:
    """How the batches of several networks become the arguments of one function.

    Attributes:
        is_shared: whether there is one stream of batches, for all of them.
    """

    is_shared = False

    def pack(self, members: Sequence[int], batches: Steps) -> Block:
        """A block of these batches."""
        counts = tuple(own[0][0] for own in batches)
        return Block(list(members), counts, len(batches[0]), batches)

    def without(self, block: Block, ended: Collection[int]) -> Block:
        """The block without networks that take no more steps."""
        left = [i for i, k in enumerate(block.members) if k not in ended]
        return self.pack([block.members[i] for i in left], [block.content[i] for i in left])

    def arguments(self, block: Block) -> Any:
        """What the function of all networks gets."""
        raise NotImplementedError

    def part(self, arguments: Any, step: int, k: int, counts: Sequence[int]) -> Any:
        """What its network `k` gets in a step: part of the function, and so of its program.

        Inputs, targets and weights; of a step of several batches, a list of those.
        """
        raise NotImplementedError

    def sizes(self, block: Block) -> list[list[int]]:
        """By network, the samples of each batch of a block's only step, where it is of several."""
        raise NotImplementedError


class OwnRows(Feed):
    """Every network has rows of its own of the same arrays.

    Floats are taken out by the function itself, as a part of each network. Integers are taken out
    before: they may be classes or codes, which are checked, and what is checked in the middle of a
    program makes all parts of it wait.
    """

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.tensors = tensors_in(parts[:2] if parts[2] is None else parts)

    def pack(self, members: Sequence[int], batches: Steps) -> Block:
        """A block of rows: (steps, samples of all networks)."""
        counts = tuple(own[0][0] for own in batches)
        rows = cat([one[1][0] for step in zip(*batches, strict=True) for one in step])
        steps = len(batches[0])
        return Block(list(members), counts, steps, rows.view(steps, -1))

    def without(self, block: Block, ended: Collection[int]) -> Block:
        """The block without networks that take no more steps."""
        own = block.content.split(block.counts, dim=1)
        left = [i for i, k in enumerate(block.members) if k not in ended]
        rows = cat([own[i] for i in left], dim=1) if left else block.content
        counts = tuple(block.counts[i] for i in left)
        return Block([block.members[i] for i in left], counts, block.steps, rows)

    def blocks(
        self, members: Sequence[int], orders: Sequence[Tensor], size: int, steps: int
    ) -> Iterator[Block]:
        """The blocks of a pass over as many rows for each, in these orders."""
        count, length = len(orders), int(orders[0].shape[0])
        whole = length // (size * steps)
        cut = [order[: whole * steps * size].view(whole, steps, size) for order in orders]
        for rows in stack(cut, 2).view(whole, steps, count * size) if whole else ():
            yield Block(list(members), (size,) * count, steps, rows)
        for start in range(whole * steps * size, length, size):
            own = [order[start : start + size] for order in orders]
            counts = (int(own[0].shape[0]),) * count
            yield Block(list(members), counts, 1, cat(own).view(1, -1))

    def arguments(self, block: Block) -> Any:
        """The rows, and what is taken out already."""
        rows = block.content
        return rows, [None if t.is_floating_point() else t[rows] for t in self.tensors]

    def part(self, arguments: Any, step: int, k: int, counts: Sequence[int]) -> Parts:
        """A network's samples."""
        rows, taken = arguments
        start, count = sum(counts[:k]), counts[k]
        own = rows[step].narrow(0, start, count)
        found = iter(
            t.index_select(0, own) if some is None else some[step].narrow(0, start, count)
            for t, some in zip(self.tensors, taken, strict=True)
        )

        def following(t: Tensor) -> Tensor:
            return next(found)

        return _each(following, self.parts)


class OwnBatches(Feed):
    """Every network has batches of its own; `parts` has the arrays of those that are rows."""

    def __init__(self, parts: Sequence[Parts | None], take: Take) -> None:
        self.parts, self.take = parts, take

    def arguments(self, block: Block) -> Any:
        """By network, then by step."""
        return [
            [self.take(one, self.parts[k]) for one in own]
            for k, own in zip(block.members, block.content, strict=True)
        ]

    def part(self, arguments: Any, step: int, k: int, counts: Sequence[int]) -> Any:
        """A network's batch."""
        return arguments[k][step]

    def sizes(self, block: Block) -> list[list[int]]:
        """By network, of the groups of a block's only step."""
        return [[count for count, _ in own[0][1][0]] for own in block.content]


class SharedBatches(Feed):
    """All networks have the same batches."""

    is_shared = True

    def __init__(self, parts: Parts | None, take: Take) -> None:
        self.parts, self.take = parts, take

    def pack(self, members: Sequence[int], batches: Steps) -> Block:
        """A block of the one list of batches."""
        (shared,) = batches
        return Block(list(members), (shared[0][0],) * len(members), len(shared), shared)

    def without(self, block: Block, ended: Collection[int]) -> Block:
        """The block without networks that take no more steps."""
        left = [k for k in block.members if k not in ended]
        return Block(left, block.counts[: len(left)], block.steps, block.content)

    def arguments(self, block: Block) -> Any:
        """By step."""
        return [self.take(one, self.parts) for one in block.content]

    def part(self, arguments: Any, step: int, k: int, counts: Sequence[int]) -> Any:
        """The batch of the step."""
        return arguments[step]

    def sizes(self, block: Block) -> list[list[int]]:
        """By network, of the group of a block's only step."""
        return [[count for count, _ in block.content[0][1][0]]] * len(block.members)


def taken(batch: Batch, parts: Parts | None) -> Parts:
    """Inputs, targets and weights of a batch, which may be an index of rows of `parts`."""
    if parts is None:
        x, y, weight = batch[1]
        return x, y, weight
    rows = batch[1][0]

    def take(t: Tensor) -> Tensor:
        return t[rows]

    return _each(take, parts)


def taken_group(group: Batch, parts: Parts | None) -> list[Parts]:
    """The same of each batch of a group."""
    return [taken(one, parts) for one in group[1][0]]


def _each(function: Any, parts: Parts) -> Parts:
    found: list[Structure] = [None if part is None else mapped(function, part) for part in parts]
    x, y, weight = found
    return x, y, weight


def feed_of(sources: Sequence[Batches], is_shared: bool, accumulate: int = 1) -> Feed:
    """How the batches of these sources, one for each network, are brought together.

    They are shared where all sources are the same object. With `accumulate`, a step is of several.
    """
    take = taken if accumulate == 1 else taken_group
    parts = [source.parts if source.in_rows else None for source in sources]
    if is_shared:
        return SharedBatches(parts[0], take)
    if accumulate == 1 and parts[0] is not None and all(_same(parts[0], p) for p in parts):
        return OwnRows(parts[0])
    return OwnBatches(parts, take)


def _same(parts: Parts, other: Parts | None) -> bool:
    """Whether two parts are the same tensors."""
    if other is None:
        return False
    mine, others = tensors_in(parts[:2]), tensors_in(other[:2])
    same = len(mine) == len(others) and all(map(_is, mine, others))
    return same and parts[2] is other[2]


def _is(a: Any, b: Any) -> bool:
    return a is b
