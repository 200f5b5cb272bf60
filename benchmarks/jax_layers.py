"""Single layers in JAX, forward and backward in one jitted function, in PyTorch's layouts.

Each function takes the inputs and then the layer's parameters, in the order in which PyTorch's
layer lists them; `shapes` gives the shapes of these.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.layers import Layer

EPSILON = 1e-5  # of PyTorch's normalisations
Function = Callable[..., jax.Array]
Shapes = list[tuple[int, ...]]


# ---- the layers ----


def convolve(
    x: Any, weight: Any, bias: Any = None, *, stride: int = 1, padding: int = 0, groups: int = 1
) -> jax.Array:
    """Of images [N, C, *] with weights [rows, C / groups, *]."""
    axes = "DHW"[3 - (x.ndim - 2) :]
    out = lax.conv_general_dilated(
        x,
        weight,
        (stride,) * len(axes),
        [(padding, padding)] * len(axes),
        dimension_numbers=(f"NC{axes}", f"OI{axes}", f"NC{axes}"),
        feature_group_count=groups,
    )
    return out if bias is None else out + bias.reshape(-1, *(1,) * len(axes))


def attend(query: Any, key: Any, value: Any) -> jax.Array:
    """Causal attention over the last dimension but one."""
    length, width = query.shape[-2:]
    scores = jnp.einsum("...qd,...kd->...qk", query, key) / math.sqrt(width)
    seen = jnp.tril(jnp.ones((length, length), bool))
    return jnp.einsum(
        "...qk,...kd->...qd", jax.nn.softmax(jnp.where(seen, scores, -jnp.inf)), value
    )


def lstm(x: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> jax.Array:
    """The hidden states of all steps of x [steps, batch, width]."""

    def step(state: Any, at: Any) -> Any:
        h, c = state
        i, f, g, o = jnp.split(at + h @ w_hh.T, 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    start = jnp.zeros((x.shape[1], w_hh.shape[1]), x.dtype)
    return lax.scan(step, (start, start), x @ w_ih.T + (b_ih + b_hh))[1]


def gru(x: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> jax.Array:
    """The hidden states of all steps of x [steps, batch, width]."""

    def step(h: Any, at: Any) -> Any:
        from_x, from_h = jnp.split(at, 3, axis=-1), jnp.split(h @ w_hh.T + b_hh, 3, axis=-1)
        reset, keep = (jax.nn.sigmoid(from_x[i] + from_h[i]) for i in range(2))
        new = jnp.tanh(from_x[2] + reset * from_h[2])
        h = (1 - keep) * new + keep * h
        return h, h

    start = jnp.zeros((x.shape[1], w_hh.shape[1]), x.dtype)
    return lax.scan(step, start, x @ w_ih.T + b_ih)[1]


def normalise(x: Any, axes: tuple[int, ...]) -> jax.Array:
    """With the mean and the biased variance over these axes."""
    mean = jnp.mean(x, axes, keepdims=True)
    variance = jnp.mean((x - mean) ** 2, axes, keepdims=True)
    return (x - mean) * lax.rsqrt(variance + EPSILON)


def layer_norm(x: Any, weight: Any, bias: Any) -> jax.Array:
    """Over the last dimension."""
    return normalise(x, (-1,)) * weight + bias


def batch_norm(x: Any, weight: Any, bias: Any) -> jax.Array:
    """In training, without the running statistics, which cost next to nothing."""
    return normalise(x, (0, 2, 3)) * weight[:, None, None] + bias[:, None, None]


def group_norm(x: Any, weight: Any, bias: Any, groups: int) -> jax.Array:
    """Over neighbouring channels of each sample."""
    split = x.reshape(x.shape[0], groups, -1)
    return normalise(split, (2,)).reshape(x.shape) * weight[:, None, None] + bias[:, None, None]


def max_pool(x: Any, size: int) -> jax.Array:
    """Over squares that do not overlap."""
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, size, size), (1, 1, size, size), "VALID")


# ---- a layer of the table ----


def _of(work: Layer) -> tuple[Function, Shapes]:
    """The function of a layer, and the shapes of its parameters."""
    name, given, settings = work.make, work.given, dict(work.settings)
    if name.startswith("Conv"):
        channels, rows, kernel = given
        axes = int(name[4])
        weight = (rows, channels // settings.get("groups", 1), *(kernel,) * axes)
        return lambda x, *params: convolve(x, *params, **settings), [weight, (rows,)]
    if name in ("LSTM", "GRU"):
        width, hidden = given
        gates = hidden * (4 if name == "LSTM" else 3)
        return lstm if name == "LSTM" else gru, [
            (gates, width),
            (gates, hidden),
            (gates,),
            (gates,),
        ]
    if name in ("LayerNorm", "BatchNorm2d"):
        return layer_norm if name == "LayerNorm" else batch_norm, [given, given]
    if name == "GroupNorm":
        groups, channels = given
        return lambda x, w, b: group_norm(x, w, b, groups), [(channels,), (channels,)]
    if name == "MaxPool2d":
        return lambda x: max_pool(x, *given), []
    if name == "Embedding":
        return lambda indices, table: table[indices], [given]
    return attend, []


def build(work: Layer) -> Callable[[], Any]:
    """The result and the gradients, as `jobs` gives them."""
    function, shapes = _of(work)
    generator = np.random.default_rng(3)
    params = [
        jnp.asarray(generator.standard_normal(shape).astype(np.float32) / 8) for shape in shapes
    ]
    inputs = [jnp.asarray(array) for array in work.arrays()]
    fixed, leaves = (inputs, params) if work.indices else ([], inputs + params)
    shape = jax.eval_shape(function, *inputs, *params).shape
    grad = jnp.asarray(np.random.default_rng(4).standard_normal(shape, dtype=np.float32))

    @jax.jit
    def forward_and_backward(fixed: Any, leaves: Any, grad: Any) -> Any:
        out, pull = jax.vjp(lambda *leaves: function(*fixed, *leaves), *leaves)
        return (out, *pull(grad))

    return lambda: forward_and_backward(fixed, leaves, grad)
