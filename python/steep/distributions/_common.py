"""Parameters as tensors of one shape, and probabilities as logits and back."""

from __future__ import annotations

from typing import Any

import steep
from steep._core import Size, Tensor, check_holds

__all__ = ["as_logits", "as_probabilities", "broadcast", "clamped", "either", "require"]


def broadcast(*values: Any) -> tuple[tuple[Tensor, ...], Size]:
    """Tensors of one shape, numbers among them in the dtype of the tensors; and the shape."""
    first = next((v for v in values if isinstance(v, Tensor) and v.is_floating_point()), None)
    dtype = steep.get_default_dtype() if first is None else first.dtype
    tensors = [v if isinstance(v, Tensor) else steep.tensor(v, dtype=dtype) for v in values]
    shape = steep.broadcast_shapes(*(x.shape for x in tensors))
    return tuple(x.expand(shape) for x in tensors), Size(shape)


def clamped(probabilities: Tensor) -> Tensor:
    """Probabilities whose logarithms are finite."""
    eps = steep.finfo(probabilities.dtype).eps
    return probabilities.clamp(eps, 1 - eps)


def as_logits(probabilities: Tensor, binary: bool = False) -> Tensor:
    """Log-probabilities; log-odds of two outcomes."""
    safe = clamped(probabilities)
    return safe.log() - (-safe).log1p() if binary else safe.log()


def as_probabilities(logits: Tensor, binary: bool = False) -> Tensor:
    """The way back."""
    return steep.sigmoid(logits) if binary else steep.softmax(logits, -1)


def either(name: str, probs: Any, logits: Any) -> Any:
    """The one of both that is given."""
    if (probs is None) == (logits is None):
        raise ValueError(
            f"{name}: Either `probs` or `logits` must be specified, but not both, got "
            f"{'neither' if probs is None else 'both'}"
        )
    return logits if probs is None else probs


def require(condition: Tensor, values: Tensor, text: str) -> None:
    """Refuse values for which a condition does not hold; replays of a compiled function look, too.

    Raises:
        ValueError: the text, and the first of those values.
    """
    if type(condition) is not Tensor:  # inside of a vmap: it must hold for every example
        from steep.func._batched import raw

        condition, values = raw(condition), raw(values)
    check_holds(condition.bool(), values, text)
