"""Attributes that a compiled function reads, of tensors, functions and containers."""

from __future__ import annotations

import collections
import ctypes
import functools
import types
from typing import Any, NamedTuple

import numpy as np
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


def parameter() -> Any:
    return nn.Parameter(ones(1))


# ---- of tensors -------------------------------------------------------------------------------


@place
def a_parameter_gets_an_attribute() -> Any:
    p = parameter()
    return lambda x: x * getattr(p, "scale", 1.0), lambda: setattr(p, "scale", 3.0)


@place
def a_parameter_gets_one_more_attribute() -> Any:
    p = parameter()
    p.other = 1
    return lambda x: x * getattr(p, "scale", 1.0), lambda: setattr(p, "scale", 3.0)


@place
def an_object_on_a_parameter() -> Any:
    p = parameter()
    p.config = Holder(rate=2.0)
    return lambda x: x * p.config.rate, lambda: setattr(p.config, "rate", 3.0)


@place
def a_dict_on_a_parameter() -> Any:
    p = parameter()
    p.config = {"rate": 2.0}
    return lambda x: x * p.config["rate"], lambda: p.config.update(rate=3.0)


@place
def parameters_out_of_a_loop() -> Any:
    layer = nn.Linear(1, 1)
    layer.weight.config = Holder(rate=2.0)

    def function(x: Any) -> Any:
        for p in layer.parameters():
            if hasattr(p, "config"):
                x = x * p.config.rate
        return x

    return function, lambda: setattr(layer.weight.config, "rate", 3.0)


@place
def a_parameter_out_of_a_loop_gets_an_attribute() -> Any:
    layer = nn.Linear(1, 1)

    def function(x: Any) -> Any:
        for p in layer.parameters():
            x = x * getattr(p, "scale", 1.0)
        return x

    return function, lambda: setattr(layer.weight, "scale", 3.0)


@place
def an_attribute_of_a_parameter_that_a_helper_returns() -> Any:
    p = parameter()
    p.scale = 2.0

    def helper() -> Any:
        return p

    return lambda x: x * helper().scale, lambda: setattr(p, "scale", 3.0)


class Scaled(steep.Tensor):
    scale = 2.0

    def scaled(self) -> float:
        return 2.0


@place
def a_class_of_tensors() -> Any:
    Scaled.scale = 2.0
    t = Scaled([1.0])
    return lambda x: x * t.scale, lambda: setattr(Scaled, "scale", 3.0)


@place
def a_method_of_a_class_of_tensors() -> Any:
    Scaled.scaled = lambda self: 2.0
    t = Scaled([1.0])
    return lambda x: x * t.scaled(), lambda: setattr(Scaled, "scaled", lambda self: 3.0)


@place
def a_method_that_tensors_get(monkeypatch: Any = None) -> Any:
    def change() -> None:
        steep.Tensor.scale_of_a_test = 3.0

    if hasattr(steep.Tensor, "scale_of_a_test"):
        del steep.Tensor.scale_of_a_test
    return lambda x: x * getattr(x, "scale_of_a_test", 1.0), change


def test_an_attribute_of_a_tensor_that_is_an_argument_is_no_part_of_the_call() -> None:
    def function(x: Any) -> Any:
        return x * x.scale

    def labelled(scale: float) -> Any:
        x = Scaled([1.0])
        x.scale = scale
        return x

    compiled = steep.compile(function)
    compiled(labelled(2.0))
    with pytest.warns(UserWarning, match=r"attribute of a tensor that is an argument \(x\.scale\)"):
        compiled(labelled(2.0))
    assert [compiled(labelled(s)).tolist() for s in (2.0, 3.0)] == [[2.0], [3.0]]


@pytest.mark.filterwarnings("ignore:compile")
@pytest.mark.parametrize("kind", [steep.Tensor, Scaled])
def test_an_attribute_that_an_argument_gets_makes_another_call(kind: Any) -> None:
    compiled = steep.compile(lambda x: x * getattr(x, "label", 1.0))
    settle(compiled, kind([1.0]))
    assert replays(compiled) > 0
    x = Scaled([1.0])
    x.label = 3.0
    assert compiled(x).tolist() == [3.0]


def test_attributes_of_arguments_that_no_code_names_do_not_matter() -> None:
    compiled = steep.compile(lambda x: x + 1)
    for i in range(5):
        x = Scaled([1.0])
        x.source = i
        compiled(x)
    assert compiled.programs()[0].runs > 0


# ---- of functions and what wraps them -----------------------------------------------------------


@place
def a_function_gets_an_attribute() -> Any:
    def helper() -> None:
        pass

    return lambda x: x * getattr(helper, "scale", 1.0), lambda: setattr(helper, "scale", 3.0)


@place
def a_function_gets_one_more_attribute() -> Any:
    def helper() -> None:
        pass

    helper.other = 1
    return lambda x: x * getattr(helper, "scale", 1.0), lambda: setattr(helper, "scale", 3.0)


