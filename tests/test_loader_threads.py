"""The loader: background threads and arguments."""

from __future__ import annotations

import gc
import os
import random
import threading
import time
import weakref

import numpy as np
import pytest

import steep
import steep.data as data
from data_support import Squares, Stream, batches
from processes import run
from settled import allocated, data_threads, settle, settled, wait_until

# ---- the loader: threads ----------------------------------------------------------------------


def test_batches_come_in_order_whatever_the_threads_do():
    class Slow(Squares):
        def __getitem__(self, index):
            time.sleep(0.02 if index % 3 == 0 else 0)
            return index

    loader = data.DataLoader(Slow(12), 2, num_workers=3)
    assert batches(loader) == [[i, i + 1] for i in range(0, 12, 2)]


@pytest.mark.parametrize("stream", [False, True])
def test_an_epoch_that_is_over_holds_nothing(stream):
    """Its threads have ended by then: none lets go of the loader at a moment of its own."""
    before = settled()
    dataset = Stream() if stream else Squares(10)
    loader = data.DataLoader(dataset, 2, num_workers=3)
    for _ in range(20):
        assert sum(map(sum, batches(loader))) > 0
        assert not data_threads()
    gone = weakref.ref(dataset)
    del dataset, loader
    assert gone() is None
    assert allocated() == before


def test_worker_errors_reach_the_caller_in_their_place():
    class Broken(Squares):
        def __getitem__(self, index):
            if index == 2:
                raise KeyError("sample 2")
            return index

    it = iter(data.DataLoader(Broken(5), 1, num_workers=2))
    assert [next(it).item(), next(it).item()] == [0, 1]
    with pytest.raises(KeyError, match="sample 2"):
        next(it)
    assert [b.item() for b in it] == [3, 4]


def test_dropping_the_iterator_ends_the_threads():
    settle()
    it = iter(data.DataLoader(Squares(100), 1, num_workers=2))
    next(it)
    assert len(data_threads()) == 2
    del it
    gc.collect()
    assert wait_until(lambda: not data_threads())


def test_worker_init_and_info():
    seen = {}

    def init(number):
        info = data.get_worker_info()
        seen[number] = (info.num_workers, info.seed, threading.current_thread().name)

    loader = data.DataLoader(Squares(8), 2, num_workers=2, worker_init_fn=init)
    list(loader)
    assert sorted(seen) == [0, 1]
    assert seen[0][0] == 2
    assert seen[1][1] == seen[0][1] + 1
    assert data.get_worker_info() is None

    def fail(number):
        raise ValueError("no such file")

    with pytest.raises(ValueError, match="no such file"):
        list(data.DataLoader(Squares(8), 2, num_workers=1, worker_init_fn=fail))


def test_timeout():
    release = threading.Event()

    class Stuck(Squares):
        def __getitem__(self, index):
            release.wait()
            return index

    it = iter(data.DataLoader(Stuck(2), 1, num_workers=1, timeout=0.05))
    try:
        with pytest.raises(RuntimeError, match=r"timed out after 0\.05 seconds"):
            next(it)
        assert list(it) == []  # and does not wait for the thread
    finally:
        release.set()
    assert wait_until(lambda: not data_threads())


def test_a_worker_blocked_for_ever_lets_the_process_end():
    out = run(
        """
        import threading
        import steep.data as data

        class Stuck(data.Dataset):
            def __len__(self):
                return 8

            def __getitem__(self, index):
                if index > 1:
                    threading.Event().wait()
                return index

        it = iter(data.DataLoader(Stuck(), 1, num_workers=2))
        print(next(it).item(), next(it).item())
        """,
    )
    assert out == "0 1\n"


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("where", ["dataset", "collate"])
def test_a_stop_iteration_ends_no_epoch_in_silence(workers, where):
    def stop(batch):
        raise StopIteration("no more")

    class Stops(Squares):
        def __getitem__(self, index):
            return stop(index) if where == "dataset" and index == 3 else index

    collate = stop if where == "collate" else None
    with pytest.raises(RuntimeError, match="raised StopIteration") as caught:
        list(data.DataLoader(Stops(6), 1, num_workers=workers, collate_fn=collate))
    assert isinstance(caught.value.__cause__, StopIteration)


def test_whatever_a_worker_raises_arrives():
    class Leaves(Squares):
        def __getitem__(self, index):
            raise SystemExit(3)

    with pytest.raises(SystemExit):
        list(data.DataLoader(Leaves(6), 1, num_workers=1))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_an_iteration_is_not_continued_in_a_child():
    """Its threads are not there; waiting for them would have no end."""
    out = run(
        """
        import os, sys
        import steep
        import steep.data as data
        it = iter(data.DataLoader(data.TensorDataset(steep.arange(100)), 1, num_workers=2))
        next(it)
        if os.fork() == 0:
            try:
                list(it)
            except RuntimeError as error:
                print(error, flush=True)
            os._exit(0)
        os.wait()
        """,
    )
    assert "forked child" in out


# ---- the loader: arguments --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"num_workers": -1}, "num_workers option should be non-negative"),
        ({"timeout": -1}, "timeout option should be non-negative"),
        ({"prefetch_factor": 2}, "prefetch_factor option could only"),
        ({"num_workers": 1, "prefetch_factor": 0}, "prefetch_factor option should be positive"),
        ({"persistent_workers": True}, "persistent_workers option needs"),
        ({"shuffle": True, "sampler": [0]}, "sampler option is mutually exclusive"),
        ({"batch_sampler": [[0]], "batch_size": 2}, "batch_sampler option is mutually exclusive"),
        ({"batch_size": None, "drop_last": True}, "batch_size=None option disables"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"batch_size": 2.0}, "batch_size=2.0"),
    ],
)
def test_loader_argument_errors(settings, text):
    with pytest.raises(ValueError, match=text):
        data.DataLoader(Squares(), **settings)


@pytest.mark.parametrize("name", ["shuffle", "sampler", "batch_sampler"])
def test_streams_take_no_order(name):
    with pytest.raises(ValueError, match=f"expected unspecified {name} option"):
        data.DataLoader(Stream(), **{name: [0]})


def test_loader_attributes_are_fixed():
    loader = data.DataLoader(Squares(), 2, pin_memory=True, multiprocessing_context="fork")
    with pytest.raises(ValueError, match="batch_size attribute should not be set"):
        loader.batch_size = 3


def test_utils_data_is_the_same():
    import steep.utils.data as other

    assert other.DataLoader is data.DataLoader
    assert steep.utils.data is other


def test_seeds_that_workers_set_are_not_the_training_loop_s():
    """The recipe of PyTorch's notes on reproducibility, for processes with streams of their own."""

    def seed_worker(worker):
        random.seed(worker)
        np.random.seed(worker)
        steep.manual_seed(worker)

    def draws(init):
        random.seed(5)
        np.random.seed(5)
        steep.manual_seed(5)
        seen = []
        for _ in range(2):
            loader = data.DataLoader(Squares(8), 2, num_workers=2, worker_init_fn=init)
            for _ in loader:
                seen.append((random.random(), np.random.rand(), steep.rand(1).item()))
        return seen

    assert draws(seed_worker) == draws(None)
