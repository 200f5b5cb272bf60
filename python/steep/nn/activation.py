"""Activations as modules."""

from __future__ import annotations

__all__: list[str] = []

# Written by tools/make_stubs.py from here on, from the operations' records.
from steep._core import (
    Tensor,
    elu,
    gelu,
    leaky_relu,
    log_softmax,
    relu,
    sigmoid,
    silu,
    softmax,
    softplus,
    softsign,
    tanh,
)
from steep.nn.module import Module

__all__ += [
    "ELU",
    "GELU",
    "LeakyReLU",
    "LogSoftmax",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Softsign",
    "Tanh",
]


class ELU(Module):
    """``x`` where it is positive, ``alpha * (exp(x) - 1)`` elsewhere (Clevert et al., ICLR 2016).

    Args:
        alpha: minus the limit at minus infinity. Default: 1.
        inplace: write the result into the input. Default: ``False``.

    Example:
        >>> import steep
        >>> steep.nn.ELU()(steep.tensor([0.0, 2.0])).tolist()
        [0.0, 2.0]
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply `elu` with the arguments it was made with."""
        return elu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        """The arguments it was made with."""
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class GELU(Module):
    """``x`` times the normal distribution's share below it (Hendrycks and Gimpel, 2016).

    Args:
        approximate: ``'none'`` (default) for the exact function, ``'tanh'`` for the approximation
            by a hyperbolic tangent.

    Example:
        >>> import steep
        >>> steep.nn.GELU()(steep.zeros(1)).tolist()
        [0.0]
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        """Apply `gelu` with the arguments it was made with."""
        return gelu(input, self.approximate)

    def extra_repr(self) -> str:
        """The arguments it was made with."""
        return f"approximate={self.approximate!r}"


class LeakyReLU(Module):
    """``x`` where it is positive, ``negative_slope * x`` elsewhere (Maas et al., 2013).

    Args:
        negative_slope: slope below zero. Default: 0.01.
        inplace: write the result into the input. Default: ``False``.

    Example:
        >>> import steep
        >>> steep.nn.LeakyReLU(0.5)(steep.tensor([-1.0, 2.0])).tolist()
        [-0.5, 2.0]
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply `leaky_relu` with the arguments it was made with."""
        return leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        """The arguments it was made with."""
        return f"negative_slope={self.negative_slope}" + (", inplace=True" if self.inplace else "")


class LogSoftmax(Module):
    """``x - logsumexp(x)`` along `dim`: the logarithm of `Softmax`, computed safely.

    Args:
        dim: the dimension along which the probabilities sum to one; see `Softmax`.

    Example:
        >>> import steep
        >>> steep.nn.LogSoftmax(dim=0)(steep.zeros(1)).tolist()
        [0.0]
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Apply `log_softmax` with the arguments it was made with."""
        return log_softmax(input, self.dim)

    def extra_repr(self) -> str:
        """The arguments it was made with."""
        return f"dim={self.dim}"


class ReLU(Module):
    """``max(0, x)``, elementwise.

    Args:
        inplace: write the result into the input. Default: ``False``.

    Example:
        >>> import steep
        >>> steep.nn.ReLU()(steep.tensor([-1.0, 2.0])).tolist()
        [0.0, 2.0]
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply `relu` with the arguments it was made with."""
        return relu(input, self.inplace)

    def extra_repr(self) -> str:
        """The arguments it was made with."""
        return "inplace=True" if self.inplace else ""


class SiLU(Module):
    """``x * sigmoid(x)``, elementwise (Hendrycks and Gimpel, 2016).

    Args:
        inplace: write the result into the input. Default: ``False``.

    Example:
        >>> import steep
        >>> steep.nn.SiLU()(steep.zeros(1)).tolist()
        [0.0]
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply `silu` with the arguments it was made with."""
        return silu(input, self.inplace)

    def extra_repr(self) -> str:
        """The arguments it was made with."""
        return "inplace=True" if self.inplace else ""


class Sigmoid(Module):
    """``1 / (1 + exp(-x))``, elementwise.

    Example:
        >>> import steep
        >>> steep.nn.Sigmoid()(steep.zeros(2)).tolist()
        [0.5, 0.5]
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply `sigmoid`."""
        return sigmoid(input)


class Softmax(Module):
    """``exp(x) / sum(exp(x))`` along `dim`: positive, and summing to one.

    Args:
        dim: the dimension that sums to one. Leaving it out picks 0 or 1 by the number of
            dimensions, with a warning, as PyTorch does.

    Example:
        >>> import steep
        >>> steep.nn.Softmax(dim=1)(steep.zeros(1, 2)).tolist()
        [[0.5, 0.5]]
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Apply `softmax` with the arguments it was made with."""
        return softmax(input, self.dim)

    def extra_repr(self) -> str:
        """The arguments it was made with."""
        return f"dim={self.dim}"


class Softplus(Module):
    """``log(1 + exp(beta * x)) / beta``, a smooth `ReLU`.

    Args:
        beta: how sharp the bend is. Default: 1.
        threshold: where ``beta * x`` exceeds it, `x` itself is returned. Default: 20.

    Example:
        >>> import steep
        >>> round(steep.nn.Softplus()(steep.zeros(1)).item(), 4)
        0.6931
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        """Apply `softplus` with the arguments it was made with."""
        return softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        """The arguments it was made with."""
        return f"beta={self.beta}, threshold={self.threshold}"


class Softsign(Module):
    """``x / (1 + |x|)``, elementwise.

    (Turian et al., 2009.)

    Example:
        >>> import steep
        >>> steep.nn.Softsign()(steep.tensor([-1.0, 3.0])).tolist()
        [-0.5, 0.75]
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply `softsign`."""
        return softsign(input)


class Tanh(Module):
    """Hyperbolic tangent, elementwise.

    Example:
        >>> import steep
        >>> steep.nn.Tanh()(steep.zeros(2)).tolist()
        [0.0, 0.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply `tanh`."""
        return tanh(input)
