"""Layers and losses as small classes, for training whole networks in plain NumPy.

A layer keeps what `forward` saw; `backward` takes the gradient of its result, adds to `grads` and
returns the gradient of its input.  The arithmetic is that of `OPS`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from steep.reference.registry import OPS, Array


class Layer:
    """The base class.

    Attributes:
        params: The layer's own parameters by name.
        grads: Their gradients by the same names; `zero_grad` empties it.
        training: Whether `Dropout` drops.
    """

    def __init__(self) -> None:
        self.params: dict[str, Array] = {}
        self.grads: dict[str, Array] = {}
        self.training = True

    def forward(self, x: Array) -> Array:
        """The layer's result."""
        raise NotImplementedError

    def backward(self, grad: Array) -> Array:
        """The gradient of the last input, from that of the last result."""
        raise NotImplementedError

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self.grads.clear()

    def parameters(self) -> list[Array]:
        """The parameters, in PyTorch's order."""
        return list(self.params.values())

    def gradients(self) -> list[Array]:
        """The gradients, in the order of `parameters`."""
        return [self.grads[name] for name in self.params]

    def __call__(self, x: Array) -> Array:
        return self.forward(x)


class Linear(Layer):
    """``x @ weight.T + bias`` for a weight (out, in) and a bias (out,) or None."""

    def __init__(self, weight: Array, bias: Array | None = None):
        super().__init__()
        self.params["weight"] = weight
        if bias is not None:
            self.params["bias"] = bias

    def forward(self, x: Array) -> Array:
        self.x = x
        return np.asarray(OPS["linear"].forward(x, *self.parameters()))

    def backward(self, grad: Array) -> Array:
        rule = OPS["linear"].gradient
        assert rule is not None
        by_x, *by_params = rule(grad, self.x, *self.parameters())
        for name, gradient in zip(self.params, by_params, strict=True):
            self.grads[name] = self.grads.get(name, 0) + np.asarray(gradient)
        return np.asarray(by_x)


class _Function(Layer):
    """A layer without parameters: an operation of `OPS` with fixed arguments."""

    def __init__(self, op: str, **kwargs: Any):
        super().__init__()
        self.op, self.kwargs = OPS[op], kwargs

    def forward(self, x: Array) -> Array:
        self.x = x
        return np.asarray(self.op.forward(x, **self.kwargs))

    def backward(self, grad: Array) -> Array:
        assert self.op.gradient is not None
        return np.asarray(self.op.gradient(grad, self.x, **self.kwargs)[0])


class ReLU(_Function):
    """``max(0, x)``."""

    def __init__(self) -> None:
        super().__init__("relu")


class LeakyReLU(_Function):
    """`x` where positive, ``negative_slope * x`` elsewhere."""

    def __init__(self, negative_slope: float = 0.01):
        super().__init__("leaky_relu", negative_slope=negative_slope)


class Tanh(_Function):
    """The hyperbolic tangent."""

    def __init__(self) -> None:
        super().__init__("tanh")


class Sigmoid(_Function):
    """``1 / (1 + exp(-x))``."""

    def __init__(self) -> None:
        super().__init__("sigmoid")


class Softmax(_Function):
    """``exp(x) / sum(exp(x))`` along `dim`."""

    def __init__(self, dim: int):
        super().__init__("softmax", dim=dim)


class Flatten(_Function):
    """Join the dimensions from `start_dim` to `end_dim`; the first one counts the samples."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1):
        super().__init__("flatten", start_dim=start_dim, end_dim=end_dim)


class Dropout(_Function):
    """Keep the elements under `mask`, to be set before `forward`; none is dropped in evaluation."""

    def __init__(self, p: float = 0.5):
        super().__init__("dropout", p=p)
        self.mask: Array | None = None

    def forward(self, x: Array) -> Array:
        if self.training and self.mask is None:
            raise RuntimeError("Dropout: expected a mask, got None; set .mask before forward")
        self.kwargs |= {"training": self.training, "mask": self.mask}
        return super().forward(x)


class Sequential(Layer):
    """Layers one after another."""

    def __init__(self, *layers: Layer):
        super().__init__()
        self.layers = layers

    def forward(self, x: Array) -> Array:
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, grad: Array) -> Array:
        for layer in reversed(self.layers):
            grad = layer.backward(grad)
        return grad

    def train(self, mode: bool = True) -> Sequential:
        """Switch all layers to training or evaluation."""
        for layer in self.layers:
            layer.training = mode
        return self

    def zero_grad(self) -> None:
        """Forget the gradients of all layers."""
        for layer in self.layers:
            layer.zero_grad()

    def parameters(self) -> list[Array]:
        """The parameters of all layers, in order."""
        return [p for layer in self.layers for p in layer.parameters()]

    def gradients(self) -> list[Array]:
        """The gradients, in the order of `parameters`."""
        return [g for layer in self.layers for g in layer.gradients()]


class _Loss:
    """A loss of `OPS` with fixed arguments."""

    def __init__(self, op: str, **kwargs: Any):
        self.op, self.kwargs = OPS[op], kwargs

    def forward(self, x: Array, target: Array) -> Array:
        """The loss of `x` against `target`."""
        self.x, self.target = x, target
        return np.asarray(self.op.forward(x, target, **self.kwargs))

    def backward(self, grad: float | Array = 1.0) -> Array:
        """The gradient of the last `x`."""
        assert self.op.gradient is not None
        return np.asarray(self.op.gradient(np.asarray(grad), self.x, self.target, **self.kwargs)[0])

    def __call__(self, x: Array, target: Array) -> Array:
        return self.forward(x, target)


class MSELoss(_Loss):
    """The mean of the squared differences."""

    def __init__(self, reduction: str = "mean"):
        super().__init__("mse_loss", reduction=reduction)


class CrossEntropyLoss(_Loss):
    """The cross-entropy of scores against classes or probabilities."""

    def __init__(
        self,
        weight: Array | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ):
        super().__init__(
            "cross_entropy",
            weight=weight,
            ignore_index=ignore_index,
            reduction=reduction,
            label_smoothing=label_smoothing,
        )
