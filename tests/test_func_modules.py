"""Modules as functions of their parameters, and several of them as one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import steep
from steep import nn
from steep.func import (
    functional_call,
    grad,
    replace_all_batch_norm_modules_,
    stack_module_state,
    vmap,
)


def close(a: Any, b: Any) -> None:
    assert a.shape == b.shape
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=2e-5, atol=1e-6)


def mlp() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))


def convnet() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(36, 3),
    )  # fmt: skip


def gated() -> nn.Module:
    return nn.TransformerEncoderLayer(4, 2, 8, 0.0, batch_first=True)


CASES = {
    "mlp": (mlp, (5, 4)),
    "convnet": (convnet, (5, 1, 8, 8)),
    "transformer": (gated, (5, 3, 4)),
    "norms": (lambda: nn.Sequential(nn.LayerNorm(4), nn.Unflatten(1, (4, 1)),
                                    nn.GroupNorm(2, 4), nn.Flatten()), (5, 4)),
    "conv1d": (lambda: nn.Sequential(nn.Conv1d(2, 3, 3, padding=1), nn.GELU(),
                                     nn.AdaptiveAvgPool1d(2), nn.Flatten()), (5, 2, 7)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("own_input", [False, True])
@pytest.mark.parametrize("training", [True, False])
def test_several_modules_as_one(case: str, own_input: bool, training: bool) -> None:
    make, shape = CASES[case]
    models = [make().train(training) for _ in range(3)]
    x = steep.randn(3, *shape) if own_input else steep.randn(*shape)
    params, buffers = stack_module_state(models)

    def run(params: Any, buffers: Any, x: Any) -> Any:
        return functional_call(models[0], (params, buffers), (x,))

    with steep.no_grad():
        found = vmap(run, in_dims=(0, 0, 0 if own_input else None))(params, buffers, x)
        for i, model in enumerate(models):
            close(found[i], model(x[i] if own_input else x))
            for name, buffer in model.named_buffers():
                close(buffers[name][i], buffer)


def launches(run: Any) -> int:
    run()
    before = steep.counters()["launches"]
    run()
    return int(steep.counters()["launches"] - before)


def training_step(count: int) -> Any:
    models = [mlp() for _ in range(count)]
    params, _ = stack_module_state(models)
    x, y = steep.randn(16, 4), steep.randint(0, 3, (16,))

    def loss(params: Any, x: Any, y: Any) -> Any:
        return nn.functional.cross_entropy(functional_call(models[0], params, (x,)), y)

    return lambda: vmap(grad(loss), in_dims=(0, None, None))(params, x, y)


def test_several_modules_take_the_launches_of_one() -> None:
    assert launches(training_step(20)) == launches(training_step(2)) < 40


def test_gradients_of_several_modules() -> None:
    steep.manual_seed(0)
    models = [mlp() for _ in range(3)]
    params, _ = stack_module_state(models)
    x, y = steep.randn(3, 16, 4), steep.randint(0, 3, (3, 16))

    def loss(params: Any, x: Any, y: Any) -> Any:
        return nn.functional.cross_entropy(functional_call(models[0], params, (x,)), y)

    found = vmap(grad(loss))(params, x, y)
    vmap(loss)(params, x, y).sum().backward()
    for i, model in enumerate(models):
        nn.functional.cross_entropy(model(x[i]), y[i]).backward()
        for name, parameter in model.named_parameters():
            close(found[name][i], parameter.grad)
            close(params[name].grad[i], parameter.grad)


@pytest.mark.parametrize("case", ["mlp", "conv1d", "transformer"])
def test_gradient_of_each_example(case: str) -> None:
    make, shape = CASES[case]
    model = make()
    params = {name: p.detach() for name, p in model.named_parameters()}
    x = steep.randn(*shape)

    def loss(params: Any, one: Any) -> Any:
        return (functional_call(model, params, (one.unsqueeze(0),)) ** 2).sum()

    found = vmap(grad(loss), in_dims=(None, 0))(params, x)
    for i in range(shape[0]):
        model.zero_grad()
        (model(x[i : i + 1]) ** 2).sum().backward()
        for name, parameter in model.named_parameters():
            close(found[name][i], parameter.grad)


def test_module_is_as_before_after_an_error() -> None:
    model = mlp()
    before = dict(model.named_parameters())
    state = {"0.weight": steep.zeros(8, 4), "0.bias": steep.zeros(8)}
    with pytest.raises(RuntimeError):
        functional_call(model, state, steep.ones(2, 5))
    assert all(model.get_parameter(name) is p for name, p in before.items())
    assert model[0].weight is before["0.weight"]
    out = functional_call(model, state, steep.ones(2, 4))
    close(out, model[2].bias.expand(2, 3))


def test_tied_weights() -> None:
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    model[1].weight = model[0].weight
    twice = {"0.weight": 2 * steep.eye(2)}
    close(functional_call(model, twice, steep.ones(1, 2)), steep.full((1, 2), 4.0))
    close(functional_call(model, {**twice, "1.weight": 3 * steep.eye(2)}, steep.ones(1, 2),
                          tie_weights=False), steep.full((1, 2), 6.0))  # fmt: skip
    with pytest.raises(ValueError, match="one tensor of the module"):
        functional_call(model, {**twice, "1.weight": steep.eye(2)}, steep.ones(1, 2))


def test_strict_and_other_refusals() -> None:
    layer = nn.Linear(2, 1)
    weight = {"weight": steep.ones(1, 2)}
    functional_call(layer, weight, steep.ones(2))
    with pytest.raises(RuntimeError, match="missing key"):
        functional_call(layer, weight, steep.ones(2), strict=True)
    with pytest.raises(RuntimeError, match="unexpected key"):
        functional_call(layer, {**dict(layer.named_parameters()), "wight": layer.weight},
                        steep.ones(2), strict=True)  # fmt: skip
    found = functional_call(layer, {"wight": steep.zeros(1, 2)}, steep.ones(2))
    close(found, layer(steep.ones(2)))
    with pytest.raises(ValueError, match="multiple dictionaries"):
        functional_call(layer, (weight, weight), steep.ones(2))
    with pytest.raises(ValueError, match="dict or a list/tuple"):
        functional_call(layer, 3, steep.ones(2))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="Tensor"):
        functional_call(layer, {"weight": 3}, steep.ones(2))
    with pytest.raises(RuntimeError, match="at least one"):
        stack_module_state([])
    with pytest.raises(RuntimeError, match="same class"):
        stack_module_state([layer, mlp()])
    with pytest.raises(RuntimeError, match="training/eval"):
        stack_module_state([layer, nn.Linear(2, 1).eval()])
    with pytest.raises(RuntimeError, match="requires_grad"):
        stack_module_state([layer, nn.Linear(2, 1).requires_grad_(False)])


def test_running_statistics_of_one_module() -> None:
    """What differs by example is not written into statistics that all share."""
    net = nn.Sequential(nn.BatchNorm1d(4))
    x = steep.randn(3, 5, 4)
    with pytest.raises(RuntimeError, match="running statistics"):
        vmap(net)(x)
    replace_all_batch_norm_modules_(net)
    close(vmap(net)(x)[0], net(x[0]))


def test_former_places() -> None:
    from steep.nn.utils import stateless

    layer = nn.Linear(2, 1)
    state = {"weight": steep.ones(1, 2), "bias": steep.zeros(1)}
    close(stateless.functional_call(layer, state, steep.ones(2)), steep.tensor([2.0]))
    assert steep.vmap is steep.func.vmap