@place
def a_function_gets_another_name() -> Any:
    def helper() -> None:
        pass

    def function(x: Any) -> Any:
        return x * len(helper.__name__)

    return function, lambda: setattr(helper, "__name__", "h")


@place
def a_compiled_function_gets_an_attribute() -> Any:
    helper = steep.compile(lambda x: x)
    return lambda x: x * getattr(helper, "scale", 1.0), lambda: setattr(helper, "scale", 3.0)


@place
def an_attribute_of_a_partial() -> Any:
    helper = functools.partial(int)
    helper.scale = 2.0
    return lambda x: x * helper.scale, lambda: setattr(helper, "scale", 3.0)


@place
def the_arguments_of_a_partial() -> Any:
    helper = functools.partial(lambda x, scale: x * scale, scale=2.0)
    return lambda x: helper(x), lambda: helper.keywords.update(scale=3.0)


# ---- of containers and other kinds with a class of the user's ---------------------------------


class Pair(tuple):
    scale = 2.0


class Names(set):
    pass


class Row(NamedTuple):
    first: float

    @property
    def scale(self) -> float:
        return self.first


class Point(collections.namedtuple("Point", "x y")):
    def total(self) -> Any:
        return self.x + self.y


class Array(np.ndarray):
    pass


class Module(types.ModuleType):
    @property
    def scale(self) -> float:
        return 2.0


@place
def a_class_of_tuples() -> Any:
    Pair.scale = 2.0
    pair = Pair((1,))
    return lambda x: x * pair.scale, lambda: setattr(Pair, "scale", 3.0)


@place
def an_attribute_of_a_tuple() -> Any:
    pair = Pair((1,))
    pair.own = 2.0
    return lambda x: x * pair.own, lambda: setattr(pair, "own", 3.0)


@place
def a_property_of_a_named_tuple() -> Any:
    Row.scale = property(lambda self: self.first)
    row = Row(2.0)
    return lambda x: x * row.scale, lambda: setattr(Row, "scale", property(lambda self: 5.0))


@place
def a_method_of_a_named_tuple() -> Any:
    Point.total = lambda self: self.x + self.y
    point = Point(1.0, 2.0)
    return lambda x: x * point.total(), lambda: setattr(Point, "total", lambda self: 5.0)


@place
def a_method_of_a_named_tuple_that_is_an_argument() -> Any:
    Point.total = lambda self: self.x + self.y
    change = functools.partial(setattr, Point, "total", lambda self: 5.0)
    return lambda x, p: x * p.total(), change, lambda: (ones(), Point(1.0, 2.0))


@place
def an_attribute_of_a_set() -> Any:
    names = Names()
    names.scale = 2.0
    return lambda x: x * names.scale, lambda: setattr(names, "scale", 3.0)


@place
def an_attribute_of_an_array() -> Any:
    array = np.zeros(2).view(Array)
    array.scale = 2.0
    return lambda x: x * array.scale, lambda: setattr(array, "scale", 3.0)


@place
def an_attribute_of_an_ordered_dict() -> Any:
    table = collections.OrderedDict()
    return lambda x: x * getattr(table, "scale", 1.0), lambda: setattr(table, "scale", 3.0)


@place
def a_property_of_a_class_of_modules() -> Any:
    Module.scale = property(lambda self: 2.0)
    module = Module("module")
    change = functools.partial(setattr, Module, "scale", property(lambda self: 3.0))
    return lambda x: x * module.scale, change


@place
def a_module_gets_another_class() -> Any:
    Module.scale = property(lambda self: 2.0)
    module = types.ModuleType("module")
    module.scale = 1.0
    return lambda x: x * module.scale, lambda: setattr(module, "__class__", Module)


@place
def a_number_of_ctypes() -> Any:
    number = ctypes.c_double(2.0)
    return lambda x: x * number.value, lambda: setattr(number, "value", 3.0)


@place
def an_array_of_ctypes() -> Any:
    numbers = (ctypes.c_double * 2)(2.0, 1.0)
    return lambda x: x * numbers[0], lambda: numbers.__setitem__(0, 3.0)


@place
def a_field_of_a_structure() -> Any:
    class Pair(ctypes.Structure):
        _fields_ = (("first", ctypes.c_double),)

    pair = Pair(2.0)
    return lambda x: x * pair.first, lambda: setattr(pair, "first", 3.0)


@place
def a_view_of_a_dict() -> Any:
    table = {"a": 2.0}
    values = table.values()
    return lambda x: x * sum(values), lambda: table.update(a=3.0)


@place
def what_a_dict_makes_of_missing_keys() -> Any:
    table = collections.defaultdict(lambda: 2.0)

    def function(x: Any) -> Any:
        value = table["a"]
        del table["a"]
        return x * value

    return function, lambda: setattr(table, "default_factory", lambda: 3.0)


@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in PLACES.items()])
def test_a_replay_is_not_run_once_an_attribute_has_changed(make: Make) -> None:
    is_followed(make)
