"""The graph that backward walks: its edges, hooks on several gradients, and what it saves."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from steep._core import (
    Node,
    Tensor,
    current_pass,
    enable_grad,
    gradient_edge_tensor,
    pop_saved_hooks,
    push_saved_hooks,
    visited_by_pass,
)

__all__ = [
    "GradientEdge",
    "Node",
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]


class GradientEdge(NamedTuple):
    """A place in the graph where a gradient is computed: an output of a node.

    `backward` and `grad` take one in the place of a tensor. One that is made by hand says nothing
    of its shape, so that a gradient has to be given where it is an output.

    Attributes:
        node: the node.
        output_nr: which of its outputs.
        ownership_token: what `get_gradient_edge` knows besides; keeps the graph alive.
    """

    node: Node
    output_nr: int
    ownership_token: Any = None


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """The edge along which the gradient of `tensor` comes; the tensor itself need not be kept.

    Raises:
        RuntimeError: if the tensor requires no gradient.

    Example:
        >>> import steep
        >>> x = steep.tensor([1.0, 2.0], requires_grad=True)
        >>> y = x * 3
        >>> edge = steep.autograd.graph.get_gradient_edge(y)
        >>> steep.autograd.grad((y * y).sum(), edge)
        (tensor([ 6., 12.]),)
    """
    if not tensor.requires_grad:
        raise RuntimeError(
            "It is not possible to get the gradient edge for a Tensor that does not require "
            "gradients; call requires_grad_() on it first"
        )
    node = node_of(tensor)
    number = 0 if tensor.grad_fn is None else tensor.output_nr
    token = gradient_edge_tensor(node, number, tensor.shape, tensor.dtype)
    return GradientEdge(node, number, token)


def node_of(place: Tensor | GradientEdge) -> Node:
    """The node that a gradient arrives at: of a leaf, the one that adds to its ``.grad``."""
    if isinstance(place, GradientEdge):
        return place.node
    node: Node | None = place.grad_fn
    if node is None and place.requires_grad:
        with enable_grad():
            view: Any = place.view_as(place).grad_fn
            node = view.next_functions[0][0]
    if node is None:
        raise RuntimeError("expected a tensor that requires a gradient; call requires_grad_()")
    return node


def as_tensors(places: Any, grads: Any = None) -> Any:
    """The same with tensors for edges; the shapes of `grads` are those of edges made by hand."""
    if isinstance(places, GradientEdge):
        return _as_tensor(places, grads[0] if isinstance(grads, (list, tuple)) else grads)
    if not isinstance(places, (list, tuple)) or not any(type(x) is GradientEdge for x in places):
        return places
    given = list(grads) if isinstance(grads, (list, tuple)) else [grads]
    given += [None] * (len(places) - len(given))
    return [
        _as_tensor(place, grad) if isinstance(place, GradientEdge) else place
        for place, grad in zip(places, given, strict=False)
    ]


def _as_tensor(edge: GradientEdge, grad: Tensor | None) -> Tensor:
    if isinstance(edge.ownership_token, Tensor):
        return edge.ownership_token
    like = Tensor([0.0]).sum() if grad is None else grad
    return gradient_edge_tensor(edge.node, edge.output_nr, like.shape, like.dtype)


# ---- hooks on several gradients -----------------------------------------------------------------


class _Handles:
    """The handles of the hooks that make up one, removed together."""

    def __init__(self, handles: Sequence[Any]) -> None:
        self._handles = tuple(handles)

    def remove(self) -> None:
        """Take the hook off; calling it again does nothing."""
        for handle in self._handles:
            handle.remove()

    def __enter__(self) -> _Handles:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


class _All:
    """Gathers gradients until all that a pass computes are there."""

    def __init__(self, tensors: Sequence[Tensor], fn: Callable[..., Any]) -> None:
        self.fn = fn
        self.nodes = [node_of(tensor) for tensor in tensors]
        self.passes: dict[int, tuple[int, list[Tensor | None]]] = {}  # and how many are to come

    def take(self, place: int, grad: Tensor) -> None:
        number = current_pass()
        if number not in self.passes:
            self.passes[number] = (sum(visited_by_pass(self.nodes)), [None] * len(self.nodes))
        missing, grads = self.passes[number]
        grads[place] = grad
        self.passes[number] = (missing - 1, grads)
        if missing == 1:
            del self.passes[number]
            self.fn(grads)


def register_multi_grad_hook(
    tensors: Sequence[Tensor], fn: Callable[..., Any], *, mode: str = "all"
) -> _Handles:
    """Call `fn` once in a backward pass, with gradients of several tensors.

    Args:
        tensors: what the gradients are of.
        fn: with `mode` 'all', called with a list of gradients when the last of them is there,
            ``None`` for those that the pass does not compute; with 'any', called with the first.
            It must not change them.
        mode: 'all' (default) or 'any'.

    Returns:
        A handle whose ``remove()`` takes the hook off.

    Raises:
        ValueError: if `mode` is another.
        RuntimeError: if one of the tensors requires no gradient.

    Example:
        >>> import steep
        >>> a, b = steep.ones(2, requires_grad=True), steep.ones(2, requires_grad=True)
        >>> c, d = a * b, a + b
        >>> handle = steep.autograd.graph.register_multi_grad_hook(
        ...     (a, b, c, d), lambda grads: print([grad is not None for grad in grads]))
        >>> c.sum().backward()
        [True, True, True, False]
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    if mode == "all":
        gathered = _All(tensors, fn)

        def taking(place: int) -> Callable[[Tensor], None]:
            return lambda grad: gathered.take(place, grad)

        return _Handles([x.register_hook(taking(i)) for i, x in enumerate(tensors)])
    done: set[int] = set()

    def first(grad: Tensor) -> None:
        number = current_pass()
        if number not in done:
            done.clear()  # numbers rise: no earlier pass goes on but one around this
            done.add(number)
            fn(grad)

    return _Handles([x.register_hook(first) for x in tensors])


