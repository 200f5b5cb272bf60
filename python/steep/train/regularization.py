"""Penalties of the size of weights, and noise on gradients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from steep._core import Generator, Tensor, no_grad, randn_like, tensor
from steep.nn.module import Module

__all__ = ["GradientNoise", "l1_penalty", "l2_penalty"]

Parameters = Module | Tensor | Iterable[Tensor]


def l1_penalty(parameters: Parameters, weight: float = 1.0) -> Tensor:
    """``weight * sum(|p|)`` over all elements, which draws small ones to 0 (Tibshirani, 1996).

    Args:
        parameters: a module, all of whose parameters count, a tensor, or several.
        weight: factor of the sum. Default: 1.

    Returns:
        A 0-d tensor, to be added to the loss; 0 of no parameters. Its gradient is
        ``weight * sign(p)``.

    Raises:
        TypeError: if one of them is no tensor.

    Example:
        >>> import steep
        >>> w = steep.tensor([1.0, -2.0], requires_grad=True)
        >>> steep.train.l1_penalty(w, 0.5).backward()
        >>> w.grad
        tensor([ 0.5000, -0.5000])
    """
    return _sum("l1_penalty", [p.abs().sum() for p in _tensors("l1_penalty", parameters)]) * weight


def l2_penalty(parameters: Parameters, weight: float = 1.0) -> Tensor:
    """``weight * sum(p ** 2)`` over all elements (Hoerl and Kennard, 1970).

    Its gradient is ``2 * weight * p``: that of an optimiser's ``weight_decay = 2 * weight``, as
    long as the decay is not decoupled as in `AdamW`. Arguments, result and errors are those of
    `l1_penalty`.

    Example:
        >>> import steep
        >>> w = steep.tensor([1.0, -2.0], requires_grad=True)
        >>> steep.train.l2_penalty(w, 0.5).item()
        2.5
    """
    squares = [(p * p).sum() for p in _tensors("l2_penalty", parameters)]
    return _sum("l2_penalty", squares) * weight


def _tensors(op: str, parameters: Parameters) -> list[Tensor]:
    if isinstance(parameters, Module):
        return list(parameters.parameters())
    given = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    for p in given:
        if not isinstance(p, Tensor):
            raise TypeError(f"{op}: expected a module or tensors, got {type(p).__name__}")
    return given


def _sum(op: str, terms: list[Tensor]) -> Tensor:
    total = tensor(0.0)
    for term in terms:
        total = total + term
    return total


class GradientNoise:
    """Adds normal noise to gradients, less at every step (Neelakantan et al., 2015).

    At step t = 0, 1, ... the noise has the variance ``eta / (1 + t) ** gamma``.

    Call `add` between ``backward`` and the optimiser's step, inside a compiled function, too: the
    count of steps lies in a tensor, which replays go on with.

    Args:
        parameters: a module, a tensor, or several; those that have no gradient are left out.
        eta: variance at the first step. The paper tries 0.01, 0.3 and 1. Default: 0.01.
        gamma: power of the decay. Default: 0.55.
        generator: source of the noise; the default one if ``None``.

    Attributes:
        count: steps taken so far, a 0-d float64 tensor.

    Raises:
        ValueError: if `eta` or `gamma` is negative.
        TypeError: if a parameter is no tensor.

    Example:
        >>> import steep
        >>> w = steep.zeros(3, requires_grad=True)
        >>> noise = steep.train.GradientNoise([w], eta=1.0)
        >>> w.sum().backward()
        >>> noise.add()
        >>> noise.count.item(), w.grad.tolist() != [1.0, 1.0, 1.0]
        (1.0, True)
    """

    def __init__(
        self,
        parameters: Parameters,
        eta: float = 0.01,
        gamma: float = 0.55,
        generator: Generator | None = None,
    ) -> None:
        for name, value in (("eta", eta), ("gamma", gamma)):
            if not value >= 0:
                raise ValueError(f"GradientNoise: expected {name} to be at least 0, got {value}")
        self.parameters = _tensors("GradientNoise", parameters)
        self.eta, self.gamma, self.generator = eta, gamma, generator
        self.count = tensor(0.0).double()

    @no_grad()
    def add(self) -> None:
        """Add this step's noise to all gradients that there are."""
        size = (self.eta / (1 + self.count) ** self.gamma).sqrt()
        for p in self.parameters:
            grad = p.grad
            if grad is not None:
                noise = randn_like(grad, generator=self.generator)
                grad.add_(noise * size.to(grad.dtype))
        self.count.add_(1)

    def state_dict(self) -> dict[str, Any]:
        """The count of steps."""
        return {"count": float(self.count)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        with no_grad():
            self.count.fill_(state_dict["count"])
