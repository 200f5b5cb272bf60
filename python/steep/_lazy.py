"""Submodules that are imported when they are first asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

__all__ = ["importing"]


def importing(package: str, *names: str) -> Callable[[str], Any]:
    """A `__getattr__` of a package that imports these submodules of it."""

    def find(name: str) -> Any:
        if name in names:
            return importlib.import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return find
