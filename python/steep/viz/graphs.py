"""The computation graph of a tensor: as text, as DOT for Graphviz, and drawn as SVG.

Example:
    >>> import steep
    >>> w = steep.tensor(3.0, requires_grad=True)
    >>> with steep.viz.watch() as seen:
    ...     loss = (2 * w - 1) ** 2
    >>> loss.backward()
    >>> print(steep.viz.graph(loss, {"w": w}, watched=seen))
    w                                  []  value 3   grad 20
    %1    = mul(w)                     []  value 6   grad 10
    %2    = sub(%1)                    []  value 5   grad 10
    %3    = pow(%2)                    []  value 25  grad 1
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from steep._core import Node, Tensor, keep_results, take_kept_results
from steep._files import write_atomically
from steep.nn.module import Module
from steep.viz import _graph_text
from steep.viz._figure import suffix_of

__all__ = ["Box", "Graph", "graph", "watch"]

_MOST = 4000  # boxes that a graph may have


class watch:  # noqa: N801  # reads as a clause: with watch() as seen
    """Keep what is computed in a block, so that `graph` can show values and gradients within.

    Without it, a graph knows the values of its leaves and of the tensor it was asked for: the
    engine keeps no others. In the block every recorded result is kept and retains its
    gradient, so watch one small pass, not a training. What a compiled function replays is not seen.

    Attributes:
        results: (node, output number, tensor) for each, in order; filled when the block ends.

    Example:
        >>> import steep
        >>> x = steep.ones(2, requires_grad=True)
        >>> with watch() as seen:
        ...     y = x.exp().sum()
        >>> [tensor.shape for _, _, tensor in seen.results]
        [steep.Size([2]), steep.Size([])]
    """

    def __init__(self) -> None:
        self.results: list[tuple[Node, int, Tensor]] = []

    def __enter__(self) -> watch:
        keep_results()
        return self

    def __exit__(self, *exc: object) -> None:
        self.results += take_kept_results()


@dataclass
class Box:
    """An operation with its result, or a leaf.

    Attributes:
        name: of a leaf as given, or ``leaf 1``; of a result ``%1``, in order of computation.
        operation: such as ``'mul'``; empty for a leaf.
        shape: of the result, or ``None`` where nothing in the graph says it.
        value: of the result as text, if it is known and small.
        grad: of the result as text, if it is known and small.
        inputs: numbers of the boxes whose results go in, in order, among the graph's `boxes`.
    """

    name: str
    operation: str
    shape: tuple[int, ...] | None
    value: str = ""
    grad: str = ""
    inputs: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Graph:
    """A computation graph to look at; printing it gives its text, a notebook shows it drawn.

    Attributes:
        boxes: leaves and operations, each after what it needs; the last is the tensor asked for.
    """

    boxes: list[Box]

    def __str__(self) -> str:
        return _graph_text.text(self.boxes)

    def text(self) -> str:
        """One line for each leaf and operation, in order of computation."""
        return _graph_text.text(self.boxes)

    def dot(self) -> str:
        """The graph in Graphviz's language DOT."""
        return _graph_text.dot(self.boxes)

    def svg(self) -> str:
        """The graph drawn, inputs above; needs no Graphviz."""
        return _graph_text.svg(self.boxes)

    def _repr_svg_(self) -> str:
        return self.svg()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it, drawn or as text, as the suffix says: ``.svg``, ``.dot`` or ``.txt``.

        Raises:
            ValueError: for another suffix.
            OSError: if the file cannot be written.
        """
        suffix = suffix_of(path, (".svg", ".dot", ".txt"), "Graph.save")
        text = {".svg": self.svg, ".dot": self.dot, ".txt": self.text}[suffix]()
        write_atomically(os.fspath(path), [text.encode(), b"\n"])


def graph(
    tensor: Tensor,
    names: Module | Mapping[str, Tensor] | None = None,
    *,
    watched: watch | None = None,
    max_elements: int = 6,
) -> Graph:
    """The graph that `backward` would walk from a tensor, after `backward` as well as before.

    Inputs that require no gradient are not part of it, as in PyTorch.

    Args:
        tensor: a result of recorded operations, or a leaf.
        names: what leaves are called: a model, whose parameters have names, or tensors by name.
            Default: ``leaf 1``, ``leaf 2`` and so on.
        watched: a `watch` in whose block it was computed, for values and gradients of all results.
        max_elements: tensors of more elements show no values. Default: 6.

    Raises:
        TypeError: if `tensor` is none.
        ValueError: if it has no graph, or one of more than 4,000 operations and leaves.

    Example:
        >>> import steep
        >>> model = steep.nn.Sequential(steep.nn.Linear(3, 2), steep.nn.Tanh())
        >>> print(graph(model(steep.ones(5, 3)).sum(), model))  # doctest: +NORMALIZE_WHITESPACE
        0.weight                         [2, 3]  value ...
        0.bias                           [2]     value ...
        %1        = linear(0.weight, 0.bias)  [5, 2]
        ...
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(f"graph: expected a Tensor, got a {type(tensor).__name__}")
    if tensor.grad_fn is None and not tensor.requires_grad:
        raise ValueError(
            "graph: expected a tensor that was computed from one that requires a gradient, got one "
            "without a graph; set requires_grad=True on a leaf, and compute outside of no_grad()"
        )
    known = {(node, output): result for node, output, result in (watched or watch()).results}
    if tensor.grad_fn is None:
        return Graph([_leaf_box(tensor, _name_of(tensor, names, 1), max_elements)])
    order = _in_order(tensor.grad_fn)
    shapes = _shapes(order)
    known.setdefault((tensor.grad_fn, 0), tensor)
    boxes: list[Box] = []
    numbers: dict[Node, int] = {}
    leaves = results = 0
    for node in order:
        numbers[node] = len(boxes)
        leaf = getattr(node, "variable", None)
        if leaf is not None:
            leaves += 1
            boxes.append(_leaf_box(leaf, _name_of(leaf, names, leaves), max_elements))
            continue
        results += 1
        box = Box(f"%{results}", _operation(node), shapes.get(node))
        box.inputs = [numbers[below] for below, _ in node.next_functions if below is not None]
        result = known.get((node, 0))
        if result is not None and result.grad_fn == node:
            box.shape = tuple(result.shape)
            box.value = _graph_text.values(result, max_elements)
            retained = result.retains_grad or result.is_leaf
            box.grad = _graph_text.values(result.grad if retained else None, max_elements)
        boxes.append(box)
    return Graph(boxes)


