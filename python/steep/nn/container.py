"""Modules that hold modules."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from typing import Any, TypeVar

from steep._core import are_plain
from steep.nn._fuse import Step, lay_out, run_fused
from steep.nn.module import Module, indented

__all__ = ["ModuleDict", "ModuleList", "Sequential"]

_Self = TypeVar("_Self", bound="_Numbered")


def _position(index: int, size: int) -> int:
    number = operator.index(index)
    if not -size <= number < size:
        raise IndexError(f"index {number} is out of range")
    return number % size


class _Numbered(Module):
    """Children in an order, named '0', '1', ... unless given other names."""

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def _key(self, index: int) -> str:
        return list(self._modules)[_position(index, len(self))]

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._key(index), module)

    def __delitem__(self, index: int | slice) -> None:
        modules = list(self._modules.values())
        del modules[index if isinstance(index, slice) else _position(index, len(self))]
        self._renumber(modules)

    def _renumber(self, modules: Iterable[Any]) -> None:
        self._modules.reordered({str(i): module for i, module in enumerate(modules)})

    def append(self: _Self, module: Module) -> _Self:
        """Add a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def insert(self, index: int, module: Module) -> Any:
        """Put a module before position `index`; those after it are renumbered."""
        if not isinstance(module, Module):
            raise TypeError(f"{type(module).__name__} is not a Module subclass")
        size = len(self)
        if not -size <= index <= size:
            raise IndexError(f"Index out of range: {index}")
        modules = list(self._modules.values())
        modules.insert(index, module)
        self._renumber(modules)
        return self

    def extend(self: _Self, modules: Iterable[Module]) -> _Self:
        """Add every module of an iterable at the end."""
        first = len(self)
        added = {str(first + i): module for i, module in enumerate(modules)}
        for name, module in added.items():
            self._check_module(name, module)
        self._modules.update(added)
        return self

    def pop(self, index: int | slice) -> Any:
        """Remove and return the module at `index`."""
        module = self[index]
        del self[index]
        return module

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError


class Sequential(_Numbered):
    """Modules called one after the other, each with the output of the one before.

    Args:
        args: modules in order, or one `OrderedDict` of names and modules.

    Example:
        >>> import steep
        >>> net = steep.nn.Sequential(steep.nn.Linear(2, 3), steep.nn.ReLU())
        >>> net
        Sequential(
          (0): Linear(in_features=2, out_features=3, bias=True)
          (1): ReLU()
        )
        >>> tuple(net(steep.zeros(5, 2)).shape)
        (5, 3)
    """

    # Laid out anew by forward whenever the modules have changed.
    _steps: list[Step]
    _steps_version: int | None = None

    def __init__(self, *args: Any) -> None:
        super().__init__()
        named: Iterable[tuple[str, Module]]
        if len(args) == 1 and isinstance(args[0], OrderedDict):
            named = args[0].items()
        else:
            named = ((str(i), module) for i, module in enumerate(args))
        for name, module in named:
            self.add_module(name, module)

    def forward(self, input: Any) -> Any:
        """Pass `input` through all modules in order."""
        if self._steps_version != self._modules.version:
            self.__dict__["_steps"] = lay_out(self._modules.values())
            self.__dict__["_steps_version"] = self._modules.version
        for layer, activation, name, pair in self._steps:
            if activation is None:
                input = layer(input)
            elif are_plain(pair):
                input = run_fused(layer, activation, name, input)
            else:
                input = activation(layer(input))
        return input

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(OrderedDict(list(self._modules.items())[index]))
        return self._modules[self._key(index)]

    def __add__(self, other: Sequential) -> Sequential:
        return Sequential(*self, *_sequential(other))

    def __iadd__(self, other: Sequential) -> Sequential:
        return self.extend(_sequential(other))

    def __mul__(self, times: int) -> Sequential:
        return Sequential(*(list(self) * _factor(times, self)))

    def __rmul__(self, times: int) -> Sequential:
        return self * times

    def __imul__(self, times: int) -> Sequential:
        return self.extend(list(self) * (_factor(times, self) - 1))


def _sequential(other: Any) -> Sequential:
    if not isinstance(other, Sequential):
        raise ValueError(
            f"add operator supports only objects of Sequential class, but {type(other)} is given."
        )
    return other


def _factor(times: Any, module: Module) -> int:
    if not isinstance(times, int):
        raise TypeError(f"unsupported operand type(s) for *: {type(module)} and {type(times)}")
    if times <= 0:
        raise ValueError(f"Non-positive multiplication factor {times} for {type(module)}")
    return times


class ModuleList(_Numbered):
    """A list of modules whose parameters belong to the module that holds it.

    Args:
        modules: modules to begin with.

    Example:
        >>> import steep
        >>> layers = steep.nn.ModuleList([steep.nn.Linear(2, 2) for _ in range(3)])
        >>> len(layers), layers[-1].in_features
        (3, 2)
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return self._modules[self._key(index)]

    def __iadd__(self, modules: Iterable[Module]) -> ModuleList:
        return self.extend(modules)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def __repr__(self) -> str:
        # Equal neighbours are shown once, with their range and number.
        blocks: list[tuple[int, int, str]] = []
        for i, module in enumerate(self):
            text = repr(module)
            if blocks and blocks[-1][2] == text:
                blocks[-1] = (blocks[-1][0], i, text)
            else:
                blocks.append((i, i, text))
        if not blocks:
            return f"{self._get_name()}()"
        lines = [
            f"({first}): {text}"
            if first == last
            else f"({first}-{last}): {last - first + 1} x {text}"
            for first, last, text in blocks
        ]
        return f"{self._get_name()}(\n  " + "\n  ".join(map(indented, lines)) + "\n)"


class ModuleDict(Module):
    """Modules by name, whose parameters belong to the module that holds it.

    Args:
        modules: mapping, or iterable of pairs, to begin with.

    Example:
        >>> import steep
        >>> acts = steep.nn.ModuleDict({"relu": steep.nn.ReLU(), "tanh": steep.nn.Tanh()})
        >>> list(acts), acts["relu"]
        (['relu', 'tanh'], ReLU())
    """

    def __init__(self, modules: Any = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Any:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: object) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Remove all modules."""
        self._modules.clear()

    def pop(self, key: str) -> Any:
        """Remove and return the module under `key`."""
        return self._modules.pop(key)

    def keys(self) -> KeysView[str]:
        """The names."""
        return self._modules.keys()

    def items(self) -> ItemsView[str, Any]:
        """Names and modules."""
        return self._modules.items()

    def values(self) -> ValuesView[Any]:
        """The modules."""
        return self._modules.values()

    def update(self, modules: Any) -> None:
        """Add modules from a mapping or an iterable of pairs; equal names are replaced.

        Raises:
            TypeError: if `modules` is neither.
            ValueError: if an element is not a pair.
        """
        if isinstance(modules, (Mapping, ModuleDict)):
            self._add_all(dict(modules.items()))
            return
        if not isinstance(modules, Iterable):
            raise TypeError(
                "ModuleDict.update should be called with an iterable of key/value pairs, "
                f"but got {type(modules).__name__}"
            )
        added = {}
        for position, pair in enumerate(modules):
            if not isinstance(pair, Iterable) or len(pair := tuple(pair)) != 2:
                raise ValueError(
                    f"ModuleDict update sequence element #{position} should be a (key, module) pair"
                )
            added[pair[0]] = pair[1]
        self._add_all(added)

    def _add_all(self, modules: dict[str, Any]) -> None:
        for key, module in modules.items():
            self._check_module(key, module)
        self._modules.update(modules)
