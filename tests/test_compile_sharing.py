"""Memory that compiled functions share with others: arguments, state, gradients, results."""

from __future__ import annotations

import copy
import gc
import weakref
from typing import Any

import numpy as np
import pytest

import steep
from compiling import F, called, ones, reason, replays, settle

# ---- results and gradients that later replays overwrote ---------------------------------------


def test_gradients_of_earlier_arguments_stay() -> None:
    compiled = steep.compile(lambda x: (x * x).sum().backward())
    xs = [steep.full((1,), float(i), requires_grad=True) for i in range(8)]
    for x in xs:
        compiled(x)
    assert [x.grad.item() for x in xs] == [2.0 * i for i in range(8)]
    assert replays(compiled) > 0


@pytest.mark.parametrize("elsewhere", ["variable", "another leaf"])
def test_a_gradient_taken_from_its_parameter_stays(elsewhere: str) -> None:
    p, other = ones().requires_grad_(), ones().requires_grad_()

    def backward(x: Any) -> None:
        p.grad = None
        (p * x).sum().backward()

    compiled = steep.compile(backward)
    settle(compiled, ones(4))
    kept = p.grad
    if elsewhere == "another leaf":
        other.grad, kept = kept, None
    p.grad = None
    settle(compiled, ones(9))
    assert (other.grad if kept is None else kept).tolist() == [4.0, 4.0]


def test_a_gradient_kept_across_a_new_recording_stays() -> None:
    p, q = ones().requires_grad_(), ones().requires_grad_()

    def assign(x: Any) -> None:
        p.grad = p.detach() * x

    compiled = steep.compile(assign)
    settle(compiled, ones(4))
    kept = p.grad
    q.requires_grad_(False)  # recorded again at the next call
    for value in (5, 6, 7, 8):
        compiled(ones(value))
    assert kept.tolist() == [4.0, 4.0]


# ---- memory that is shared in one call and not in another ---------------------------------------


def test_an_argument_that_was_state_while_recording() -> None:
    weight = ones()
    compiled = steep.compile(lambda x: x + weight)
    settle(compiled, weight)
    assert compiled(ones(5)).tolist() == [6.0, 6.0]


def test_gradients_that_were_shared_while_recording() -> None:
    p, q, state = ones().requires_grad_(), ones().requires_grad_(), ones(2)
    compiled = steep.compile(lambda x: (p.grad + x, q.grad * x, state * x))
    p.grad = q.grad = state
    settle(compiled, ones())
    p.grad, q.grad = ones(10), ones(20)
    assert [x[0].item() for x in compiled(ones())] == [11.0, 20.0, 2.0]


@pytest.mark.parametrize("what", ["argument", "state"])
def test_a_gradient_that_shares_memory_only_later(what: str) -> None:
    p, state = ones().requires_grad_(), ones()

    def function(x: Any) -> Any:
        before = x * 2 + state
        p.grad.add_(1)
        return before + x + state

    compiled = steep.compile(function)
    p.grad = ones()
    settle(compiled, ones())
    x = ones()
    p.grad = x if what == "argument" else state
    assert compiled(x).tolist() == [6.0, 6.0]


@pytest.mark.filterwarnings("ignore:compile")
def test_two_tensors_on_memory_of_numpy() -> None:
    array = np.ones(2, np.float32)
    a, b = steep.from_numpy(array), steep.from_numpy(array)

    def function() -> Any:
        before = b * 2
        a.add_(1)
        return before + b

    compiled = steep.compile(function)
    for _ in range(6):
        array[:] = 1
        assert compiled().tolist() == [4.0, 4.0]
    assert "share the memory of one NumPy array" in reason(compiled)


@pytest.mark.filterwarnings("ignore:compile")
@pytest.mark.parametrize("other", ["argument", "state"])
def test_arguments_on_memory_of_numpy_that_overlap_only_later(other: str) -> None:
    array = np.ones(4, np.float32)
    state = steep.from_numpy(array)

    def function(x: Any, y: Any) -> Any:
        before = x * 2 + state.sum() * 0
        (state if other == "state" else y).add_(1)
        return before + x

    compiled = steep.compile(function)
    for _ in range(6):
        x, y = (steep.from_numpy(np.ones(4, np.float32)) for _ in range(2))
        array[:] = 1
        assert compiled(x, y).tolist() == [3.0] * 4
    shared = array if other == "state" else np.ones(4, np.float32)
    array[:] = 1
    x, y = steep.from_numpy(shared), steep.from_numpy(shared)
    assert compiled(x, y).tolist() == [4.0] * 4
    assert replays(compiled) > 0


@pytest.mark.filterwarnings("ignore:compile")
@pytest.mark.parametrize("first", [True, False])
def test_memory_of_a_tensor_that_comes_back_from_numpy(first: bool) -> None:
    state = steep.zeros(1000)

    def function(x: Any) -> Any:
        state.add_(1)
        before = x * 2
        state.add_(1)
        return before, x * 1

    compiled, shown = steep.compile(function), steep.from_numpy(state.numpy())
    for i in range(16):
        state.zero_()
        if (i < 8) is first:
            results = compiled(shown)
            assert [r[0].item() for r in results] == [2.0, 2.0]
        else:
            assert [r[0].item() for r in compiled(steep.ones(1000))] == [2.0, 1.0]
    assert replays(compiled) > 0 or first


