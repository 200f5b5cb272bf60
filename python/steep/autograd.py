"""Gradients: backward, grad, custom functions, and a numeric check of both.

Example:
    >>> import steep
    >>> x = steep.tensor([1.0, 2.0], requires_grad=True)
    >>> steep.autograd.grad((x**2).sum(), x)
    (tensor([2., 4.]),)
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from steep._core import (
    Node,
    SavedTensor,
    Tensor,
    autograd_backward,
    autograd_grad,
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    record_function,
    set_grad_enabled,
    zeros,
)

__all__ = [
    "Function",
    "FunctionCtx",
    "Node",
    "backward",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "is_grad_enabled",
    "no_grad",
    "once_differentiable",
    "set_grad_enabled",
]


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Add the gradients of `tensors` to the ``.grad`` of the leaves they were computed from.

    Args:
        tensors: results, each of one element unless a gradient is given for it.
        grad_tensors: gradients with respect to `tensors`, of their shapes. Default: 1 for each.
        retain_graph: keep what the graph saved, for another pass. Default: `create_graph`.
        create_graph: record the pass itself, for derivatives of higher order. Default: ``False``.
        inputs: the tensors whose ``.grad`` is added to. Default: every leaf.

    Raises:
        RuntimeError: if a tensor requires no gradient, a shape does not match, or the graph has
            been freed by an earlier pass.

    Example:
        >>> import steep
        >>> x = steep.tensor(3.0, requires_grad=True)
        >>> steep.autograd.backward(x * x)
        >>> x.grad
        tensor(6.)
    """
    autograd_backward(tensors, grad_tensors, retain_graph, create_graph, inputs)


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    materialize_grads: bool = False,
) -> tuple[Tensor, ...]:
    """The gradients of `outputs` with respect to `inputs`; no ``.grad`` is touched.

    Args:
        outputs: results, each of one element unless a gradient is given for it.
        inputs: tensors to differentiate by.
        grad_outputs: gradients with respect to `outputs`. Default: 1 for each.
        retain_graph: keep what the graph saved, for another pass. Default: `create_graph`.
        create_graph: record the pass itself, for derivatives of higher order. Default: ``False``.
        allow_unused: give ``None`` for an input the outputs do not depend on, instead of raising.
            Default: `materialize_grads`.
        materialize_grads: give zeros for such an input. Default: ``False``.

    Raises:
        RuntimeError: if an input was not used and `allow_unused` is not set, and as `backward`.

    Example:
        >>> import steep
        >>> x = steep.tensor(2.0, requires_grad=True)
        >>> (slope,) = steep.autograd.grad(x**3, x, create_graph=True)
        >>> steep.autograd.grad(slope, x)
        (tensor(12.),)
    """
    return autograd_grad(
        outputs, inputs, grad_outputs, retain_graph, create_graph, allow_unused, materialize_grads
    )


class FunctionCtx:
    """What the forward of a `Function` leaves for its backward; attributes may be added freely.

    Attributes:
        needs_input_grad: for each argument of forward, whether its gradient is wanted.
    """

    needs_input_grad: tuple[bool, ...]

    def __init__(self) -> None:
        self._to_save: tuple[Tensor | None, ...] = ()
        self._saved: tuple[SavedTensor | None, ...] = ()
        self._dirty: tuple[Tensor, ...] = ()
        self._constant: tuple[Tensor, ...] = ()
        self._materialize = True

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep arguments or results; writing to one in place later makes backward an error."""
        self._to_save = tensors

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What was saved, in order."""
        return tuple(None if saved is None else saved.get() for saved in self._saved)

    def mark_dirty(self, *args: Tensor) -> None:
        """Name the arguments that forward has written to in place; it must return them."""
        self._dirty = args

    def mark_non_differentiable(self, *args: Tensor) -> None:
        """Name the results that have no gradient."""
        self._constant = args

    def set_materialize_grads(self, value: bool) -> None:
        """Whether backward gets zeros (the start) or ``None`` for results nobody used."""
        self._materialize = value

    def _finish_saving(self, recorded: tuple[Tensor, ...]) -> None:
        places = {id(out): place for place, out in enumerate(recorded)}

        def keep(tensor: Tensor | None) -> SavedTensor | None:
            if tensor is None:
                return None
            if id(tensor) in places and not any(tensor is dirty for dirty in self._dirty):
                return SavedTensor(tensor, places[id(tensor)])
            return SavedTensor(tensor)

        self._saved = tuple(keep(tensor) for tensor in self._to_save)
        self._to_save = ()


