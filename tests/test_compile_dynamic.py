"""Attributes that a compiled function reads by names that are data: getattr, formats, getters."""

from __future__ import annotations

import operator
from typing import Any

import pytest

import steep
from compiling import Make, is_followed, nn, ones, replays, settle

PLACES: dict[str, Make] = {}


def place(make: Make) -> Make:
    PLACES[make.__name__] = make
    return make


class Holder:
    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)


SCALE = "scale"


class Base:
    scale = 2.0


class Derived(Base):
    pass


read = getattr


@place
def of_a_base_class_by_a_name_that_is_data() -> Any:
    Base.scale = 2.0
    return lambda x: x * getattr(Derived, SCALE), lambda: setattr(Base, "scale", 3.0)


@place
def that_a_class_gets_by_a_name_that_is_data() -> Any:
    class Bare:
        pass

    bare = Bare()
    return lambda x: x * getattr(bare, SCALE, 1.0), lambda: setattr(Bare, "scale", 3.0)


@place
def that_a_layer_gets_by_a_name_that_is_data() -> Any:
    layer = nn.ReLU()
    return lambda x: x * getattr(layer, SCALE, 1.0), lambda: setattr(layer, "scale", 3.0)


@place
def by_getattr_under_another_name() -> Any:
    holder = Holder(scale=2.0)
    return lambda x: x * read(holder, SCALE), lambda: setattr(holder, "scale", 3.0)


@place
def by_getattr_as_a_default() -> Any:
    holder = Holder(scale=2.0)

    def function(x: Any, get: Any = getattr) -> Any:
        return x * get(holder, SCALE)

    return function, lambda: setattr(holder, "scale", 3.0)


@place
def by_getattribute() -> Any:
    holder = Holder(scale=2.0)
    return lambda x: x * holder.__getattribute__(SCALE), lambda: setattr(holder, "scale", 3.0)


@place
def by_a_format() -> Any:
    holder = Holder(scale=2.0)

    def function(x: Any) -> Any:
        return x * float("{.scale}".format(holder))  # noqa: UP032

    return function, lambda: setattr(holder, "scale", 3.0)


@place
def by_a_format_from_elsewhere() -> Any:
    holder, texts = Holder(scale=2.0), {"text": "{0.scale}"}

    def function(x: Any) -> Any:
        return x * float(texts["text"].format(holder))

    return function, lambda: setattr(holder, "scale", 3.0)


@place
def by_an_attrgetter_that_comes_back() -> Any:
    holder = Holder(scale=2.0)
    table = Holder(get=operator.attrgetter("scale"))

    def pick() -> Any:
        return vars(table)["get"]

    return lambda x: x * pick()(holder), lambda: setattr(holder, "scale", 3.0)


@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in PLACES.items()])
def test_a_replay_is_not_run_once_an_attribute_has_changed(make: Make) -> None:
    is_followed(make)


def test_a_format_without_fields_reads_no_attributes() -> None:
    """Code that does would read all attributes, and follow what it has no use for."""
    holder, x = Holder(scale=2.0, other=0), ones()
    compiled = steep.compile(lambda x: (x * holder.scale, "{:.3f}".format(1.5)))  # noqa: UP032
    settle(compiled, x)
    runs = replays(compiled)
    holder.other = 1
    compiled(x)
    assert replays(compiled) == runs + 1
