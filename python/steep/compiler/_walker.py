"""The interface of the traversal for the functions that look into objects and classes."""

from __future__ import annotations

import types
from typing import Any, NamedTuple, Protocol

from steep.compiler._cells import Cells
from steep.compiler._code import Names

__all__ = ["Found", "Shared", "Walker"]

Found = list[tuple[Any, str]]  # objects and their paths


class Shared(NamedTuple):
    """What all instances of a class get from it, for the names in some code.

    Attributes:
        names: to be looked for in the attributes of each instance.
        rare: likewise, but their absence is not recorded.
        slots: descriptors of slots, with their names.
    """

    names: tuple[str, ...]
    rare: tuple[str, ...]
    slots: tuple[tuple[str, Any], ...]


class Walker(Protocol):
    """See `Traversal`, which describes these."""

    cells: Cells
    specials: dict[type, Found]
    iterators: dict[int, str]
    streams: dict[int, tuple[Any, Any, str]]

    def find(self, value: Any, path: str, names: Names) -> None: ...

    def find_weakly(self, target: Any, path: str, names: Names) -> None: ...

    def find_items(self, values: dict[Any, Any], path: str, names: Names) -> None: ...

    def keep_items(self, values: dict[Any, Any], path: str) -> None: ...

    def look_for(
        self, values: dict[str, Any], shared: Shared, names: Names, path: str, holder: int
    ) -> None: ...

    def shared(self, cls: type, names: Names) -> Shared: ...

    def add_function(self, function: types.FunctionType) -> None: ...

    def reads_by_data(self) -> None: ...

    def refuse(self, reason: str) -> None: ...
