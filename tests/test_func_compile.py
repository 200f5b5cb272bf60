"""Functions of functions inside of `steep.compile`: replays give the bits of the call itself."""

from __future__ import annotations

from typing import Any

import pytest

import steep
from steep import nn
from steep.func import functional_call, grad, hessian, jacfwd, jacrev, jvp, stack_module_state, vmap

F = nn.functional


def mlp() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))


NET = mlp()
PARAMS = {name: p.detach() for name, p in NET.named_parameters()}
STACKED = stack_module_state([mlp() for _ in range(3)])[0]


def loss(params: Any, x: Any, y: Any) -> Any:
    return F.cross_entropy(functional_call(NET, params, (x,)), y)


def each_gradient(x: Any, y: Any) -> Any:
    return vmap(grad(loss), in_dims=(None, 0, 0))(PARAMS, x, y)["0.weight"]


CALLS = {
    "vmap": lambda x, y: vmap(lambda row: (row * 2).softmax(0).sum())(x),
    "nested": lambda x, y: vmap(vmap(lambda a, b: a * b, (0, None)), (0, 0))(x, x[:, 0]),
    "functional_call": lambda x, y: functional_call(NET, PARAMS, (x,)),
    "gradient of each": each_gradient,
    "ensemble": lambda x, y: vmap(loss, in_dims=(0, None, None))(STACKED, x, y),
    "jacrev": lambda x, y: jacrev(lambda row: steep.tanh(row * 2).cumsum(0))(x[0]),
    "jacfwd": lambda x, y: jacfwd(lambda row: steep.tanh(row * 2))(x[0]),
    "hessian": lambda x, y: hessian(lambda row: (row**3).prod())(x[0]),
    "jvp": lambda x, y: jvp(lambda a: steep.sin(a) * a, (x,), (x + 1,))[1],
    "indexing": lambda x, y: vmap(lambda row, i: row[i] + row.sum())(x, y),
}


@pytest.mark.parametrize("name", CALLS)
def test_replay_gives_the_same(name: str) -> None:
    function = CALLS[name]
    compiled = steep.compile(function, fullgraph=True)
    steep.manual_seed(0)
    for _ in range(5):
        x, y = steep.randn(6, 4), steep.randint(0, 3, (6,))
        assert compiled(x, y).tolist() == function(x, y).tolist()
    assert compiled.programs()
    assert sum(program.runs for program in compiled.programs()) >= 2


def test_training_of_several_modules() -> None:
    def trained(compiles: bool) -> list[Any]:
        steep.manual_seed(0)
        models = [mlp() for _ in range(3)]
        params, _ = stack_module_state(models)
        optimizer = steep.optim.Adam(params.values(), lr=0.1)

        def step(x: Any, y: Any) -> Any:
            optimizer.zero_grad()

            def own(params: Any) -> Any:
                return F.cross_entropy(functional_call(models[0], params, (x,)), y)

            losses = vmap(own)(params)
            losses.sum().backward()
            optimizer.step()
            return losses.detach()

        run = steep.compile(step, fullgraph=True) if compiles else step
        losses = [run(steep.randn(8, 4), steep.randint(0, 3, (8,))).tolist() for _ in range(6)]
        return [losses, {name: p.tolist() for name, p in params.items()}]

    assert trained(True) == trained(False)


def test_masks_of_each_example() -> None:
    def run(x: Any) -> Any:
        return vmap(lambda row: F.dropout(row, 0.5), randomness="different")(x)

    compiled = steep.compile(run, fullgraph=True)
    x = steep.ones(4, 50)
    results = []
    for function in (compiled, run):
        steep.manual_seed(3)
        results.append([function(x).tolist() for _ in range(5)])
    assert results[0] == results[1]


def test_parameters_changed_between_calls_are_seen() -> None:
    """What functional_call replaces is no state of the program; what it leaves is."""
    layer = nn.Linear(2, 1)
    weight = steep.ones(1, 2)

    def run(x: Any) -> Any:
        return functional_call(layer, {"weight": weight}, (x,))

    compiled = steep.compile(run)
    for _ in range(4):
        compiled(steep.ones(2))
    with steep.no_grad():
        layer.bias.fill_(5.0)
    weight.mul_(3)
    assert compiled(steep.ones(2)).tolist() == run(steep.ones(2)).tolist() == [11.0]
    layer.bias = nn.Parameter(steep.tensor([1.0]))
    assert compiled(steep.ones(2)).tolist() == [7.0]
    layer.weight = nn.Parameter(steep.zeros(1, 2))
    assert compiled(steep.ones(2)).tolist() == [7.0]
