"""Grad modes as decorators: the part of `no_grad` and the like that need not be fast."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from steep._core import call_with_grad

__all__ = ["decorate"]


def decorate(
    function: Callable[..., Any], mode: Callable[..., AbstractContextManager[Any]], enabled: bool
) -> Callable[..., Any]:
    """`function` with every call (of a generator: every step) under a new `mode()`.

    Args:
        function: what to wrap.
        mode: `no_grad`, `enable_grad` or `inference_mode`.
        enabled: whether operations are recorded under it.

    Raises:
        TypeError: if `function` is not callable.
    """
    if not callable(function):
        raise TypeError(
            f"{getattr(mode, '__name__', mode)}: expected a function to decorate, "
            f"got {type(function).__name__}; as a context manager it takes no argument"
        )

    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def generate(*args: Any, **kwargs: Any) -> Any:
            # The mode holds while the generator runs, not while its consumer does.
            generator = function(*args, **kwargs)
            step: Callable[[], Any] = functools.partial(next, generator)
            try:
                while True:
                    try:
                        value = call_with_grad(enabled, step, (), {})
                    except StopIteration as stop:
                        return stop.value
                    try:
                        sent = yield value
                        step = functools.partial(generator.send, sent)
                    except GeneratorExit:
                        raise
                    except BaseException as error:
                        step = functools.partial(generator.throw, error)
            finally:
                call_with_grad(enabled, generator.close, (), {})

        return generate

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return call_with_grad(enabled, function, args, kwargs)

    return call
