"""The settings that a sweep chooses from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["Space", "Suggest", "suggestion_of"]

Space = Mapping[str, Any]
Suggest = Callable[[Any], dict[str, Any]]  # what asks Optuna's trial for all settings

_PLAIN = (str, bool, int, float, type(None))
_KINDS = (
    "a range (low, high) of floats or ints, (low, high, 'log') on a logarithmic scale, a list of "
    "choices, a distribution of optuna, or a single value"
)


class _Range:
    def __init__(self, name: str, low: Any, high: Any, log: bool) -> None:
        self.name, self.low, self.high, self.log = name, low, high, log
        self.whole = isinstance(low, int) and isinstance(high, int)

    def __call__(self, trial: Any) -> Any:
        suggest = trial.suggest_int if self.whole else trial.suggest_float
        return suggest(self.name, self.low, self.high, log=self.log)

    def __repr__(self) -> str:
        return f"({self.low!r}, {self.high!r}{', log' * self.log})"


class _Choice:
    """One of a list. What Optuna cannot store goes by its text."""

    def __init__(self, name: str, choices: list[Any]) -> None:
        self.name, self.choices = name, choices
        self.plain = all(isinstance(choice, _PLAIN) for choice in choices)
        self.labels = choices if self.plain else [repr(choice) for choice in choices]

    def __call__(self, trial: Any) -> Any:
        label = trial.suggest_categorical(self.name, self.labels)
        return label if self.plain else self.choices[self.labels.index(label)]

    def __repr__(self) -> str:
        return repr(self.labels)


class _Distribution:
    def __init__(self, name: str, distribution: Any) -> None:
        self.name, self.distribution = name, distribution

    def __call__(self, trial: Any) -> Any:
        return trial._suggest(self.name, self.distribution)

    def __repr__(self) -> str:
        return repr(self.distribution)


class _Fixed:
    def __init__(self, value: Any) -> None:
        self.value = value

    def __call__(self, trial: Any) -> Any:
        return self.value

    def __repr__(self) -> str:
        return f"fixed {self.value!r}"


class _FromSpace:
    """Asks for each setting of a space in turn."""

    def __init__(self, space: Space) -> None:
        self.settings = {name: _setting(name, given) for name, given in space.items()}

    def __call__(self, trial: Any) -> dict[str, Any]:
        return {name: setting(trial) for name, setting in self.settings.items()}

    def __repr__(self) -> str:
        return "{" + ", ".join(f"{k!r}: {v!r}" for k, v in sorted(self.settings.items())) + "}"


def suggestion_of(space: Space | Suggest) -> tuple[Suggest, str]:
    """What chooses the settings of a trial, and a text by which a resumed sweep is compared.

    Raises:
        TypeError: if `space` is neither a dict nor a function, or a setting is of no known kind.
        ValueError: if a range or a list is empty.
    """
    if isinstance(space, Mapping):
        for name in space:
            if not isinstance(name, str):
                raise TypeError(
                    f"sweep: expected names of settings to be strings, got {type(name).__name__}"
                )
        found = _FromSpace(space)
        return found, repr(found)
    if callable(space):
        return _checked(space), "a function"
    raise TypeError(
        "sweep: expected space to be a dict of settings, or a function of optuna's trial that "
        f"returns one, got {type(space).__name__}"
    )


def _checked(suggest: Callable[[Any], Any]) -> Suggest:
    def checked(trial: Any) -> dict[str, Any]:
        found = suggest(trial)
        if not isinstance(found, Mapping):
            raise TypeError(
                f"sweep: expected the function given as space to return a dict of settings, got "
                f"{type(found).__name__}"
            )
        return dict(found)

    return checked


def _setting(name: str, given: Any) -> Callable[[Any], Any]:
    if isinstance(given, list):
        return _choice(name, given)
    if isinstance(given, tuple):
        return _range(name, given)
    if isinstance(given, _PLAIN):
        return _Fixed(given)
    module = type(given).__module__
    if module.startswith("optuna.distributions"):
        return _Distribution(name, given)
    raise TypeError(f"sweep: expected {name!r} to be {_KINDS}; got {type(given).__name__}")


def _choice(name: str, given: list[Any]) -> _Choice:
    if not given:
        raise ValueError(f"sweep: expected choices for {name!r}, got an empty list")
    choice = _Choice(name, given)
    if len(set(map(repr, choice.labels))) < len(given):
        raise ValueError(f"sweep: expected choices for {name!r} that differ, got {given!r}")
    return choice


def _range(name: str, given: tuple[Any, ...]) -> _Range:
    numbers, rest = given[:2], given[2:]
    if len(numbers) < 2 or not all(_is_number(x) for x in numbers) or rest not in ((), ("log",)):
        raise TypeError(f"sweep: expected {name!r} to be {_KINDS}; got the tuple {given!r}")
    low, high = numbers
    if not (math.isfinite(low) and math.isfinite(high)) or not low <= high:
        raise ValueError(f"sweep: expected {name!r} to be a range with low <= high, got {given!r}")
    if rest and low <= 0:
        raise ValueError(
            f"sweep: expected {name!r} to begin above 0 on a logarithmic scale, got {given!r}"
        )
    return _Range(name, low, high, bool(rest))


def _is_number(x: Any) -> bool:
    return isinstance(x, (int, float)) and not isinstance(x, bool)