def _leaf_box(leaf: Tensor, name: str, most: int) -> Box:
    value, grad = _graph_text.values(leaf, most), _graph_text.values(leaf.grad, most)
    return Box(name, "", tuple(leaf.shape), value, grad)


def _in_order(root: Node) -> list[Node]:
    """The nodes below one, each after those it leads to; without recursion, for long chains."""
    order: list[Node] = []
    state: dict[Node, bool] = {}  # False: entered, True: done
    stack = [root]
    while stack:
        node = stack[-1]
        if node in state:
            stack.pop()
            if not state[node]:
                state[node] = True
                order.append(node)
            continue
        state[node] = False
        if len(state) > _MOST:
            raise ValueError(
                f"graph: expected at most {_MOST} operations and leaves, got more; draw the graph "
                "of a part: one layer, or fewer steps of a sequence"
            )
        below = [x for x, _ in node.next_functions if x is not None and x not in state]
        stack.extend(reversed(below))
    return order


def _shapes(order: list[Node]) -> dict[Node, tuple[int, ...]]:
    """The shapes of results, as those who use them know."""
    shapes: dict[Node, tuple[int, ...]] = {}
    for node in order:
        for (below, output), shape in zip(node.next_functions, node.input_shapes, strict=True):
            if below is not None and shape is not None and output == 0:
                shapes[below] = tuple(shape)
    return shapes


def _name_of(leaf: Tensor, names: Module | Mapping[str, Tensor] | None, number: int) -> str:
    if isinstance(names, Module):
        names = dict(names.named_parameters())
    for name, tensor in (names or {}).items():
        if tensor is leaf:
            return str(name)
    return f"leaf {number}"


def _operation(node: Node) -> str:
    """The name that steep has for it; ``LogSoftmaxBackward0`` is log_softmax's."""
    name = re.sub(r"Backward\d*$", "", node.operation)
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
