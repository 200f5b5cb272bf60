"""Where the indices of an epoch come from: drawn in blocks, when they are asked for."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

from steep._core import Generator, default_generator, randint, randperm

__all__ = ["AllAtOnce", "Draws", "Permutations", "Range", "Replacements", "draw_seed"]

# PyTorch's sampler draws this many indices at a time; a generator that others hold too is to be
# where PyTorch's is after each of them.
_BLOCK = 32


def draw_seed(generator: Generator | None) -> int:
    """A seed drawn as PyTorch's loader draws one.

    PyTorch takes 64 bits here; a generator is seeded with the lower 32 of them. A range of 2^32
    consumes the same 64 bits and returns just those.
    """
    return int(randint(0, 2**32, (), generator=generator).item())


class Draws:
    """The indices of one epoch.

    Attributes:
        total: how many there are.
        generator: what they are drawn from, if it was given.
    """

    total: int
    generator: Generator | None = None

    def block(self, begin: int, count: int) -> Any:
        """The indices from `begin` on, which is where the last block ended.

        Returns:
            A 1-d int64 buffer: at least `count` of them, or all that are left.
        """
        raise NotImplementedError

    def touched(self) -> list[Generator]:
        """The generators that drawing a block changes, so that a failed attempt can be undone."""
        return [default_generator if self.generator is None else self.generator]

    def held(self, drawn: int) -> Generator | None:
        """The given generator, if more will be drawn from it after the first so many indices."""
        return None


class Range(Draws):
    """0, 1, 2 and so on."""

    _AHEAD = 65536  # of a dataset larger than memory not even the indices fit

    def __init__(self, total: int) -> None:
        self.total = total

    def block(self, begin: int, count: int) -> Any:
        """As `Draws.block`."""
        return array("q", range(begin, min(begin + max(count, self._AHEAD), self.total)))


class AllAtOnce(Draws):
    """What a function draws in one go."""

    def __init__(self, total: int, draw: Callable[[], Any], generator: Generator | None) -> None:
        self.total = total
        self.generator = generator
        self._draw = draw

    def block(self, begin: int, count: int) -> Any:
        """As `Draws.block`."""
        return self._draw()


class _Own(Draws):
    """Draws from a given generator, or from one of its own that the default one seeds."""

    def __init__(self, size: int, total: int, generator: Generator | None) -> None:
        self.size = size
        self.total = total
        self.generator = generator
        self._private: Generator | None = None

    def _source(self, begin: int) -> Generator:
        if self.generator is not None:
            return self.generator
        if begin == 0 or self._private is None:
            fresh = Generator()
            fresh.manual_seed(draw_seed(None))
            self._private = fresh
        return self._private

    def touched(self) -> list[Generator]:
        """As `Draws.touched`."""
        return super().touched() if self._private is None else [*super().touched(), self._private]

    def held(self, drawn: int) -> Generator | None:
        """As `Draws.held`."""
        return self.generator if drawn < self.total else None


class Replacements(_Own):
    """Each index drawn for itself.

    Args:
        size: indices are below it.
        total: how many there are.
        generator: source of the draws.
    """

    def block(self, begin: int, count: int) -> Any:
        """As `Draws.block`."""
        whole = -(-count // _BLOCK) * _BLOCK
        return randint(
            0, self.size, (min(whole, self.total - begin),), generator=self._source(begin)
        )


class Permutations(_Own):
    """Permutations of all indices, one after the other, the last one cut off.

    Args:
        size: indices are below it.
        total: how many there are.
        generator: source of the draws.
    """

    def block(self, begin: int, count: int) -> Any:
        """As `Draws.block`."""
        generator = self._source(begin)
        left = self.total - begin
        order = randperm(self.size, generator=generator)
        # PyTorch draws once more even when nothing of it is used. With a generator that lives on,
        # so must this, to stay in step.
        if left == self.size and self.generator is not None:
            randperm(self.size, generator=generator)
        return order if left >= self.size else order[:left]

    def held(self, drawn: int) -> Generator | None:
        """As `Draws.held`."""
        return super().held(drawn) if self.total > self.size else None
