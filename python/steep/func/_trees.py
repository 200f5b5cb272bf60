"""Arguments and results as trees: containers, and what lies in them."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["flatten", "map_leaves", "spread_prefix", "unflatten"]

# What a container is built from again: its class, its keys or how many items it has, its trees.
Tree = Any
_LEAF = None


def _children(x: Any) -> tuple[Any, list[Any]] | None:
    """How a container is made again, and its items; None of what is no container."""
    kind = type(x)
    if kind in (dict, OrderedDict):
        return (kind, tuple(x)), list(x.values())
    if kind is defaultdict:
        return (kind, tuple(x), x.default_factory), list(x.values())
    if kind in (list, tuple) or (isinstance(x, tuple) and not hasattr(x, "numel")):
        return (kind, len(x)), list(x)
    return None


def flatten(x: Any) -> tuple[list[Any], Tree]:
    """The leaves from left to right, and what `unflatten` needs. None is a leaf."""
    found = _children(x)
    if found is None:
        return [x], _LEAF
    made, items = found
    leaves: list[Any] = []
    trees = []
    for item in items:
        own, tree = flatten(item)
        leaves += own
        trees.append(tree)
    return leaves, (made, trees)


def _built(tree: Tree, leaves: list[Any], at: int) -> tuple[Any, int]:
    if tree is _LEAF:
        return leaves[at], at + 1
    (kind, shape, *more), trees = tree
    items = []
    for one in trees:
        item, at = _built(one, leaves, at)
        items.append(item)
    if isinstance(shape, tuple):
        pairs = zip(shape, items, strict=True)
        return (kind(*more, pairs) if more else kind(pairs)), at
    if kind in (list, tuple):
        return kind(items), at
    return (kind(*items) if hasattr(kind, "_fields") else kind(items)), at


def unflatten(tree: Tree, leaves: Sequence[Any]) -> Any:
    """The containers again, with other leaves."""
    return _built(tree, list(leaves), 0)[0]


def map_leaves(function: Callable[[Any], Any], x: Any) -> Any:
    """The tree with `function` of each leaf in its place."""
    leaves, tree = flatten(x)
    return unflatten(tree, [function(leaf) for leaf in leaves])


def _count(tree: Tree) -> int:
    return 1 if tree is _LEAF else sum(_count(one) for one in tree[1])


def spread_prefix(prefix: Any, tree: Tree) -> list[Any] | None:
    """A value for each leaf of `tree`, from a tree that may end earlier; None if it does not fit.

    A leaf of the prefix stands for everything below its place.
    """
    found = _children(prefix)
    if found is None:
        return [prefix] * _count(tree)
    if tree is _LEAF:
        return None
    made, items = found
    (kind, shape, *_), trees = tree
    same_keys = (
        set(made[1]) == set(shape)
        if isinstance(shape, tuple) and isinstance(made[1], tuple)
        else made[1] == shape
    )
    both = (made[0], kind)
    lists = all(one is list or issubclass(one, tuple) for one in both)
    if not same_keys or (made[0] is not kind and not lists):
        return None
    if isinstance(shape, tuple):
        items = [prefix[key] for key in shape]
    result: list[Any] = []
    for item, one in zip(items, trees, strict=True):
        own = spread_prefix(item, one)
        if own is None:
            return None
        result += own
    return result
