"""Submodules that are imported when they are first asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["importing"]


def importing(
    package: str, *modules: str, elsewhere: Mapping[str, str] | None = None, **homes: str
) -> Callable[[str], Any]:
    """A `__getattr__` of a package, for these submodules, and for names from their homes.

    Modules `elsewhere` are found by their full names.
    """

    def find(name: str) -> Any:
        if name in modules:
            return importlib.import_module(f"{package}.{name}")
        if elsewhere is not None and name in elsewhere:
            return importlib.import_module(elsewhere[name])
        if name in homes:
            return getattr(importlib.import_module(f"{package}.{homes[name]}"), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return find