class Function:
    """An operation with a gradient rule of its own: subclass it, then call ``apply``.

    ``forward(ctx, *args)`` computes, with nothing recorded; ``backward(ctx, *grads)`` gets the
    gradients of the results and returns one for each argument of forward (``None`` for those that
    are no tensors). A class may instead define ``forward(*args)`` and
    ``setup_context(ctx, inputs, output)``.

    Example:
        >>> import steep
        >>> class Cube(steep.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         ctx.save_for_backward(x)
        ...         return x**3
        ...
        ...     @staticmethod
        ...     def backward(ctx, grad):
        ...         (x,) = ctx.saved_tensors
        ...         return 3 * x**2 * grad
        >>> x = steep.tensor(2.0, requires_grad=True)
        >>> Cube.apply(x).backward()
        >>> x.grad
        tensor(12.)
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the result; to be written by the subclass."""
        raise NotImplementedError("Function: the subclass must define forward")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """Save what backward needs, where forward takes no ctx."""
        raise NotImplementedError("Function: the subclass does not define setup_context")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradients of the arguments; to be written by the subclass."""
        raise NotImplementedError("Function: the subclass must define backward")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run forward on `args` and record it."""
        ctx = FunctionCtx()
        ctx.needs_input_grad = tuple(isinstance(a, Tensor) and a.requires_grad for a in args)
        recording = is_grad_enabled() and any(ctx.needs_input_grad)
        with no_grad():
            if cls.setup_context is Function.setup_context:
                result = cls.forward(ctx, *args)
            else:
                result = cls.forward(*args)
                cls.setup_context(ctx, args, result)
        if not recording:
            return result
        single = not isinstance(result, (tuple, list))
        outs = [_fresh(out, args, ctx) for out in ([result] if single else result)]
        _record(cls, ctx, args, tuple(outs))
        return outs[0] if single else tuple(outs)


def _fresh(out: Any, args: tuple[Any, ...], ctx: FunctionCtx) -> Any:
    """A result that is an argument itself gets a tensor of its own, unless written to in place."""
    if any(out is dirty for dirty in ctx._dirty) or not any(out is arg for arg in args):
        return out
    fresh = out.detach()
    ctx._to_save = tuple(fresh if saved is out else saved for saved in ctx._to_save)
    return fresh


def _record(cls: type[Function], ctx: FunctionCtx, args: tuple[Any, ...], outs: Any) -> None:
    tracked = [
        isinstance(out, Tensor)
        and out.is_floating_point()
        and not any(out is constant for constant in ctx._constant)
        for out in outs
    ]
    recorded = tuple(out for out, keep in zip(outs, tracked, strict=True) if keep)
    if not recorded:
        return
    inputs = tuple(arg for arg in args if isinstance(arg, Tensor))
    is_input = [isinstance(arg, Tensor) for arg in args]
    layouts = [(tuple(out.shape), out.dtype) for out in recorded]
    shapes = [tuple(arg.shape) for arg in inputs]
    ctx._finish_saving(recorded)
    name = f"{cls.__name__}Backward"

    def rule(*grads: Tensor | None) -> tuple[Tensor | None, ...]:
        given = iter(
            zeros(shape, dtype=kind) if grad is None and ctx._materialize else grad
            for grad, (shape, kind) in zip(grads, layouts, strict=True)
        )
        result = cls.backward(ctx, *(next(given) if keep else None for keep in tracked))
        result = result if isinstance(result, (tuple, list)) else (result,)
        return _check_grads(name, tuple(result), is_input, shapes)

    record_function(name, rule, inputs, recorded)


def _check_grads(
    name: str, grads: tuple[Any, ...], is_input: list[bool], shapes: list[tuple[int, ...]]
) -> tuple[Tensor | None, ...]:
    """The gradients of the tensors among the arguments, checked against them."""
    surplus = grads[len(is_input) :]
    if len(grads) < len(is_input) or any(grad is not None for grad in surplus):
        raise RuntimeError(
            f"function {name} returned an incorrect number of gradients "
            f"(expected {len(is_input)}, got {len(grads)})"
        )
    wanted = iter(shapes)
    checked: list[Tensor | None] = []
    for place, (grad, takes) in enumerate(zip(grads, is_input, strict=False)):
        if grad is not None and not takes:
            raise RuntimeError(
                f"function {name} returned a gradient different from None at position {place}, "
                "but the corresponding forward input was not a Tensor"
            )
        if not takes:
            continue
        shape = next(wanted)
        if grad is not None and not isinstance(grad, Tensor):
            raise RuntimeError(
                f"function {name} expected a Tensor or None at position {place}, "
                f"got {type(grad).__name__}"
            )
        if grad is not None and tuple(grad.shape) != shape:
            raise RuntimeError(
                f"Function {name} returned an invalid gradient at index {place} - got "
                f"{list(grad.shape)} but expected shape compatible with {list(shape)}"
            )
        checked.append(grad)
    return tuple(checked)


