"""The cells that a program is guarded by, one kind after the other."""

from __future__ import annotations

import collections
from typing import Any

import numpy as np
import pytest

import steep
from steep import _core
from steep.compiler import _cells as c


class Slotted:
    __slots__ = ("x",)


class Base:
    shared = 1


class Derived(Base):
    pass


def function(x: int = 1, *, y: int = 2) -> int:
    return x + y


def variable() -> Any:
    x = [1]

    def inner() -> Any:
        return x

    def rebind() -> None:
        nonlocal x
        x = [1]

    return (c.VARIABLE, inner.__closure__[0], None, x), rebind


def item() -> Any:
    holder = {"x": 1.5, "other": 0}
    return (c.ITEM, holder, "x", 1.5), lambda: holder.update(x=2.5)


def absent_item() -> Any:
    holder: dict[str, int] = {}
    return (c.ITEM, holder, "x", c.absent), lambda: holder.update(x=None)


def whole_dict() -> Any:
    holder = {"x": 1, "y": 2}
    return (c.DICT, holder, None, ("x", 1, "y", 2)), lambda: holder.update(x=holder.pop("x"))


def whole_list() -> Any:
    holder = [1, "a"]
    return (c.SEQUENCE, holder, None, (1, "a")), lambda: holder.append(0)


def whole_deque() -> Any:
    holder = collections.deque([1, "a"])
    return (c.SEQUENCE, holder, None, (1, "a")), lambda: holder.rotate()


def whole_set() -> Any:
    holder = {1, 2}
    return (c.SET, holder, None, (1, 2)), lambda: holder.add(3)


def class_attribute() -> Any:
    class Mine(Derived):
        pass

    return (c.TYPE, Mine, "shared", 1), lambda: setattr(Mine, "shared", 2)


def slot_of_object() -> Any:
    holder = Slotted()
    holder.x = 1
    return (c.SLOT, holder, Slotted.x, 1), lambda: delattr(holder, "x")  # type: ignore[attr-defined]


def function_defaults() -> Any:
    def mine(x: int = 1) -> int:
        return x

    parts = (mine.__code__, mine.__defaults__, mine.__kwdefaults__)
    return (c.FUNCTION, mine, None, parts), lambda: setattr(mine, "__defaults__", (2,))


def array() -> Any:
    holder = np.arange(6.0).reshape(2, 3).T
    return (c.ARRAY, holder, ("d", 3, 2), holder.tobytes()), lambda: holder.__setitem__((0, 0), 7)


def shape_of_array() -> Any:
    holder = np.arange(6.0).reshape(2, 3)
    return (c.ARRAY, holder, ("d", 2, 3), holder.tobytes()), lambda: setattr(
        holder, "shape", (3, 2)
    )


def kind_of_array() -> Any:
    holder = np.zeros(2)
    return (c.ARRAY, holder, ("d", 2), holder.tobytes()), lambda: setattr(holder, "dtype", "i8")


def equal_item_of_set() -> Any:
    holder = {1}

    def change() -> None:
        holder.clear()
        holder.add(True)

    return (c.SET, holder, None, (1,)), change


def order_of_set() -> Any:
    holder = {0, 8}  # which want the same place

    def change() -> None:
        holder.clear()
        holder.update((8, 0))

    assert tuple(holder) == (0, 8)
    return (c.SET, holder, None, (0, 8)), change


def tensor() -> Any:
    holder = steep.ones(3)
    return (c.TENSOR, holder, None, _core.state_of(holder)), lambda: holder.requires_grad_()


def tensor_memory() -> Any:
    holder = steep.ones(3)
    state = _core.state_of(holder)
    return (c.TENSOR, holder, None, state), lambda: setattr(holder, "data", steep.ones(3))


def tensor_computed() -> Any:
    holder, weight = steep.ones(3), steep.ones(3, requires_grad=True)
    holder.requires_grad_()
    state = _core.state_of(holder)

    def add() -> None:
        holder.requires_grad_(False)
        holder.add_(weight)  # it requires a gradient again, and is no leaf any more

    return (c.TENSOR, holder, None, state), add


