"""The networks of `networks` in JAX: functions of parameters by PyTorch's names, and of the inputs.

Dropout draws a new mask at each call. Parameters begin with the numbers that every library has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

import steep
from benchmarks.jax_layers import attend, batch_norm, convolve, layer_norm, lstm, max_pool
from benchmarks.networks import network

Params = dict[str, Any]
Forward = Callable[[Params, Any, Any], jax.Array]  # of parameters, input and key


def parameters(name: str) -> Params:
    """The first values."""
    model = network(steep, name)
    return {key: jnp.asarray(p.detach().numpy()) for key, p in model.named_parameters()}


def _linear(p: Params, name: str, x: Any) -> jax.Array:
    out = x @ p[f"{name}.weight"].T
    return out + p[f"{name}.bias"] if f"{name}.bias" in p else out


def _conv(p: Params, name: str, x: Any, **settings: int) -> jax.Array:
    return convolve(x, p[f"{name}.weight"], p.get(f"{name}.bias"), **settings)


def _norm(function: Callable[..., jax.Array], p: Params, name: str, x: Any) -> jax.Array:
    return function(x, p[f"{name}.weight"], p[f"{name}.bias"])


def _dropout(x: Any, share: float, key: Any) -> jax.Array:
    return jnp.where(jax.random.bernoulli(key, 1 - share, x.shape), x / (1 - share), 0)


def _mnist(dropout: bool) -> Forward:
    def forward(p: Params, x: Any, key: Any) -> jax.Array:
        first, second = jax.random.split(key)
        x = jax.nn.relu(_conv(p, "conv1", x))
        x = max_pool(jax.nn.relu(_conv(p, "conv2", x)), 2)
        x = (_dropout(x, 0.25, first) if dropout else x).reshape(x.shape[0], -1)
        x = jax.nn.relu(_linear(p, "fc1", x))
        return _linear(p, "fc2", _dropout(x, 0.5, second) if dropout else x)

    return forward


def _resnet18(dropout: bool) -> Forward:
    def normed(p: Params, name: str, x: Any) -> jax.Array:
        return _norm(batch_norm, p, name, x)

    def block(p: Params, at: str, x: Any, stride: int) -> jax.Array:
        out = _conv(p, f"{at}.conv1", x, stride=stride, padding=1)
        out = _conv(p, f"{at}.conv2", jax.nn.relu(normed(p, f"{at}.bn1", out)), padding=1)
        if f"{at}.shortcut.0.weight" in p:
            x = normed(p, f"{at}.shortcut.1", _conv(p, f"{at}.shortcut.0", x, stride=stride))
        return jax.nn.relu(normed(p, f"{at}.bn2", out) + x)

    def forward(p: Params, x: Any, key: Any) -> jax.Array:
        x = jax.nn.relu(normed(p, "bn", _conv(p, "conv", x, padding=1)))
        for i in range(8):
            x = block(p, f"blocks.{i}", x, 2 if i in (2, 4, 6) else 1)
        return _linear(p, "fc", x.mean((2, 3)))

    return forward


def _gpt(layers: int, heads: int) -> Forward:
    def block(p: Params, at: str, x: Any) -> jax.Array:
        batch, length, _ = x.shape
        qkv = _linear(p, f"{at}.qkv", _norm(layer_norm, p, f"{at}.ln1", x))
        query, key, value = (
            part.reshape(batch, length, heads, -1).swapaxes(1, 2)
            for part in jnp.split(qkv, 3, axis=-1)
        )
        out = attend(query, key, value).swapaxes(1, 2).reshape(x.shape)
        x = x + _linear(p, f"{at}.project", out)
        wide = _linear(p, f"{at}.widen", _norm(layer_norm, p, f"{at}.ln2", x))
        return x + _linear(p, f"{at}.narrow", jax.nn.gelu(wide, approximate=False))

    def forward(p: Params, x: Any, key: Any) -> jax.Array:
        x = p["token.weight"][x] + p["position.weight"]
        for i in range(layers):
            x = block(p, f"blocks.{i}", x)
        out = _linear(p, "head", _norm(layer_norm, p, "ln", x))
        return out.reshape(-1, out.shape[-1])

    return forward


def _sequence(dropout: bool) -> Forward:
    def forward(p: Params, x: Any, key: Any) -> jax.Array:
        weights = (
            p[f"lstm.{kind}_l0"] for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        return _linear(p, "out", lstm(x, *weights))

    return forward


_FORWARD: dict[str, Callable[[bool], Forward]] = {
    "mnist": _mnist,
    "resnet18": _resnet18,
    "gpt_4x64": lambda dropout: _gpt(4, 4),
    "gpt_6x384": lambda dropout: _gpt(6, 6),
    "sequence": _sequence,
}


def forward_of(name: str, dropout: bool) -> Forward:
    """The function of one of `networks`."""
    return _FORWARD[name](dropout)
