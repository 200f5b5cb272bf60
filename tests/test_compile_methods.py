"""Compiled functions as methods, and as objects: bound, compared, pickled, copied."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import subprocess
import sys
from typing import Any

import pytest

import steep
from compiling import called, ones, settle


class Owner:
    def __init__(self) -> None:
        self.factor = ones(2)

    @steep.compile
    def scale(self, x: Any) -> Any:
        return x * self.factor


@dataclasses.dataclass(frozen=True)
class Equal:
    name: str
    factor: Any = dataclasses.field(compare=False)
    scale = Owner.__dict__["scale"]


@dataclasses.dataclass
class Unhashable:
    factor: Any
    scale = Owner.__dict__["scale"]


class Slotted:
    __slots__ = ("factor",)
    scale = Owner.__dict__["scale"]


def test_methods_of_all_kinds_of_instances() -> None:
    method = Owner().scale  # of an instance that no one else holds
    assert settle(method, ones()).tolist() == [2.0, 2.0]
    pair = Equal("same", ones(2)), Equal("same", ones(3))
    assert [x.scale(ones()).tolist() for x in pair] == [[2.0, 2.0], [3.0, 3.0]]
    assert Unhashable(ones(4)).scale(ones()).tolist() == [4.0, 4.0]
    slotted = Slotted()
    slotted.factor = ones(5)
    with pytest.warns(UserWarning, match="runs eagerly: its programs would be kept by the instan"):
        method = slotted.scale
    assert slotted.scale(ones()).tolist() == method(ones()).tolist() == [5.0, 5.0]


def test_methods_are_compared_copied_and_named_as_pythons_are() -> None:
    owner, other = Owner(), Owner()
    assert owner.scale == owner.scale
    assert hash(owner.scale) == hash(owner.scale)
    assert owner.scale != other.scale
    assert owner.scale != owner
    assert owner.scale.__name__ == "scale"
    assert owner.scale.__self__ is owner
    copied = pickle.loads(pickle.dumps(other.scale))
    copied.__self__.factor = ones(3)
    assert copied(ones()).tolist() == [3.0, 3.0]
    assert other.scale(ones()).tolist() == [2.0, 2.0]


@steep.compile
def found_by_name(x: Any) -> Any:
    return 2 * x


def test_functions_are_pickled_by_name_and_copied() -> None:
    assert pickle.loads(pickle.dumps(found_by_name)) is found_by_name
    assert copy.deepcopy(found_by_name)(ones()).tolist() == [2.0, 2.0]
    other = steep.compile(found_by_name.__wrapped__, fullgraph=True)
    assert settle(copy.copy(other), ones()).tolist() == [2.0, 2.0]


def test_nothing_is_recorded_under_a_profiler() -> None:
    compiled = steep.compile(lambda x: 2 * x)
    strict = steep.compile(lambda x: 2 * x, fullgraph=True)
    sys.setprofile(lambda *event: None)
    try:
        with pytest.warns(UserWarning, match="runs eagerly: a profiler is active"):
            assert compiled(ones()).tolist() == [2.0, 2.0]
        with pytest.raises(RuntimeError, match="runs eagerly: a profiler is active"):
            strict(ones())
        called(compiled, ones())
        assert not compiled.programs()
    finally:
        sys.setprofile(None)
    settle(compiled, ones())
    assert len(compiled.programs()) == 1


class Kinds:
    @steep.compile
    @staticmethod
    def plain(x: Any) -> Any:
        return 2 * x

    @steep.compile
    @classmethod
    def made_by(cls, x: Any) -> Any:
        return x * cls.factor

    @staticmethod
    @steep.compile
    def below(x: Any) -> Any:
        return 4 * x

    factor = 3


class Derived(Kinds):
    factor = 5


@pytest.mark.parametrize(
    "owner",
    [Kinds, Kinds(), Derived, Derived()],
    ids=["class", "instance", "derived", "of derived"],
)
def test_methods_without_an_instance(owner: Any) -> None:
    assert settle(owner.plain, ones()).tolist() == [2.0, 2.0]
    assert settle(owner.made_by, ones()).tolist() == [float(owner.factor)] * 2
    assert settle(owner.below, ones()).tolist() == [4.0, 4.0]


def test_compile_does_without_numpy() -> None:
    """It is imported when it is first used, and nothing here uses it."""
    program = """
import sys, steep
step = steep.compile(lambda x: (2 * x).tanh())
for i in range(5):
    step(steep.ones(3))
assert step.programs() and "numpy" not in sys.modules and "random" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=300)
