"""What operations cost, counted: launches, tensors and bytes kept for backward, graph nodes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import steep
from cases import TABLE
from cases.row import Counts, materialize
from runner import Recorded, calls, function_of, tensor, to_native
from steep import _core

COUNTED = [name for name, row in TABLE.items() if row.counts is not None]


class Counting:
    """Differences of the engine's counters over a block."""

    def __enter__(self) -> Counting:
        self.before = dict(_core.counters())
        return self

    def __exit__(self, *error: object) -> None:
        self.after = dict(_core.counters())

    def __getitem__(self, name: str) -> int:
        return int(self.after[name] - self.before[name])


@pytest.mark.parametrize("name", COUNTED)
def test_counts(name: str) -> None:
    row = TABLE[name]
    described = row.calls[0]
    call = materialize(described, "float32", name)
    with Counting() as forward:
        recorded = Recorded(name, row, described, call)
    grads = [tensor(g) for g in recorded.cotangents(np.random.default_rng(3))]
    with Counting() as backward:
        steep.autograd.grad(recorded.results, recorded.leaves, grad_outputs=grads)
    got = Counts(
        forward["launches"], forward["saved_tensors"], forward["saved_bytes"], backward["launches"]
    )
    assert got == row.counts


@pytest.mark.parametrize("name", [n for n in TABLE if TABLE[n].gradient is True])
def test_nothing_is_kept_without_a_graph(name: str) -> None:
    row = TABLE[name]
    for described, call in calls(row, "float32", name):
        native = to_native(call)
        with Counting() as plain:
            function_of(name, row)(*native.args, **native.kwargs)
        assert plain["saved_tensors"] == 0
        assert plain["nodes"] == 0
        with steep.no_grad(), Counting() as quiet:
            Recorded(name, row, described, call)
        assert quiet["saved_tensors"] == 0
        assert quiet["nodes"] == 0


def test_only_what_is_needed_is_kept() -> None:
    """x * w with w a constant keeps w alone; a layer's input without gradient spares its weight."""
    x, w = steep.ones(8, requires_grad=True), steep.ones(8)
    with Counting() as one:
        x * w
    assert one["saved_tensors"] == 1
    assert one["saved_bytes"] == 32
    weight = steep.ones(4, 8, requires_grad=True)
    data = steep.ones(3, 8)
    with Counting() as first_layer:
        _core.linear(data, weight)
    assert first_layer["saved_tensors"] == 1
    assert first_layer["saved_bytes"] == 96


def test_a_layer_and_its_activation_are_one_launch_each_way() -> None:
    """What the design promises of the fused operations."""
    x = steep.ones(3, 8)
    weight, bias = steep.ones(4, 8, requires_grad=True), steep.zeros(4, requires_grad=True)
    kept = _core.linear(x, weight, bias)  # holds the nodes of the two leaves
    with Counting() as forward:
        y = _core.linear(x, weight, bias)
    assert forward["launches"] == 1
    assert forward["nodes"] == 1
    assert tuple(kept.shape) == (3, 4)
    with Counting() as fused:
        _core.linear_activation(x, weight, bias, "relu")
    assert fused["launches"] == 1
    assert fused["nodes"] == 1
    scores, target = y.detach().requires_grad_(), steep.tensor([0, 1, 2])
    with Counting() as loss:
        out = steep.nn.functional.cross_entropy(scores, target)
    assert loss["launches"] == 2  # the targets' check, and softmax, logarithm and loss in one
    with Counting() as backward:
        steep.autograd.grad(out, scores)
    assert backward["launches"] == 2  # the seed, and the gradient in one pass


def step_cost(model: Any, optimizer: Any, x: Any, y: Any) -> dict[str, int]:
    with Counting() as count:
        optimizer.zero_grad()
        steep.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    return {name: count[name] for name in ("launches", "nodes", "saved_tensors", "saved_bytes")}


@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
def test_every_training_step_costs_the_same(optimizer: str) -> None:
    nn = steep.nn
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    steps = getattr(steep.optim, optimizer)(model.parameters(), lr=1e-3)
    x, y = steep.randn(16, 64), steep.randint(0, 10, (16,))
    costs = [step_cost(model, steps, x, y) for _ in range(5)]
    assert all(cost == costs[1] for cost in costs[1:])
    # Two layers, the first with its activation; the targets' check and the loss. Back: the seed,
    # the loss, two products and a sum for the last layer, the activation, a product and a sum for
    # the first. One step for all parameters.
    assert costs[1]["launches"] == 4 + 8 + 1
