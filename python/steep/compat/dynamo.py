"""`torch._dynamo`: settings and marks of a compiler that is not here, which change nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from steep.compat.compiler import allow_in_graph, disable, is_compiling, list_backends, reset

__all__ = [
    "allow_in_graph",
    "config",
    "disable",
    "graph_break",
    "is_compiling",
    "is_dynamo_supported",
    "list_backends",
    "mark_dynamic",
    "mark_static",
    "reset",
]

config = SimpleNamespace(suppress_errors=False, verbose=False, cache_size_limit=8)


def is_dynamo_supported() -> bool:
    """False."""
    return False


def graph_break(msg: str = "") -> None:
    """Nothing."""


def mark_dynamic(t: Any, index: Any = None, **_: Any) -> None:
    """Nothing: sizes that change are followed."""


def mark_static(t: Any, index: Any = None) -> None:
    """Nothing."""