def test_one_leaf_given_twice_and_two_leaves_on_one_memory() -> None:
    compiled = steep.compile(lambda a, b: (a * 2 + b * 3).sum().backward())
    w = steep.zeros(2, requires_grad=True)
    v = w.detach().requires_grad_()
    w.grad, v.grad = steep.zeros(2), steep.zeros(2)
    settle(compiled, w, w)
    w.grad = steep.zeros(2)
    compiled(w, v)
    assert (w.grad.tolist(), v.grad.tolist()) == ([2.0, 2.0], [3.0, 3.0])


# ---- plans ----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [3, 1000, 5000])
def test_a_fused_sum_is_of_what_was_there_before_a_later_write(size: int) -> None:
    def function(x: Any) -> Any:
        y = x * 2
        total = y.sum()
        y.add_(1)
        return total, y * 1

    compiled = steep.compile(function)
    assert settle(compiled, ones(1, size))[0].item() == 2 * size


@pytest.mark.filterwarnings("ignore:compile")
def test_a_constant_that_is_written_in_part() -> None:
    def function(x: Any) -> Any:
        table = steep.tensor([1.0, 2.0, 3.0])
        table[0] = x.sum()
        return table * 2

    compiled = steep.compile(function)
    for _ in range(6):
        assert compiled(ones()).tolist() == [4.0, 4.0, 6.0]
    assert "writes to a tensor that the function makes from Python numbers" in reason(compiled)


@pytest.mark.parametrize("when", range(5))
def test_a_constant_that_a_call_has_returned_is_the_callers(when: int) -> None:
    compiled = steep.compile(lambda x: (steep.tensor([1.0, 2.0]), x * 2), fullgraph=True)
    for i in range(7):
        made, _ = compiled(ones())
        assert made.tolist() == [1.0, 2.0]
        if i == when:
            made.mul_(2)
    assert replays(compiled) > 0


def test_a_refused_input_leaves_state_as_in_eager() -> None:
    state = steep.zeros(3)

    def function(x: Any, y: Any) -> Any:
        doubled = state * 2
        loss = F.cross_entropy(x, y)
        state.add_(doubled).add_(1)
        return loss

    compiled = steep.compile(function)
    settle(compiled, steep.ones(2, 4), steep.tensor([0, 1]))
    state.zero_()
    with pytest.raises(IndexError):
        compiled(steep.ones(2, 4), steep.tensor([0, 9]))
    assert state.tolist() == [0.0] * 3


# ---- gradients that no launch has made --------------------------------------------------------


def test_gradients_of_an_empty_batch() -> None:
    compiled = steep.compile(lambda x: F.softmax(x, -1).sum().backward())
    for _ in range(6):
        x = steep.zeros(0, 8, requires_grad=True)
        compiled(x)
        assert x.grad.shape == (0, 8)
        assert x.grad.tolist() == []
    assert replays(compiled) > 0


@pytest.mark.filterwarnings("ignore:compile")
def test_a_gradient_made_of_numbers() -> None:
    p = ones().requires_grad_()

    def function(x: Any) -> Any:
        p.grad = steep.tensor([1.0, 2.0])
        return x * 2

    compiled = steep.compile(function)
    for _ in range(6):
        p.grad = None
        compiled(ones())
        assert p.grad.tolist() == [1.0, 2.0]
    assert "sets a .grad to a tensor that it did not compute" in reason(compiled)


def test_a_gradient_that_is_cleared_is_cleared_whatever_was_there() -> None:
    p, q = ones().requires_grad_(), ones().requires_grad_()

    def function(x: Any) -> None:
        p.grad = q.grad = None
        (p * x).sum().backward()

    compiled = steep.compile(function)
    settle(compiled, ones())
    q.grad = ones()
    compiled(ones())
    assert q.grad is None


def test_a_gradient_that_comes_to_a_tensor_that_never_had_one() -> None:
    p = ones()
    compiled = steep.compile(lambda x: x * (2 if p.grad is None else 3))
    settle(compiled, ones())
    p.grad = ones()
    assert compiled(ones()).tolist() == [3.0, 3.0]


@pytest.mark.filterwarnings("ignore:compile")
def test_state_that_becomes_part_of_a_graph() -> None:
    weight, total = ones().requires_grad_(), steep.zeros(2)
    compiled = steep.compile(lambda x: total.add_(x * weight) is None)
    called(compiled, ones(), calls=6)
    assert "makes a tensor from outside part of a graph" in reason(compiled)
    total.sum().backward()
    assert weight.grad.tolist() == [6.0, 6.0]


def test_instances_with_compiled_methods_are_freed() -> None:
    class Task:
        def __init__(self) -> None:
            self.weight, self.gain = steep.zeros(4), 2.0

        @steep.compile
        def step(self, x: Any) -> Any:
            return self.weight.sum() * self.gain + x

    task = Task()
    for _ in range(6):
        task.step(steep.ones(1))
    assert replays(task.step) > 0
    copied = copy.deepcopy(task)
    assert copied.step(steep.ones(1)).item() == 1
    alive = [weakref.ref(task), weakref.ref(copied)]
    del task, copied
    gc.collect()
    assert not any(refer() for refer in alive)
