"""`vjp`, `jvp` and `linearize`: products of vectors and the Jacobian."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from steep import _core
from steep._core import Tensor, enable_grad, is_grad_enabled
from steep.func._batched import Batched, full, levels_of, raw, rewrapped
from steep.func._calls import deepest
from steep.func._dispatch import tell_of_loop
from steep.func._levels import Level
from steep.func._trees import flatten, unflatten
from steep.func.derivatives import Tracked, outputs_of, slopes, split_aux

__all__ = ["Pushed", "jvp", "linearize", "pulled", "vjp"]


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
        result, aux = split_aux(name, func(*tracked.args), has_aux)
        outputs, tree = outputs_of(name, result)
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


class Pushed:
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
            result, self.aux = split_aux(name, func(*tracked.args), has_aux)
            self.outputs, self.tree = outputs_of(name, result, pushed=True)
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
            floats = [y for y in self.along if y.is_floating_point()]
            found = iter(pulled(self.slopes, floats, vectors, self.tracked.levels, recorded))
            products = [
                next(found) if y.is_floating_point() else rewrapped(_core.zeros_like(raw(y)), y)
                for y in self.along
            ]
        return unflatten(self.tree, products)

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
    pushed = Pushed("jvp(f, primals, tangents)", func, primals, has_aux)
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
    pushed = Pushed("linearize(f, *primals)", func, primals, False)

    def jvp_fn(*tangents: Any) -> Any:
        return pushed(pushed.vectors(tangents), retain=True)

    return pushed.shown(pushed.result), jvp_fn
