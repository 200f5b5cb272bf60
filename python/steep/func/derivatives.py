"""`grad`, `vjp`, `jvp` and their like: derivatives of functions of trees of tensors.

Inside of a vmap, what is differentiated by is first given a copy for each example. So the gradient
of the sum of all examples' results holds the gradient of each.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from steep import _core
from steep._core import Tensor, autograd_grad, enable_grad, graph_leads_elsewhere, is_grad_enabled
from steep.func._batched import Batched, full, in_all_levels, levels_of, raw, rewrapped
from steep.func._calls import deepest
from steep.func._dispatch import tell_of_loop
from steep.func._levels import Level, levels
from steep.func._trees import flatten, unflatten

__all__ = ["grad", "grad_and_value", "jvp", "linearize", "vjp"]

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


def _with_aux(name: str, result: Any, has_aux: bool) -> tuple[Any, Any]:
    if not has_aux:
        return result, None
    if not isinstance(result, tuple) or len(result) != 2:
        raise RuntimeError(
            f"{name}: output of function f should be a tuple: (output, aux) if has_aux is True"
        )
    return result


def _tensors_of(name: str, result: Any) -> tuple[list[Any], Any]:
    own, tree = flatten(result)
    for y in own:
        if not isinstance(y, Tensor):
            raise RuntimeError(
                f"{name}: Expected f(*args) to return only tensors, got unsupported type {type(y)}"
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
            value, aux = _with_aux(name, func(*tracked.args, **kwargs), has_aux)
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


# ---- products with the Jacobian ----


def _examples(vectors: Sequence[Any], level: Level) -> list[list[Any]]:
    return [
        [v.value[i] if type(v) is Batched and v.level is level else v for v in vectors]
        for i in range(level.size)
    ]


def pulled(
    outputs: Sequence[Any], inputs: Sequence[Any], vectors: Sequence[Any], known: list[Level],
    recorded: bool,
) -> list[Any]:  # fmt: skip
    """`slopes` on a graph that was made before; vectors of a vmap since then go one by one."""
    level = deepest(*vectors)
    if level is not None and level not in known:
        tell_of_loop("a vector's way back through a graph from outside", level)
        if not level.size:
            return [Batched(x.expand((0, *x.shape)), level) for x in inputs]
        each = [pulled(outputs, inputs, own, known, recorded) for own in _examples(vectors, level)]
        return [Batched(_core.stack(list(column)), level) for column in zip(*each, strict=True)]
    # An output that lacks a vmap of its vector does not depend on the inputs, which have them all.
    pairs = [
        (y, full(v, levels_of(y)))
        for y, v in zip(outputs, vectors, strict=True)
        if set(levels_of(v)) <= set(levels_of(y))
    ]
    return slopes([y for y, _ in pairs], inputs, [v for _, v in pairs], recorded, retain=True)


def _checked_vectors(name: str, given: Any, like: Sequence[Any], tree: Any, what: str) -> list[Any]:
    own, shape = flatten(given)
    if shape != tree:
        raise RuntimeError(
            f"{name}: Expected {what} to have the same structure as what it belongs to, got "
            f"{len(own)} tensor(s) for {len(like)}"
        )
    for v, x in zip(own, like, strict=True):
        if not isinstance(v, Tensor):
            raise RuntimeError(f"{name}: Expected {what} to be tensors, got {type(v)}")
        if v.shape != x.shape:
            raise RuntimeError(
                f"{name}: Expected {what} of shape {tuple(x.shape)}, got {tuple(v.shape)}"
            )
    return [v if v.dtype == x.dtype else v.to(x.dtype) for v, x in zip(own, like, strict=True)]


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """The value of a function, and a function to products of vectors and its Jacobian.

    Args:
        func: of tensors, or trees of them, to the same.
        primals: what it is called with.
        has_aux: whether `func` returns a pair, of which only the first is differentiated. Default:
            ``False``.

    Returns:
        ``(output, vjp_fn)``, with `has_aux` ``(output, vjp_fn, aux)``. ``vjp_fn(cotangents)`` takes
        vectors of the outputs' structure and shapes, and gives a tuple with one product for each of
        `primals`. It may be called often. Vectors that a vmap maps over go through the graph one by
        one, and a warning says so once; `jacrev` has a batched way.

    Raises:
        RuntimeError: for results that are no tensors, and vectors of another structure or shape.
        ValueError: for primals that hold what is no tensor.

    Example:
        >>> import steep
        >>> value, vjp_fn = steep.func.vjp(lambda x: x**2, steep.tensor([1.0, 2.0]))
        >>> vjp_fn(steep.ones(2))
        (tensor([2., 4.]),)
    """
    name = "vjp(f, *primals)"
    if not primals:
        raise RuntimeError(f"{name}: expected at least one primal, got none")
    tracked = Tracked(name, primals, tuple(range(len(primals))))
    with enable_grad():
        result, aux = _with_aux(name, func(*tracked.args), has_aux)
        outputs, tree = _tensors_of(name, result)
    outside = tracked.to_record(outputs)

    def vjp_fn(
        *cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None
    ) -> tuple[Any, ...]:
        given = cotangents[0] if len(cotangents) == 1 else cotangents
        vectors = _checked_vectors("vjp_fn", given, outputs, tree, "cotangents")
        recorded = is_grad_enabled() and (outside or any(v.requires_grad for v in vectors))
        with enable_grad():
            found = pulled(outputs, tracked.leaves, vectors, tracked.levels,
                           recorded if create_graph is None else create_graph)  # fmt: skip
        gradients: tuple[Any, ...] = unflatten(tracked.tree, found)
        return gradients

    shown = tracked.let_go(result, outside)
    return (shown, vjp_fn, tracked.let_go(aux, outside)) if has_aux else (shown, vjp_fn)


class _Pushed:
    """The map from tangents to a function's results, which is linear: two passes backward.

    ``u^T J`` is linear in u, and its derivative by u along v is ``J v``.
    """

    def __init__(self, name: str, func: Callable[..., Any], primals: Any, has_aux: bool) -> None:
        if not isinstance(primals, tuple) or not primals:
            raise RuntimeError(
                f"{name}: Expected primals to be a tuple with at least one tensor, got "
                f"{type(primals)}"
            )
        self.name = name
        self.tracked = tracked = Tracked(name, primals, tuple(range(len(primals))))
        with enable_grad():
            result, self.aux = _with_aux(name, func(*tracked.args), has_aux)
            self.outputs, self.tree = _tensors_of(name, result)
            self.along = [
                rewrapped(_core.zeros_like(raw(y)).requires_grad_(), y)
                if y.is_floating_point() else y
                for y in self.outputs
            ]  # fmt: skip
            self.slopes = slopes(self.outputs, tracked.leaves, self.along, True)
        self.result = result
        self.outside = tracked.to_record(self.outputs)

    def vectors(self, tangents: Any) -> list[Any]:
        return _checked_vectors(
            self.name, tangents, self.tracked.leaves, self.tracked.tree, "tangents"
        )

    def __call__(self, vectors: list[Any], retain: bool) -> Any:
        recorded = is_grad_enabled() and (self.outside or any(v.requires_grad for v in vectors))
        with enable_grad():
            found = pulled(self.slopes, self.along, vectors, self.tracked.levels, recorded)
        return unflatten(self.tree, found)

    def shown(self, tree: Any) -> Any:
        return self.tracked.let_go(tree, self.outside)


def jvp(
    func: Callable[..., Any],
    primals: Any,
    tangents: Any,
    *,
    strict: bool = False,
    has_aux: bool = False,
) -> Any:
    """The value of a function, and the product of its Jacobian and a vector.

    By two passes backward: the product ``u^T J`` is linear in u, and its derivative by u along the
    tangents is ``J v``. So it costs about three times what `vjp` costs.

    Args:
        func: of tensors, or trees of them, to the same.
        primals: a tuple of what it is called with.
        tangents: a tuple of vectors of the same structure and shapes.
        strict: PyTorch's argument, without effect: results that do not depend on the primals have
            zeros. Default: ``False``.
        has_aux: whether `func` returns a pair, of which only the first is differentiated. Default:
            ``False``.

    Returns:
        ``(output, product)``, with `has_aux` ``(output, product, aux)``.

    Raises:
        RuntimeError: for tangents of another structure or shape, and results that are no tensors.
        ValueError: for primals that hold what is no tensor.

    Example:
        >>> import steep
        >>> x, v = steep.tensor([1.0, 2.0]), steep.tensor([1.0, 0.0])
        >>> steep.func.jvp(lambda x: x**2, (x,), (v,))
        (tensor([1., 4.]), tensor([2., 0.]))
    """
    pushed = _Pushed("jvp(f, primals, tangents)", func, primals, has_aux)
    product = pushed(pushed.vectors(tangents), retain=False)
    shown = pushed.shown(pushed.result)
    return (shown, product, pushed.shown(pushed.aux)) if has_aux else (shown, product)


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """The value of a function, and its derivative at that point as a function of tangents.

    `func` runs once; each product with another tangent is one pass through the graph that was kept.

    Args:
        func: of tensors, or trees of them, to the same.
        primals: the point.

    Returns:
        ``(output, jvp_fn)``; ``jvp_fn(*tangents)`` gives the product of the Jacobian and vectors of
        the primals' structure and shapes.

    Raises:
        RuntimeError: as `jvp`.

    Example:
        >>> import steep
        >>> value, jvp_fn = steep.func.linearize(steep.sin, steep.zeros(2))
        >>> jvp_fn(steep.tensor([1.0, 2.0]))
        tensor([1., 2.])
    """
    pushed = _Pushed("linearize(f, *primals)", func, primals, False)

    def jvp_fn(*tangents: Any) -> Any:
        return pushed(pushed.vectors(tangents), retain=True)

    return pushed.shown(pushed.result), jvp_fn
