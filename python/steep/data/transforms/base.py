"""What every transform has: whether it is fitted, and its state as plain values and arrays."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from steep._core import Tensor

__all__ = ["Transform"]

_VERSION = 1
_Self = TypeVar("_Self", bound="Transform")


class Transform:
    """Base of what is fitted on the training part and then applied to every part.

    Attributes:
        names: names of the columns it was fitted on, if that was a table with names; a table is
            then read by these names, in whatever order it has them.
    """

    _arguments: ClassVar[tuple[str, ...]] = ()
    _learned: ClassVar[tuple[str, ...]] = ()
    names: list[str] | None = None

    def fit(self: _Self, x: Any) -> _Self:
        """Learn from the training part."""
        raise NotImplementedError

    def transform(self, x: Any) -> Any:
        """Apply what was learned."""
        raise NotImplementedError

    def fit_transform(self, x: Any) -> Any:
        """`fit`, then `transform` of the same rows."""
        return self.fit(x).transform(x)

    @property
    def is_fitted(self) -> bool:
        """Whether `fit` has succeeded, or a state was taken over."""
        return all(hasattr(self, name) for name in self._learned)

    def __repr__(self) -> str:
        """The call that makes it, without the arguments that are at their defaults."""
        defaults = inspect.signature(type(self)).parameters
        given = {name: getattr(self, name) for name in self._arguments}
        changed = [
            f"{name}={value!r}"
            for name, value in given.items()
            if _listed(value) != _listed(defaults[name].default)
        ]
        return f"{type(self).__name__}({', '.join(changed)})"

    def _check_fitted(self) -> None:
        if not self.is_fitted:
            raise RuntimeError(
                f"{type(self).__name__} is not fitted yet: call fit on the training part first"
            )

    def _refresh(self) -> None:
        """Derive what is kept beside the state."""

    def state(self) -> dict[str, Any]:
        """All that makes this transform: plain values that JSON has, and NumPy arrays.

        Raises:
            RuntimeError: if the transform is not fitted.
        """
        self._check_fitted()
        kept = (*self._arguments, "names", *self._learned)
        values = {name: _plain(getattr(self, name)) for name in kept}
        return {"transform": type(self).__name__, "version": _VERSION, **values}

    @classmethod
    def from_state(cls: type[_Self], state: Mapping[str, Any]) -> _Self:
        """The transform whose `state` this is.

        Raises:
            ValueError: if it is the state of another class, of a later version, or incomplete.
        """
        name = cls.__name__
        if not isinstance(state, Mapping) or state.get("transform") != name:
            got = state.get("transform") if isinstance(state, Mapping) else type(state).__name__
            raise ValueError(f"{name}.from_state: expected the state of a {name}, got one of {got}")
        if state.get("version") != _VERSION:
            raise ValueError(
                f"{name}.from_state: expected version {_VERSION}, got {state.get('version')}; a "
                "later steep has written it"
            )
        missing = {*cls._arguments, *cls._learned, "names"} - {*state}
        if missing:
            raise ValueError(f"{name}.from_state: the state lacks {sorted(missing)}")
        made = cls(**{argument: state[argument] for argument in cls._arguments})
        made.names = None if state["names"] is None else list(state["names"])
        for learned in cls._learned:
            setattr(made, learned, made._restored(learned, state[learned]))
        made._refresh()
        return made

    def _restored(self, name: str, value: Any) -> Any:
        """One of `_learned`, as its state holds it, to what the attribute holds."""
        return _plain(value)


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _plain(value: Any) -> Any:
    """A copy: arrays and tensors as arrays, tuples as lists."""
    if isinstance(value, Tensor):
        return value.detach().numpy().copy()
    if isinstance(value, Transform):
        return value.state()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if type(value).__module__ == "numpy":  # by name: importing this needs no NumPy
        return value.copy() if value.shape else value.item()
    return value
