"""Questions about the graph that a backward pass would walk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from steep._core import Tensor, enable_grad

__all__ = ["accumulator", "history", "last_operation", "nodes", "operation"]

# What only arranges values: an activation before one of these is still the last thing computed.
ARRANGING = {
    *("View", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose", "Permute", "T", "Select"),
    *("Slice", "Contiguous", "Clone", "Expand", "Unflatten", "Movedim", "Alias", "To", "Narrow"),
}
# Graphs of unrolled loops are long; what is asked for stands near the loss.
LIMIT = 20_000


def operation(node: Any) -> str:
    """The name of a node's operation: ``'CrossEntropy'`` of one that prints as `NllLossBackward0`.

    PyTorch's names, which nodes print, tell fewer operations apart than steep has.
    """
    own: str = getattr(node, "operation", "") or node.name().partition("Backward")[0]
    return "".join(part[:1].upper() + part[1:] for part in own.split("_"))


def parents(node: Any) -> list[Any]:
    """The nodes that a node hands its gradients to."""
    return [parent for parent, _ in node.next_functions if parent is not None]


def last_operation(node: Any, passing: set[str] | frozenset[str] = frozenset()) -> Any:
    """The node that computed the values, behind those that only arranged them; perhaps None.

    Args:
        node: where to begin.
        passing: further operations to go through, such as ``{'Dropout'}``.
    """
    while node is not None and operation(node) in ARRANGING | passing:
        before = parents(node)
        node = before[0] if before else None
    return node


def nodes(root: Any) -> Iterator[Any]:
    """All nodes that `root` leads to, itself first, each once, those near it first."""
    queue = [root] if root is not None else []
    seen: set[Any] = set()
    for node in queue:
        if node in seen or len(seen) > LIMIT:
            continue
        seen.add(node)
        yield node
        queue += parents(node)


def history(tensor: Tensor) -> Any:
    """The node that made a tensor; None of a leaf."""
    return tensor.grad_fn


def accumulator(leaf: Tensor) -> Any:
    """The node that adds gradients to a leaf; None if it takes none."""
    if not leaf.requires_grad or not leaf.is_leaf:
        return None
    with enable_grad():
        return leaf.view(leaf.shape).grad_fn.next_functions[0][0]
