"""`grad` and `grad_and_value`, and what all derivatives of trees of tensors share.

Inside of a vmap, what is differentiated by is first given a copy for each example. So the gradient
of the sum of all examples' results holds the gradient of each.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from steep import _core
from steep._core import Tensor, autograd_grad, enable_grad, graph_leads_elsewhere, is_grad_enabled
from steep.func._batched import in_all_levels, raw, rewrapped
from steep.func._levels import levels
from steep.func._trees import flatten, unflatten

__all__ = ["Argnums", "Tracked", "grad", "grad_and_value", "outputs_of", "slopes", "split_aux"]

Argnums = int | tuple[int, ...]


class Tracked:
    """Arguments that a derivative is taken by, as leaves of their own.

    Attributes:
        args: with the leaves in their places.
        leaves: the leaves, tensors or batches.
        tree: the structure of the arguments that were chosen.
        wanted: whether the result itself may have to be differentiated.
        levels: the vmaps that ran.
    """

    def __init__(self, name: str, args: tuple[Any, ...], argnums: Argnums) -> None:
        self.wanted = is_grad_enabled()
        self.levels = list(levels())
        places = _places(name, args, argnums)
        chosen = args[places[0]] if isinstance(argnums, int) else tuple(args[i] for i in places)
        given, self.tree = flatten(chosen)
        for x in given:
            if not isinstance(x, Tensor):
                raise ValueError(
                    f"{name}: Thing passed to transform API must be Tensor, got {type(x)}; choose "
                    "arguments of tensors alone by argnums"
                )
        self.from_outside = any(x.requires_grad for x in given)
        with enable_grad():
            self.leaves = [_leaf(x) for x in given]
        fresh = unflatten(self.tree, self.leaves)
        several = (fresh,) if isinstance(argnums, int) else fresh
        own = dict(zip(places, several, strict=True))
        self.args = tuple(own.get(i, x) for i, x in enumerate(args))

    def to_record(self, outputs: Sequence[Any], vectors: Sequence[Any] = ()) -> bool:
        """Whether a graph of the derivative itself is wanted."""
        if not self.wanted:
            return False
        if self.from_outside or any(v.requires_grad for v in vectors):
            return True
        roots = [raw(y) for y in outputs]
        return graph_leads_elsewhere(
            [y for y in roots if y.requires_grad], [raw(x) for x in self.leaves]
        )

    def let_go(self, tree: Any, recorded: bool) -> Any:
        """Results without the graph that leads to the leaves, unless that is wanted."""
        if recorded:
            return tree
        own, shape = flatten(tree)
        return unflatten(shape, [x.detach() if isinstance(x, Tensor) else x for x in own])


def _places(name: str, args: tuple[Any, ...], argnums: Argnums) -> list[int]:
    several = isinstance(argnums, tuple)
    wanted = argnums if isinstance(argnums, tuple) else (argnums,)
    if not wanted or any(not isinstance(i, int) or isinstance(i, bool) for i in wanted):
        raise RuntimeError(f"{name}: argnum must be int or Tuple[int, ...], got: {argnums}")
    for i in wanted:
        if not -len(args) <= i < len(args):
            raise RuntimeError(f"{name}: Got argnum={i}, but only {len(args)} positional inputs")
    found = [i % len(args) for i in wanted]
    if several and len(set(found)) < len(found):
        raise RuntimeError(f"{name}: argnums elements must be unique, got {argnums}")
    return found


def _leaf(x: Any) -> Any:
    """A tensor of its own: a copy for each example of every vmap that runs."""
    copies = in_all_levels(x)
    value = raw(copies)
    own = value.view_as(value) if value.requires_grad else value.detach().requires_grad_()
    return rewrapped(own, copies)


def slopes(
    outputs: Sequence[Any],
    inputs: Sequence[Any],
    vectors: Sequence[Any],
    recorded: bool,
    retain: bool = False,
) -> list[Any]:
    """The products of vectors and the Jacobian of outputs by inputs; zeros where there is none."""
    pairs = [(raw(y), raw(v)) for y, v in zip(outputs, vectors, strict=True)]
    pairs = [(y, v) for y, v in pairs if y.requires_grad]
    found: Sequence[Any] = (None,) * len(inputs)
    if pairs and inputs:
        found = autograd_grad(
            [y for y, _ in pairs], [raw(x) for x in inputs], [v for _, v in pairs],
            recorded or retain, recorded, True,
        )  # fmt: skip
    return [
        rewrapped(_core.zeros_like(raw(x)) if g is None else g, x)
        for g, x in zip(found, inputs, strict=True)
    ]


def split_aux(name: str, result: Any, has_aux: bool) -> tuple[Any, Any]:
    if not has_aux:
        return result, None
    if not isinstance(result, tuple) or len(result) != 2:
        raise RuntimeError(
            f"{name}: output of function f should be a tuple: (output, aux) if has_aux is True"
        )
    return result


def outputs_of(name: str, result: Any, pushed: bool = False) -> tuple[list[Any], Any]:
    """The tensors of a result; those of integers have a product with a tangent, 0, and no slope."""
    own, tree = flatten(result)
    for y in own:
        if not isinstance(y, Tensor):
            raise RuntimeError(
                f"{name}: Expected f(*args) to return only tensors, got unsupported type {type(y)}"
            )
        if not pushed and not y.is_floating_point():
            raise RuntimeError(
                f"{name}: All outputs of f must be floating-point Tensors, got Tensor with dtype "
                f"{y.dtype}; return it as aux, with has_aux=True"
            )
    return own, tree


def grad_and_value(
    func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function to the gradient of `func`, and its value.

    Args:
        func: of tensors, to a tensor of one element without dimensions (with `has_aux`, to a pair
            of that and anything).
        argnums: which positional arguments the gradient is taken by, trees of tensors: a number,
            or a tuple of them, of which the gradients are a tuple then. Default: 0.
        has_aux: whether `func` returns a pair, of which only the first is differentiated. Default:
            ``False``.

    Returns:
        A function with the arguments of `func` to ``(gradient, value)``, or with `has_aux`
        ``(gradient, (value, aux))``. The gradient has the structure of its argument.

    Raises:
        RuntimeError: for a value that is no tensor or has dimensions, and argnums that there are
            not.
        ValueError: where an argument by `argnums` holds what is no tensor.

    Example:
        >>> import steep
        >>> steep.func.grad_and_value(lambda x: (x**2).sum())(steep.tensor([1.0, 2.0]))
        (tensor([2., 4.]), tensor(5.))
    """

    @functools.wraps(func, assigned=("__module__", "__name__", "__qualname__", "__doc__"))
    def run(*args: Any, **kwargs: Any) -> Any:
        name = "grad_and_value(f)(*args)"
        tracked = Tracked(name, args, argnums)
        with enable_grad():
            value, aux = split_aux(name, func(*tracked.args, **kwargs), has_aux)
            if not isinstance(value, Tensor):
                raise RuntimeError(
                    f"{name}: Expected f(*args) to return a tensor, got {type(value)}"
                )
            if value.dim():
                raise RuntimeError(
                    f"{name}: Expected f(*args) to return a scalar tensor, got tensor with "
                    f"{value.dim()} dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
                )
            recorded = tracked.to_record([value])
            one = rewrapped(_core.ones_like(raw(value)), value)
            found = slopes([value], tracked.leaves, [one], recorded, retain=True)
        gradient = unflatten(tracked.tree, found)
        value = tracked.let_go(value, recorded)
        if not has_aux:
            return gradient, value
        return gradient, (value, tracked.let_go(aux, recorded))

    return run


