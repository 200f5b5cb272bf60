"""Derivatives of functions: products with vectors, Jacobians, Hessians."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from steep._core import (
    Tensor,
    autograd_grad,
    enable_grad,
    set_grad_enabled,
    stack,
    zeros_like,
)

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

Tensors = tuple[Tensor, ...]
Given = Tensor | Tensors


def _as_tuple(name: str, what: str, given: Any) -> tuple[Tensors, bool]:
    """A tuple, and whether it was one."""
    several = isinstance(given, tuple)
    items = given if several else (given,)
    for i, x in enumerate(items):
        if not isinstance(x, Tensor):
            place = f"at place {i} " if several else ""
            raise TypeError(
                f"{name}: expected {what} to be a Tensor or a tuple of Tensors, got "
                f"{type(x).__name__} {place}".rstrip()
            )
    return items, several


def _leaves(given: Tensors, create_graph: bool) -> Tensors:
    """Inputs of their own, which a graph leads back to the given ones from if one is wanted."""
    if create_graph:
        return tuple(
            x.view_as(x) if x.requires_grad else x.detach().requires_grad_() for x in given
        )
    return tuple(x.detach().requires_grad_() for x in given)


def _results(name: str, func: Callable[..., Any], inputs: Tensors) -> tuple[Tensors, bool]:
    return _as_tuple(name, "the outputs of the function", func(*inputs))


def _checked_vector(name: str, v: Any, like: Tensors, what: str) -> Tensors:
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise RuntimeError(
                f"{name}: the vector v can only be None if {what} is a single Tensor with a single "
                "element"
            )
        return (zeros_like(like[0]) + 1,)
    vectors, _ = _as_tuple(name, "v", v)
    if len(vectors) != len(like) or any(
        a.shape != b.shape for a, b in zip(vectors, like, strict=True)
    ):
        shapes = [tuple(x.shape) for x in vectors], [tuple(x.shape) for x in like]
        raise RuntimeError(f"{name}: v has invalid size: got {shapes[0]}, expected {shapes[1]}")
    return vectors


def _grad(
    name: str,
    outputs: Tensors,
    inputs: Tensors,
    vectors: Tensors | None,
    create_graph: bool,
    strict: bool,
) -> Tensors:
    """Gradients; zeros where outputs do not depend on inputs, which `strict` refuses."""
    pairs = [
        (y, None if vectors is None else vectors[i])
        for i, y in enumerate(outputs)
        if y.requires_grad
    ]
    found: Any = (None,) * len(inputs)
    if pairs:
        found = autograd_grad(
            tuple(y for y, _ in pairs),
            inputs,
            None if vectors is None else tuple(v for _, v in pairs),
            True,
            create_graph,
            True,
        )
    if strict and any(g is None for g in found):
        raise RuntimeError(
            f"{name}: the output of the function is independent of an input; this is not allowed "
            "in strict mode"
        )
    return tuple(zeros_like(x) if g is None else g for g, x in zip(found, inputs, strict=True))


def _give(found: Tensors, several: bool, create_graph: bool) -> Given:
    ready = found if create_graph else tuple(x.detach() for x in found)
    return ready if several else ready[0]


def vjp(
    func: Callable[..., Any],
    inputs: Given,
    v: Given | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Given, Given]:
    """The function's value, and the product of `v` and its Jacobian: ``v^T J``.

    Args:
        func: of tensors, to a tensor or a tuple of them.
        inputs: what it is called with.
        v: of the outputs' shapes; may be ``None`` for a single number.
        create_graph: whether the results can be differentiated. Default: ``False``.
        strict: whether an output that does not depend on an input is refused, rather than given the
            gradient 0. Default: ``False``.

    Raises:
        TypeError: for what is no tensor.
        RuntimeError: for a `v` of other shapes, and by `strict`.

    Example:
        >>> import steep
        >>> x = steep.tensor([1.0, 2.0])
        >>> steep.autograd.functional.vjp(lambda x: x * x, x, steep.ones(2))
        (tensor([1., 4.]), tensor([2., 4.]))
    """
    with enable_grad():
        given, several = _as_tuple("vjp", "inputs", inputs)
        leaves = _leaves(given, create_graph)
        outputs, are_several = _results("vjp", func, leaves)
        vectors = _checked_vector("vjp", v, outputs, "the output")
        found = _grad("vjp", outputs, leaves, vectors, create_graph, strict)
    return _give(outputs, are_several, create_graph), _give(found, several, create_graph)


def jvp(
    func: Callable[..., Any],
    inputs: Given,
    v: Given | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Given, Given]:
    """The function's value, and the product of its Jacobian and `v`: ``J v``.

    By two backward passes: ``J v`` is the derivative of ``u^T J`` by u, times v. Arguments and
    errors as in `vjp`; `v` is of the inputs' shapes.

    Example:
        >>> import steep
        >>> x, v = steep.tensor([1.0, 2.0]), steep.tensor([1.0, 0.0])
        >>> steep.autograd.functional.jvp(lambda x: x * x, x, v)
        (tensor([1., 4.]), tensor([2., 0.]))
    """
    with enable_grad():
        given, _ = _as_tuple("jvp", "inputs", inputs)
        leaves = _leaves(given, create_graph)
        vectors = _checked_vector("jvp", v, leaves, "the input")
        outputs, several = _results("jvp", func, leaves)
        along = tuple(zeros_like(y).requires_grad_() for y in outputs)
        slopes = _grad("jvp", outputs, leaves, along, True, strict)
        found = _grad("jvp", slopes, along, vectors, create_graph, False)
    return _give(outputs, several, create_graph), _give(found, several, create_graph)


def _number(name: str, outputs: Tensors, several: bool) -> Tensor:
    if several or outputs[0].numel() != 1:
        raise RuntimeError(
            f"{name}: the function should return a single Tensor with a single element"
        )
    return outputs[0]


def vhp(
    func: Callable[..., Any],
    inputs: Given,
    v: Given | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Given, Given]:
    """The value of a function to one number, and the product of `v` and its Hessian.

    Arguments and errors as in `vjp`; `v` is of the inputs' shapes.

    Example:
        >>> import steep
        >>> x = steep.tensor([1.0, 2.0])
        >>> steep.autograd.functional.vhp(lambda x: (x**3).sum(), x, steep.ones(2))[1]
        tensor([ 6., 12.])
    """
    with enable_grad():
        given, several = _as_tuple("vhp", "inputs", inputs)
        leaves = _leaves(given, create_graph)
        vectors = _checked_vector("vhp", v, leaves, "the input")
        value = _number("vhp", *_results("vhp", func, leaves))
        slopes = _grad("vhp", (value,), leaves, None, True, strict)
        found = _grad("vhp", slopes, leaves, vectors, create_graph, strict)
    return _give((value,), False, create_graph), _give(found, several, create_graph)


def hvp(
    func: Callable[..., Any],
    inputs: Given,
    v: Given | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Given, Given]:
    """`vhp`, for the Hessian of a smooth function is symmetric; `hvp` is its name elsewhere."""
    return vhp(func, inputs, v, create_graph, strict)


def jacobian(
    func: Callable[..., Any],
    inputs: Given,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The derivatives of each element of the outputs by each of the inputs.

    Args:
        func: of tensors, to a tensor or a tuple of them.
        inputs: what it is called with.
        create_graph: whether the result can be differentiated. Default: ``False``.
        strict: as in `vjp`. Default: ``False``.
        vectorize: whether all rows come from one pass, by `steep.func.jacrev`, rather than each
            from one of its own. It pays for many outputs. Default: ``False``.
        strategy: ``'reverse-mode'``; with `vectorize` also ``'forward-mode'``, column by column, by
            `steep.func.jacfwd`. Default: ``'reverse-mode'``.

    Returns:
        For one output and one input, a tensor ``(*output.shape, *input.shape)``; a tuple of such
        for several inputs, and a tuple of those for several outputs.

    Raises:
        TypeError: for what is no tensor.
        RuntimeError: by `strict`, which cannot go with `vectorize`.
        NotImplementedError: for the forward mode without `vectorize`, or with `create_graph`.
        ValueError: for another strategy.

    Example:
        >>> import steep
        >>> steep.autograd.functional.jacobian(lambda x: x * x, steep.tensor([1.0, 2.0]))
        tensor([[2., 0.],
                [0., 4.]])
    """
    _check_strategy("jacobian", strategy, vectorize, create_graph, strict)
    if vectorize:
        return _at_once("jacobian", func, inputs, create_graph, strategy)
    with enable_grad():
        given, several = _as_tuple("jacobian", "inputs", inputs)
        leaves = _leaves(given, create_graph)
        outputs, are_several = _results("jacobian", func, leaves)
        rows = [_rows(y, leaves, create_graph, strict) for y in outputs]
    ready = [_give(row, several, create_graph) for row in rows]
    return tuple(ready) if are_several else ready[0]


