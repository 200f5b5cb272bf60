"""`Function`: operations with rules of one's own."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from steep._core import (
    SavedTensor,
    Tensor,
    any_batched,
    is_grad_enabled,
    no_grad,
    record_function,
    zeros,
)

__all__ = ["Function", "FunctionCtx", "once_differentiable"]


class FunctionCtx:
    """What the forward of a `Function` leaves for its backward; attributes may be added freely.

    Attributes:
        needs_input_grad: for each argument of forward, whether its gradient is wanted.
    """

    needs_input_grad: tuple[bool, ...]

    def __init__(self) -> None:
        self._to_save: tuple[Tensor | None, ...] = ()
        self._saved: tuple[SavedTensor | None, ...] | None = ()
        self._dirty: tuple[Tensor, ...] = ()
        self._constant: tuple[Tensor, ...] = ()
        self._materialize = True

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep arguments or results; writing to one in place later makes backward an error.

        Raises:
            TypeError: for what is neither a tensor nor ``None``; keep it as an attribute.
        """
        for place, tensor in enumerate(tensors):
            if tensor is not None and not isinstance(tensor, Tensor):
                raise TypeError(
                    "save_for_backward can only save variables, but argument "
                    f"{place} is of type {type(tensor).__name__}; set an attribute of ctx instead"
                )
        self._to_save = tensors

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What was saved, in order.

        Raises:
            RuntimeError: after a backward pass that did not retain the graph.
        """
        if self._saved is None:
            raise RuntimeError(
                "Trying to backward through the graph a second time (or directly access saved "
                "tensors after they have already been freed). Specify retain_graph=True if you "
                "need to backward through the graph a second time."
            )
        return tuple(None if saved is None else saved.get() for saved in self._saved)

    def mark_dirty(self, *args: Tensor) -> None:
        """Name the arguments that forward has written to in place; it must return them."""
        self._dirty = args

    def mark_non_differentiable(self, *args: Tensor) -> None:
        """Name the results that have no gradient."""
        self._constant = args

    def set_materialize_grads(self, value: bool) -> None:
        """Whether backward gets zeros (the start) or ``None`` for unused results."""
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
    are no tensors). Results that are no tensors pass through, and backward gets ``None`` for them.
    A gradient is summed to its argument's shape where that broadcasts to the gradient's, and
    converted to its dtype. A class may instead define ``forward(*args)`` and
    ``setup_context(ctx, inputs, output)``.

    Inside of `steep.func.vmap` it runs example by example, unless the class has a static method
    ``vmap(info, in_dims, *args)``, as PyTorch's: ``info.batch_size`` and ``info.randomness`` say of
    the vmap, ``in_dims`` where the batch is in each argument; it returns the result, and where the
    batch is in that.

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

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Refused: call ``apply`` of the class."""
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use "
            f"new-style autograd function with static forward method: {type(self).__name__}.apply"
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run forward and record it. Keywords take the places they have in forward."""
        with_setup = cls.setup_context is not Function.setup_context
        if kwargs or with_setup:
            args = _in_order(cls.forward, with_setup, args, kwargs)
        if any_batched(args):
            from steep.func.custom import apply_to_batched

            return apply_to_batched(cls, args)
        ctx = FunctionCtx()
        ctx.needs_input_grad = tuple(isinstance(a, Tensor) and a.requires_grad for a in args)
        recording = is_grad_enabled() and any(ctx.needs_input_grad)
        with no_grad():
            if with_setup:
                result = cls.forward(*args)
                cls.setup_context(ctx, args, result)
            else:
                result = cls.forward(ctx, *args)
        single = not isinstance(result, (tuple, list))
        outs = [result] if single else list(result)
        _check_dirty(ctx, outs, recording)
        if not recording:
            return result
        outs = [_fresh(out, args, ctx) for out in outs]
        _record(cls, ctx, args, tuple(outs))
        return outs[0] if single else tuple(outs)


def _in_order(
    forward: Callable[..., Any], with_setup: bool, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, ...]:
    """All arguments by position, in the order of forward's parameters."""
    ctx = () if with_setup else (None,)
    bound = inspect.signature(forward).bind(*ctx, *args, **kwargs)
    if with_setup:
        bound.apply_defaults()
    if bound.kwargs:
        raise TypeError(
            f"Function.apply: expected every argument of forward before {next(iter(bound.kwargs))}"
            f", got {len(bound.args) - len(ctx)}; pass the others, too, or all by position"
        )
    return bound.args[len(ctx) :]


def _check_dirty(ctx: FunctionCtx, outs: list[Any], recording: bool) -> None:
    for tensor in ctx._dirty:
        if not any(tensor is out for out in outs):
            raise RuntimeError(
                "Some elements marked as dirty during the forward method were not returned as "
                "output. The inputs that are modified inplace must all be outputs of the Function."
            )
        if recording and tensor.requires_grad and tensor.is_leaf:
            raise RuntimeError(
                "a leaf Variable that requires grad has been used in an in-place operation."
            )


