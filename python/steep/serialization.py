"""`save` and `load`, where PyTorch code imports them from; `steep.serialize` is their home.

Loading executes nothing, whatever the file holds; so no class has to be declared safe, and what
PyTorch has for that changes nothing.

Example:
    >>> import steep
    >>> with steep.serialization.safe_globals([dict]):
    ...     steep.serialization.get_safe_globals()
    [<class 'dict'>]
    >>> steep.serialization.get_safe_globals()
    []
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from steep.serialize import load, save

__all__ = [
    "add_safe_globals",
    "clear_safe_globals",
    "get_safe_globals",
    "load",
    "safe_globals",
    "save",
]

_declared: list[Any] = []


def add_safe_globals(safe_globals: Iterable[Any]) -> None:
    """Notes classes that `get_safe_globals` gives; `load` does not need them."""
    _declared.extend(one for one in safe_globals if one not in _declared)


def get_safe_globals() -> list[Any]:
    """The classes that were noted."""
    return list(_declared)


def clear_safe_globals() -> None:
    """Forgets them."""
    _declared.clear()


class safe_globals:  # noqa: N801 - PyTorch's name
    """A context in which classes are noted as by `add_safe_globals`."""

    def __init__(self, safe_globals: Iterable[Any]) -> None:
        self._given = list(safe_globals)

    def __enter__(self) -> None:
        self._before = get_safe_globals()
        add_safe_globals(self._given)

    def __exit__(self, *_: object) -> None:
        _declared[:] = self._before
