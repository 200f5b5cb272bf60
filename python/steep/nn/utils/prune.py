"""Masks on parameters: part of a weight is held at 0, and what is left goes on being trained.

Under pruning, a module has the parameter ``weight_orig`` and the buffer ``weight_mask`` in place of
``weight``, which is their product whenever it is read: a compiled step replays it, and it is never
stale.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from steep._core import Tensor, cat, kthvalue, norm, ones_like, rand, rand_like, topk, zeros_like
from steep.nn.module import Module
from steep.nn.utils._pruning import (
    BasePruningMethod,
    PruningContainer,
    method_of,
    remove_from,
)

__all__ = [
    "BasePruningMethod",
    "CustomFromMask",
    "Identity",
    "L1Unstructured",
    "LnStructured",
    "PruningContainer",
    "RandomStructured",
    "RandomUnstructured",
    "custom_from_mask",
    "global_unstructured",
    "identity",
    "is_pruned",
    "l1_unstructured",
    "ln_structured",
    "random_structured",
    "random_unstructured",
    "remove",
]

_M = TypeVar("_M", bound=Module)


# ---- rules --------------------------------------------------------------------------------------


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


# ---- functions ----------------------------------------------------------------------------------


def identity(module: _M, name: str) -> _M:
    """Give a parameter a mask of ones.

    Args:
        module: the module, which is changed.
        name: its parameter.

    Returns:
        The module; so do the functions below.

    Raises:
        AttributeError: if the module has no such parameter; so do the functions below.
    """
    Identity.apply(module, name)
    return module


def random_unstructured(module: _M, name: str, amount: int | float) -> _M:
    """Set random elements of a parameter to 0.

    Args:
        module, name: as in `identity`.
        amount: how many, or which share of them as a float.

    Raises:
        TypeError: for an amount that is no number.
        ValueError: for one that is negative or more than there is.

    Example:
        >>> import steep
        >>> prune = steep.nn.utils.prune
        >>> layer = prune.random_unstructured(steep.nn.Linear(4, 4), "weight", amount=0.25)
        >>> int((layer.weight == 0).sum()), list(layer.state_dict())
        (4, ['bias', 'weight_orig', 'weight_mask'])
    """
    RandomUnstructured.apply(module, name, amount=amount)
    return module


def l1_unstructured(
    module: _M, name: str, amount: int | float, importance_scores: Tensor | None = None
) -> _M:
    """Set the elements of a parameter that are nearest to 0 to 0.

    Args:
        module, name, amount: as in `random_unstructured`.
        importance_scores: what is looked at instead of the elements, of their shape. Default: the
            elements.

    Raises:
        TypeError: for an amount that is no number.
        ValueError: for one that is negative or more than there is, scores of another shape.

    Example:
        >>> import steep
        >>> layer = steep.nn.Linear(3, 1)
        >>> layer.weight.data = steep.tensor([[0.1, -2.0, 0.3]])
        >>> steep.nn.utils.prune.l1_unstructured(layer, "weight", amount=2).weight
        tensor([[ 0., -2.,  0.]], grad_fn=<MulBackward0>)
    """
    L1Unstructured.apply(module, name, amount=amount, importance_scores=importance_scores)
    return module


def random_structured(module: _M, name: str, amount: int | float, dim: int) -> _M:
    """Set random channels of a parameter to 0.

    Args:
        module, name, amount: as in `random_unstructured`, of channels.
        dim: the dimension along which the channels lie.

    Raises:
        TypeError: for an amount that is no number.
        ValueError: for one that is negative or more than there is, a vector.
        IndexError: for a dimension out of range.
    """
    RandomStructured.apply(module, name, amount=amount, dim=dim)
    return module


def ln_structured(
    module: _M,
    name: str,
    amount: int | float,
    n: Any,
    dim: int,
    importance_scores: Tensor | None = None,
) -> _M:
    """Set the channels of a parameter of the smallest norm to 0.

    Args:
        module, name, amount, dim: as in `random_structured`.
        n: which norm, as for `steep.norm`: 1, 2, infinity.
        importance_scores: as in `l1_unstructured`.

    Raises:
        TypeError: for an amount that is no number.
        ValueError: for one that is negative or more than there is, a vector, scores of another
            shape.
        IndexError: for a dimension out of range.

    Example:
        >>> import steep
        >>> layer = steep.nn.Linear(2, 3)
        >>> pruned = steep.nn.utils.prune.ln_structured(layer, "weight", amount=1, n=2, dim=0)
        >>> int((pruned.weight == 0).all(1).sum())
        1
    """
    LnStructured.apply(
        module, name, amount=amount, n=n, dim=dim, importance_scores=importance_scores
    )
    return module


def custom_from_mask(module: _M, name: str, mask: Tensor) -> _M:
    """Set the elements of a parameter to 0 whose mask is 0.

    Args:
        module, name: as in `identity`.
        mask: 1 for what is kept, of the parameter's shape.

    Raises:
        ValueError: for a mask of another shape.
    """
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Module, str]],
    pruning_method: type[BasePruningMethod],
    importance_scores: Mapping[tuple[Module, str], Tensor] | None = None,
    **kwargs: Any,
) -> None:
    """Prune several parameters together: the amount is of all of them, the ranks are across them.

    Args:
        parameters: pairs of a module and its parameter's name.
        pruning_method: an unstructured rule, such as `L1Unstructured`.
        importance_scores: by pair, what is looked at instead of a parameter. Default: None.
        kwargs: the rule's arguments, such as `amount`.

    Raises:
        TypeError: for what are no pairs, and a rule that is structured.
        ValueError: for an amount that is negative or more than there is, and scores of another
            shape. Nothing is changed then.

    Example:
        >>> import steep
        >>> prune = steep.nn.utils.prune
        >>> model = steep.nn.Sequential(steep.nn.Linear(4, 4), steep.nn.Linear(4, 2))
        >>> pairs = [(model[0], "weight"), (model[1], "weight")]
        >>> prune.global_unstructured(pairs, prune.L1Unstructured, amount=0.5)
        >>> sum(int((layer.weight == 0).sum()) for layer in model)
        12
    """
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    pairs = list(parameters)
    scores = {} if importance_scores is None else importance_scores
    if not isinstance(scores, Mapping):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method '
            f"{pruning_method} of type {method.PRUNING_TYPE}"
        )
    given = [getattr(module, name).detach() for module, name in pairs]
    ranked = [scores.get(pair, t) for pair, t in zip(pairs, given, strict=True)]
    for t, score in zip(given, ranked, strict=True):
        if t.shape != score.shape:
            raise ValueError(
                f"global_unstructured(): expected scores of shape {tuple(t.shape)}, got "
                f"{tuple(score.shape)}"
            )
    left = [
        getattr(m, f"{name}_mask", ones_like(t)) for (m, name), t in zip(pairs, given, strict=True)
    ]
    method._tensor_name = "all"
    whole = PruningContainer(method)
    mask = whole.compute_mask(*(cat([t.reshape(-1) for t in ts]) for ts in (ranked, left)))
    parts = mask.split([t.numel() for t in given])
    for (module, name), t, part in zip(pairs, given, parts, strict=True):
        custom_from_mask(module, name, part.view(t.shape))


def remove(module: _M, name: str) -> _M:
    """Make a pruned parameter a parameter again, with zeros that may be trained.

    Raises:
        ValueError: if it is not pruned.

    Example:
        >>> import steep
        >>> prune = steep.nn.utils.prune
        >>> layer = prune.l1_unstructured(steep.nn.Linear(2, 2), "weight", amount=0.5)
        >>> list(prune.remove(layer, "weight").state_dict())
        ['bias', 'weight']
    """
    remove_from(module, name)
    return module


def is_pruned(module: Module) -> bool:
    """Whether a parameter of the module, or of a module in it, is pruned.

    Example:
        >>> import steep
        >>> prune = steep.nn.utils.prune
        >>> model = steep.nn.Sequential(steep.nn.Linear(2, 2))
        >>> prune.is_pruned(model), prune.is_pruned(prune.identity(model[0], "weight"))
        (False, True)
    """
    return any(method_of(part) is not None for part in module.modules())
