"""Threads that change, drop or draw what others compute with: memory is held, nothing is lost."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

import steep
import steep.nn.functional as F
from processes import run
from test_stress import together

LARGE = 300_000  # kernels of this size run without the interpreter lock

# ---- memory that goes while a kernel reads it ---------------------------------------------------

READERS = {
    "elementwise": "x + 1",
    "a sum": "x.sum()",
    "a product": "x @ right",
    "in place": "y.add_(x)",
    "a random fill": "x.normal_()",
    "a replay": "compiled(x)",
}


@pytest.mark.parametrize("what", READERS)
def test_a_kernel_keeps_the_memory_that_it_began_with(what: str) -> None:
    """Every block ends at a page of its own and is given back at once: who reads on, ends."""
    out = run(
        f"""
        import os
        os.environ["STEEP_ALLOC"] = "guarded"
        import sys, threading
        import steep
        sys.setswitchinterval(1e-5)
        x, y, right = steep.ones(1000, 300), steep.ones(1000, 300), steep.ones(300, 50)
        compiled = steep.compile(lambda x: (x * 2).exp().sum())
        for _ in range(4):
            compiled(x)
        stop = threading.Event()

        def swap():
            while not stop.is_set():
                x.data = steep.zeros(1000, 300)

        thread = threading.Thread(target=swap)
        thread.start()
        try:
            for _ in range(200):
                {READERS[what]}
        finally:
            stop.set()
            thread.join()
        print("done")
        """
    )
    assert out == "done\n"


def test_a_gradient_may_be_dropped_while_another_thread_adds_to_it() -> None:
    out = run(
        f"""
        import os
        os.environ["STEEP_ALLOC"] = "guarded"
        import sys, threading
        import steep
        sys.setswitchinterval(1e-5)
        x = steep.zeros({LARGE}, requires_grad=True)
        one = steep.ones({LARGE})
        stop = threading.Event()

        def drop():
            while not stop.is_set():
                x.grad = None

        thread = threading.Thread(target=drop)
        thread.start()
        try:
            for _ in range(400):
                x.backward(one)
        finally:
            stop.set()
            thread.join()
        print("done")
        """
    )
    assert out == "done\n"


# ---- gradients of replays -----------------------------------------------------------------------


def gradient_step(x: steep.Tensor) -> Callable[[], None]:
    """Adds 1 to x.grad by a program that is replayed."""

    def step() -> None:
        (x * 1.0).sum().backward()

    compiled = steep.compile(step)
    for _ in range(4):
        compiled()
    assert "replayed" in compiled.explain()
    return compiled


@pytest.mark.parametrize("size", [1, LARGE])
@pytest.mark.parametrize("other", ["replay", "backward"])
def test_no_gradient_of_a_replay_is_lost(size: int, other: str) -> None:
    x = steep.zeros(size, requires_grad=True)
    x.grad = steep.zeros(size)
    first = gradient_step(x)
    second = gradient_step(x) if other == "replay" else lambda: (x * 1.0).sum().backward()
    for _ in range(10):
        x.grad = steep.zeros(size)
        together(*(lambda step=step: [step() for _ in range(20)] for step in (first, second)))
        assert x.grad.min().item() == x.grad.max().item() == 40.0


# ---- masks --------------------------------------------------------------------------------------


def digest(x: steep.Tensor) -> str:
    return hashlib.sha256(x.numpy().tobytes()).hexdigest()[:12]


@pytest.mark.parametrize("compiled", [False, True])
def test_threads_draw_masks_of_their_own(compiled: bool) -> None:
    """Each mask is a stretch of one stream: no two are alike."""
    x = steep.ones(LARGE)
    masks: list[str] = []

    def draws() -> Callable[[], None]:
        draw = steep.compile(lambda: F.dropout(x, 0.5)) if compiled else lambda: F.dropout(x, 0.5)
        for _ in range(4):
            draw()

        def several() -> None:
            for _ in range(30):
                masks.append(digest(draw()))

        return several

    together(draws(), draws())
    assert len(masks) == 60
    assert len(set(masks)) == 60


def test_masks_of_threads_are_those_of_one() -> None:
    """Together they have drawn the very stretches that one thread draws."""

    def drawn(threads: int) -> set[str]:
        steep.manual_seed(3)
        masks: list[str] = []
        x = steep.ones(LARGE)

        def several() -> None:
            for _ in range(24 // threads):
                masks.append(digest(F.dropout(x, 0.5)))

        together(*[several] * threads)
        return set(masks)

    assert drawn(1) == drawn(3)
