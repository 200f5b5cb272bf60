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
from steep._gradcheck import gradcheck, gradgradcheck

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
