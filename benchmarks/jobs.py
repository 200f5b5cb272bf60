"""The workloads in the names that steep and torch share, so that both run the same code.

`build` makes the data once and returns a function that does the work once. Gradients are cleared
by `zero_grad`, optimisers are the fused ones, inference is in inference mode.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks import loads
from benchmarks.layers import Layer, Layered, Step
from benchmarks.networks import network
from benchmarks.workloads import (
    BETAS,
    EPSILON,
    LEARNING_RATE,
    MOMENTUM,
    Array,
    CrossEntropy,
    Elementwise,
    Inference,
    Network,
    Product,
    RecordedOperation,
    Training,
    Update,
    Workload,
)

Work = Callable[[], Any]
Compile = Callable[[Callable[..., Any]], Callable[..., Any]]


def _model(lib: ModuleType, network: Network) -> Any:
    layers: list[Any] = []
    for fan_in, fan_out in itertools.pairwise(network.widths):
        activation = lib.nn.Tanh() if network.activation == "tanh" else lib.nn.ReLU()
        layers += [lib.nn.Linear(fan_in, fan_out), activation]
    model = lib.nn.Sequential(*layers[:-1])
    with lib.no_grad():
        for parameter, values in zip(model.parameters(), network.weights(), strict=True):
            parameter.copy_(lib.from_numpy(values))
    return model


def _optimizer(lib: ModuleType, name: str, params: Any) -> Any:
    if name in ("adam", "adamw"):
        adam = lib.optim.Adam if name == "adam" else lib.optim.AdamW
        return adam(params, lr=LEARNING_RATE, betas=BETAS, eps=EPSILON, fused=True)
    if name == "adagrad":
        return lib.optim.Adagrad(params, lr=LEARNING_RATE, fused=True)
    if name == "rmsprop":  # which torch has no fused step for, nor for NAdam
        return lib.optim.RMSprop(params, lr=LEARNING_RATE)
    if name == "nadam":
        return lib.optim.NAdam(params, lr=LEARNING_RATE, betas=BETAS, eps=EPSILON)
    return lib.optim.SGD(params, lr=LEARNING_RATE, momentum=MOMENTUM, fused=True)


def _training(lib: ModuleType, work: Training, compiled: Compile | None) -> Work:
    model = _model(lib, work.network)
    optimizer = _optimizer(lib, work.optimizer, model.parameters())
    loss_function = lib.nn.CrossEntropyLoss() if work.loss == "cross_entropy" else lib.nn.MSELoss()
    batches = itertools.cycle(
        [(lib.from_numpy(x), lib.from_numpy(target)) for x, target in work.batches()]
    )

    net = compiled(model) if compiled and work.outside else model

    def step(x: Any, target: Any) -> Any:
        optimizer.zero_grad()
        loss = loss_function(net(x), target)
        loss.backward()
        optimizer.step()
        return loss

    run = compiled(step) if compiled and not work.outside else step
    return lambda: run(*next(batches))


def _inference(lib: ModuleType, work: Inference, compiled: Compile | None) -> Work:
    model = _model(lib, work.network)
    inputs = itertools.cycle([lib.from_numpy(x) for x in work.network.inputs(work.batch)])
    without_gradients = lib.no_grad if compiled else lib.inference_mode

    def predict(x: Any) -> Any:
        with without_gradients():
            return model(x)

    run = compiled(predict) if compiled else predict
    return lambda: run(next(inputs))


def _cross_entropy(lib: ModuleType, work: CrossEntropy) -> Work:
    scores, targets = work.arrays()
    x, target = lib.from_numpy(scores).requires_grad_(), lib.from_numpy(targets)

    def run() -> Any:
        x.grad = None
        loss = lib.nn.functional.cross_entropy(x, target)
        loss.backward()
        return loss, x.grad

    return run


def _update(lib: ModuleType, work: Update) -> Work:
    values, grads = work.arrays()
    params = [lib.from_numpy(array).requires_grad_() for array in values]
    for parameter, grad in zip(params, grads, strict=True):
        parameter.grad = lib.from_numpy(grad)
    optimizer = _optimizer(lib, work.optimizer, params)

    def run() -> Any:
        optimizer.step()
        return params[0], params[-1]

    return run


def _elementwise(lib: ModuleType, work: Elementwise) -> Work:
    function = getattr(lib, work.function)
    operands = [lib.from_numpy(array) for array in work.arrays()]
    return lambda: function(*operands)


def _product(lib: ModuleType, work: Product) -> Work:
    x, other = (lib.from_numpy(array) for array in work.arrays())
    return lambda: lib.matmul(x, other)


def _recorded(lib: ModuleType, work: RecordedOperation) -> Work:
    x = lib.ones(4, requires_grad=True)
    other = lib.full((4,), 2.0)
    grad = lib.ones(4)

    def with_backward() -> Any:
        x.grad = None
        (x * other).backward(grad)
        return x.grad

    return with_backward if work.backward else lambda: x * other


def _step(lib: ModuleType, work: Step, compiled: Compile | None) -> Work:
    model = network(lib, work.network, work.dropout)
    optimizer = _optimizer(lib, work.optimizer, model.parameters())
    loss_function = lib.nn.CrossEntropyLoss() if work.classes else lib.nn.MSELoss()
    batches = itertools.cycle(
        [(lib.from_numpy(x), lib.from_numpy(target)) for x, target in work.batches()]
    )

    def step(x: Any, target: Any) -> Any:
        optimizer.zero_grad()
        loss = loss_function(model(x), target)
        loss.backward()
        optimizer.step()
        return loss

    run = compiled(step) if compiled else step
    return lambda: run(*next(batches))


def _layer(lib: ModuleType, work: Layer) -> Work:
    inputs = [lib.from_numpy(array) for array in work.arrays()]
    settings = dict(work.settings)
    module = None
    if hasattr(lib.nn, work.make):
        module = getattr(lib.nn, work.make)(*work.given, **settings)
        generator = np.random.default_rng(3)
        with lib.no_grad():
            for parameter in module.parameters():
                drawn = generator.standard_normal(tuple(parameter.shape)).astype(np.float32) / 8
                parameter.copy_(lib.from_numpy(drawn))
    else:
        named = getattr(lib.nn.functional, work.make)
    leaves = [] if work.indices else [x.requires_grad_() for x in inputs]
    leaves += list(module.parameters()) if module else []

    def forward() -> Any:
        out = module(*inputs) if module else named(*inputs, *work.given, **settings)
        return out[0] if isinstance(out, tuple) else out

    shape = tuple(forward().shape)
    grad = lib.from_numpy(np.random.default_rng(4).standard_normal(shape, dtype=np.float32))

    def run() -> Any:
        for leaf in leaves:
            leaf.grad = None
        out = forward()
        out.backward(grad)
        return (out, *(leaf.grad for leaf in leaves))

    return run


_SINGLE: dict[type, Callable[[ModuleType, Any], Work]] = {
    CrossEntropy: _cross_entropy,
    Update: _update,
    Elementwise: _elementwise,
    Product: _product,
    RecordedOperation: _recorded,
    Layer: _layer,
    loads.Load: loads.build,
}
_MODELS: dict[type, Callable[[ModuleType, Any, Compile | None], Work]] = {
    Training: _training,
    Inference: _inference,
    Step: _step,
}


def build(lib: ModuleType, work: Workload | Layered, compiled: Compile | None = None) -> Work:
    """The work as the library does it; what runs a model goes through `compiled` if it is given."""
    if type(work) in _MODELS:
        return _MODELS[type(work)](lib, work, compiled)
    return _SINGLE[type(work)](lib, work)


def as_array(result: Any) -> Array:
    """A result's numbers."""
    array: Array = result.detach().numpy()
    return array
