"""Background threads that prepare batches ahead of the training loop."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any

from steep.data._workers import END, WorkerInfo, set_worker_info


class _Worker:
    """One thread and what it fetches with."""

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
        self.pool = ThreadPoolExecutor(1, thread_name_prefix=f"steep-data-{info.id}")

    def submit(self, task: Any) -> Future[Any]:
        """Have the thread fetch `task`."""
        return self.pool.submit(self._run, task)

    def _run(self, task: Any) -> Any:
        try:
            if self._fetch is None:
                set_worker_info(self._info)
                if self._init is not None:
                    self._init(self._info.id)
                self._fetch = self._make_fetch()
            return self._fetch(task)
        except Exception as error:
            if hasattr(error, "add_note"):
                error.add_note(f"(raised in DataLoader worker thread {self._info.id})")
            raise


def _shut_down(workers: list[_Worker]) -> None:
    for worker in workers:
        worker.pool.shutdown(wait=False, cancel_futures=True)


class PrefetchingIterator:
    """Batches in order, prepared by threads up to `depth` per worker ahead.

    Tasks are drawn from `tasks` in the calling thread, so that everything random about the order
    happens there, and go to the workers in turn. An exception raised by a worker is raised here,
    in its batch's place. Dropping or exhausting the iterator ends the threads.
    """

    def __init__(
        self,
        tasks: Iterator[Any],
        make_fetch: Callable[[], Callable[[Any], Any]],
        infos: list[WorkerInfo],
        init: Callable[[int], Any] | None,
        depth: int,
        timeout: float,
    ) -> None:
        self._tasks = tasks
        self._timeout = timeout or None
        self._pending: deque[tuple[_Worker, Future[Any]]] = deque()
        workers = [_Worker(info, make_fetch, init) for info in infos]
        self._close = weakref.finalize(self, _shut_down, workers)
        for _ in range(depth):
            for worker in workers:
                self._submit(worker)

    def _submit(self, worker: _Worker) -> None:
        if not self._close.alive:
            return
        try:
            task = next(self._tasks)
        except StopIteration:
            return
        self._pending.append((worker, worker.submit(task)))

    def __iter__(self) -> PrefetchingIterator:
        return self

    def __next__(self) -> Any:
        while self._pending:
            worker, future = self._pending.popleft()
            try:
                batch = self._result(future)
            except Exception:
                self._submit(worker)
                raise
            finally:
                # An exception holds this frame; holding its future too would close a cycle, and
                # the threads would live until the next garbage collection.
                del future
            if batch is not END:
                self._submit(worker)
                return batch
        self.close()
        raise StopIteration

    def _result(self, future: Future[Any]) -> Any:
        try:
            return future.result(self._timeout)
        except FutureTimeout:
            if future.done():
                raise  # the worker itself raised a TimeoutError
            self.close()
            raise RuntimeError(f"DataLoader timed out after {self._timeout} seconds") from None
        finally:
            del future

    def close(self) -> None:
        """End the threads, after the batches they are at; the rest is dropped."""
        self._pending.clear()
        self._close()
