"""Gradients: backward, grad, custom functions, and a numeric check of both.

Example:
    >>> import steep
    >>> x = steep.tensor([1.0, 2.0], requires_grad=True)
    >>> steep.autograd.grad((x**2).sum(), x)
    (tensor([2., 4.]),)
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from typing import Any

from steep._core import (
    Node,
    Tensor,
    any_batched,
    autograd_backward,
    autograd_grad,
    is_grad_enabled,
)
from steep._lazy import importing
from steep.autograd.function import Function, FunctionCtx, once_differentiable
from steep.autograd.grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled
from steep.autograd.gradcheck import gradcheck, gradgradcheck
from steep.autograd.variable import Variable

__all__ = [
    "Function",
    "FunctionCtx",
    "Node",
    "Variable",
    "anomaly_mode",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "is_grad_enabled",
    "no_grad",
    "once_differentiable",
    "set_detect_anomaly",
    "set_grad_enabled",
]

__getattr__ = importing(
    __name__,
    "functional",
    "graph",
    "anomaly_mode",
    detect_anomaly="anomaly_mode",
    set_detect_anomaly="anomaly_mode",
    elsewhere={"profiler": "steep.compat.autograd_profiler"},
)


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
    try:
        autograd_backward(tensors, grad_tensors, retain_graph, create_graph, inputs)
    except TypeError:
        tensors, inputs = _without_edges(tensors, grad_tensors, inputs)
        autograd_backward(tensors, grad_tensors, retain_graph, create_graph, inputs)


def _without_edges(outputs: Any, grads: Any, inputs: Any) -> tuple[Any, Any]:
    """The same with a tensor for each `GradientEdge`; raises what is being handled if none is."""
    graph = sys.modules.get("steep.autograd.graph")
    if graph is None:
        raise  # called in an except clause
    changed = graph.as_tensors(outputs, grads), graph.as_tensors(inputs)
    if changed[0] is outputs and changed[1] is inputs:
        raise
    return changed


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor, ...]:
    """The gradients of `outputs` with respect to `inputs`; no ``.grad`` is touched.

    Args:
        outputs: results, each of one element unless a gradient is given for it.
        inputs: tensors to differentiate by.
        grad_outputs: gradients with respect to `outputs`. Default: 1 for each.
        retain_graph: keep what the graph saved, for another pass. Default: `create_graph`.
        create_graph: record the pass itself, for derivatives of higher order. Default: ``False``.
        only_inputs: accepted for PyTorch's sake, where it has no effect either; ``False`` warns.
        allow_unused: give ``None`` for an input the outputs do not depend on, instead of raising.
            Default: `materialize_grads`.
        is_grads_batched: whether `grad_outputs` have one more dimension in front, over gradients
            that are passed one after the other; so have the results. Default: ``False``.
        materialize_grads: give zeros for such an input. Default: ``False``.

    Raises:
        RuntimeError: if an input was not used and `allow_unused` is not set, if there are no
            inputs, and as `backward`.
        ValueError: if `materialize_grads` is set, and `allow_unused` is ``False``.

    Example:
        >>> import steep
        >>> x = steep.tensor(2.0, requires_grad=True)
        >>> (slope,) = steep.autograd.grad(x**3, x, create_graph=True)
        >>> steep.autograd.grad(slope, x)
        (tensor(12.),)
    """
    if not only_inputs:
        warnings.warn(
            "only_inputs argument is deprecated and is ignored now (defaults to True). To "
            "accumulate gradient for other parts of the graph, please use autograd.backward.",
            FutureWarning,
            stacklevel=2,
        )
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: "
            "allow_unused=False."
        )
    if isinstance(inputs, (list, tuple)) and not inputs:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    rest = (retain_graph, create_graph, allow_unused, materialize_grads)
    if is_grads_batched:
        from steep.func.custom import gradients_of_each

        return gradients_of_each(outputs, inputs, grad_outputs, *rest)
    if any_batched((outputs, inputs, grad_outputs)):
        from steep.func.custom import gradients_of_batched

        return gradients_of_batched(outputs, inputs, grad_outputs, *rest)
    try:
        return autograd_grad(outputs, inputs, grad_outputs, *rest)
    except TypeError:
        outputs, inputs = _without_edges(outputs, grad_outputs, inputs)
        return autograd_grad(outputs, inputs, grad_outputs, *rest)
