"""`ParamGroup`: the settings of one group of parameters."""

from __future__ import annotations

from typing import Any

from steep.optim._recorded import note_change

__all__ = ["ParamGroup"]


class ParamGroup(dict[str, Any]):
    """A group's settings.

    A recording notices when they are changed inside it: a replay reads them as they are before it,
    and would not change them.
    """

    def __setitem__(self, name: str, value: Any) -> None:
        note_change(self)
        super().__setitem__(name, value)

    def __delitem__(self, name: str) -> None:
        note_change(self)
        super().__delitem__(name)

    def update(self, *args: Any, **kwargs: Any) -> None:
        note_change(self)
        super().update(*args, **kwargs)

    def setdefault(self, name: str, default: Any = None) -> Any:
        if name not in self:
            self[name] = default
        return self[name]

    def pop(self, *args: Any) -> Any:
        note_change(self)
        return super().pop(*args)

    def popitem(self) -> tuple[str, Any]:
        note_change(self)
        return super().popitem()

    def clear(self) -> None:
        note_change(self)
        super().clear()

    def __ior__(self, other: Any) -> ParamGroup:  # type: ignore[override,misc]
        self.update(other)
        return self

    def __reduce__(self) -> Any:
        return (dict, (dict(self),))
