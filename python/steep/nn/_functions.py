"""Functions of steep.nn.functional that are made of a few operations."""

from __future__ import annotations

from typing import Any

from steep._core import (
    Tensor,
    arange,
    celu,
    cross_entropy,
    elu,
    empty_like,
    hardtanh,
    leaky_relu,
    linear,
    rrelu,
    selu,
    softmax,
    threshold,
)

__all__ = [
    "celu_",
    "elu_",
    "gumbel_softmax",
    "hardtanh_",
    "leaky_relu_",
    "linear_cross_entropy",
    "pdist",
    "rrelu_",
    "selu_",
    "threshold_",
]


def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """A draw of the Gumbel softmax: nearly one-hot, and with a gradient (Jang et al. 2017,
    https://arxiv.org/abs/1611.01144).

    ``softmax((logits + g) / tau)``, where g is Gumbel noise, ``-log(e)`` of an exponential draw e.

    Args:
        logits: log-probabilities, which need not be normalised, of any shape.
        tau: the temperature: the lower, the nearer to one-hot. Default: 1.
        hard: whether to give one-hot vectors, whose gradient is that of the soft ones. Default:
            ``False``.
        eps: without effect; PyTorch's argument.
        dim: the classes' dimension. Default: -1.

    Raises:
        NotImplementedError: for integers.
        IndexError: for a `dim` that there is not.

    Example:
        >>> import steep
        >>> one = steep.nn.functional.gumbel_softmax(steep.zeros(2, 5), hard=True)
        >>> one.sum(1).tolist()
        [1.0, 1.0]
    """
    noise = -empty_like(logits).exponential_().log()
    soft = softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    best = soft.detach().argmax(dim, keepdim=True)
    shape = [1] * soft.dim()
    shape[dim] = soft.shape[dim]
    one_hot = (arange(soft.shape[dim]).reshape(shape) == best).to(soft.dtype)
    return one_hot - soft.detach() + soft


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The distance of each two rows: of row 0 to the others, of row 1 to those after it, ...

    Args:
        input: rows ``(N, M)``.
        p: which norm, from 0 to infinity. Default: 2.0.

    Shapes: the result is ``(N (N - 1) / 2,)``.

    Raises:
        RuntimeError: for an input that is not two-dimensional, and a negative `p`.

    Example:
        >>> import steep
        >>> steep.nn.functional.pdist(steep.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 4.0]]))
        tensor([5., 4., 3.])
    """
    if input.dim() != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.dim()}D")
    if not input.dtype.is_floating_point:
        raise RuntimeError(f"pdist only supports floating-point dtypes, got {input.dtype}")
    if not p >= 0:
        raise RuntimeError(f"pdist only supports non-negative p values, got {p}")
    n = len(input)
    places = arange(n)
    first, second = (places[:, None] < places).nonzero().unbind(1)
    apart = (input[first] - input[second]).abs()
    if apart.shape[1] == 0:
        return input.new_zeros(len(first))
    if p == 0:
        return apart.sign().sum(1)
    if p == float("inf"):
        return apart.amax(1)
    if p == 1:
        return apart.sum(1)
    # What is 0 has the gradient 0, where that of a power or a root would be infinite.
    sums = _power(apart, p).sum(1)
    return _power(sums, 1 / p)


def _power(x: Tensor, p: float) -> Tensor:
    """``x**p`` for x at or above 0; 0, with the gradient 0, for 0."""
    positive = x > 0
    return x.where(positive, x.new_ones(())) ** p * positive


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Tensor:
    """``cross_entropy(linear(input, linear_weight, linear_bias), target, ...)``.

    Args:
        input: samples ``(N, in_features)`` or ``(in_features,)``.
        linear_weight: ``(C, in_features)``, or ``(C, d1, ..., in_features)`` for scores
            ``(N, C, d1, ...)``.
        target: class numbers ``(N, d1, ...)``, or probabilities ``(N, C, d1, ...)``.
        linear_bias: ``(C, d1, ...)`` or ``None``.
        weight, reduction, ignore_index, label_smoothing: as in `cross_entropy`; an `ignore_index`
            of ``None`` is -100.
        options: ``None``; the scores are not cut into pieces.

    Raises:
        NotImplementedError: for `options`.
        And what `linear` and `cross_entropy` raise.

    Example:
        >>> import steep
        >>> x, weight = steep.ones(2, 3), steep.zeros(4, 3)
        >>> steep.nn.functional.linear_cross_entropy(x, weight, steep.tensor([0, 3]))
        tensor(1.3863)
    """
    if options is not None:
        raise NotImplementedError(
            "linear_cross_entropy: expected options=None, for the scores are not cut into pieces; "
            "leave it out"
        )
    sizes, width = linear_weight.shape[:-1], linear_weight.shape[-1]
    bias = None if linear_bias is None else linear_bias.reshape(-1)
    scores = linear(input, linear_weight.reshape(-1, width), bias)
    ignored = -100 if ignore_index is None else ignore_index
    return cross_entropy(
        scores.reshape(*input.shape[:-1], *sizes),
        target,
        weight,
        ignore_index=ignored,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )


def elu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """In-place form of `elu`."""
    return elu(input, alpha, inplace=True)


def selu_(input: Tensor) -> Tensor:
    """In-place form of `selu`."""
    return selu(input, inplace=True)


def celu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """In-place form of `celu`."""
    return celu(input, alpha, inplace=True)


def hardtanh_(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """In-place form of `hardtanh`."""
    return hardtanh(input, min_val, max_val, inplace=True)


def leaky_relu_(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """In-place form of `leaky_relu`."""
    return leaky_relu(input, negative_slope, inplace=True)


def threshold_(input: Tensor, threshold_: float, value: float) -> Tensor:
    """In-place form of `threshold`."""
    return threshold(input, threshold_, value, inplace=True)


def rrelu_(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False
) -> Tensor:
    """In-place form of `rrelu`."""
    return rrelu(input, lower, upper, training, inplace=True)
