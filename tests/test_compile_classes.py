"""What a compiled function has of classes without naming it: operators, bases, metaclasses."""

from __future__ import annotations

import abc
import types
from typing import Any

import pytest

from compiling import Make, is_followed

PLACES: dict[str, Make] = {}


def place(make: Make) -> Make:
    PLACES[make.__name__] = make
    return make


def a_class() -> Any:
    return type("Plain", (), {})


@place
def bool_is_added() -> Any:
    cls = a_class()
    item = cls()
    return lambda x: x * (2.0 if item else 3.0), lambda: setattr(cls, "__bool__", lambda s: False)


@place
def eq_is_added() -> Any:
    cls = a_class()
    a, b = cls(), cls()
    return lambda x: x * (2.0 if a == b else 3.0), lambda: setattr(cls, "__eq__", lambda s, o: True)


@place
def call_is_added() -> Any:
    cls = a_class()
    item = cls()
    change = lambda: setattr(cls, "__call__", lambda self: 1)  # noqa: E731
    return lambda x: x * (2.0 if callable(item) else 3.0), change


@place
def getattr_is_added() -> Any:
    cls = a_class()
    item = cls()
    change = lambda: setattr(cls, "__getattr__", lambda self, name: 3.0)  # noqa: E731
    return lambda x: x * getattr(item, "scale", 1.0), change


@place
def len_is_replaced() -> Any:
    cls = type("Sized", (), {"__len__": lambda self: 2})
    item = cls()
    return lambda x: x * len(item), lambda: setattr(cls, "__len__", lambda self: 3)


@place
def an_operator_is_added_to_a_base() -> Any:
    class Base:
        pass

    class Derived(Base):
        def __bool__(self) -> bool:
            return getattr(super(), "__bool__", lambda: True)()

    item = Derived()
    change = lambda: setattr(Base, "__bool__", lambda self: False)  # noqa: E731
    return lambda x: x * (2.0 if item else 3.0), change


@place
def what_an_operator_reads() -> Any:
    class Weight:
        scale = 2.0

        def __matmul__(self, x: Any) -> Any:
            return x * self.scale

    weight = Weight()
    return lambda x: weight @ x, lambda: setattr(weight, "scale", 3.0)


@place
def an_item_of_a_metaclass() -> Any:
    class Meta(type):
        def __getitem__(cls, key: str) -> float:
            return 2.0

    class Table(metaclass=Meta):
        pass

    change = lambda: setattr(Meta, "__getitem__", lambda cls, key: 3.0)  # noqa: E731
    return lambda x: x * Table["a"], change


@place
def a_property_of_a_metaclass() -> Any:
    class Meta(type):
        @property
        def scale(cls) -> float:
            return 2.0

    class Table(metaclass=Meta):
        pass

    return lambda x: x * Table.scale, lambda: setattr(Meta, "scale", property(lambda cls: 3.0))


@place
def bool_is_added_to_a_metaclass() -> Any:
    class Meta(type):
        pass

    class Table(metaclass=Meta):
        pass

    change = lambda: setattr(Meta, "__bool__", lambda cls: False)  # noqa: E731
    return lambda x: x * (2.0 if Table else 3.0), change


@place
def the_name_of_a_class() -> Any:
    cls = a_class()

    def function(x: Any) -> Any:
        return x * len(cls.__name__)

    return function, lambda: setattr(cls, "__name__", "P")


@place
def an_attribute_with_underscores() -> Any:
    item = a_class()()
    item.__scale__ = 2.0

    def function(x: Any) -> Any:
        return x * item.__scale__

    return function, lambda: setattr(item, "__scale__", 3.0)


@place
def the_bases_of_a_class() -> Any:
    class One:
        scale = 2.0

    class Other:
        scale = 3.0

    class Derived(One):
        pass

    item = Derived()
    return lambda x: x * item.scale, lambda: setattr(Derived, "__bases__", (Other,))


@place
def whether_a_class_is_among_the_bases() -> Any:
    class One:
        pass

    class Other:
        pass

    class Derived(One):
        pass

    item = Derived()
    change = lambda: setattr(Derived, "__bases__", (Other,))  # noqa: E731
    return lambda x: x * (2.0 if isinstance(item, One) else 3.0), change


@place
def a_class_is_registered() -> Any:
    cls, kind = a_class(), abc.ABCMeta("Kind", (), {})
    item = cls()
    return lambda x: x * (2.0 if isinstance(item, kind) else 3.0), lambda: kind.register(cls)


@place
def getattr_of_a_module() -> Any:
    module = types.ModuleType("a_module_of_a_test")
    module.__getattr__ = lambda name: 2.0
    return lambda x: x * module.scale, lambda: setattr(module, "__getattr__", lambda name: 3.0)


@place
def getattr_that_a_module_gets() -> Any:
    module = types.ModuleType("a_module_of_a_test")

    def function(x: Any) -> Any:
        return x * getattr(module, "scale", 1.0)

    return function, lambda: setattr(module, "__getattr__", lambda name: 3.0)


@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in PLACES.items()])
def test_a_replay_is_not_run_once_a_class_has_changed(make: Make) -> None:
    is_followed(make)
