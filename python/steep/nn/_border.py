"""Gradients at a module's border: what its backward hooks are given."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from steep._core import Tensor, cat
from steep.nn._hook_tables import ModuleHooks, everywhere

__all__ = ["Border", "hook_last_node"]


class Border:
    """Watches the gradients that cross a module's outputs and inputs in one call of it.

    All differentiable tensors on one side pass through one new node, whose gradient therefore
    arrives once, complete, and without what other users of the same tensors contribute.
    """

    def __init__(self, module: Any, hooks: ModuleHooks) -> None:
        self.module = module
        self.hooks = hooks
        self.grad_output: tuple[Tensor | None, ...] = ()
        self.has_input = False

    def enter(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, with a hook for their gradients; to be passed to forward."""
        passed, self.has_input = _through_one_node(args, self._at_input)
        self.input_count = len(args)
        return passed

    def leave(self, result: Any) -> Any:
        """The result of forward, with a hook for its gradients."""
        if isinstance(result, tuple):
            return _through_one_node(result, self._at_output)[0]
        if isinstance(result, Tensor):
            return _through_one_node((result,), self._at_output)[0][0]
        return result

    def _at_output(self, grads: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        for hook in [*everywhere.backward_pre.values(), *self.hooks.backward_pre.values()]:
            changed = hook(self.module, grads)
            if changed is not None:
                grads = _checked(changed, grads, "backward pre-hook", "grad_output")
        self.grad_output = grads
        if not self.has_input:
            self._run_backward((None,) * self.input_count)
        return grads

    def _at_input(self, grads: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        return self._run_backward(grads)

    def _run_backward(self, grads: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        for hook in [*everywhere.backward.values(), *self.hooks.backward.values()]:
            changed = hook(self.module, grads, self.grad_output)
            if changed is not None:
                if not self.has_input:
                    raise RuntimeError(
                        "Backward hook for Modules where no input requires gradient should "
                        "always return None or None for all gradients."
                    )
                grads = _checked(changed, grads, "backward hook", "grad_input")
        self.grad_output = ()
        return grads


def _checked(
    changed: Any, grads: tuple[Tensor | None, ...], hook: str, what: str
) -> tuple[Tensor | None, ...]:
    new = changed if isinstance(changed, tuple) else (changed,)
    if len(new) != len(grads):
        raise RuntimeError(
            f"{hook} returned an invalid number of {what}: got {len(new)}, "
            f"but expected {len(grads)}"
        )
    return new


_OnGrads = Callable[[tuple["Tensor | None", ...]], tuple["Tensor | None", ...]]


def _through_one_node(values: Sequence[Any], on_grads: _OnGrads) -> tuple[tuple[Any, ...], bool]:
    """Pass the differentiable tensors of `values` through one node with a hook on its gradient."""
    where = [i for i, v in enumerate(values) if isinstance(v, Tensor) and v.requires_grad]
    passed = list(values)
    if not where:
        return tuple(passed), False
    if len(where) == 1:
        (only,) = where
        tensor: Tensor = values[only].view(values[only].shape)

        def on_grad(grad: Tensor) -> Tensor | None:
            grads: list[Tensor | None] = [None] * len(values)
            grads[only] = grad
            return on_grads(tuple(grads))[only]

        tensor.register_hook(on_grad)
        passed[only] = tensor
        return tuple(passed), True
    return _join(passed, where, on_grads), True


def _join(passed: list[Any], where: list[int], on_grads: _OnGrads) -> tuple[Any, ...]:
    """Several tensors: laid end to end into one, so that one gradient holds all of theirs."""
    dtypes = {passed[i].dtype for i in where}
    if len(dtypes) > 1:
        raise TypeError(
            "full backward hook: expected the module's differentiable inputs (and outputs) to "
            f"share one dtype, got {', '.join(sorted(map(str, dtypes)))}; cast them to one"
        )
    shapes = [passed[i].shape for i in where]
    ends = list(itertools.accumulate(passed[i].numel() for i in where))
    starts = [0, *ends[:-1]]

    def cut(flat: Tensor) -> list[Tensor]:
        return [
            flat[start:end].reshape(shape)
            for start, end, shape in zip(starts, ends, shapes, strict=True)
        ]

    count = len(passed)  # the hook keeps none of them: they lead back to it

    def on_grad(grad: Tensor) -> Tensor:
        grads: list[Tensor | None] = [None] * count
        pieces = cut(grad)
        for i, piece in zip(where, pieces, strict=True):
            grads[i] = piece
        new = on_grads(tuple(grads))
        chosen = [
            piece if new[i] is None else new[i] for i, piece in zip(where, pieces, strict=True)
        ]
        return cat([c.reshape(-1) for c in chosen if c is not None])

    flat = cat([passed[i].reshape(-1) for i in where])
    flat.register_hook(on_grad)
    for i, piece in zip(where, cut(flat), strict=True):
        passed[i] = piece
    return tuple(passed)


def hook_last_node(module: Any, hooks: list[Callable[..., Any]], result: Any) -> None:
    """Put hooks of `register_backward_hook` on the node that made the result, or its first part."""
    while not isinstance(result, Tensor):
        if isinstance(result, dict):
            result = next((x for x in result.values() if isinstance(x, Tensor)), None)
        elif isinstance(result, (tuple, list)) and result:
            result = result[0]
        else:
            return
    node = result.grad_fn
    for hook in hooks if node is not None else []:
        node.register_hook(_of_module(hook, module))


def _of_module(hook: Callable[..., Any], module: Any) -> Callable[..., Any]:
    return lambda grad_input, grad_output: hook(module, grad_input, grad_output)