def once_differentiable(rule: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a `Function`'s backward that is written in operations without gradients."""

    @functools.wraps(rule)
    def call(ctx: Any, *grads: Any) -> Any:
        with no_grad():
            return rule(ctx, *grads)

    return call


# ---- numeric check ------------------------------------------------------------------------------


def _outputs(function: Callable[..., Any], inputs: Sequence[Any]) -> list[Tensor]:
    result = function(*inputs)
    outs = list(result) if isinstance(result, (tuple, list)) else [result]
    return [out for out in outs if isinstance(out, Tensor) and out.is_floating_point()]


def _numeric(
    function: Callable[..., Any], inputs: Sequence[Any], x: Tensor, eps: float
) -> list[list[list[float]]]:
    """Central differences: for each output, a row for each element of `x`."""
    flat = x.detach().view(-1)
    rows: list[list[list[float]]] = []
    with no_grad():
        for place in range(flat.numel()):
            value = flat[place].item()
            flat[place] = value + eps
            above = [out.clone() for out in _outputs(function, inputs)]
            flat[place] = value - eps
            below = _outputs(function, inputs)
            flat[place] = value
            slopes = [
                ((a - b) / (2 * eps)).reshape(-1).tolist()
                for a, b in zip(above, below, strict=True)
            ]
            rows.append(slopes)
    return [list(columns) for columns in zip(*rows, strict=True)] if rows else []


def _analytic(out: Tensor, wanted: Sequence[Tensor]) -> list[list[list[float]]]:
    """By backward: for each input, a row for each of its elements."""
    columns = []
    for place in range(out.numel()):
        seed = zeros(out.numel(), dtype=out.dtype)
        seed[place] = 1.0
        grads = grad(out, wanted, seed.view(out.shape), retain_graph=True, materialize_grads=True)
        columns.append([g.reshape(-1).tolist() for g in grads])
    return [
        [list(row) for row in zip(*(c[i] for c in columns), strict=True)]
        for i in range(len(wanted))
    ]


def _agree(a: list[list[float]], b: list[list[float]], atol: float, rtol: float) -> bool:
    return all(
        abs(x - y) <= atol + rtol * abs(y)
        for row, other in zip(a, b, strict=True)
        for x, y in zip(row, other, strict=True)
    )


def gradcheck(
    func: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
) -> bool:
    """Compare the gradients of `func` with central differences, element by element.

    Args:
        func: takes `inputs`, returns a tensor or several.
        inputs: those that require a gradient must be contiguous and float64.
        eps: step of the differences. Default: 1e-6.
        atol: allowed absolute difference. Default: 1e-5.
        rtol: allowed relative difference. Default: 1e-3.
        raise_exception: raise where they differ, instead of returning ``False``.

    Raises:
        ValueError: if no input requires a gradient, or one of them is not contiguous float64.
        RuntimeError: if the gradients differ, and `raise_exception` is set.

    Example:
        >>> import steep
        >>> x = steep.tensor([0.3, 0.7], dtype=steep.float64, requires_grad=True)
        >>> steep.autograd.gradcheck(lambda x: (x * x).sum(), x)
        True
    """
    arguments: Sequence[Any] = (inputs,) if isinstance(inputs, Tensor) else inputs
    wanted = [x for x in arguments if isinstance(x, Tensor) and x.requires_grad]
    if not wanted:
        raise ValueError("gradcheck: expected an input that requires a gradient, got none")
    for x in wanted:
        if x.element_size() != 8 or not x.is_contiguous():
            raise ValueError(
                f"gradcheck: expected contiguous float64 inputs, got {x.dtype}; differences in "
                "less precision say nothing: convert with .double()"
            )
    outs = [out for out in _outputs(func, arguments) if out.requires_grad]
    by_backward = [_analytic(out, wanted) for out in outs]
    for place, x in enumerate(wanted):
        for number, numeric in enumerate(_numeric(func, arguments, x, eps)[: len(outs)]):
            analytic = by_backward[number][place]
            if _agree(analytic, numeric, atol, rtol):
                continue
            if not raise_exception:
                return False
            raise RuntimeError(
                f"gradcheck: Jacobian mismatch for output {number} with respect to input {place},\n"
                f"numerical: {numeric}\nanalytical: {analytic}"
            )
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    grad_outputs: Sequence[Tensor] | None = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
) -> bool:
    """The same for the gradients themselves: second order. Arguments as in `gradcheck`.

    Args:
        grad_outputs: gradients of the results, float64. Default: ones that vary by element.
    """
    arguments: Sequence[Any] = (inputs,) if isinstance(inputs, Tensor) else inputs
    outs = [out for out in _outputs(func, arguments) if out.requires_grad]
    if grad_outputs is None:
        grad_outputs = [_varied(out).requires_grad_() for out in outs]
    count = len(arguments)

    def first_order(*both: Any) -> tuple[Tensor, ...]:
        xs, seeds = both[:count], both[count:]
        wanted = [x for x in xs if isinstance(x, Tensor) and x.requires_grad]
        with enable_grad():
            results = [out for out in _outputs(func, xs) if out.requires_grad]
            return grad(results, wanted, seeds, create_graph=True, materialize_grads=True)

    return gradcheck(
        first_order,
        (*arguments, *grad_outputs),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
    )


def _varied(like: Tensor) -> Tensor:
    """1.0, 1.1, ... in the shape of `like`: a constant would hide errors that cancel in a sum."""
    out = zeros(like.numel(), dtype=like.dtype)
    for place in range(out.numel()):
        out[place] = 1 + place % 7 / 10
    return out.view(like.shape)
