"""Gradients against finite differences: `gradcheck` and `gradgradcheck`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from steep._core import Tensor, autograd_grad, enable_grad, no_grad, stack, zeros

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


class GradcheckError(RuntimeError):
    """What `gradcheck` raises where gradients are not what they should be."""


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
            below = [out.clone() for out in _outputs(function, inputs)]  # it may be a view
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
        grads = autograd_grad(
            out, wanted, seed.view(out.shape), retain_graph=True, materialize_grads=True
        )
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


@dataclass(frozen=True)
class _Limits:
    """How near numbers must be, and what else is looked at."""

    eps: float
    atol: float
    rtol: float
    nondet_tol: float
    check_grad_dtypes: bool
    check_batched_grad: bool
    fast_mode: bool


def gradcheck(
    func: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Compare the gradients of `func` with central differences, element by element.

    Args:
        func: takes `inputs`, returns a tensor or several.
        inputs: those that require a gradient must be contiguous and float64.
        eps: step of the differences. Default: 1e-6.
        atol: allowed absolute difference. Default: 1e-5.
        rtol: allowed relative difference. Default: 1e-3.
        raise_exception: raise where they differ, instead of returning ``False``.
        nondet_tol: how far two runs of backward may be apart. Default: 0.0.
        check_undefined_grad: without effect: each output is differentiated alone, so that the
            others' gradients are always undefined. Default: ``True``.
        check_grad_dtypes: whether a gradient must have its input's dtype and shape. Default:
            ``False``.
        check_batched_grad: whether to compare with ``autograd.grad(is_grads_batched=True)``.
            Default: ``False``.
        check_batched_forward_grad, check_forward_ad: only ``False``.
        check_backward_ad: only ``True``.
        fast_mode: compare the derivatives along one random direction, not every element. Default:
            ``False``.
        masked: PyTorch's argument for sparse tensors, without effect.

    Raises:
        ValueError: if no input requires a gradient, or one of them is not contiguous float64.
        GradcheckError: a `RuntimeError`, if the gradients differ, and `raise_exception` is set.
        NotImplementedError: for derivatives in forward mode.

    Example:
        >>> import steep
        >>> x = steep.tensor([0.3, 0.7], dtype=steep.float64, requires_grad=True)
        >>> steep.autograd.gradcheck(lambda x: (x * x).sum(), x)
        True
    """
    if check_forward_ad or check_batched_forward_grad or not check_backward_ad:
        raise NotImplementedError(
            "gradcheck: expected check_forward_ad=False and check_backward_ad=True, for there are "
            "only derivatives by backward; leave them out"
        )
    arguments: Sequence[Any] = (inputs,) if isinstance(inputs, Tensor) else inputs
    wanted = _wanted(arguments)
    limits = _Limits(eps, atol, rtol, nondet_tol, check_grad_dtypes, check_batched_grad, fast_mode)
    try:
        _check(func, arguments, wanted, limits)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _wanted(arguments: Sequence[Any]) -> list[Tensor]:
    """The inputs to differentiate by, checked."""
    wanted = [x for x in arguments if isinstance(x, Tensor) and x.requires_grad]
    if not wanted:
        raise ValueError("gradcheck: expected an input that requires a gradient, got none")
    for x in wanted:
        if x.element_size() != 8 or not x.is_contiguous():
            raise ValueError(
                f"gradcheck: expected contiguous float64 inputs, got {x.dtype}; in lower "
                "precision, differences are mostly rounding error: convert with .double()"
            )
    return wanted


def _check(
    func: Callable[..., Any], arguments: Sequence[Any], wanted: list[Tensor], limits: _Limits
) -> None:
    outs = {n: out for n, out in enumerate(_outputs(func, arguments)) if out.requires_grad}
    for number, out in outs.items():
        _check_runs(out, number, wanted, limits)
    if limits.fast_mode:
        _check_direction(func, arguments, outs, wanted, limits)
        return
    by_backward = {number: _analytic(out, wanted) for number, out in outs.items()}
    for place, x in enumerate(wanted):
        for number, numeric in enumerate(_numeric(func, arguments, x, limits.eps)):
            if number not in by_backward:
                continue
            analytic = by_backward[number][place]
            if not _agree(analytic, numeric, limits.atol, limits.rtol):
                raise GradcheckError(
                    f"gradcheck: Jacobian mismatch for output {number} with respect to input "
                    f"{place},\nnumerical: {numeric}\nanalytical: {analytic}"
                )


def _check_runs(out: Tensor, number: int, wanted: list[Tensor], limits: _Limits) -> None:
    """What running backward again, or for several gradients at once, gives for one output."""
    seed = _varied(out)

    def run() -> tuple[Tensor, ...]:
        return autograd_grad(out, wanted, seed, retain_graph=True, materialize_grads=True)

    once, again = run(), run()
    for place, (x, grad, other) in enumerate(zip(wanted, once, again, strict=True)):
        where = f"output {number} with respect to input {place}"
        if limits.check_grad_dtypes and (grad.dtype != x.dtype or grad.shape != x.shape):
            raise GradcheckError(
                f"gradcheck: expected a gradient of {x.dtype} and shape {tuple(x.shape)} for "
                f"{where}, got {grad.dtype} and {tuple(grad.shape)}"
            )
        apart = (grad - other).abs().max().item() if grad.numel() else 0.0
        if apart > limits.nondet_tol:
            raise GradcheckError(
                f"gradcheck: Backward is not reentrant, i.e., running backward with same input and "
                f"grad_output multiple times gives different values, for {where}: they are "
                f"{apart:g} apart, and nondet_tol is {limits.nondet_tol:g}"
            )
    if limits.check_batched_grad:
        _check_batched(out, number, wanted, seed, once)