def hooks_of_leaf() -> Any:
    """One hook takes another's place."""
    holder = steep.ones(3, requires_grad=True)
    holder.register_post_accumulate_grad_hook(len)
    handle = holder.register_hook(abs)

    def replace() -> None:
        handle.remove()
        holder.register_hook(len)

    assert _core.hooks_of(holder) == (abs, None, len)
    return (c.HOOKS, holder, None, _core.hooks_of(holder)), replace


def hooks_of_computed() -> Any:
    holder = steep.ones(3, requires_grad=True) * 2
    holder.register_hook(abs)
    assert _core.hooks_of(holder) == (abs, None)
    return (c.HOOKS, holder, None, _core.hooks_of(holder)), lambda: holder.register_hook(len)


def computed_without_hooks() -> Any:
    holder = steep.ones(3, requires_grad=True) * 2
    return (c.TENSOR, holder, None, _core.state_of(holder)), lambda: holder.register_hook(len)


def instance() -> Any:
    holder = Base()
    kind = (Base, holder.__dict__)
    return (c.INSTANCE, holder, None, kind), lambda: setattr(holder, "__class__", Derived)


def other_attributes() -> Any:
    holder = Base()
    kind = (Base, holder.__dict__)
    return (c.INSTANCE, holder, None, kind), lambda: setattr(holder, "__dict__", {})


KINDS = [variable, item, absent_item, whole_dict, whole_list, whole_deque, whole_set]
KINDS += [class_attribute, slot_of_object, function_defaults, array, tensor, tensor_memory]
KINDS += [
    shape_of_array,
    kind_of_array,
    equal_item_of_set,
    order_of_set,
    other_attributes,
    tensor_computed,
    hooks_of_leaf,
    hooks_of_computed,
    computed_without_hooks,
    instance,
]


@pytest.mark.filterwarnings("ignore:Setting the .* on a NumPy array:DeprecationWarning")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_cell_holds_until_it_is_changed(kind: Any) -> None:
    cell, change = kind()
    other = (c.ITEM, {"x": 1}, "x", 1)
    assert _core.first_broken([other, cell]) is None
    change()
    assert _core.first_broken([other, cell]) == 1
    assert _core.first_broken([cell, other, cell]) == 0


def test_every_kind_of_cell_is_tried() -> None:
    assert {kind()[0][0] for kind in KINDS} == set(range(12))


SAME = [(1, 1), (10**30, 10**30), (0.5, 0.5), ("ab" * 9, "".join(["ab"] * 9)), (b"x", bytes([120]))]
SAME += [((1, (2.5,)), (1, (2.5,))), (1j, complex(0, 1)), (float("nan"), float("nan"))]


@pytest.mark.parametrize(("value", "equal"), SAME, ids=repr)
def test_equal_numbers_and_strings_are_the_same(value: Any, equal: Any) -> None:
    assert _core.first_broken([(c.ITEM, {"x": equal}, "x", value)]) is None


OTHERS = [(1, 1.0), (1, True), (0.0, -0.0), ([], []), ((1, []), (1, [])), ("a", b"a"), (1, 2)]


@pytest.mark.parametrize(("value", "other"), OTHERS, ids=repr)
def test_what_code_could_tell_apart_is_not(value: Any, other: Any) -> None:
    assert _core.first_broken([(c.ITEM, {"x": other}, "x", value)]) == 0


WRONG = [
    (c.ITEM, [], "x", 1),
    (c.VARIABLE, {}, None, 1),
    (c.SEQUENCE, [], None, [1]),
    (c.TYPE, 3, "x", 1),
    (c.SLOT, 3, 4, 1),
    (c.FUNCTION, len, None, (1, 2, 3)),
    (c.ARRAY, np.ones(1), ("d", 1), "x"),
    (c.ARRAY, np.ones(1), None, b"x"),
    (c.ARRAY, np.ones(1), ("d", "1"), b"x"),
    (c.SET, {1}, None, frozenset({1})),
    (c.TENSOR, 3, None, 1),
    (c.HOOKS, 3, None, ()),
    (c.HOOKS, steep.ones(1), None, []),
    (12, {}, "x", 1),
    (-1, {}, "x", 1),
    (c.DICT, {}, None, c.absent),
    (1, 2),
    None,
]


@pytest.mark.parametrize("at", range(len(WRONG)))
def test_what_is_no_cell_is_refused(at: int) -> None:
    with pytest.raises(TypeError, match="guards: expected"):
        _core.first_broken([WRONG[at]])
