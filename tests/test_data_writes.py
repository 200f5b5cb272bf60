"""Writes in place through ``x.data``, which the graphs that have saved x are not told of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import steep
from compiling import replays
from steep.autograd import Function


def leaf(*values: float) -> steep.Tensor:
    return steep.tensor(values, dtype=steep.float32, requires_grad=True)


WRITES: list[Callable[[Any], Any]] = [
    lambda x: x.data.mul_(10),
    lambda x: x.data.__setitem__(slice(None), x.data * 10),
    lambda x: x.data[0:].copy_(x.data * 10),
    lambda x: x.data.detach().view(-1).mul_(10),
    lambda x: steep.mul(x.data, 10, out=x.data),
]


@pytest.mark.parametrize("write", WRITES)
def test_the_gradient_is_that_of_the_new_values(write: Callable[[Any], Any]) -> None:
    """As in PyTorch: a rule computes with what is in the memory when it runs."""
    w, x = leaf(1, 1), leaf(2, 3)
    y = w * x
    write(x)
    assert x._version == 0
    y.sum().backward()
    assert w.grad.tolist() == [20, 30]


def test_a_tensor_without_history_counts_writes_to_itself() -> None:
    x, w = steep.ones(2), leaf(1, 1)
    for saved in (x.data, x.data[0:], x.data.detach()):
        y = (w * saved).sum()
        saved.add_(1)
        assert saved._version == 1
        with pytest.raises(RuntimeError, match="changed by add_"):
            y.backward()
    assert x._version == 0


def test_each_data_counts_for_itself() -> None:
    x, w = steep.ones(2), leaf(1, 1)
    a, b = x.data, x.data
    y = (w * a).sum()
    b.add_(1)
    x.add_(1)
    y.backward()
    assert w.grad.tolist() == [3, 3]
    assert [t._version for t in (a, b, x)] == [0, 1, 1]


def test_memory_that_was_given_counts_for_all() -> None:
    """After ``x.data = y.data`` a graph that has saved y learns of writes to x."""
    x, y, w = steep.zeros(2), steep.ones(2), leaf(1, 1)
    out = (w * y).sum()
    x.data = y.data
    x.add_(1)
    with pytest.raises(RuntimeError, match="changed by add_"):
        out.backward()


def test_a_scratch_pad_that_a_function_fills_piece_by_piece() -> None:
    """As solvers of differential equations do."""

    class Assign(Function):
        @staticmethod
        def forward(ctx: Any, pad: Any, value: Any, index: Any) -> Any:
            ctx.index = index
            pad.data[index] = value
            return pad

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            return grad, grad[ctx.index], None

    p = leaf(1, 2)
    pad = steep.empty(2, 3)
    for i in range(3):
        before = pad[..., :i].sum(1) if i else steep.zeros(2)
        pad = Assign.apply(pad, p * p + before, (..., i))
    pad.sum().backward()
    # The pieces are p^2, 2 p^2 and 4 p^2.
    assert p.grad.tolist() == [14, 28]


# ---- compiled -----------------------------------------------------------------------------------


def test_a_replay_keeps_writes_from_graphs_as_eager_calls_do() -> None:
    """What was written through .data is not told to a graph outside; all else is."""
    for write, told in ((lambda x: x.data.add_(1), False), (lambda x: x.add_(1), True)):
        x, w = steep.zeros(2), leaf(1, 1)
        step = steep.compile(lambda x=x, write=write: write(x).sum())
        for _ in range(4):
            step()
        assert replays(step) > 0
        y = (w * x).sum()
        step()
        if told:
            with pytest.raises(RuntimeError, match="changed by"):
                y.backward()
        else:
            y.backward()
            assert w.grad.tolist() == [5, 5]


@pytest.mark.parametrize("through_data", [False, True])
def test_an_argument_that_is_data_counts_for_itself(through_data: bool) -> None:
    x, w = steep.zeros(2), leaf(1, 1)
    given = x.data if through_data else x
    step = steep.compile(lambda t: t.add_(1).sum())
    for _ in range(4):
        step(given)
    y, z = (w * x).sum(), (w * given).sum()
    step(given)
    assert replays(step) > 0
    with pytest.raises(RuntimeError, match="changed by"):
        z.backward()
    if through_data:
        y.backward()
        assert w.grad.tolist() == [5, 5]


@pytest.mark.filterwarnings("ignore:.*it writes to a tensor after reading a number from it")
def test_a_number_read_before_a_write_through_data_is_the_old_one() -> None:
    def step(x: Any) -> tuple[float, Any]:
        y = x * 2
        total = y.sum()
        number = total.item()
        total.data.add_(100)
        return number, total

    compiled = steep.compile(step)
    for i in range(1, 6):
        number, total = compiled(steep.full((2,), float(i)))
        assert (number, total.item()) == (4 * i, 4 * i + 100)


def test_a_write_between_forward_and_backward_is_replayed() -> None:
    def step(x: Any, w: Any) -> Any:
        (x * w).sum().backward()
        hidden = w.exp()
        y = (hidden * x).sum()
        hidden.data.zero_()
        y.backward()
        return y.detach()

    results = []
    for run in (step, steep.compile(step)):
        w, x = leaf(0.5, 1), leaf(1, 2)
        for _ in range(5):
            w.grad = x.grad = None
            last = run(x, w)
        results.append([t.tolist() for t in (last, x.grad, w.grad)])
    assert results[0] == results[1]
    assert results[0][1] == [0.5, 1]  # and nothing by the exponential, which was overwritten
