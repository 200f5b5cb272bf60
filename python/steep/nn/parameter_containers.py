"""Modules that hold parameters: a list of them, and a dict."""

from __future__ import annotations

import operator
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from typing import Any

from steep._core import Tensor
from steep.nn.module import Module
from steep.nn.parameter import Parameter

__all__ = ["ParameterDict", "ParameterList"]


def _position(index: int, size: int) -> int:
    number = operator.index(index)
    if not -size <= number < size:
        raise IndexError(f"index {number} is out of range")
    return number % size


def _as_parameter(name: str, value: Any) -> Parameter:
    if not isinstance(value, Tensor):
        raise TypeError(f"{name}: expected a Tensor, got {type(value).__name__}")
    return value if isinstance(value, Parameter) else Parameter(value)


def _line(param: Parameter, kind: Any) -> str:
    sizes = "x".join(map(str, param.shape))
    return f"Parameter containing: [{kind} of size {sizes}]"


class ParameterList(Module):
    """A list of parameters that belong to the module that holds it; plain tensors become ones.

    Args:
        values: tensors or parameters to begin with.

    Example:
        >>> import steep
        >>> params = steep.nn.ParameterList([steep.zeros(2), steep.ones(3)])
        >>> len(params), [name for name, _ in params.named_parameters()]
        (2, ['0', '1'])
    """

    def __init__(self, values: Iterable[Tensor] | None = None) -> None:
        super().__init__()
        if values is not None:
            self.extend(values)

    def __len__(self) -> int:
        return len(self._parameters)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._parameters.values())

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return self._parameters[str(_position(index, len(self)))]

    def __setitem__(self, index: int, value: Tensor) -> None:
        self._put(_position(index, len(self)), value)

    def _put(self, position: int, value: Any) -> None:
        setattr(self, str(position), _as_parameter("ParameterList", value))

    def append(self, value: Tensor) -> ParameterList:
        """Add one tensor or parameter at the end."""
        self._put(len(self), value)
        return self

    def extend(self, values: Iterable[Tensor]) -> ParameterList:
        """Add every tensor or parameter of an iterable at the end."""
        if isinstance(values, Tensor):
            raise TypeError(
                "ParameterList.extend should be called with an iterable, but got Tensor"
            )
        first = len(self)
        added = {
            str(first + i): _as_parameter("ParameterList", value) for i, value in enumerate(values)
        }
        for name, param in added.items():
            self._check_parameter(name, param)
        self._parameters.update(added)
        return self

    def __iadd__(self, values: Iterable[Tensor]) -> ParameterList:
        return self.extend(values)

    def extra_repr(self) -> str:
        """One line per parameter: its dtype and sizes."""
        return "\n".join(f"  ({i}): {_line(p, p.dtype)}" for i, p in enumerate(self))


class ParameterDict(Module):
    """Parameters by name, in the order in which they came; plain tensors become parameters.

    Args:
        parameters: names and tensors to begin with, as a mapping or as pairs.

    Raises:
        TypeError: for what is no tensor, or a name that is no string.
        KeyError: for a name that is empty, holds a dot, or is that of a method.

    Example:
        >>> import steep
        >>> params = steep.nn.ParameterDict({"left": steep.zeros(2), "right": steep.ones(3)})
        >>> list(params), "left" in params, params["right"].requires_grad
        (['left', 'right'], True, True)
    """

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        if parameters is not None:
            self.update(parameters)

    def __len__(self) -> int:
        return len(self._parameters)

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __reversed__(self) -> Iterator[str]:
        return reversed(list(self._parameters))

    def __contains__(self, key: object) -> bool:
        return key in self._parameters

    def __getitem__(self, key: str) -> Any:
        return self._parameters[key]

    def __setitem__(self, key: str, parameter: Tensor) -> None:
        self.register_parameter(self._checked(key), _as_parameter("ParameterDict", parameter))

    def __delitem__(self, key: str) -> None:
        del self._parameters[key]

    def _checked(self, key: Any) -> str:
        if not isinstance(key, str):
            raise TypeError(
                f"ParameterDict: expected a name of type str, got {type(key).__name__}; "
                f"use {str(key)!r}"
            )
        return key

    def keys(self) -> KeysView[str]:
        """The names."""
        return self._parameters.keys()

    def values(self) -> ValuesView[Any]:
        """The parameters."""
        return self._parameters.values()

    def items(self) -> ItemsView[str, Any]:
        """Names and parameters."""
        return self._parameters.items()

    def get(self, key: str, default: Any = None) -> Any:
        """The parameter of that name, or `default`."""
        return self._parameters.get(key, default)

    def setdefault(self, key: str, default: Tensor | None = None) -> Any:
        """The parameter of that name, which becomes `default` if there is none."""
        if key not in self and default is not None:
            self[key] = default
        return self[key]

    def pop(self, key: str) -> Any:
        """Take a parameter out."""
        found = self[key]
        del self[key]
        return found

    def popitem(self) -> tuple[str, Any]:
        """Take out the last one, with its name."""
        if not self:
            raise KeyError("popitem(): the ParameterDict is empty")
        key = next(reversed(self))
        return key, self.pop(key)

    def clear(self) -> None:
        """Take all out."""
        self._parameters.clear()

    def copy(self) -> ParameterDict:
        """Another one that holds the same parameters."""
        return type(self)(self)

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """A new one, where every name has a parameter of its own with the values of `default`."""
        return type(self)((key, Parameter(default.detach().clone())) for key in keys)

    def update(self, parameters: Any) -> None:
        """Add those of a mapping or of pairs, all or none; a name that is there is replaced."""
        pairs = parameters.items() if hasattr(parameters, "items") else parameters
        if not isinstance(pairs, Iterable) or isinstance(parameters, Tensor):
            raise TypeError(
                "ParametersDict.update should be called with an iterable of key/value pairs, but "
                f"got {type(parameters).__name__}"
            )
        added = {self._checked(key): _as_parameter("ParameterDict", value) for key, value in pairs}
        for name, param in added.items():
            self._check_parameter(name, param)
        self._parameters.update(added)

    def __or__(self, other: Mapping[str, Tensor] | ParameterDict) -> ParameterDict:
        both = self.copy()
        both.update(other)
        return both

    def __ior__(self, other: Mapping[str, Tensor] | ParameterDict) -> ParameterDict:
        self.update(other)
        return self

    def extra_repr(self) -> str:
        """One line per parameter: its name, dtype and sizes."""
        return "\n".join(f"  ({name}): {_line(p, p.type())}" for name, p in self.items())
