"""The tasks of one epoch, and the iterator that does them in the calling thread."""

from __future__ import annotations

import contextlib
import itertools
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from steep._core import Generator
from steep.data._position import Position
from steep.data._workers import END

__all__ = ["IteratorTasks", "SerialIterator", "Tasks"]


class Tasks:
    """What there is to fetch, one after the other; each stays the current one until it is done.

    Attributes:
        taken: how many are done.
    """

    taken = 0

    def current(self) -> Any:
        """The task whose turn it is.

        Raises:
            StopIteration: if there is none any more.
        """
        raise NotImplementedError

    def done(self) -> None:
        """The next task's turn."""
        raise NotImplementedError

    def held(self) -> Generator | None:
        """A generator that the tasks to come will be drawn from; it is not to be set back."""
        return None

    def skip(self, count: int) -> None:
        """Count so many tasks as done, or all if there are fewer."""
        with contextlib.suppress(StopIteration):
            for _ in range(count):
                self.current()
                self.done()


class IteratorTasks(Tasks):
    """What an iterator yields."""

    def __init__(self, iterator: Iterator[Any]) -> None:
        self._source = iterator
        self._iterator = enumerate(iterator)
        self._drawn: deque[tuple[int, Any]] = deque()
        self._broken = False

    def current(self) -> Any:
        """The task whose turn it is.

        Raises:
            StopIteration: if there is none any more.
            RuntimeError: if the generator that draws them was broken off.
        """
        if self._broken:
            raise RuntimeError(
                "DataLoader: the epoch was broken off while its next batch was drawn; begin "
                "another with iter(loader)"
            )
        if self._drawn and self._drawn[0][0] < self.taken:
            self._drawn.clear()
        if not self._drawn:
            try:
                # Drawn and kept in one go: nothing comes in between and loses it.
                self._drawn.extend(itertools.islice(self._iterator, 1))
            except BaseException:
                # A generator that has raised is over, and would look like one at its end.
                self._broken = getattr(self._source, "gi_frame", self) is None
                raise
        if not self._drawn:
            raise StopIteration
        return self._drawn[0][1]

    def done(self) -> None:
        """The next task's turn."""
        # One assignment: whatever interrupts it, the count and the next task go together.
        self.taken = self._drawn[0][0] + 1


class SerialIterator:
    """Batches in order, each prepared when it is asked for.

    A batch counts as fetched once it is there: after a KeyboardInterrupt or a MemoryError the next
    one is the same. After another exception, which is the dataset's, it is left out.
    """

    def __init__(
        self,
        tasks: Tasks,
        make_fetch: Callable[[], Callable[[Any], Any]],
        position: Position | None = None,
    ) -> None:
        self._tasks = tasks
        self._position = position or Position([])
        self._position.source = tasks
        self._make_fetch = make_fetch
        self._fetch: Callable[[Any], Any] | None = None
        self._ended = False

    def __iter__(self) -> SerialIterator:
        return self

    def __next__(self) -> Any:
        if self._ended:
            raise StopIteration
        try:
            task = self._tasks.current()
        except StopIteration:
            self._position.ended = True
            raise
        try:
            if self._fetch is None:
                self._fetch = self._make_fetch()
            batch = self._fetch(task)
        except MemoryError:
            raise
        except StopIteration as error:
            # As of a generator: it would end the loop over the batches in silence.
            self._tasks.done()
            raise RuntimeError("DataLoader: the dataset raised StopIteration") from error
        except Exception:
            self._tasks.done()
            raise
        if batch is END:
            self._ended = self._position.ended = True
            raise StopIteration
        self._tasks.done()
        return batch
