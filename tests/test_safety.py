"""Arguments and habits that would reach past memory, or leave a pointer behind."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

import steep
from steep import _core


def test_bounds_that_overflow_are_refused() -> None:
    """Numbers near 2**63 neither wrap around nor reach foreign memory."""
    with pytest.raises(RuntimeError, match="exceeds dimension size"):
        steep.ones(5).narrow(0, 4, 2**63 - 1)
    with pytest.raises(RuntimeError, match="as_strided"):
        steep.ones(4).as_strided((3,), (2**63 - 1,))
    with pytest.raises(RuntimeError, match="as_strided"):
        steep.ones(4).as_strided((2, 2), (2**62, 2**62))
    assert steep.ones(3)[-(2**63) :: 2**63 - 1].tolist() == [1.0]


@pytest.mark.parametrize(
    "call",
    [
        lambda: steep.ones(3).tensor_split(2**40),
        lambda: steep.ones(0).chunk(2**40),
        lambda: steep.ones(1).expand(2**40).split(1),
        lambda: steep.ones(1).expand(2**40).unbind(),
    ],
)
def test_more_parts_than_can_be_counted_are_refused(call: Callable[[], object]) -> None:
    """At once: not when the memory is full of them."""
    with pytest.raises(RuntimeError, match=r"expected at most 2147483647 parts, got 1099511627776"):
        call()


def test_an_exported_buffer_keeps_its_memory() -> None:
    """The tensor may get other memory while someone looks at the old."""
    x = steep.ones(1000)
    seen = memoryview(x)
    array = x.numpy()
    x.data = steep.zeros(1000)
    scratch = [steep.full((1000,), 7.0) for _ in range(10)]
    assert seen[999] == 1.0
    assert array[999] == 1.0
    assert x[999].item() == 0.0
    assert len(scratch) == 10


def test_a_recorder_may_be_dropped_on_another_thread() -> None:
    """The thread that started it goes on without a recording."""
    made: list[object] = []

    def record() -> None:
        recorder = _core.Recorder()
        recorder.start()
        made.append(recorder)
        del recorder
        dropped.wait()
        made.append(steep.ones(2).sum().item())

    dropped = threading.Event()
    thread = threading.Thread(target=record)
    thread.start()
    while not made:
        pass
    made.clear()
    dropped.set()
    thread.join()
    assert made == [2.0]


def test_a_retained_gradient_follows_its_tensor() -> None:
    """After a write in place, the gradient kept is that of the new value."""
    w = steep.tensor([2.0], requires_grad=True)
    y = w * 2
    y.retain_grad()
    y.mul_(3)
    (y * y).sum().backward()
    assert y.grad.tolist() == [24.0]
    assert w.grad.tolist() == [144.0]


def test_a_view_of_other_memory_stands_alone() -> None:
    """`data` of a view or of its base: what is left is no window on it any more."""
    w = steep.ones(100, requires_grad=True)
    y = w * 1
    v = y[5:]
    v.data = steep.ones(100)
    v.add_(1)
    assert y.sum().item() == 100.0
    y.sum().backward(retain_graph=True)
    with pytest.raises(RuntimeError, match=r"given data of shape \[100\]"):
        (v.sum() + y.sum()).backward()


def test_what_is_overwritten_gets_zeros() -> None:
    """As in PyTorch: a gradient of zero, not none."""
    for write in (lambda y: y.fill_(2.0), lambda y: y.zero_(), lambda y: y.copy_(steep.ones(2))):
        w = steep.ones(2, requires_grad=True)
        y = w * 1
        write(y)
        y.sum().backward()
        assert w.grad.tolist() == [0.0, 0.0]


def test_negative_numbers_are_refused_by_a_replay_too() -> None:
    """What gather refuses when recorded it refuses when replayed."""
    x, index = steep.arange(3.0), steep.tensor([0, 2])
    recorder = _core.Recorder()
    recorder.start()
    out = steep.gather(x, 0, index)
    recorder.stop()
    assert out.tolist() == [0.0, 2.0]
    index[0] = -1
    with pytest.raises(RuntimeError, match="index -1 is out of bounds"):
        recorder.replay()


def test_bytes_as_an_index_are_a_mask() -> None:
    assert steep.arange(3)[steep.tensor([1, 0, 1], dtype=steep.uint8)].tolist() == [0, 2]


ARGUMENTS = bytearray(8)


@pytest.mark.parametrize(
    ("call", "usage"),
    [
        (lambda: _core.call_with_grad(True, print, ARGUMENTS, {}), "tuple, dict"),
        (lambda: _core.call_with_grad(True, print, (), "text"), "tuple, dict"),
        (lambda: _core.call_with_item({}, "a", 1, print, ARGUMENTS, {}), "tuple, dict"),
        (lambda: _core.call_with_item({}, "a", 1, print, (), "text"), "tuple, dict"),
        (lambda: _core.take_steps([(print, ARGUMENTS)], []), "function, tuple"),
    ],
)
def test_what_is_no_argument_list_is_refused(call: Callable[[], object], usage: str) -> None:
    """The interpreter takes a call's tuple and dict for what they are said to be."""
    with pytest.raises(TypeError, match=usage):
        call()