def _check_strategy(
    name: str, strategy: str, vectorize: bool, create_graph: bool, strict: bool
) -> None:
    if strategy not in ("reverse-mode", "forward-mode"):
        raise ValueError(
            f"{name}: expected the strategy to be either 'reverse-mode' or 'forward-mode', got "
            f"{strategy!r}"
        )
    if strict and vectorize:
        raise RuntimeError(f"{name}: strict=True and vectorize=True are not supported together")
    if strategy == "forward-mode" and (create_graph or not vectorize):
        why = "create_graph=False" if create_graph else "vectorize=True"
        raise NotImplementedError(f"{name}: the forward mode is only supported with {why}")


def _at_once(
    name: str, func: Callable[..., Any], inputs: Given, create_graph: bool, strategy: str
) -> Any:
    from steep.func import jacobians

    given, several = _as_tuple(name, "inputs", inputs)
    kind = jacobians.jacrev if strategy == "reverse-mode" else jacobians.jacfwd
    argnums = tuple(range(len(given))) if several else 0

    def run(*args: Tensor) -> Any:
        outputs, are_several = _results(name, func, args)
        return outputs if are_several else outputs[0]

    with set_grad_enabled(create_graph):
        leaves = _leaves(given, True) if create_graph else given
        return kind(run, argnums)(*leaves)


