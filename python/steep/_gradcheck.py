"""Gradients against finite differences: `gradcheck` and `gradgradcheck`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from steep._core import Tensor, autograd_grad, enable_grad, no_grad, zeros

__all__ = ["gradcheck", "gradgradcheck"]


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
                f"gradcheck: expected contiguous float64 inputs, got {x.dtype}; in lower "
                "precision, differences are mostly rounding error: convert with .double()"
            )
    outs = _outputs(func, arguments)
    by_backward = {n: _analytic(out, wanted) for n, out in enumerate(outs) if out.requires_grad}
    for place, x in enumerate(wanted):
        for number, numeric in enumerate(_numeric(func, arguments, x, eps)):
            if number not in by_backward:
                continue
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
            return autograd_grad(results, wanted, seeds, create_graph=True, materialize_grads=True)

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
