"""What parameters must be; each is a function of a tensor that says where it holds."""

from __future__ import annotations

from steep._core import Tensor

__all__ = ["non_negative", "one_hot", "positive", "real", "real_vector", "simplex", "unit_interval"]


def real(x: Tensor) -> Tensor:
    """to be numbers"""
    return x == x


def real_vector(x: Tensor) -> Tensor:
    """to be vectors of numbers"""
    return (x == x).all(-1)


def positive(x: Tensor) -> Tensor:
    """to be above 0"""
    return x > 0


def non_negative(x: Tensor) -> Tensor:
    """to be 0 or above"""
    return x >= 0


def unit_interval(x: Tensor) -> Tensor:
    """to lie between 0 and 1"""
    return (x >= 0) & (x <= 1)


def simplex(x: Tensor) -> Tensor:
    """to be probabilities that add up to 1 along the last dimension"""
    return (x >= 0).all(-1) & ((x.sum(-1) - 1).abs() < 1e-6)


def one_hot(x: Tensor) -> Tensor:
    """to be vectors of one 1 and zeros"""
    return ((x == 0) | (x == 1)).all(-1) & (x.sum(-1) == 1)
