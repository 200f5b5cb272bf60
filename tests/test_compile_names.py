"""Where names lead that a compiled function reads: builtins, imports, and arguments met twice."""

from __future__ import annotations

import builtins
import dataclasses
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import steep
from compiling import Make, is_followed, nn, ones, replays
from steep.data import Dataset, Subset, TensorDataset

PLACES: dict[str, Make] = {}


def place(make: Make) -> Make:
    PLACES[make.__name__] = make
    return make


# ---- builtins and imports ----------------------------------------------------------------------


@place
def a_name_among_the_builtins() -> Any:
    builtins.SCALE_OF_A_TEST = 2.0

    def function(x: Any) -> Any:
        return x * SCALE_OF_A_TEST  # noqa: F821

    return function, lambda: setattr(builtins, "SCALE_OF_A_TEST", 3.0)


@place
def a_builtin_is_shadowed() -> Any:
    values: dict[str, Any] = {}
    exec("def function(x): return x * len('ab')", values)
    return values["function"], lambda: values.update(len=lambda text: 3.0)


def package() -> Any:
    """A package with a module `config`, and a function of it."""
    names = ("package_of_a_test", "package_of_a_test.config")
    whole, config = (types.ModuleType(name) for name in names)
    whole.__path__ = []
    whole.config, config.SCALE = config, 2.0
    sys.modules.update(zip(names, (whole, config), strict=True))
    whole.__package__ = names[0]
    return whole, config


def function_of(whole: Any, line: str, value: str) -> Any:
    exec(f"def function(x):\n    {line}\n    return x * {value}", whole.__dict__)
    return whole.function


@place
def a_relative_import_from_a_module() -> Any:
    whole, config = package()
    function = function_of(whole, "from .config import SCALE", "SCALE")
    return function, lambda: setattr(config, "SCALE", 3.0)


@place
def a_relative_import_of_a_module() -> Any:
    whole, config = package()
    function = function_of(whole, "from . import config", "config.SCALE")
    return function, lambda: setattr(config, "SCALE", 3.0)


@place
def an_import_of_a_module_in_a_package() -> Any:
    whole, config = package()
    function = function_of(whole, "import package_of_a_test.config as c", "c.SCALE")
    return function, lambda: setattr(config, "SCALE", 3.0)


@place
def a_module_is_replaced() -> Any:
    whole, config = package()
    function = function_of(whole, "from .config import SCALE", "SCALE")
    other = types.ModuleType(config.__name__)
    other.SCALE = 3.0
    return function, lambda: sys.modules.update({config.__name__: other})


# ---- what comes out of loops --------------------------------------------------------------------


class Part(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = 2.0


class Parts:
    def __init__(self, part: Any) -> None:
        self.parts = [part]

    def __iter__(self) -> Any:
        return iter(self.parts)


LOOPS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "a list of modules": (lambda part: nn.ModuleList([part]), iter),
    "a sequence of modules": (lambda part: nn.Sequential(part), iter),
    "a dict of modules": (lambda part: nn.ModuleDict({"a": part}), lambda all: all.values()),
    "a class of the user's": (Parts, iter),
    "a set": (lambda part: {part}, iter),
    "the keys of a dict": (lambda part: {part: 1}, iter),
    "a loop over two": (
        lambda part: [part],
        lambda all: (a for a, _ in zip(all, all, strict=True)),
    ),
}


@pytest.mark.parametrize("name", LOOPS)
def test_what_comes_out_of_a_loop_is_followed(name: str) -> None:
    """The code of the loop names its attributes, and not that which holds it."""
    collect, loop = LOOPS[name]
    part = Part()
    parts = collect(part)

    def function(x: Any) -> Any:
        for part in loop(parts):
            x = x * part.scale
        return x

    is_followed(lambda: (function, lambda: setattr(part, "scale", 3.0)))


# ---- what steep keeps for a user ----------------------------------------------------------------


class Numbers(Dataset):
    def __init__(self, value: float) -> None:
        self.value = value

    def __getitem__(self, i: int) -> float:
        return self.value


