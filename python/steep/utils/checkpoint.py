"""Gradient checkpointing: what a function computes is computed again in the backward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from steep._core import (
    Tensor,
    enable_grad,
    get_rng_state,
    is_grad_enabled,
    is_rng_state,
    set_rng_state,
    zeros,
)
from steep.autograd import Function
from steep.autograd import backward as run_backward

__all__ = ["checkpoint", "checkpoint_sequential"]


def _detached(x: Any) -> Any:
    return x.detach().requires_grad_(x.requires_grad) if isinstance(x, Tensor) else x


class _Recomputed(Function):
    """Keeps the arguments alone, and the random state they were used under."""

    @staticmethod
    def forward(
        ctx: Any, run: Callable[..., Any], state: Tensor | None, anchor: Tensor, *args: Any
    ) -> Any:
        ctx.run, ctx.state = run, state
        ctx.places = [i for i, x in enumerate(args) if isinstance(x, Tensor)]
        ctx.others = [None if isinstance(x, Tensor) else x for x in args]
        ctx.save_for_backward(*(x for x in args if isinstance(x, Tensor)))
        # With a graph, which is dropped at once: it tells which results want gradients. The
        # backward pass needs as much memory for its own, so that the peak is no higher.
        with enable_grad():
            found = run(*map(_detached, args))
        if state is not None and is_rng_state(state):
            ctx.state = None  # nothing was drawn
        results = found if isinstance(found, tuple) else (found,)
        given = tuple(y.detach() if isinstance(y, Tensor) else y for y in results)
        pairs = zip(results, given, strict=True)
        constant = [y for x, y in pairs if isinstance(x, Tensor) and not x.requires_grad]
        ctx.mark_non_differentiable(*constant)
        return given if isinstance(found, tuple) else given[0]

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        if is_grad_enabled():
            raise RuntimeError(
                "checkpoint: gradients cannot be differentiated again (create_graph=True) where "
                "they went through it; call the function itself"
            )
        args = list(ctx.others)
        for i, x in zip(ctx.places, ctx.saved_tensors, strict=True):
            args[i] = _detached(x)
        outside = None
        if ctx.state is not None:
            outside = get_rng_state()
            set_rng_state(ctx.state)
        try:
            with enable_grad():
                found = ctx.run(*args)
        finally:
            if outside is not None:
                set_rng_state(outside)
        results = found if isinstance(found, tuple) else (found,)
        pairs = [
            (y, g)
            for y, g in zip(results, gradients, strict=True)
            if isinstance(y, Tensor) and y.requires_grad and g is not None
        ]
        if pairs:
            run_backward([y for y, _ in pairs], [g for _, g in pairs])
        return (None, None, None, *(x.grad if isinstance(x, Tensor) else None for x in args))


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """``function(*args, **kwargs)``, of which only the arguments are kept for the backward pass.

    The backward pass calls the function once more, with the same random numbers, and goes back
    through that: memory for time (Chen et al. 2016, https://arxiv.org/abs/1604.06174).
    The parameters that the function reads besides its arguments get their gradients in ``.grad``,
    from `backward` as from `autograd.grad`, which does not find them. A compiled function that
    calls it runs eagerly if random numbers are drawn in it, unless `preserve_rng_state` is
    ``False``.

    Args:
        function: a module, or a function of tensors, which computes the same when it is called
            again.
        *args: tensors and others.
        use_reentrant: PyTorch's choice of two ways, without effect.
        preserve_rng_state: whether the second call draws what the first one drew. Default:
            ``True``.
        **kwargs: for the function; tensors among them get no gradient.

    Returns:
        What the function returns: a tensor, or a tuple of tensors and others. Those that depend on
        nothing that requires a gradient require none.

    Raises:
        RuntimeError: In a backward pass with ``create_graph=True``.

    Example:
        >>> import steep
        >>> x = steep.ones(3, requires_grad=True)
        >>> steep.utils.checkpoint.checkpoint(lambda x: x.exp().sum(), x).backward()
        >>> steep.allclose(x.grad, x.exp())
        True
    """

    def run(*given: Any) -> Any:
        return function(*given, **kwargs)

    if not is_grad_enabled():
        return run(*args)
    state = get_rng_state() if preserve_rng_state else None
    # Parameters inside the function want gradients though no argument may.
    return _Recomputed.apply(run, state, zeros((), requires_grad=True), *args)


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """A `Sequential`, or a list of functions, in so many segments; all but the last one through
    `checkpoint`.

    Raises:
        ValueError: for less than one segment, or more than there are functions.
    """
    steps = list(functions)
    if not 1 <= segments <= len(steps):
        raise ValueError(
            f"checkpoint_sequential: expected 1 to {len(steps)} segments, got {segments}"
        )
    size = len(steps) // segments

    def run_some(some: Sequence[Callable[[Any], Any]]) -> Callable[[Any], Any]:
        def run(x: Any) -> Any:
            for step in some:
                x = step(x)
            return x

        return run

    for i in range(segments - 1):
        part = run_some(steps[i * size : (i + 1) * size])
        input = checkpoint(part, input, use_reentrant=use_reentrant, **kwargs)
    return run_some(steps[(segments - 1) * size :])(input)
