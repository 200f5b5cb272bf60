"""PyTorch's rules of pruning: by size or at random, single elements or whole channels."""

from __future__ import annotations

from typing import Any

from steep._core import Tensor, kthvalue, norm, rand, rand_like, topk, zeros_like
from steep.nn.utils._pruning import BasePruningMethod

__all__ = [
    "CustomFromMask",
    "Identity",
    "L1Unstructured",
    "LnStructured",
    "RandomStructured",
    "RandomUnstructured",
]


def _check_amount(amount: Any) -> None:
    if isinstance(amount, bool) or not isinstance(amount, int | float):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    if amount < 0 or (isinstance(amount, float) and not amount <= 1):
        raise ValueError(
            f"amount={amount} should either be a float in the range [0.0, 1.0] or a non-negative "
            "integer"
        )


def _count(amount: int | float, size: int) -> int:
    """How many of `size` are pruned."""
    if isinstance(amount, int) and amount > size:
        raise ValueError(
            f"amount={amount} should be smaller than the number of parameters to prune={size}"
        )
    return amount if isinstance(amount, int) else round(amount * size)


def _without(mask: Tensor, places: Tensor) -> Tensor:
    """A copy of the mask with zeros in these places of its elements in a row."""
    mask = mask.contiguous().clone()
    mask.view(-1)[places] = 0
    return mask


class Identity(BasePruningMethod):
    """Prunes nothing, and makes a mask of ones."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask that there is."""
        return default_mask


class CustomFromMask(BasePruningMethod):
    """Prunes by a mask that is given.

    Args:
        mask: 1 for what is kept, of the parameter's shape.
    """

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The product of both masks.

        Raises:
            ValueError: for masks of different shapes.
        """
        if self.mask.shape != default_mask.shape:
            raise ValueError(
                f"prune: expected a mask of shape {tuple(default_mask.shape)}, got "
                f"{tuple(self.mask.shape)}"
            )
        return default_mask * self.mask.to(default_mask.dtype)


class _OfElements(BasePruningMethod):
    """Prunes single elements.

    Args:
        amount: how many, or which share of them as a float.

    Raises:
        TypeError: for what is no number.
        ValueError: for a negative one, and a share above 1; when it is applied, for more elements
            than there are.
    """

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount: int | float) -> None:
        _check_amount(amount)
        self.amount = amount

    def _ranks(self, t: Tensor) -> Tensor:
        """Numbers by which the lowest are pruned."""
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask, with zeros for the lowest as well."""
        count = _count(self.amount, t.numel())
        if not count:
            return default_mask.clone()
        return _without(default_mask, topk(self._ranks(t).reshape(-1), count, largest=False)[1])


class L1Unstructured(_OfElements):
    __doc__ = (_OfElements.__doc__ or "").replace("single", "the smallest", 1)

    def _ranks(self, t: Tensor) -> Tensor:
        return t.abs()


class RandomUnstructured(_OfElements):
    __doc__ = (_OfElements.__doc__ or "").replace("single", "random", 1)

    def _ranks(self, t: Tensor) -> Tensor:
        return -rand_like(t)


class _OfChannels(BasePruningMethod):
    """Prunes whole channels.

    Args:
        amount: how many, or which share of them as a float.
        dim: the dimension along which the channels lie. Default: -1.

    Raises:
        TypeError: for what is no number.
        ValueError: for a negative one, and a share above 1; when it is applied, for more channels
            than there are, and for vectors.
        IndexError: when it is applied, for a dimension out of range.
    """

    PRUNING_TYPE = "structured"

    def __init__(self, amount: int | float, dim: int = -1) -> None:
        _check_amount(amount)
        self.amount, self.dim = amount, dim

    def _kept(self, t: Tensor, count: int) -> Tensor:
        """Whether each channel is kept when `count` are pruned."""
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask, with zeros for the chosen channels as well."""
        if t.dim() <= 1:
            raise ValueError(
                "Structured pruning can only be applied to multidimensional tensors. Found tensor "
                f"of shape {tuple(t.shape)} with {t.dim()} dims"
            )
        if not -t.dim() <= self.dim < t.dim():
            raise IndexError(f"Invalid index {self.dim} for tensor of size {tuple(t.shape)}")
        count = _count(self.amount, t.shape[self.dim])
        if not count:
            return default_mask
        shape = [1] * t.dim()
        shape[self.dim] = -1
        return default_mask * self._kept(t, count).to(default_mask.dtype).view(shape)


class LnStructured(_OfChannels):
    """Prunes the channels of the smallest norm.

    Args:
        amount: how many, or which share of them as a float.
        n: which norm, as for `steep.norm`.
        dim: the dimension along which the channels lie. Default: -1.

    Raises:
        TypeError: for what is no number.
        ValueError: for a negative one, and a share above 1; when it is applied, for more channels
            than there are, and for vectors.
        IndexError: when it is applied, for a dimension out of range.
    """

    def __init__(self, amount: int | float, n: Any, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def _kept(self, t: Tensor, count: int) -> Tensor:
        others = [d for d in range(t.dim()) if d != self.dim % t.dim()]
        lengths = norm(t, p=self.n, dim=others)
        best = topk(lengths, lengths.numel() - count)[1]
        return zeros_like(lengths).index_fill(0, best, 1.0)


class RandomStructured(_OfChannels):
    __doc__ = (_OfChannels.__doc__ or "").replace("whole", "random", 1)

    def _kept(self, t: Tensor, count: int) -> Tensor:
        drawn = rand(t.shape[self.dim])
        return drawn > kthvalue(drawn, count)[0]
