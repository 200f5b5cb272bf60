"""Parameter groups by what is to decay."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from steep.nn.module import Module

__all__ = ["decay_groups"]

_NORM = re.compile(r"Norm(\dd)?$")


def decay_groups(
    model: Module, weight_decay: float, no_decay: Iterable[str] = ()
) -> list[dict[str, Any]]:
    """Two groups for an optimiser: weights that decay, and what does not, such as biases.

    To the latter belong parameters of fewer than two dimensions (biases, slopes, and scales of
    norms) and all of modules whose class, or a class it derives from, is called a norm (such as
    `LayerNorm`). Decay keeps the scale of a matrix small; offsets and scales have no need of it
    (Goodfellow et al., Deep Learning, 2016, section 7.1).

    Args:
        model: the module. Parameters that are shared count once, frozen ones not at all.
        weight_decay: that of the first group; the second has 0.
        no_decay: further parameters or modules that do not decay, by their paths, such as
            ``'embedding'`` or ``'head.weight'``.

    Returns:
        ``[{'params': [...], 'weight_decay': weight_decay}, {'params': [...], 'weight_decay':
        0.0}]``; without a group that would be empty.

    Raises:
        ValueError: if `weight_decay` is negative, or a name of `no_decay` is in the model's tree
            nowhere.

    Example:
        >>> import steep
        >>> nn = steep.nn
        >>> net = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 1, bias=False))
        >>> groups = steep.train.decay_groups(net, 0.01)
        >>> [[tuple(p.shape) for p in group["params"]] for group in groups]
        [[(4, 3), (1, 4)], [(4,), (4,), (4,)]]
        >>> adamw = steep.optim.AdamW(groups, lr=1e-3)
    """
    if not weight_decay >= 0:
        raise ValueError(
            f"decay_groups: expected weight_decay to be at least 0, got {weight_decay}"
        )
    spared = _checked(model, no_decay)
    decaying: list[Any] = []
    others: list[Any] = []
    seen: set[int] = set()
    for path, module in model.named_modules():
        for name, param in module._parameters.items():
            if param is None or id(param) in seen or not param.requires_grad:
                continue
            seen.add(id(param))
            full = f"{path}.{name}" if path else name
            plain = param.dim() < 2 or _is_norm(module) or _is_below(full, spared)
            (others if plain else decaying).append(param)
    groups = ((decaying, weight_decay), (others, 0.0))
    return [{"params": params, "weight_decay": decay} for params, decay in groups if params]


def _checked(model: Module, no_decay: Iterable[str]) -> list[str]:
    names = [no_decay] if isinstance(no_decay, str) else list(no_decay)
    known = {name for name, _ in model.named_modules(remove_duplicate=False)}
    known |= {name for name, _ in model.named_parameters(remove_duplicate=False)}
    for name in names:
        if name not in known:
            raise ValueError(
                f"decay_groups: expected the path of a module or parameter in no_decay, got "
                f"{name!r}; named_parameters() lists them"
            )
    return names


def _is_below(path: str, names: list[str]) -> bool:
    return any(path == name or path.startswith(f"{name}.") for name in names)


def _is_norm(module: Module) -> bool:
    return any(_NORM.search(cls.__name__) for cls in type(module).__mro__)
