"""Libraries that only some functions need, imported when these are called."""

from __future__ import annotations

import importlib
from types import ModuleType

__all__ = ["optional"]


def optional(name: str, extra: str, what: str) -> ModuleType:
    """Import a library that is not a dependency of steep, or say how to install it.

    Args:
        name: module to import, a submodule perhaps: ``"matplotlib.pyplot"``.
        extra: the extra of the package that brings it: ``"viz"``.
        what: what needs it, as its user writes it: ``"steep.viz.curve"``.

    Raises:
        ImportError: if the library is not installed. A library that is there and broken raises
            what it raises.

    Example:
        >>> optional("json", "tables", "this example").dumps([1])
        '[1]'
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        top = name.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != top:
            raise  # something that the library itself lacks
        raise ImportError(
            f"`{what}` needs {top}: pip install 'steep[{extra}]'", name=top
        ) from error
