"""`torch.compiler`: marks for a compiler that traces; `torch.compile` itself is `steep.compile`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = [
    "allow_in_graph",
    "assume_constant_result",
    "cudagraph_mark_step_begin",
    "disable",
    "is_compiling",
    "is_dynamo_compiling",
    "is_exporting",
    "list_backends",
    "reset",
    "set_stance",
]


def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """A decorator that changes nothing: what cannot be replayed runs eagerly by itself."""
    return (lambda function: function) if fn is None else fn


def allow_in_graph(fn: Any) -> Any:
    """The function itself."""
    return fn


def assume_constant_result(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function itself."""
    return fn


def cudagraph_mark_step_begin() -> None:
    """Nothing."""


def is_compiling() -> bool:
    """False: a function that is recorded runs as it always does."""
    return False


def is_dynamo_compiling() -> bool:
    """False."""
    return False


def is_exporting() -> bool:
    """False."""
    return False


def list_backends(exclude_tags: Any = ()) -> list[str]:
    """None: there is one way to compile."""
    return []


def reset() -> None:
    """Nothing: recordings go with the functions that they were made for."""


class set_stance:  # noqa: N801  PyTorch's name
    """A context, or a call, that changes nothing."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass

    def __call__(self, fn: Any) -> Any:
        return fn
