"""`out=` of functions that are written in Python: their results, written into tensors given."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from steep._core import Tensor, is_grad_enabled, mul

__all__ = ["takes_out"]

_Result = TypeVar("_Result")


def takes_out(function: Callable[..., _Result]) -> Callable[..., _Result]:
    """The function with a further keyword `out`: a tensor, or as many as there are results.

    They take the results' shapes, with PyTorch's warning unless they are empty; their dtypes have
    to be the results'. A pair of results has its own type, and holds the given tensors.

    Raises:
        RuntimeError: for another dtype, and where a gradient is asked for: it would be lost.
        TypeError: for other than tensors, and another number of them.

    Example:
        >>> import steep
        >>> inverse = steep.empty(0)
        >>> steep.linalg.inv(steep.eye(2) * 2, out=inverse) is inverse, inverse[0]
        (True, tensor([0.5000, 0.0000]))
    """

    @functools.wraps(function)
    def call(*args: Any, out: Any = None, **kwargs: Any) -> _Result:
        result = function(*args, **kwargs)
        if out is None:
            return result
        if isinstance(result, Tensor):
            _write(function.__name__, (result,), (out,))
            return cast("_Result", out)
        _write(function.__name__, cast("tuple[Tensor, ...]", result), out)
        return type(result)(*out)  # a named tuple

    signature = inspect.signature(function)
    further = inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, default=None)
    parameters = [*signature.parameters.values(), further]
    call.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return call


def _write(name: str, results: Sequence[Tensor], outs: Any) -> None:
    """Write each result, after all are checked."""
    if not isinstance(outs, tuple | list) or len(outs) != len(results):
        raise TypeError(f"{name}(): expected {len(results)} tensors as 'out', got {outs!r}")
    for out, result in zip(outs, results, strict=True):
        if not isinstance(out, Tensor):
            raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}")
        if out.dtype != result.dtype:
            raise RuntimeError(
                f"{name}(): Expected out tensor to have dtype {result.dtype}, but got {out.dtype} "
                "instead"
            )
        if is_grad_enabled() and (result.requires_grad or out.requires_grad):
            raise RuntimeError(
                f"{name}(): functions with out=... arguments don't support automatic "
                "differentiation, but one of the arguments requires grad; call it under no_grad()"
            )
    for out, result in zip(outs, results, strict=True):
        mul(result, 1, out=out)  # a copy that keeps the sign of 0
