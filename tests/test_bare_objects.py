"""Objects made without their initialiser, and every method of every type on what comes of it."""

from __future__ import annotations

import copy
import pickle
import threading

import pytest

import steep
from processes import run
from steep import _core

BARE = """
import steep
from steep import _core
from steep.data import _augment, _pipeline

types = [value for module in (_core, _pipeline, _augment) for value in vars(module).values()
         if isinstance(value, type)]
types += [type(steep.add), type(steep.Tensor.add), type(steep.ones(1, 2).max(0))]
assert len(types) > 15, types

def plain(kind):
    return kind.__new__(kind)

def by_object(kind):
    return object.__new__(kind)

def subclassed(kind):
    class Sub(kind):
        def __init__(self, *args):
            pass
    return Sub()

def uninitialised(kind):
    class Sub(kind):
        def __new__(cls, *args):
            return super().__new__(cls)
        def __init__(self):
            pass
    return Sub()

made = 0
for kind in types:
    for make in (plain, by_object, subclassed, uninitialised):
        try:
            item = make(kind)
        except TypeError:
            continue
        made += 1
        for name in dir(item):
            for arguments in ((), (item,), (1,), (None,), ("x", 1)):
                try:
                    value = getattr(item, name)
                    if callable(value):
                        value(*arguments)
                except SystemError:
                    raise
                except Exception:
                    pass
print(made > 8)
"""


def test_no_object_is_without_its_inside() -> None:
    assert run(BARE) == "True\n"


def test_traces_and_programs_are_made_by_functions_alone() -> None:
    for kind in (_core.Trace, _core.Program):
        with pytest.raises(TypeError, match="not safe"):
            kind.__new__(kind)
        with pytest.raises(TypeError, match="cannot create"):
            kind()


def test_a_generator_is_whole_from_the_start() -> None:
    bare = steep.Generator.__new__(steep.Generator)
    assert bare.initial_seed() == 67280421310721
    assert steep.rand(2, generator=bare).shape == (2,)


# ---- copies of generators -----------------------------------------------------------------------


def used() -> steep.Generator:
    """A generator in the middle of things: half of a pair of normals is kept for later."""
    generator = steep.Generator().manual_seed(11)
    steep.randn(3, generator=generator)
    steep.rand(700, generator=generator)
    return generator


COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda generator: pickle.loads(pickle.dumps(generator)),
    "clone_state": lambda generator: generator.clone_state(),
    "set_state": lambda generator: steep.Generator().set_state(generator.get_state()),
}


@pytest.mark.parametrize("way", COPIES)
def test_copies_go_on_alike_and_apart(way: str) -> None:
    generator = used()
    other = COPIES[way](generator)
    assert type(other) is steep.Generator
    assert other is not generator
    assert other.initial_seed() == 11
    assert other.get_state().tolist() == generator.get_state().tolist()
    first = [steep.randn(5, generator=generator).tolist() for _ in range(3)]
    assert [steep.randn(5, generator=other).tolist() for _ in range(3)] == first
    other.manual_seed(1)
    assert generator.initial_seed() == 11


def test_a_copy_of_the_default_generator_is_an_ordinary_one() -> None:
    steep.manual_seed(5)
    other = copy.deepcopy(steep.default_generator)
    assert other is not steep.default_generator
    drawn = steep.rand(4, generator=other).tolist()
    assert steep.initial_seed() == 5
    assert steep.rand(4).tolist() == drawn


def test_copies_of_a_subclass_keep_class_and_attributes() -> None:
    other = copy.deepcopy(_named())
    assert type(other) is Named
    assert other.name == "mine"
    assert other.initial_seed() == 3
    assert pickle.loads(pickle.dumps(_named())).name == "mine"


class Named(steep.Generator):
    name: str

    def __init__(self) -> None:
        self.name = "not mine"


def _named() -> Named:
    generator = Named().manual_seed(3)
    generator.name = "mine"
    return generator


def test_a_state_that_is_none_is_refused() -> None:
    generator = used()
    before = generator.get_state().tolist()
    for state in (steep.zeros(5056, dtype=steep.uint8), steep.zeros(3, dtype=steep.uint8)):
        with pytest.raises(ValueError, match="set_state"):
            generator.set_state(state)
    with pytest.raises(TypeError, match="expected a uint8 Tensor"):
        generator.set_state("state")
    with pytest.raises(TypeError, match="__setstate__"):
        generator.__setstate__(1)
    assert generator.get_state().tolist() == before


def test_a_seed_is_taken_between_two_draws() -> None:
    """A draw of another thread never mixes two streams."""
    generator = steep.Generator().manual_seed(1)

    def draw() -> list[float]:
        return steep.rand(1_000_000, generator=generator)[::999].tolist()

    expected = draw()
    drawn: list[list[float]] = []
    thread = threading.Thread(target=lambda: drawn.extend(draw() for _ in range(200)))
    generator.manual_seed(1)
    thread.start()
    while thread.is_alive():
        generator.manual_seed(1)
    # What begins as the stream of the seed goes on as it.
    assert [stream for stream in drawn if stream[0] == expected[0] and stream != expected] == []