# ---- what is saved for backward -----------------------------------------------------------------


class _Disabled(threading.local):
    message: str | None = None


_disabled = _Disabled()


class saved_tensors_hooks:  # noqa: N801  # PyTorch's name
    """Within it, what is saved for backward is packed by one function, and unpacked by another.

    It holds for operations and for `Function.save_for_backward`; of several, the innermost. Both
    functions run without recording. A compiled function runs eagerly within it.

    Args:
        pack_hook: takes a tensor when it is saved, and returns what is kept instead. It must not
            write to the tensor.
        unpack_hook: takes that when backward needs it, perhaps several times, and returns a tensor
            of the same shape, dtype and values.

    Raises:
        TypeError: if they are not callable; in backward, if no tensor is returned.
        RuntimeError: if `pack_hook` writes to its tensor, or another shape or dtype comes back.

    Example:
        >>> import steep
        >>> kept = []
        >>> def pack(x):
        ...     kept.append(x.tolist())
        ...     return len(kept) - 1
        >>> x = steep.tensor([1.0, 2.0], requires_grad=True)
        >>> with steep.autograd.graph.saved_tensors_hooks(pack, lambda i: steep.tensor(kept[i])):
        ...     y = x.exp()
        >>> y.sum().backward()
        >>> x.grad
        tensor([2.7183, 7.3891])
    """

    def __init__(
        self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]
    ) -> None:
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self) -> None:
        if _disabled.message is not None:
            raise RuntimeError(_disabled.message)
        push_saved_hooks(self.pack_hook, self.unpack_hook)

    def __exit__(self, *exc: object) -> None:
        pop_saved_hooks()


class save_on_cpu:  # noqa: N801  # PyTorch's name
    """Nothing: what is saved for backward is in the CPU's memory anyway.

    Args:
        pin_memory, device_type: PyTorch's arguments, without effect.
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        pass

    def __enter__(self) -> None:
        if _disabled.message is not None:
            raise RuntimeError(_disabled.message)

    def __exit__(self, *exc: object) -> None:
        pass


@contextlib.contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """Within it, setting `saved_tensors_hooks` is an error.

    Args:
        error_message: what the error says.

    Example:
        >>> import steep
        >>> graph = steep.autograd.graph
        >>> with graph.disable_saved_tensors_hooks("not here"):
        ...     with graph.saved_tensors_hooks(lambda x: x, lambda x: x):
        ...         pass
        Traceback (most recent call last):
        RuntimeError: not here
    """
    before = _disabled.message
    _disabled.message = error_message
    try:
        yield
    finally:
        _disabled.message = before


class allow_mutation_on_saved_tensors(saved_tensors_hooks):  # noqa: N801  # PyTorch's name
    """Within it, what was saved for backward may be written to in place afterwards.

    Each saved tensor is copied at once, so that it costs the memory of all that is saved.

    Example:
        >>> import steep
        >>> x = steep.tensor([1.0, 2.0], requires_grad=True)
        >>> with steep.autograd.graph.allow_mutation_on_saved_tensors():
        ...     y = x * 1
        ...     z = y.sin()
        ...     _ = y.zero_()
        >>> z.sum().backward()
        >>> x.grad
        tensor([ 0.5403, -0.4161])
    """

    def __init__(self) -> None:
        super().__init__(lambda x: x.detach().clone(), lambda x: x)
