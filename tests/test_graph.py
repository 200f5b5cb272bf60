"""The graph: its depth, its end, what may not be changed under it; and life after a fork."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep

MILLION = 1_000_000


def resident_bytes() -> int:
    """Memory in use now; where the system does not say, the most that has been in use."""
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize()
    except FileNotFoundError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def chain(x: steep.Tensor, length: int) -> steep.Tensor:
    for _ in range(length):
        x = x + 0.0
    return x


def test_backward_through_a_million_operations() -> None:
    x = steep.ones(1, requires_grad=True)
    y = chain(x, MILLION)
    y.backward()
    assert x.grad is not None
    assert x.grad.item() == 1.0


def test_a_million_operations_freed_unused() -> None:
    x = steep.ones(1, requires_grad=True)
    before = resident_bytes()
    y = chain(x, MILLION)
    held = resident_bytes() - before
    del y
    assert x.grad is None
    assert held < 1_000_000_000, f"a node of a chain took {held / MILLION:.0f} bytes"
    # What was freed is used again: a second chain needs no more than the first.
    y = chain(x, MILLION)
    assert resident_bytes() - before < 1.2 * held + 50_000_000
    del y


def test_the_graph_goes_as_backward_passes() -> None:
    x = steep.ones(4, requires_grad=True)
    y = (x * 2).exp().sum()
    y.backward()
    with pytest.raises(RuntimeError, match=r"backward through the graph a second time"):
        y.backward()
    z = (x * 2).exp().sum()
    z.backward(retain_graph=True)
    z.backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), np.full(4, 3 * 2 * np.exp(2.0)), rtol=1e-6)


def test_a_saved_tensor_changed_in_place() -> None:
    """The error names who saved it and who changed it."""
    x = steep.ones(3, requires_grad=True)
    y = x * 2
    z = y.exp()
    z.add_(1)
    with pytest.raises(RuntimeError, match=r"modified by an inplace operation") as caught:
        z.sum().backward()
    assert "exp" in str(caught.value)
    assert "add_" in str(caught.value)
    a, b = steep.ones(3, requires_grad=True), steep.ones(3)
    c = a * b
    b[0] = 5.0
    with pytest.raises(RuntimeError, match=r"modified by an inplace operation"):
        c.sum().backward()
    assert a.grad is None


def test_a_leaf_is_not_written() -> None:
    x = steep.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        x.add_(1)
    with pytest.raises(RuntimeError, match="view of a leaf Variable that requires grad"):
        x[0].zero_()
    with steep.no_grad():
        x.add_(1)
    assert x.tolist() == [2.0, 2.0, 2.0]


def test_an_expanded_tensor_is_not_written() -> None:
    x = steep.zeros(3, 1).expand(3, 4)
    with pytest.raises(RuntimeError, match="single memory location"):
        x.add_(1)


def test_what_needs_no_gradient_refuses_backward() -> None:
    with pytest.raises(RuntimeError, match="does not require grad"):
        steep.ones(1).backward()
    with pytest.raises(RuntimeError, match="only for scalar outputs"):
        steep.ones(2, requires_grad=True).exp().backward()
    with pytest.raises(RuntimeError, match="floating point dtype"):
        steep.ones(2, dtype=steep.int64).requires_grad_()


def test_one_node_used_many_times() -> None:
    """A diamond of depth 60 has 2^60 paths, and 60 nodes to visit."""
    x = steep.ones((), dtype=steep.float64, requires_grad=True)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad is not None
    assert x.grad.item() == 2.0**60


def train(steps: int) -> float:
    nn = steep.nn
    model = nn.Sequential(nn.Linear(256, 512), nn.ReLU(), nn.Linear(512, 10))
    optimizer = steep.optim.Adam(model.parameters())
    x, y = steep.randn(256, 256), steep.randint(0, 10, (256,))
    loss = steep.zeros(())
    for _ in range(steps):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    return float(loss.item())


def in_child(function: Callable[[], bool], seconds: float = 300.0) -> int:
    """The exit status of a forked child; it is killed when it takes too long."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if function() else 2
        finally:
            os._exit(status)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    raise AssertionError("the forked child hangs")


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # os.fork, of threads
def test_fork_after_training() -> None:
    """The parent has used its team of threads; the child computes on one, to the same bits."""
    steep.set_num_threads(2)
    train(3)
    steep.manual_seed(7)
    expected = train(3)

    def child() -> bool:
        steep.manual_seed(7)
        return train(3) == expected

    assert in_child(child) == 0
    steep.manual_seed(7)
    assert train(3) == expected  # and the parent goes on


# ---- a second pass ------------------------------------------------------------------------------

SAVES_NOTHING: list[Callable[[Any], Any]] = [
    lambda x: x + 1,
    lambda x: 1 - x,
    lambda x: -x,
    lambda x: x.double(),
    lambda x: x.clone(),
    lambda x: x.sum(),
    lambda x: x.mean(0),
    lambda x: x.view(-1)[1:].reshape(1, 2),
    lambda x: x.expand(2, 3).t().unsqueeze(0),
    lambda x: steep.cat([x, steep.stack([x, x])[0]]),
    lambda x: x.split(2)[0],
    lambda x: x.unbind()[0],
    lambda x: steep.nn.functional.pad(x, (1, 1)),
    lambda x: x.cumsum(0),
    lambda x: steep.zeros(3).copy_(x),
]


@pytest.mark.parametrize("function", SAVES_NOTHING)
def test_what_saves_nothing_can_be_passed_again(function: Callable[[Any], Any]) -> None:
    """As in PyTorch: a parameter that is reshaped once, before the loop, trains."""
    x = steep.ones(3, requires_grad=True)
    before = function(x)
    (before * 2).sum().backward()
    once = x.grad.tolist()
    (before * 3).sum().backward()
    assert x.grad.tolist() == pytest.approx([2.5 * g for g in once])


def test_what_saves_something_cannot() -> None:
    x = steep.ones(3, requires_grad=True)
    for before in (x * x, x.exp(), (x + 1).relu() + 1):
        before.sum().backward()
        with pytest.raises(RuntimeError, match="a second time"):
            before.sum().backward()
