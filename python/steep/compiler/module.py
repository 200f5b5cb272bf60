"""Compiled modules, and `compile`, which makes them and compiled functions."""

from __future__ import annotations

import functools
from typing import Any

from steep.compiler.function import CompiledFunction
from steep.nn.module import Module

__all__ = ["CompiledModule", "compile"]


class CompiledModule(Module):
    """A module whose calls are recorded and replayed; its parameters are the original's.

    Attributes that it lacks are looked up in the original, which is ``_orig_mod``.
    """

    def __init__(self, module: Module, *, fullgraph: bool, verify: bool) -> None:
        super().__init__()
        self._orig_mod = module
        self._compiled = CompiledFunction(module.__call__, fullgraph=fullgraph, verify=verify)
        self.training = module.training

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("_orig_mod", "_compiled") or "_compiled" not in self.__dict__:
            super().__setattr__(name, value)
            return
        setattr(self._orig_mod, name, value)
        if name == "training":
            self.__dict__[name] = value

    def __delattr__(self, name: str) -> None:
        if name in ("_orig_mod", "_compiled"):
            super().__delattr__(name)
            return
        delattr(self._orig_mod, name)
        if name == "training":
            del self.__dict__[name]

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the module, or replay its program."""
        return self._compiled(*args, **kwargs)

    def explain(self) -> str:
        """See `CompiledFunction.explain`."""
        return self._compiled.explain()

    def programs(self) -> list[Any]:
        """See `CompiledFunction.programs`."""
        return self._compiled.programs()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_orig_mod":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self._orig_mod, name)


def compile(
    model: Any = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: str = "steep",
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    disable: bool = False,
    verify: bool = False,
) -> Any:
    """Record what a function computes, once, and replay it from then on.

    Meant for a whole training step: forward, backward and the optimiser's step in one function. A
    model alone, with its loss and backward outside, is replayed as two programs, one for each way.
    For each kind of call (shapes, dtypes, strides, numbers passed, modes) the first call runs as
    usual, the next two are recorded and must agree, and all later ones replay the recording:
    without Python, without building a graph, with memory planned once and elementwise chains fused.
    The results have the bits of the function itself.

    Python code inside runs while recording only. What it reads from outside is followed: tensors,
    parameters and state may hold other values at every call, learning rates change, random numbers
    are drawn anew, and numbers that change from call to call (arguments, counters, rates) are
    computed anew; tensors that it stores anew where it found them (``self.hidden = h.detach()``)
    are taken and stored by a replay; where a variable, an attribute, an item of a container, a mode
    or a hook is replaced otherwise, the call is recorded again. A function stays eager, with a
    warning that says why and where, if it uses a value in Python (``if loss > 1``, ``numpy``),
    changes what it reads in another way (a list of losses that grows), or draws from other random
    generators; it is tried again after a growing number of calls.
    ``loss.item()`` may be returned. Results that were differentiated inside come back without a
    graph. See docs/programs.md.

    Args:
        model: a function or `Module`; none to get a decorator.
        fullgraph: raise RuntimeError instead of running eagerly. Default: ``False``.
        dynamic: accepted for PyTorch's sake, as are `backend`, `mode` and `options`; there is
            nothing to choose.
        backend: see `dynamic`.
        mode: see `dynamic`.
        options: see `dynamic`.
        disable: return `model` as it is. Default: ``False``.
        verify: at every replay, run the function as well and raise RuntimeError where a bit
            differs. Slow; for tests. Default: ``False``.

    Returns:
        A `CompiledFunction`, or a `CompiledModule` for a module. Both have `explain()`. Of a
        static or class method such a method.

    Raises:
        TypeError: if `model` cannot be called.

    Example:
        >>> import steep
        >>> layer = steep.nn.Linear(3, 1)
        >>> optimizer = steep.optim.SGD(layer.parameters(), lr=0.1)
        >>> @steep.compile
        ... def step(x, y):
        ...     optimizer.zero_grad()
        ...     loss = steep.nn.functional.mse_loss(layer(x), y)
        ...     loss.backward()
        ...     optimizer.step()
        ...     return loss
        >>> x, y = steep.ones(8, 3), steep.zeros(8, 1)
        >>> losses = [step(x, y).item() for _ in range(10)]
        >>> losses[-1] < losses[0], len(step.programs())
        (True, 1)
    """
    del dynamic, backend, mode, options
    if model is None:
        return functools.partial(compile, fullgraph=fullgraph, disable=disable, verify=verify)
    if not callable(model) and not isinstance(model, classmethod):
        raise TypeError(
            f"compile: expected a function or a Module, got {type(model).__name__}; pass the "
            "function itself, not what it returns"
        )
    if disable:
        return model
    if isinstance(model, staticmethod | classmethod):
        function = CompiledFunction(model.__func__, fullgraph=fullgraph, verify=verify)
        return type(model)(function)
    if isinstance(model, Module):
        return CompiledModule(model, fullgraph=fullgraph, verify=verify)
    return CompiledFunction(model, fullgraph=fullgraph, verify=verify)