def _fresh(out: Any, args: tuple[Any, ...], ctx: FunctionCtx) -> Any:
    """A result that is an argument itself gets a tensor of its own, unless written to in place."""
    if any(out is dirty for dirty in ctx._dirty) or not any(out is arg for arg in args):
        return out
    if not isinstance(out, Tensor):
        return out
    fresh = out.detach()
    ctx._to_save = tuple(fresh if saved is out else saved for saved in ctx._to_save)
    return fresh


def _record(cls: type[Function], ctx: FunctionCtx, args: tuple[Any, ...], outs: Any) -> None:
    # Of a result that is returned twice, the last place gets the gradient, as in PyTorch.
    last = {
        id(out): place
        for place, out in enumerate(outs)
        if isinstance(out, Tensor)
        and out.is_floating_point()
        and not any(out is constant for constant in ctx._constant)
    }
    if not last:
        return
    places = sorted(last.values())
    recorded = tuple(outs[place] for place in places)
    ctx._finish_saving(recorded)
    inputs = tuple(arg for arg in args if isinstance(arg, Tensor))
    rule = _Rule(cls, ctx, args, outs, places)
    record_function(rule.name, rule, inputs, recorded)


class _Rule:
    """What the graph calls: backward, with its gradients filled in before and checked after."""

    def __init__(
        self,
        cls: type[Function],
        ctx: FunctionCtx,
        args: tuple[Any, ...],
        outs: tuple[Any, ...],
        places: list[int],
    ) -> None:
        self.backward = cls.backward
        self.name = f"{cls.__name__}Backward"
        self.ctx = ctx
        self.shapes = [tuple(arg.shape) if isinstance(arg, Tensor) else None for arg in args]
        self.places = places
        self.results = [
            (tuple(out.shape), out.dtype) if isinstance(out, Tensor) else None for out in outs
        ]

    def __call__(self, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        passed: list[Tensor | None] = [None] * len(self.results)
        for place, grad in zip(self.places, grads, strict=True):
            passed[place] = grad
        if self.ctx._materialize:
            for place, layout in enumerate(self.results):
                if passed[place] is None and layout is not None:
                    passed[place] = zeros(layout[0], dtype=layout[1])
        answer = self.backward(self.ctx, *passed)
        answer = answer if isinstance(answer, (tuple, list)) else (answer,)
        return _check_grads(self.name, tuple(answer), self.shapes, self.ctx.needs_input_grad)

    def release(self) -> None:
        """A backward pass has used up the graph: what was saved goes, whoever keeps ctx."""
        self.ctx._saved = None


def _check_grads(
    name: str,
    grads: tuple[Any, ...],
    shapes: list[tuple[int, ...] | None],
    wanted: tuple[bool, ...],
) -> tuple[Tensor | None, ...]:
    """The gradients of the tensors among the arguments, checked against their shapes."""
    surplus = grads[len(shapes) :]
    if len(grads) < len(shapes) or any(grad is not None for grad in surplus):
        raise RuntimeError(
            f"function {name} returned an incorrect number of gradients "
            f"(expected {len(shapes)}, got {len(grads)})"
        )
    checked: list[Tensor | None] = []
    for place, (grad, shape) in enumerate(zip(grads, shapes, strict=False)):
        if shape is None:
            if grad is not None:
                raise RuntimeError(
                    f"function {name} returned a gradient different than None at position "
                    f"{place + 1}, but the corresponding forward input was not a Tensor"
                )
            continue
        if grad is not None and not isinstance(grad, Tensor):
            raise RuntimeError(
                f"function {name} expected a Tensor or None at position {place + 1}, "
                f"got {type(grad).__name__}"
            )
        if not wanted[place]:
            grad = None  # whatever shape it has: nobody reads it
        if grad is not None and not _sums_to(tuple(grad.shape), shape):
            raise RuntimeError(
                f"Function {name} returned an invalid gradient at index {place} - got "
                f"{list(grad.shape)} but expected shape compatible with {list(shape)}"
            )
        checked.append(grad)
    return tuple(checked)


def _sums_to(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Whether `target` broadcasts to `shape`: a gradient of `shape` is then summed to it."""
    lead = len(shape) - len(target)
    return lead >= 0 and all(
        want in (1, have) for have, want in zip(shape[lead:], target, strict=True)
    )


def once_differentiable(rule: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a `Function`'s backward that is written in operations without gradients."""

    @functools.wraps(rule)
    def call(ctx: Any, *grads: Any) -> Any:
        with no_grad():
            return rule(ctx, *grads)

    return call


# Last, for it takes its names from here.
from steep.autograd import function as function  # noqa: E402
