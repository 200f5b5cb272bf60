"""Background threads that prepare batches ahead of the training loop."""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from steep.data._epoch import Tasks
from steep.data._position import Count, Position
from steep.data._workers import END, WorkerInfo, set_worker_info, streams_kept


class _Batch:
    """What a worker will have made of a task: a value, or what was raised instead."""

    def __init__(self, task: Any) -> None:
        self.task = task
        self.value: Any = None
        self.error: BaseException | None = None
        self._ready = threading.Event()

    def fetch(self, fetch: Callable[[Any], Any]) -> None:
        """Make it, in the worker."""
        try:
            self.value = fetch(self.task)
        except BaseException as error:
            self.error = error
        self._ready.set()

    def is_ready(self) -> bool:
        """Whether the worker is done with it."""
        return self._ready.is_set()

    def wait(self, timeout: float | None) -> bool:
        """Wait until it is ready; whether it is."""
        return self._ready.wait(timeout)

    def result(self) -> Any:
        """The value; raises what the worker raised."""
        if self.error is None:
            return self.value
        error, self.error = self.error, None  # an exception holds the frames it has passed
        try:
            # As of a generator: it would end the loop over the batches in silence.
            if isinstance(error, StopIteration):
                raise RuntimeError("DataLoader: a worker raised StopIteration") from error
            raise error
        finally:
            del error


class _Worker:
    """One thread and what it fetches with.

    A daemon: one that is blocked for ever does not keep the process from ending.
    """

    def __init__(
        self,
        info: WorkerInfo,
        make_fetch: Callable[[], Callable[[Any], Any]],
        init: Callable[[int], Any] | None,
    ) -> None:
        self._info = info
        self._make_fetch = make_fetch
        self._init = init
        self._fetch: Callable[[Any], Any] | None = None
        self._tasks: SimpleQueue[_Batch | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._begun = threading.Event()

    def await_init(self, timeout: float | None) -> None:
        """Wait until the function that begins it has run, if there is one, and a task."""
        if self._init is not None and self._thread is not None:
            self._begun.wait(timeout)

    def submit(self, task: Any) -> _Batch:
        """Have the thread fetch `task`."""
        if self._thread is None:
            name = f"steep-data-{self._info.id}"
            thread = threading.Thread(target=self._loop, name=name, daemon=True)
            thread.start()
            self._thread = thread
        batch = _Batch(task)
        self._tasks.put(batch)
        return batch

    def stop(self) -> None:
        """End the thread after the batch it is at."""
        self._stopped = True
        self._tasks.put(None)

    def join(self) -> None:
        """Wait until the thread has ended, after `stop`."""
        if self._thread is not None:
            self._thread.join()

    def _loop(self) -> None:
        while True:
            batch = self._tasks.get()
            if batch is None or self._stopped:
                return
            batch.fetch(self._run)
            del batch

    def _run(self, task: Any) -> Any:
        try:
            if self._fetch is None:
                set_worker_info(self._info)
                if self._init is not None:
                    try:
                        with streams_kept():
                            self._init(self._info.id)
                    finally:
                        self._begun.set()
                self._fetch = self._make_fetch()
            return self._fetch(task)
        except Exception as error:
            if hasattr(error, "add_note"):
                error.add_note(f"(raised in DataLoader worker thread {self._info.id})")
            raise


def _shut_down(workers: list[_Worker]) -> None:
    for worker in workers:
        worker.stop()


class PrefetchingIterator:
    """Batches in order, prepared by threads up to `depth` per worker ahead.

    Tasks are drawn from `tasks` in the calling thread, so that everything random about the order
    happens there, and go to the workers in turn. An exception raised by a worker is raised here,
    in its batch's place. Dropping or exhausting the iterator ends the threads; at the end of the
    epoch they are waited for, so that nothing of it is held any more.
    """

    def __init__(
        self,
        tasks: Tasks,
        make_fetch: Callable[[], Callable[[Any], Any]],
        infos: list[WorkerInfo],
        init: Callable[[int], Any] | None,
        depth: int,
        timeout: float,
        position: Position | None = None,
    ) -> None:
        self._tasks = tasks
        self._position = position or Position([])
        self._count = self._position.source = Count(tasks.taken)
        self._between = False  # a batch is on its way from one place to another
        self._timeout = timeout or None
        self._process = os.getpid()
        self._pending: deque[tuple[_Worker, _Batch]] = deque()
        self._workers = workers = [_Worker(info, make_fetch, init) for info in infos]
        self._close = weakref.finalize(self, _shut_down, workers)
        for _ in range(depth):
            for worker in workers:
                self._submit(worker)
                worker.await_init(self._timeout)  # whose draws are not to mix with the order's

    def _submit(self, worker: _Worker) -> None:
        """Have the worker fetch the next task, if there is one."""
        if not self._close.alive:
            return
        self._between = True
        try:
            task = self._tasks.current()
        except StopIteration:
            pass
        else:
            self._pending.append((worker, worker.submit(task)))
            self._tasks.done()
        self._between = False

    def __iter__(self) -> PrefetchingIterator:
        return self

    def __next__(self) -> Any:
        self._check()
        while self._pending:
            worker, batch = self._pending[0]
            try:
                # Until it has come, nothing has changed: an interrupted wait can be repeated.
                self._await(batch)
                self._between = True
                self._pending.popleft()
                value = batch.result()
                self._count.taken += value is not END
                self._between = False
            except Exception:
                if batch.is_ready():
                    self._count.taken += 1
                    self._submit(worker)
                raise
            finally:
                # An exception holds this frame; holding its batch too would close a cycle, and the
                # threads would live until the next garbage collection.
                del batch
            if value is not END:
                self._submit(worker)
                return value
        self._position.ended = True
        exhausted = self._close.alive  # and so all workers are idle; one that timed out is not
        self.close()
        if exhausted:
            for worker in self._workers:
                worker.join()
        raise StopIteration

    def _check(self) -> None:
        if self._process != os.getpid():
            raise RuntimeError(
                "DataLoader: expected to be iterated in the process that began the iteration, got "
                "a forked child, which has no worker threads; begin another with iter(loader)"
            )
        if self._between:
            self.close()
            raise RuntimeError(
                "DataLoader: the epoch was interrupted between two batches; begin another with "
                "iter(loader)"
            )

    def _await(self, batch: _Batch) -> None:
        try:
            if not batch.wait(self._timeout):
                self.close()
                raise RuntimeError(f"DataLoader timed out after {self._timeout} seconds")
        finally:
            del batch

    def close(self) -> None:
        """End the threads, after the batches they are at; the rest is dropped."""
        self._pending.clear()
        self._close()