def grad(
    func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function to the gradient of `func`; it can be nested for higher orders.

    Args:
        func: of tensors, to a tensor of one element without dimensions (with `has_aux`, to a pair
            of that and anything).
        argnums: which positional arguments the gradient is taken by, as of `grad_and_value`.
            Default: 0.
        has_aux: whether `func` returns a pair, of which only the first is differentiated. Default:
            ``False``.

    Returns:
        A function with the arguments of `func` to the gradient, or with `has_aux` to
        ``(gradient, aux)``.

    Raises:
        RuntimeError, ValueError: as `grad_and_value`.

    Example:
        >>> import steep
        >>> from steep.func import grad, vmap
        >>> grad(grad(steep.sin))(steep.tensor(0.0))
        tensor(-0.)
        >>> def loss(weight, x, y):
        ...     return (weight @ x - y) ** 2
        >>> x, y = steep.tensor([[1.0, 0.0], [1.0, 2.0]]), steep.zeros(2)
        >>> vmap(grad(loss), in_dims=(None, 0, 0))(steep.tensor([1.0, 1.0]), x, y)
        tensor([[ 2.,  0.],
                [ 6., 12.]])
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func, assigned=("__module__", "__name__", "__qualname__", "__doc__"))
    def run(*args: Any, **kwargs: Any) -> Any:
        gradient, value = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return run
