"""Masks on parameters: part of a weight is held at 0, and what is left goes on being trained.

Under pruning, a module has the parameter ``weight_orig`` and the buffer ``weight_mask`` in place of
``weight``, which is their product whenever it is read: a compiled step replays it, and it is never
stale.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from steep._core import Tensor, cat, ones_like
from steep.nn.module import Module
from steep.nn.utils._pruning import (
    BasePruningMethod,
    PruningContainer,
    method_of,
    remove_from,
)
from steep.nn.utils._pruning_rules import (
    CustomFromMask,
    Identity,
    L1Unstructured,
    LnStructured,
    RandomStructured,
    RandomUnstructured,
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
