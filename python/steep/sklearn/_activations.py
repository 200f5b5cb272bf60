"""Activations by the names that scikit-learn and steep know them under."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from steep import nn

__all__ = ["activation_layer"]

_CLASSES = (
    *("CELU", "ELU", "GELU", "Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh", "LeakyReLU"),
    *("LogSigmoid", "Mish", "PReLU", "ReLU", "ReLU6", "RReLU", "SELU", "SiLU", "Sigmoid"),
    *("Softplus", "Softshrink", "Softsign", "Tanh", "Tanhshrink"),
)
_NAMES = {name.lower(): name for name in _CLASSES}
_NAMES |= {"identity": "Identity", "logistic": "Sigmoid", "swish": "SiLU"}


def activation_layer(activation: Any) -> nn.Module | Callable[[], nn.Module]:
    """What makes the layer of an activation: of a name, a class of `steep.nn`, or a layer.

    Raises:
        ValueError: if there is no activation of that name.
    """
    if isinstance(activation, nn.Module):
        return activation
    if isinstance(activation, type) and issubclass(activation, nn.Module):
        return activation
    name = re.sub("[_ -]", "", activation).lower() if isinstance(activation, str) else None
    if name not in _NAMES:
        raise ValueError(
            f"activation: expected a layer of steep.nn or one of {', '.join(sorted(_NAMES))}, got "
            f"{activation!r}"
        )
    kind: Callable[[], nn.Module] = getattr(nn, _NAMES[name])
    return kind
