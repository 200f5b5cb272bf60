"""`ParamGroup`: the settings of one group of parameters."""

from __future__ import annotations

from typing import Any

from steep._core import refuse_recording

__all__ = ["ParamGroup"]


class ParamGroup(dict[str, Any]):
    """A group's settings.

    A recording notices when they are changed inside it: a replay reads them as they are before it,
    and would not change them.
    """

    def __setitem__(self, name: str, value: Any) -> None:
        _note_change()
        super().__setitem__(name, value)

    def __delitem__(self, name: str) -> None:
        _note_change()
        super().__delitem__(name)

    def update(self, *args: Any, **kwargs: Any) -> None:
        _note_change()
        super().update(*args, **kwargs)

    def setdefault(self, name: str, default: Any = None) -> Any:
        if name not in self:
            self[name] = default
        return self[name]

    def pop(self, *args: Any) -> Any:
        _note_change()
        return super().pop(*args)

    def __ior__(self, other: Any) -> ParamGroup:  # type: ignore[override,misc]
        self.update(other)
        return self

    def __reduce__(self) -> Any:
        return (dict, (dict(self),))


def _note_change() -> None:
    refuse_recording("it changes param_groups; change them before the call")
