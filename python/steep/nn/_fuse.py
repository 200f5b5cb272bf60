"""Linear layers of a `Sequential`, run together with the activation that follows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from steep._core import linear_activation
from steep._layers import followers, in_layer
from steep.nn._hook_tables import any_everywhere
from steep.nn._trace import add_path
from steep.nn.activation import ReLU, Sigmoid, Tanh
from steep.nn.linear import Linear
from steep.nn.module import Module

# What runs next: a layer, and the activation that can be fused with it, if any, with its name; then
# what `are_plain` asks of both, at every call: classes and modules may be given another `forward`.
Step = tuple[Any, Any, str, tuple[Any, ...]]

_FUSED: dict[type[Module], str] = {ReLU: "relu", Tanh: "tanh", Sigmoid: "sigmoid"}
# What the fused product computes: the forwards that these classes are defined with.
_KINDS: list[type[Module]] = [Linear, *_FUSED]
_FORWARDS: dict[type[Module], Any] = {kind: kind.forward for kind in _KINDS}


def lay_out(modules: Iterable[Any]) -> list[Step]:
    """Steps of a chain of modules, in order; classes are compared exactly, not by inheritance."""
    steps: list[Step] = []
    for module in modules:
        kind = type(module)
        last = steps[-1][0] if steps and steps[-1][1] is None else None
        if kind in _FUSED and type(last) is Linear:
            pair = (last, Linear, _FORWARDS[Linear], module, kind, _FORWARDS[kind])
            steps[-1] = (last, module, _FUSED[kind], pair)
        else:
            steps.append((module, None, "", ()))
    return steps


def run_fused(layer: Linear, activation: Module, name: str, input: Any) -> Any:
    """The bits of ``activation(layer(input))``, in one launch and one node of the graph."""
    if any_everywhere:  # hooks that see either module
        return activation(layer(input))
    try:
        if followers:
            with in_layer(layer, fused=activation):
                return linear_activation(input, layer.weight, layer.bias, name)
        return linear_activation(input, layer.weight, layer.bias, name)
    except Exception as error:
        add_path(error, layer)
        raise
