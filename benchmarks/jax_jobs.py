"""The workloads in JAX: each a single jitted function, buffers donated where a step replaces them.

Arrays are on the device before the clock starts, and no call waits for its result: a user reads
the loss now and then. A timed block ends with `settle`, which waits for the last call; calls are
carried out in order, and all that one gives, parameters and loss, is ready together. Adam and SGD
are written out; XLA fuses them as well as a library's.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import jax_layers, jax_networks
from benchmarks.layers import Layer, Layered, Step
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
    Training,
    Update,
    Workload,
)

DECAY = 0.01  # of AdamW, where nothing else is said
Work = Callable[[], Any]
Layers = list[tuple[jax.Array, jax.Array]]


def _layers(network: Network) -> Layers:
    """Weights (in, out), as users of JAX keep them, and biases."""
    arrays = network.weights()
    return [
        (jnp.asarray(weight.T.copy()), jnp.asarray(bias))
        for weight, bias in zip(arrays[::2], arrays[1::2], strict=True)
    ]


def _forward(activation: str, layers: Layers, x: jax.Array) -> jax.Array:
    *hidden, (weight, bias) = layers
    function = jnp.tanh if activation == "tanh" else jax.nn.relu
    for hidden_weight, hidden_bias in hidden:
        x = function(x @ hidden_weight + hidden_bias)
    return x @ weight + bias


def _cross_entropy_loss(x: jax.Array, target: jax.Array) -> jax.Array:
    # Measured faster than -log_softmax at the target, nearly threefold for many classes.
    chosen = jnp.take_along_axis(x, target[:, None], axis=1)[:, 0]
    return jnp.mean(jax.nn.logsumexp(x, axis=1) - chosen)


def _mse_loss(x: jax.Array, target: jax.Array) -> jax.Array:
    return jnp.mean((x - target) ** 2)


def _adam(state: Any, grads: Any) -> Any:
    params, first, second, steps = state
    steps = steps + 1
    decay, decay_square = BETAS
    first = jax.tree.map(lambda m, g: decay * m + (1 - decay) * g, first, grads)
    second = jax.tree.map(lambda v, g: decay_square * v + (1 - decay_square) * g * g, second, grads)
    step_size = LEARNING_RATE / (1 - decay**steps)
    correction = jnp.sqrt(1 - decay_square**steps)
    params = jax.tree.map(
        lambda p, m, v: p - step_size * m / (jnp.sqrt(v) / correction + EPSILON),
        params,
        first,
        second,
    )
    return params, first, second, steps


def _adamw(state: Any, grads: Any) -> Any:
    params, *rest = state
    params = jax.tree.map(lambda p: p - LEARNING_RATE * DECAY * p, params)
    return _adam((params, *rest), grads)


def _sgd(state: Any, grads: Any) -> Any:
    params, momentum = state
    momentum = jax.tree.map(lambda m, g: MOMENTUM * m + g, momentum, grads)
    params = jax.tree.map(lambda p, m: p - LEARNING_RATE * m, params, momentum)
    return params, momentum


def _optimizer(name: str, params: Any) -> tuple[Callable[[Any, Any], Any], Any]:
    """A function of state and gradients, and the first state, which starts with the parameters."""

    def zeros() -> Any:
        return jax.tree.map(jnp.zeros_like, params)

    if name in ("adam", "adamw"):
        update = _adam if name == "adam" else _adamw
        return update, (params, zeros(), zeros(), jnp.zeros((), jnp.float32))
    return _sgd, (params, zeros())


def _training(work: Training) -> Work:
    update, state = _optimizer(work.optimizer, _layers(work.network))
    loss_function = _cross_entropy_loss if work.loss == "cross_entropy" else _mse_loss

    def loss_of(layers: Layers, x: jax.Array, target: jax.Array) -> jax.Array:
        return loss_function(_forward(work.network.activation, layers, x), target)

    @functools.partial(jax.jit, donate_argnums=0)
    def step(state: Any, x: jax.Array, target: jax.Array) -> Any:
        loss, grads = jax.value_and_grad(loss_of)(state[0], x, target)
        return update(state, grads), loss

    batches = itertools.cycle([(jnp.asarray(x), jnp.asarray(t)) for x, t in work.batches()])

    def run() -> Any:
        nonlocal state
        state, loss = step(state, *next(batches))
        return loss

    return run


def _step(work: Step) -> Work:
    forward = jax_networks.forward_of(work.network, work.dropout)
    update, state = _optimizer(work.optimizer, jax_networks.parameters(work.network))
    loss_function = _cross_entropy_loss if work.classes else _mse_loss

    def loss_of(params: Any, x: jax.Array, target: jax.Array, key: jax.Array) -> jax.Array:
        return loss_function(forward(params, x, key), target)

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def step(state: Any, key: jax.Array, x: jax.Array, target: jax.Array) -> Any:
        key, drawn = jax.random.split(key)
        loss, grads = jax.value_and_grad(loss_of)(state[0], x, target, drawn)
        return update(state, grads), key, loss

    batches = itertools.cycle([(jnp.asarray(x), jnp.asarray(t)) for x, t in work.batches()])
    key = jax.random.key(0)

    def run() -> Any:
        nonlocal state, key
        state, key, loss = step(state, key, *next(batches))
        return loss

    return run


def _inference(work: Inference) -> Work:
    layers = _layers(work.network)
    predict = jax.jit(functools.partial(_forward, work.network.activation))
    inputs = itertools.cycle([jnp.asarray(x) for x in work.network.inputs(work.batch)])
    return lambda: predict(layers, next(inputs))


def _cross_entropy(work: CrossEntropy) -> Work:
    scores, targets = work.arrays()
    x, target = jnp.asarray(scores), jnp.asarray(targets)
    loss_and_grad = jax.jit(jax.value_and_grad(_cross_entropy_loss))
    return lambda: loss_and_grad(x, target)


def _update(work: Update) -> Work:
    values, gradients = work.arrays()
    grads = [jnp.asarray(array) for array in gradients]
    update, state = _optimizer(work.optimizer, [jnp.asarray(array) for array in values])
    step = jax.jit(update, donate_argnums=0)

    def run() -> Any:
        nonlocal state
        state = step(state, grads)
        return state[0][0], state[0][-1]

    return run


def _elementwise(work: Elementwise) -> Work:
    function = jax.jit(getattr(jnp, work.function))
    operands = [jnp.asarray(array) for array in work.arrays()]
    return lambda: function(*operands)


_BUILDERS: dict[type, Callable[[Any], Work]] = {
    Training: _training,
    Inference: _inference,
    CrossEntropy: _cross_entropy,
    Update: _update,
    Elementwise: _elementwise,
    Step: _step,
    Layer: jax_layers.build,
}


def build(lib: ModuleType, work: Workload | Layered, compiled: None = None) -> Work:
    """The work as JAX does it, always compiled; the arguments are those of `jobs.build`."""
    return _BUILDERS[type(work)](work)


def as_array(result: Any) -> Array:
    """A result's numbers."""
    return np.asarray(result)


def settle(result: Any) -> None:
    """Wait until the call that gave this result, and all before it, are done."""
    jax.block_until_ready(result)