def _check_batched(
    out: Tensor, number: int, wanted: list[Tensor], seed: Tensor, once: Sequence[Tensor]
) -> None:
    from steep.func.custom import gradients_of_each

    seeds = stack([seed, seed * 2])
    batched = gradients_of_each(out, wanted, seeds, True, False, True, True)
    for place, (alone, both) in enumerate(zip(once, batched, strict=True)):
        expected = stack([alone, alone * 2]).reshape(-1).tolist()
        if not _agree([both.reshape(-1).tolist()], [expected], 1e-9, 1e-9):
            raise GradcheckError(
                f"gradcheck: gradients of a batch differ from those one by one, for output {number}"
                f" with respect to input {place}"
            )


def _check_direction(
    func: Callable[..., Any],
    arguments: Sequence[Any],
    outs: dict[int, Tensor],
    wanted: list[Tensor],
    limits: _Limits,
) -> None:
    """``u^T J v`` for one direction of all inputs, and weights of the outputs that vary."""
    directions = [_varied(x) for x in wanted]
    seeds = {number: _varied(out) for number, out in outs.items()}
    analytic = {}  # all of it before the inputs are written to
    for number, out in outs.items():
        slopes = autograd_grad(out, wanted, seeds[number], True, materialize_grads=True)
        products = zip(slopes, directions, strict=True)
        analytic[number] = sum((g * v).sum().item() for g, v in products)
    above, below = (
        _moved_outputs(func, arguments, wanted, directions, seeds, sign * limits.eps)
        for sign in (1, -1)
    )
    for number, slope in analytic.items():
        numeric = (above[number] - below[number]) / (2 * limits.eps)
        if not _agree([[slope]], [[numeric]], limits.atol, limits.rtol):
            raise GradcheckError(
                f"gradcheck: Jacobian mismatch for output {number} along one direction,\n"
                f"numerical: {numeric}\nanalytical: {slope}"
            )


def _moved_outputs(
    func: Callable[..., Any],
    arguments: Sequence[Any],
    inputs: Sequence[Tensor],
    directions: Sequence[Tensor],
    seeds: dict[int, Tensor],
    step: float,
) -> dict[int, float]:
    """The weighted sums of the outputs where the inputs are a step away."""
    with no_grad():
        before = [x.detach().clone() for x in inputs]
        try:
            for x, direction in zip(inputs, directions, strict=True):
                x.add_(direction, alpha=step)
            found = _outputs(func, arguments)
            return {n: (found[n] * seed).sum().item() for n, seed in seeds.items()}
        finally:
            for x, value in zip(inputs, before, strict=True):
                x.copy_(value)


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    grad_outputs: Sequence[Tensor] | None = None,
    *,
    gen_non_contig_grad_outputs: bool = False,
    **kwargs: Any,
) -> bool:
    """The same for the gradients themselves: second order.

    Args:
        func: as in `gradcheck`.
        inputs: likewise.
        grad_outputs: gradients of the results, float64. Default: ones that vary by element.
        gen_non_contig_grad_outputs: whether those are strided. Only ``False`` with `grad_outputs`.
        kwargs: further arguments of `gradcheck`, with its defaults.

    Raises:
        ValueError, GradcheckError, NotImplementedError: as `gradcheck`.
    """
    arguments: Sequence[Any] = (inputs,) if isinstance(inputs, Tensor) else inputs
    outs = [out for out in _outputs(func, arguments) if out.requires_grad]
    if grad_outputs is None:
        grad_outputs = [_varied(out).requires_grad_() for out in outs]
    count = len(arguments)

    def first_order(*both: Any) -> tuple[Tensor, ...]:
        xs, seeds = both[:count], both[count:]
        wanted = [x for x in xs if isinstance(x, Tensor) and x.requires_grad]
        if gen_non_contig_grad_outputs:
            seeds = tuple(_strided(seed) for seed in seeds)
        with enable_grad():
            results = [out for out in _outputs(func, xs) if out.requires_grad]
            return autograd_grad(results, wanted, seeds, create_graph=True, materialize_grads=True)

    return gradcheck(first_order, (*arguments, *grad_outputs), **kwargs)


def _strided(x: Tensor) -> Tensor:
    """The same numbers with gaps between them."""
    return stack([x, x], x.dim()).select(x.dim(), 0)


def _varied(like: Tensor) -> Tensor:
    """1.0, 1.1, ... in the shape of `like`: a constant would hide errors that cancel in a sum."""
    out = zeros(like.numel(), dtype=like.dtype)
    for place in range(out.numel()):
        out[place] = 1 + place % 7 / 10
    return out.view(like.shape)
