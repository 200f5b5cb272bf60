"""Backward passes of several threads at once: into one leaf, and through one graph."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

import steep
from test_graph import in_child

LARGE = 300_000  # kernels of this size run without the interpreter lock


def together(threads: int, work: Callable[[], None]) -> None:
    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


@pytest.mark.parametrize("size", [1, LARGE])
def test_no_gradient_is_lost(size: int) -> None:
    for _ in range(20):
        x = steep.zeros(size, requires_grad=True)

        def work(x: steep.Tensor = x) -> None:
            for _ in range(5):
                (x * 1.0).sum().backward()

        together(4, work)
        assert x.grad is not None
        assert x.grad.min().item() == x.grad.max().item() == 20.0


def test_no_gradient_of_a_graph_is_lost() -> None:
    """With create_graph a sum takes the place of the gradient before."""
    for _ in range(10):
        x = steep.zeros(LARGE, requires_grad=True)

        def work(x: steep.Tensor = x) -> None:
            for _ in range(3):
                (x * 1.0).sum().backward(create_graph=True)

        together(3, work)
        assert x.grad is not None
        assert x.grad.min().item() == x.grad.max().item() == 9.0
        x.grad = None


@pytest.mark.parametrize("retain_graph", [False, True])
def test_one_graph_walked_by_several_threads(retain_graph: bool) -> None:
    """Each pass is whole, or says that another has used up the graph."""
    for _ in range(20):
        x = steep.zeros(LARGE // 3, requires_grad=True)
        y = x
        for _ in range(6):
            y = (y * 1.5).exp() * 0.5
        loss = y.sum()
        said: list[str] = []

        def work(loss: steep.Tensor = loss, said: list[str] = said) -> None:
            try:
                loss.backward(retain_graph=retain_graph)
            except RuntimeError as error:
                said.append(str(error))

        together(3, work)
        assert all("second time" in text for text in said)
        if retain_graph:
            assert not said
            whole = steep.autograd.grad(loss, x)[0]
            assert x.grad is not None
            assert steep.allclose(x.grad, whole * 3)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # os.fork, of threads
def test_a_child_forked_while_a_gradient_is_added() -> None:
    """Whose turn it was to add in the parent is no matter in the child."""
    x = steep.zeros(20 * LARGE, requires_grad=True)
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            x.backward(steep.ones_like(x))

    def child() -> bool:
        x.backward(steep.ones_like(x))
        return True

    worker = threading.Thread(target=work)
    worker.start()
    try:
        assert [in_child(child) for _ in range(10)] == [0] * 10
    finally:
        stop.set()
        worker.join()
