"""Layers as functions, under PyTorch's names; the hot ones are the core's own, without a frame.

Example:
    >>> import steep
    >>> import steep.nn.functional as F
    >>> F.relu(steep.tensor([-1.0, 2.0])).tolist()
    [0.0, 2.0]
"""

from __future__ import annotations

from steep._core import (
    Tensor,
    arange,
    cross_entropy,
    dropout,
    leaky_relu,
    linear,
    log_softmax,
    mse_loss,
    one_hot,
    ones,
    relu,
    sigmoid,
    softmax,
    tanh,
    where,
)

__all__ = [
    "cross_entropy",
    "dropout",
    "l1_loss",
    "leaky_relu",
    "linear",
    "log_softmax",
    "mse_loss",
    "nll_loss",
    "one_hot",
    "relu",
    "sigmoid",
    "softmax",
    "tanh",
]


def _reduced(loss: Tensor, reduction: str, op: str) -> Tensor:
    if reduction == "mean":
        return loss.mean()
    if reduction == "sum":
        return loss.sum()
    if reduction == "none":
        return loss
    raise ValueError(f"{op}: expected reduction to be 'none', 'mean' or 'sum', got {reduction!r}")


def l1_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Absolute error ``|input - target|``, reduced.

    Args:
        input: predictions, any shape.
        target: values of the same shape.
        reduction: ``'mean'`` (default), ``'sum'`` or ``'none'``.

    Raises:
        ValueError: if the shapes differ, even where they would broadcast, or on an unknown
            reduction.

    Example:
        >>> import steep
        >>> x = steep.tensor([1.0, -3.0])
        >>> steep.nn.functional.l1_loss(x, steep.zeros(2)).item()
        2.0
    """
    expected, got = tuple(input.shape), tuple(target.shape)
    if expected != got:
        raise ValueError(
            f"l1_loss: expected target of the input's shape {expected}, got {got}; "
            "reshape one of them, e.g. target.view_as(input)"
        )
    return _reduced((input - target).abs(), reduction, "l1_loss")


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """Negative log likelihood: minus the log-probability of the target class, reduced.

    Args:
        input: log-probabilities, ``(C,)``, ``(N, C)`` or ``(N, C, d1, ...)``.
        target: int64 classes in [0, C), of the input's shape without ``C``.
        weight: weight of each class, ``(C,)``; all one by default.
        ignore_index: target value that contributes nothing. Default: -100.
        reduction: ``'mean'`` (default: divided by the sum of the weights), ``'sum'`` or
            ``'none'``.

    Raises:
        ValueError: if the shapes do not belong together, or on an unknown reduction.
        IndexError: if a target lies outside [0, C) and is not `ignore_index`.

    Example:
        >>> import steep
        >>> log_prob = steep.tensor([[-0.5, -1.0], [-2.0, -0.25]])
        >>> steep.nn.functional.nll_loss(log_prob, steep.tensor([0, 1])).item()
        0.375
    """
    flat, classes, out_shape = _nll_rows(input, target)
    count = flat.shape[1]
    keep = classes != ignore_index
    safe = where(keep, classes, 0)
    if safe.numel() and (int(safe.min().item()) < 0 or int(safe.max().item()) >= count):
        raise IndexError(
            f"nll_loss: expected targets in [0, {count}) or ignore_index={ignore_index}, got "
            f"values from {int(safe.min().item())} to {int(safe.max().item())}"
        )
    if weight is not None and tuple(weight.shape) != (count,):
        raise ValueError(
            f"nll_loss: expected weight of shape {(count,)}, got {tuple(weight.shape)}"
        )
    scale = ones(count, dtype=input.dtype) if weight is None else weight
    scale = where(keep, scale[safe], 0.0)
    # where() and not a product: an ignored row may hold -inf, and 0 * inf is nan.
    picked = where(keep, flat[arange(flat.shape[0]), safe], 0.0)
    loss = -picked * scale
    if reduction == "mean":
        return loss.sum() / scale.sum()
    return _reduced(loss.reshape(out_shape), reduction, "nll_loss")


def _nll_rows(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor, tuple[int, ...]]:
    """Input as ``(rows, C)``, target as ``(rows,)``, and the shape of an unreduced loss."""
    shape, got = tuple(input.shape), tuple(target.shape)
    expected = () if len(shape) == 1 else (shape[:1] + shape[2:])
    if not shape or got != expected:
        raise ValueError(
            f"nll_loss: expected target of shape {expected} for an input of shape {shape}, "
            f"got {got}"
        )
    if len(shape) == 1:
        rows = input.reshape(1, shape[0])
    elif len(shape) == 2:
        rows = input
    else:
        rows = input.permute(0, *range(2, len(shape)), 1).reshape(-1, shape[1])
    return rows, target.reshape(-1), expected
