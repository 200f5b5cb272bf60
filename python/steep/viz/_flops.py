"""Floating-point operations of layers: two for each multiply-add."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import prod
from typing import Any

from steep import nn
from steep.profiler import Event

__all__ = ["FORMULAS", "flops_of"]

# Of a layer, the tensors it was called with and those it returned.
Formula = Callable[[Any, list[Any], list[Any]], int]


def _linear(layer: Any, given: list[Any], made: list[Any]) -> int:
    return int(2 * made[0].numel() * layer.in_features)


def _bilinear(layer: Any, given: list[Any], made: list[Any]) -> int:
    """x1 A x2 for each output: x1 A first, then its product with x2."""
    one, other = layer.in1_features, layer.in2_features
    return int(2 * made[0].numel() * other * (one + 1))


def _conv(layer: Any, given: list[Any], made: list[Any]) -> int:
    """Each output sums over the kernel and the channels of its group."""
    return int(2 * made[0].numel() * prod(layer.kernel_size) * layer.in_channels // layer.groups)


def _conv_transpose(layer: Any, given: list[Any], made: list[Any]) -> int:
    """Each input is spread over the kernel and the channels of its group."""
    return int(2 * given[0].numel() * prod(layer.kernel_size) * layer.out_channels // layer.groups)


def _recurrent(layer: Any, given: list[Any], made: list[Any]) -> int:
    """At each step, in each layer and direction: products with the input and with the state."""
    weights = [p for name, p in layer.named_parameters(recurse=False) if name.startswith("weight")]
    rows = given[0].numel() // layer.input_size
    return int(2 * rows * sum(p.numel() for p in weights))


FORMULAS: dict[type, Formula] = {
    nn.Linear: _linear,
    nn.Bilinear: _bilinear,
    nn.Conv1d: _conv,
    nn.Conv2d: _conv,
    nn.Conv3d: _conv,
    nn.ConvTranspose1d: _conv_transpose,
    nn.ConvTranspose2d: _conv_transpose,
    nn.ConvTranspose3d: _conv_transpose,
    nn.RNN: _recurrent,
    nn.LSTM: _recurrent,
    nn.GRU: _recurrent,
    nn.RNNCell: _recurrent,
    nn.LSTMCell: _recurrent,
    nn.GRUCell: _recurrent,
}

# What the fused attention counts for the softmax of each score, beside its two products.
_SOFTMAX = 60


def _products(event: Event) -> int:
    """The part of a launch that is matrix products.

    Other kernels count work by element, or fewer multiplications than the definition has
    (Winograd's convolutions).
    """
    if event.name == "gemm":
        return event.flops
    if event.name == "attention":
        products = 4 * event.shape[-1]  # of a score; queries and values of the same depth
        return round(event.flops * products / (products + _SOFTMAX))
    return 0


def flops_of(events: Iterable[Event], layers: Mapping[str, Any]) -> dict[str, int]:
    """Flops of what layers without a formula compute themselves, by path."""
    flops: dict[str, int] = {}
    for event in events:
        if event.kind != "kernel" or event.layer is None:
            continue
        path = event.layer.partition("+")[0]  # a layer that computes its activation, too
        layer = layers.get(path)
        if layer is None or type(layer) in FORMULAS:
            continue
        flops[path] = flops.get(path, 0) + _products(event)
    return flops
