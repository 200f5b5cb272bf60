"""What autograd allows and refuses, as PyTorch does: leaves, views, writing in place, modes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import steep
from steep.autograd import grad


def leaf(*values: float) -> Any:
    return steep.tensor(list(values), requires_grad=True)


def made(*values: float) -> Any:
    return leaf(*values) * 1


# What raises RuntimeError there, and what the message says here.
REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "writing to a leaf": (lambda: leaf(1.0).add_(1), "leaf Variable"),
    "writing to a view of a leaf": (lambda: leaf(1.0, 2.0)[0].mul_(2), "view of a leaf"),
    "detaching a view in place": (lambda: made(1.0, 2.0)[0].detach_(), "Can't detach views"),
    "freezing a result": (lambda: made(1.0).requires_grad_(False), "leaf variables"),
    "integers that require a gradient": (lambda: steep.tensor([1]).requires_grad_(), "floating"),
    "a gradient of several numbers": (lambda: made(1.0, 2.0).backward(), "scalar outputs"),
    "no gradient to compute": (lambda: steep.ones(1).backward(), "does not require grad"),
    "another shape": (lambda: made(1.0, 2.0).backward(steep.ones(3)), "shape"),
    "no inputs": (lambda: made(1.0).backward(inputs=[]), "cannot be empty"),
    "no inputs of grad": (lambda: grad(made(1.0), []), "cannot be empty"),
    "an unused input": (lambda: grad(made(1.0), leaf(1.0)), "not have been used"),
    "an input without": (lambda: grad(made(1.0), steep.ones(1)), "does not require grad"),
    "an output without": (lambda: grad(steep.ones(1), leaf(1.0)), "does not require grad"),
    "retaining without": (lambda: steep.ones(1).retain_grad(), "requires_grad=False"),
    "a hook without": (lambda: steep.ones(1).register_hook(print), "doesn't require gradient"),
    "a late hook on a result": (
        lambda: made(1.0).register_post_accumulate_grad_hook(print),
        "non-leaf tensors",
    ),
    "out= of a leaf's result": (
        lambda: steep.add(leaf(1.0), 1.0, out=steep.zeros(1)),
        "grad",
    ),
    "numpy() of a leaf": (lambda: leaf(1.0).numpy(), "detach"),
    "a copy of a result": (lambda: __import__("copy").deepcopy(made(1.0)), "graph leaves|detach"),
    "writing to expanded memory": (lambda: steep.ones(1).expand(3).add_(1), "single memory"),
    "an instance of a Function": (
        lambda: type("Own", (steep.autograd.Function,), {})()(leaf(1.0)),
        r"static forward method: Own\.apply",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    function, text = REFUSED[name]
    with pytest.raises(RuntimeError, match=text):
        function()


def test_a_saved_value_that_was_written_to() -> None:
    y = made(1.0, 2.0)
    z = (y * y).sum()
    y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.backward()


def test_writing_in_place_where_nothing_was_saved() -> None:
    x = leaf(1.0, 2.0)
    y = x * 2
    z = y + 1
    y[0].mul_(3)
    (y + z).sum().backward()
    assert x.grad.tolist() == [8.0, 4.0]


def test_a_constant_that_is_written_to_joins_the_graph() -> None:
    w = leaf(1.0, 2.0)
    x = steep.zeros(2)
    view = x[0]
    view.add_(w[1])
    assert (x.requires_grad, view.requires_grad, x.is_leaf) == (True, True, False)
    x.sum().backward()
    assert w.grad.tolist() == [0.0, 1.0]


def test_grad_modes_as_decorators() -> None:
    @steep.set_grad_enabled(False)
    def off(x: Any) -> Any:
        return x * 2

    @steep.no_grad
    def bare(x: Any) -> Any:
        return x * 2

    @steep.inference_mode()
    def steps(x: Any) -> Any:
        yield x * 2
        yield x * 3

    x = leaf(1.0)
    assert steep.is_grad_enabled()
    assert not off(x).requires_grad
    assert not bare(x).requires_grad
    assert [(y.requires_grad, steep.is_grad_enabled()) for y in steps(x)] == [(False, True)] * 2
    with steep.no_grad(), steep.enable_grad():
        assert (x * 2).requires_grad


def test_gradients_are_added_in_place_unless_they_are_recorded() -> None:
    x = leaf(1.0)
    (x * 2).backward()
    first = x.grad
    (x * 2).backward()
    assert x.grad is first
    (x * x).backward(create_graph=True)
    assert (first.tolist(), x.grad.tolist()) == ([4.0], [6.0])


def test_unused_inputs_of_grad() -> None:
    x, y = leaf(1.0), leaf(2.0)
    assert grad(x * 2, [x, y], allow_unused=True)[1] is None
    assert grad(x * 2, [x, y], materialize_grads=True)[1].tolist() == [0.0]
    assert [g.tolist() for g in grad(x * 3, [x, x])] == [[3.0], [3.0]]
    assert grad(x, x)[0].tolist() == [1.0]
