"""Networks as plain data: the names of their classes and the arguments they were made with."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from steep import nn
from steep.models.tabular import TabularNet

__all__ = ["LAYERS", "build", "describe"]

# What a file may ask for, and nothing else: layers that are made by their arguments alone.
LAYERS: tuple[str, ...] = (
    *("Linear", "Bilinear", "Identity", "Embedding", "Flatten", "Unflatten"),
    *("Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"),
    *("MaxPool1d", "MaxPool2d", "MaxPool3d", "AvgPool1d", "AvgPool2d", "AvgPool3d"),
    *("LPPool1d", "LPPool2d", "LPPool3d"),
    *("AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d"),
    *("AdaptiveMaxPool1d", "AdaptiveMaxPool2d", "AdaptiveMaxPool3d"),
    *("ConstantPad1d", "ConstantPad2d", "ConstantPad3d", "ZeroPad1d", "ZeroPad2d", "ZeroPad3d"),
    *("ReflectionPad1d", "ReflectionPad2d", "ReflectionPad3d"),
    *("ReplicationPad1d", "ReplicationPad2d", "ReplicationPad3d"),
    *("CircularPad1d", "CircularPad2d", "CircularPad3d"),
    *("PixelShuffle", "PixelUnshuffle", "ChannelShuffle", "Upsample"),
    *("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "LayerNorm", "RMSNorm", "GroupNorm"),
    *("InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "LocalResponseNorm"),
    *("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout"),
    *("RNN", "GRU", "LSTM"),
    *("CELU", "ELU", "GELU", "GLU", "Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh"),
    *("LeakyReLU", "LogSigmoid", "LogSoftmax", "Mish", "PReLU", "ReLU", "ReLU6", "RReLU", "SELU"),
    *("SiLU", "Sigmoid", "Softmax", "Softmax2d", "Softmin", "Softplus", "Softshrink"),
    *("Softsign", "Tanh", "Tanhshrink", "Threshold"),
)
_NO_ARGUMENTS = ("self", "device", "dtype", "args", "kwargs")
_DEEPEST = 100  # Sequentials inside each other


def describe(module: nn.Module) -> dict[str, Any]:
    """What `build` makes the same network of, with new weights: values that JSON can hold.

    Args:
        module: a layer of `LAYERS`, a `Sequential` of such, however nested, or a `TabularNet`.

    Raises:
        TypeError: if there is another class in it, a subclass of a listed one included, or a
            parametrised layer; the message names its place.

    Example:
        >>> from steep import nn
        >>> describe(nn.Sequential(nn.Linear(2, 1), nn.Tanh()))["layers"][1]
        ['1', {'class': 'Tanh', 'arguments': {}}]
    """
    return _describe(module, "")


def _describe(module: nn.Module, path: str) -> dict[str, Any]:
    kind = type(module)
    if kind is nn.Sequential:
        inner = f"{path}." if path else ""
        layers = [[name, _describe(layer, inner + name)] for name, layer in module.named_children()]
        return {"class": "Sequential", "layers": layers}
    if kind is TabularNet:
        return {
            "class": "TabularNet",
            "cardinalities": list(module.cardinalities),
            "dimensions": list(module.dimensions),
            "body": _describe(module.body, f"{path}.body" if path else "body"),
        }
    if kind.__name__ not in LAYERS or kind is not getattr(nn, kind.__name__):
        raise TypeError(
            f"describe: expected layers that a model file can name, got {kind.__name__} at "
            f"{path or 'the top'!r}; use Sequential and the layers in steep.models.LAYERS, or save "
            "the weights alone (steep.save)"
        )
    return {"class": kind.__name__, "arguments": _arguments(module, kind)}


def _arguments(module: nn.Module, kind: type[nn.Module]) -> dict[str, Any]:
    """The constructor's arguments: layers keep each as an attribute of the same name."""
    found = {}
    for name in inspect.signature(kind).parameters:
        if name in _NO_ARGUMENTS or name.startswith("_"):
            continue
        value = getattr(module, name)
        if name == "bias":  # the attribute is the parameter itself
            value = value is not None and value is not False
        found[name] = list(value) if isinstance(value, tuple) else value
    return found


def build(description: Mapping[str, Any]) -> nn.Module:
    """The network that `describe` described, with new weights.

    Args:
        description: what `describe` returned.

    Raises:
        ValueError: if it names a class that is not on the list, or does not fit its class; nothing
            but the listed classes is ever called.

    Example:
        >>> from steep import nn
        >>> build(describe(nn.Sequential(nn.Linear(2, 1), nn.Tanh())))
        Sequential(
          (0): Linear(in_features=2, out_features=1, bias=True)
          (1): Tanh()
        )
    """
    return _build(description, "", 0)


def _build(description: Any, path: str, depth: int) -> nn.Module:
    where = path or "the top"
    if depth > _DEEPEST or not isinstance(description, Mapping):
        raise ValueError(f"build: expected the description of a layer at {where!r}")
    name = description.get("class")
    if name == "Sequential":
        return _made(where, lambda: _sequential(description["layers"], path, depth))
    if name == "TabularNet":
        body = _build(description.get("body"), f"{path}.body" if path else "body", depth + 1)
        return _made(
            where,
            lambda: TabularNet(description["cardinalities"], description["dimensions"], body),
        )
    if name not in LAYERS:
        raise ValueError(
            f"build: expected one of the layers in steep.models.LAYERS at {where!r}, got {name!r}"
        )
    kind = getattr(nn, name)
    return _made(where, lambda: kind(**_given(kind, description.get("arguments"))))


def _sequential(layers: Any, path: str, depth: int) -> nn.Sequential:
    out = nn.Sequential()
    for name, layer in layers:
        out.add_module(name, _build(layer, f"{path}.{name}" if path else str(name), depth + 1))
    return out


def _given(kind: type[nn.Module], arguments: Any) -> dict[str, Any]:
    known = inspect.signature(kind).parameters
    if not isinstance(arguments, Mapping) or not {*arguments} <= {*known} - {*_NO_ARGUMENTS}:
        raise ValueError(f"{kind.__name__} does not have the arguments {arguments!r}")
    return {name: tuple(x) if isinstance(x, list) else x for name, x in arguments.items()}


def _made(where: str, make: Callable[[], nn.Module]) -> nn.Module:
    """A layer; what it has against its arguments is said with its place."""
    try:
        return make()
    except MemoryError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError) as error:
        if str(error).startswith("build:"):
            raise
        raise ValueError(f"build: the description of {where!r} is damaged: {error}") from error