@place
def the_tensors_of_a_dataset() -> Any:
    data = TensorDataset(steep.ones(3))
    return lambda x: x * data[0][0], lambda: setattr(data, "tensors", (steep.full((3,), 5.0),))


@place
def the_dataset_of_a_subset() -> Any:
    subset = Subset(Numbers(2.0), [0, 0])
    return lambda x: x * subset[0], lambda: setattr(subset, "dataset", Numbers(3.0))


# ---- arguments that are reached by name as well -------------------------------------------------


@dataclasses.dataclass
class Config:
    a: float


KINDS: dict[str, tuple[Callable[[float], Any], Callable[[Any], Any], Callable[[Any], None]]] = {
    "dict": (lambda a: {"a": a}, lambda c: c["a"], lambda c: c.update(a=3.0)),
    "list": (lambda a: [a], lambda c: c[0], lambda c: c.__setitem__(0, 3.0)),
    "nested": (lambda a: [{"a": a}], lambda c: c[0]["a"], lambda c: c[0].update(a=3.0)),
    "namespace": (
        lambda a: types.SimpleNamespace(a=a), lambda c: c.a, lambda c: setattr(c, "a", 3.0)),
    "dataclass": (lambda a: Config(a), lambda c: c.a, lambda c: setattr(c, "a", 3.0)),
}  # fmt: skip


def reached() -> Iterator[tuple[str, Callable[[Any, Any], Any]]]:
    """Functions of an argument, and of the same object reached otherwise."""

    def by_a_closure(read: Any, known: Any) -> Any:
        return lambda x, c: x * read(c) * read(known)

    def by_an_attribute(read: Any, known: Any) -> Any:
        holder = types.SimpleNamespace(known=known)
        return lambda x, c: x * read(c) * read(holder.known)

    def by_a_default(read: Any, known: Any) -> Any:
        def other(known: Any = known) -> Any:
            return read(known)

        return lambda x, c: x * read(c) * other()

    def by_a_global(read: Any, known: Any) -> Any:
        values = {"read": read, "KNOWN": known}
        return eval("lambda x, c: x * read(c) * read(KNOWN)", values)

    for make in (by_a_closure, by_an_attribute, by_a_default, by_a_global):
        yield make.__name__, make


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", [pytest.param(make, id=name) for name, make in reached()])
def test_an_argument_that_is_reached_by_name_as_well(kind: str, how: Any) -> None:
    make, read, change = KINDS[kind]
    known = make(2.0)
    given = [known]

    def changed() -> None:
        change(known)
        given[0] = make(2.0)

    is_followed(lambda: (how(read, known), changed, lambda: (ones(), given[0])))


def kept_inside() -> Iterator[tuple[str, Callable[[Any, Any], Any]]]:
    """Functions that put an argument into what they make themselves."""

    def in_a_closure(x: Any, c: Any) -> Any:
        def inner() -> Any:
            return x * c["a"]

        return inner()

    def in_a_recursive_closure(x: Any, c: Any) -> Any:
        def inner(n: int) -> Any:
            return inner(n - 1) if n else x * c["a"]

        return inner(2)

    def in_an_object(x: Any, c: Any) -> Any:
        class Inside:
            def run(self) -> Any:
                return x * self.config["a"]

        inside = Inside()
        inside.config = c
        return inside.run()

    def in_a_list(x: Any, c: Any) -> Any:
        def inner(parts: Any) -> Any:
            return x * parts[0]["a"]

        return inner([c])

    def among_arguments(*args: Any, **kwargs: Any) -> Any:
        return in_a_closure(*args, **kwargs)

    for function in (
        in_a_closure,
        in_a_recursive_closure,
        in_an_object,
        in_a_list,
        among_arguments,
    ):
        yield function.__name__, function


@pytest.mark.parametrize("function", [pytest.param(f, id=name) for name, f in kept_inside()])
def test_an_argument_that_only_the_call_keeps_may_be_another_one(function: Any) -> None:
    """And it may change: each of these calls is known by what the dict holds."""
    compiled = steep.compile(function)
    config = {"a": ones(2.0)}
    for i in range(8):
        config["a"] = ones(i)
        assert compiled(ones(), config).tolist() == [i, i]
    assert replays(compiled) == 5