def _rows(output: Tensor, inputs: Tensors, create_graph: bool, strict: bool) -> Tensors:
    flat = output.reshape(-1)
    slopes = [
        _grad("jacobian", (flat[i],), inputs, None, create_graph, strict)
        for i in range(flat.numel())
    ]
    if not slopes:
        return tuple(x.new_zeros((*output.shape, *x.shape)) for x in inputs)
    columns = zip(*slopes, strict=True)
    return tuple(
        stack(list(column)).reshape((*output.shape, *x.shape))
        for column, x in zip(columns, inputs, strict=True)
    )


def hessian(
    func: Callable[..., Any],
    inputs: Given,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The second derivatives of a function to one number.

    Arguments as in `jacobian`; with `vectorize`, by two passes for all rows (`steep.func.hessian`).

    Returns:
        For one input, a tensor ``(*input.shape, *input.shape)``; for several, a tuple of tuples.

    Raises:
        RuntimeError: if the function gives more than one number.

    Example:
        >>> import steep
        >>> steep.autograd.functional.hessian(lambda x: (x**3).sum(), steep.tensor([1.0, 2.0]))
        tensor([[ 6.,  0.],
                [ 0., 12.]])
    """
    given, several = _as_tuple("hessian", "inputs", inputs)
    _check_strategy("hessian", outer_jacobian_strategy, vectorize, create_graph, strict)
    if vectorize:
        from steep.func import jacobians

        def value(*args: Tensor) -> Tensor:
            return _number("hessian", *_results("hessian", func, args)).reshape(())

        argnums = tuple(range(len(given))) if several else 0
        with set_grad_enabled(create_graph):
            leaves = _leaves(given, True) if create_graph else given
            return jacobians.hessian(value, argnums)(*leaves)

    def slope(*leaves: Tensor) -> Any:
        # Copies, so that each can be differentiated by, even where the function leaves one out.
        own = tuple(x.view_as(x) for x in leaves)
        value = _number("hessian", *_results("hessian", func, own))
        found = _grad("hessian", (value,), own, None, True, strict)
        return found if several else found[0]

    return jacobian(slope, inputs, create_graph, strict)
