"""Hooks on nodes of the graph, their names, edges, and hooks on several gradients."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

import steep
from steep import nn
from steep.autograd import graph
from steep.autograd.graph import GradientEdge, Node, get_gradient_edge, register_multi_grad_hook


def leaf(*values: float) -> steep.Tensor:
    return steep.tensor(list(values), requires_grad=True)


def lists(grads: Any) -> list[Any]:
    return [None if grad is None else grad.tolist() for grad in grads]


def test_hooks_run_around_the_rule() -> None:
    x = leaf(1.0, 2.0)
    y = x * 3
    told: list[Any] = []

    def before(grads: Any) -> Any:
        told.append(("before", lists(grads)))
        return (grads[0] * 2,)

    y.grad_fn.register_prehook(before)
    y.grad_fn.register_hook(lambda ins, outs: told.append(("after", lists(ins), lists(outs))))
    y.register_hook(lambda grad: told.append(("tensor", grad.tolist())))
    y.sum().backward()
    assert told == [
        ("tensor", [1.0, 1.0]),
        ("before", [[1.0, 1.0]]),
        ("after", [[6.0, 6.0], None], [[2.0, 2.0]]),
    ]
    assert x.grad.tolist() == [6.0, 6.0]


def test_what_hooks_return_replaces_gradients() -> None:
    x = leaf(1.0, 2.0)
    y = x * x
    y.grad_fn.register_hook(lambda ins, outs: tuple(grad * 10 for grad in ins))
    y.sum().backward()
    assert x.grad.tolist() == [20.0, 40.0]


def test_handles_remove_hooks_of_nodes() -> None:
    x = leaf(1.0)
    y = x * 2
    told: list[int] = []
    with y.grad_fn.register_hook(lambda *_: told.append(1)):
        y.backward(retain_graph=True)
    handle = y.grad_fn.register_prehook(lambda *_: told.append(2))
    handle.remove()
    handle.remove()
    y.backward()
    assert told == [1]


@pytest.mark.parametrize(
    ("hook", "error", "text"),
    [
        (lambda ins, outs: (None, None), RuntimeError, "can't replace a non-None gradient"),
        (lambda ins, outs: (ins[0], ins[0]), RuntimeError, "can't replace a None gradient"),
        (lambda ins, outs: (1, None), TypeError, "got int in it"),
        (lambda ins, outs: (ins[0], None, None), RuntimeError, "incorrect number of values"),
        (lambda ins, outs: (ins[0].double(), None), RuntimeError, "changed the type"),
        (lambda ins, outs: (steep.ones(3), None), RuntimeError, "changed the size"),
        (lambda ins: None, TypeError, "positional"),
    ],
)
def test_what_hooks_must_not_return(hook: Any, error: Any, text: str) -> None:
    x = leaf(1.0, 2.0)
    y = x * 3
    y.grad_fn.register_hook(hook)
    with pytest.raises(error, match=text):
        y.sum().backward()
    assert x.grad is None


def test_hooks_are_callables() -> None:
    node: Any = (leaf(1.0) * 2).grad_fn
    with pytest.raises(TypeError, match="register_hook: expected a callable, got int"):
        node.register_hook(1)
    with pytest.raises(TypeError, match="register_prehook: expected a callable, got None"):
        node.register_prehook(None)


def test_the_accumulator_of_a_leaf_has_hooks() -> None:
    x = leaf(1.0, 2.0)
    told: list[Any] = []
    accumulator = x.view_as(x).grad_fn.next_functions[0][0]
    assert accumulator.variable is x
    accumulator.register_prehook(lambda grads: (grads[0] + 1,))
    accumulator.register_hook(lambda ins, outs: told.append((ins, lists(outs), x.grad.tolist())))
    (x * 2).sum().backward()
    assert told == [((), [[3.0, 3.0]], [3.0, 3.0])]
    del accumulator
    gc.collect()
    (x * 2).sum().backward()
    assert len(told) == 1  # hooks of a node end with it
    assert x.grad.tolist() == [5.0, 5.0]


def test_a_node_is_one_object_while_it_is_looked_at() -> None:
    y = leaf(1.0) * 2
    node = y.grad_fn
    assert node is y.grad_fn
    assert node is y.sum().grad_fn.next_functions[0][0]
    assert isinstance(node, Node)
    assert type(node).__name__ == node.name() == "MulBackward0"
    assert repr(node).startswith("<MulBackward0 object at 0x")
    assert node.operation == "mul"
    assert not hasattr(node, "variable")
    with pytest.raises(AttributeError, match="Node MulBackward0 has no attribute 'nothing'"):
        node.nothing  # noqa: B018


def test_metadata_is_kept_by_the_node() -> None:
    y = leaf(1.0) * 2
    y.grad_fn.metadata["made by"] = "this test"
    gc.collect()
    assert y.grad_fn.metadata == {"made by": "this test"}
    assert (y + 1).grad_fn.metadata == {}


class Token:
    """What a cycle through the graph is seen by."""


@pytest.mark.parametrize("kind", ["metadata", "hook", "prehook"])
def test_cycles_through_nodes_are_collected(kind: str) -> None:
    y = leaf(1.0) * 2
    token = Token()
    seen = weakref.ref(token)

    def hook(*_: Any, held: Any = (y, token)) -> None:
        pass

    if kind == "metadata":
        y.grad_fn.metadata["cycle"] = hook
    elif kind == "hook":
        y.grad_fn.register_hook(hook)
    else:
        y.grad_fn.register_prehook(hook)
    del y, token, hook
    gc.collect()
    assert seen() is None


NAMES = [
    (lambda x: nn.functional.linear(x, x, x[0]), "AddmmBackward0"),
    (lambda x: x @ x, "MmBackward0"),
    (lambda x: x.sum(), "SumBackward0"),
    (lambda x: x.sum(0), "SumBackward1"),
    (lambda x: x.mean(), "MeanBackward0"),
    (lambda x: x.mean(0), "MeanBackward1"),
    (lambda x: x.max(), "MaxBackward1"),
    (lambda x: x.max(0).values, "MaxBackward0"),
    (lambda x: x.prod(), "ProdBackward0"),
    (
        lambda x: nn.functional.cross_entropy(x, steep.zeros(2, dtype=steep.int64)),
        "NllLossBackward0",
    ),
    (lambda x: x.reshape(4), "ViewBackward0"),
    (lambda x: x.transpose(0, 1), "TransposeBackward0"),
    (lambda x: nn.functional.layer_norm(x, (2,)), "NativeLayerNormBackward0"),
    (lambda x: nn.functional.pad(x, (1, 1)), "ConstantPadNdBackward0"),
    (lambda x: x.log1p(), "Log1PBackward0"),
    (lambda x: (x * 1).arccos_(), "AcosBackward0"),
    (lambda x: x.clamp(0.0, 1.0), "ClampBackward1"),
    (lambda x: x.relu(), "ReluBackward0"),
    (lambda x: x**2, "PowBackward0"),
    (lambda x: nn.functional.log_softmax(x, 1), "LogSoftmaxBackward0"),
]


@pytest.mark.parametrize(("function", "name"), NAMES, ids=[name for _, name in NAMES])
def test_nodes_have_the_names_of_pytorch(function: Any, name: str) -> None:
    y = function(steep.rand(2, 2).requires_grad_())
    assert y.grad_fn.name() == name
    assert f"grad_fn=<{name}>" in repr(y)


# ---- edges --------------------------------------------------------------------------------------


def test_edges_stand_for_tensors() -> None:
    x = leaf(1.0, 2.0)
    y = x * 3
    z = (y * y).sum()
    middle, start, end = get_gradient_edge(y), get_gradient_edge(x), get_gradient_edge(z)
    assert start.node.variable is x
    assert lists(steep.autograd.grad(z, [middle, x], retain_graph=True)) == [
        [6.0, 12.0],
        [18.0, 36.0],
    ]
    assert lists(steep.autograd.grad(end, start, retain_graph=True)) == [[18.0, 36.0]]
    steep.autograd.backward(end, inputs=[start])
    assert x.grad.tolist() == [18.0, 36.0]


def test_an_edge_keeps_the_graph_but_not_the_values() -> None:
    x = leaf(1.0, 2.0)
    y = x * 3
    edge = get_gradient_edge(y)
    z = y.sum()
    del y
    assert lists(steep.autograd.grad(z, edge)) == [[1.0, 1.0]]


def test_edges_made_by_hand_need_a_gradient() -> None:
    x = leaf(1.0, 2.0)
    y = x * 3
    edge = GradientEdge(y.grad_fn, 0)
    assert lists(steep.autograd.grad(edge, x, steep.ones(2), retain_graph=True)) == [[3.0, 3.0]]
    with pytest.raises(RuntimeError, match="from 0 to 0 for MulBackward0, got 1"):
        steep.autograd.grad(GradientEdge(y.grad_fn, 1), x, steep.ones(2))
    with pytest.raises(RuntimeError, match="does not require gradients"):
        get_gradient_edge(steep.ones(1))


def test_what_is_neither_tensor_nor_edge() -> None:
    x = leaf(1.0)
    with pytest.raises(TypeError, match="expected outputs to hold Tensors, got str"):
        steep.autograd.grad(["x"], x)  # type: ignore[list-item]


def test_the_number_of_a_result() -> None:
    x = leaf(1.0, 2.0, 3.0)
    first, second = x.split([1, 2])
    assert (first.output_nr, second.output_nr, x.output_nr) == (0, 1, 0)


# ---- hooks on several gradients -----------------------------------------------------------------


def test_a_hook_for_all_gradients_waits_for_those_of_the_pass() -> None:
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    c, d = a * b, a + b
    told: list[Any] = []
    handle = register_multi_grad_hook((a, b, c, d), lambda grads: told.append(lists(grads)))
    c.sum().backward(retain_graph=True)
    c.sum().backward(inputs=[a], retain_graph=True)
    (c.sum() + d.sum()).backward(retain_graph=True)
    assert [[grad is not None for grad in grads] for grads in told] == [
        [True, True, True, False],
        [True, False, True, False],
        [True, True, True, True],
    ]
    assert told[0] == [[3.0, 4.0], [1.0, 2.0], [1.0, 1.0], None]
    handle.remove()
    c.sum().backward()
    assert len(told) == 3


def test_a_hook_for_any_gradient_is_called_once_in_a_pass() -> None:
    a, b = leaf(1.0), leaf(2.0)
    told: list[Any] = []
    register_multi_grad_hook((a, b), lambda grad: told.append(grad.tolist()), mode="any")
    for _ in range(2):
        (a * b).backward()
    assert len(told) == 2
    with pytest.raises(ValueError, match=r"one of \('all', 'any'\) but got some"):
        register_multi_grad_hook((a, b), print, mode="some")


# ---- compiled functions -------------------------------------------------------------------------


def test_compiled_steps_see_hooks_of_accumulators_come_and_go() -> None:
    x = leaf(1.0, 2.0)
    told: list[Any] = []

    @steep.compile
    def step() -> None:
        x.grad = None
        (x * x).sum().backward()

    for _ in range(4):
        step()
    accumulator = get_gradient_edge(x).node
    handle = accumulator.register_hook(lambda ins, outs: told.append(lists(outs)))
    with pytest.warns(UserWarning, match="it reads a value into Python"):
        step()
    step()
    step()
    assert told == [[[2.0, 4.0]]] * 3
    handle.remove()
    step()
    assert len(told) == 3
    assert x.grad.tolist() == [2.0, 4.0]


def test_hooks_within_a_compiled_function_are_followed() -> None:
    x = leaf(1.0, 2.0)

    @steep.compile
    def slope(x: Any) -> Any:
        y = x * x
        y.grad_fn.register_hook(lambda ins, outs: tuple(grad * 5 for grad in ins))
        return steep.autograd.grad(y.sum(), x)[0]

    assert [slope(x).tolist() for _ in range(4)] == [[10.0, 20.0]] * 4
    assert graph.Node is steep.autograd.Node
