"""Results that are dicts of other classes, namespaces or dataclasses: replays make new ones."""

from __future__ import annotations

import collections
import dataclasses
import gc
import types
import weakref
from collections.abc import Callable
from typing import Any

import pytest

import steep
from compiling import reason, replays, settle

COUNTS = {"made": 0}


@dataclasses.dataclass
class Output:
    loss: Any
    parts: Any = None

    def __post_init__(self) -> None:
        COUNTS["made"] += 0  # runs while it is recorded; a replay makes what it has left

    def total(self) -> Any:
        return self.loss + 1


@dataclasses.dataclass(frozen=True)
class Frozen:
    loss: Any


class Space(types.SimpleNamespace):
    pass


class Strict(types.SimpleNamespace):
    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("its attributes stay")


@dataclasses.dataclass
class Slotted:
    __slots__ = ("loss",)
    loss: Any


@dataclasses.dataclass
class Made:
    """Whose instances its own code makes."""

    loss: Any

    def __new__(cls, *args: Any) -> Made:
        return super().__new__(cls)


@dataclasses.dataclass
class Items(list):  # type: ignore[type-arg]
    loss: Any


def filled(loss: Any) -> Any:
    table = collections.defaultdict(list, {"b": [loss]})
    table["a"].append(loss * 2)
    return table


def in_order(loss: Any) -> Any:
    table = collections.OrderedDict(a=loss, b=2, c=None)
    table.move_to_end("a")
    return table


MAKERS: dict[str, Callable[[Any], Any]] = {
    "dataclass": lambda loss: Output(loss, [loss * 2, "text", (1, None)]),
    "frozen": Frozen,
    "namespace": lambda loss: types.SimpleNamespace(loss=loss, kind="a"),
    "its subclass": lambda loss: Space(loss=loss),
    "a strict one": lambda loss: Strict(loss=loss),
    "nested": lambda loss: {"out": Output(Frozen(loss), Space(more=[loss]))},
    "OrderedDict": in_order,
    "defaultdict": filled,
    "shape": lambda loss: (loss, loss.reshape(1, 3).shape),
}


def parts(result: Any) -> Any:
    """All that can be seen of a result."""
    if isinstance(result, steep.Tensor):
        return result.tolist(), result.requires_grad
    if isinstance(result, dict):
        factory = getattr(result, "default_factory", None)
        return type(result), factory, [(key, parts(value)) for key, value in result.items()]
    if isinstance(result, list | tuple):
        return type(result), [*map(parts, result)]
    return (type(result), parts(vars(result))) if hasattr(result, "__dict__") else result


@pytest.mark.parametrize("kind", MAKERS)
def test_each_call_has_a_new_result_like_the_function_s(kind: str) -> None:
    make = MAKERS[kind]

    def work(x: Any) -> Any:
        return make(x * 2)

    compiled = steep.compile(work, fullgraph=True)
    results = [compiled(steep.full((3,), float(i))) for i in range(8)]
    for i, result in enumerate(results):
        assert parts(result) == parts(work(steep.full((3,), float(i))))
    assert len({id(result) for result in results}) == 8
    assert replays(compiled) > 3


def test_a_result_is_whole() -> None:
    compiled = steep.compile(lambda x: Output(x * 2), fullgraph=True)
    result = settle(compiled, steep.ones(3))
    assert result.total().tolist() == [3.0] * 3
    assert dataclasses.replace(result, loss=1) == Output(1)
    table = settle(steep.compile(lambda x: in_order(x * 1)), steep.ones(3))
    table.move_to_end("b")
    assert list(table) == ["c", "a", "b"]
    assert list(reversed(table)) == ["b", "a", "c"]
    missing = settle(steep.compile(lambda x: filled(x * 1)), steep.ones(3))
    assert missing["new"] == []


def test_numbers_that_change_are_those_of_the_call() -> None:
    state = types.SimpleNamespace(t=0)

    def work(x: Any) -> Any:
        state.t += 1
        return Space(x=x * state.t, t=state.t, inner=collections.OrderedDict(t=state.t * 2))

    compiled = steep.compile(work, fullgraph=True)
    for t in range(1, 20):
        result = compiled(steep.ones(3))
        assert (result.x.tolist(), result.t, result.inner["t"]) == ([float(t)] * 3, t, 2 * t)
        assert type(result.t) is int
    assert replays(compiled) > 5


KEPT: dict[str, tuple[Callable[[Any], Any], str]] = {
    "slots": (Slotted, "it returns a Slotted, which a replay cannot create"),
    "__new__": (Made, "it returns a Made, which a replay cannot create"),
    "list": (Items, "it returns an Items, which a replay cannot create"),
    "set": (lambda loss: {1, 2}, "it returns a set, which a replay cannot create"),
}


@pytest.mark.filterwarnings("ignore:compile. .*runs eagerly")
@pytest.mark.parametrize("kind", KEPT)
def test_what_only_code_of_its_own_can_make_stays_eager(kind: str) -> None:
    make, text = KEPT[kind]
    compiled = steep.compile(lambda x: make(x * 2))
    for _ in range(5):
        assert type(compiled(steep.ones(3))) is type(make(1))
    assert text in reason(compiled)


def test_what_is_kept_in_a_second_place_stays_eager() -> None:
    kept: list[Any] = []
    held = Output(None)

    def keep(x: Any) -> Any:
        held.loss = x * 2
        return held

    compiled = steep.compile(keep)
    with pytest.warns(UserWarning, match="runs eagerly"):
        kept = [compiled(steep.full((3,), float(i))) for i in range(6)]
    assert all(result is held for result in kept)
    assert held.loss.tolist() == [10.0] * 3
    assert replays(compiled) == 0


def test_a_graph_that_is_used_up_is_named() -> None:
    w = steep.ones(3, requires_grad=True)

    def step(x: Any, detaches: bool) -> Any:
        loss = (x * w).sum()
        loss.backward()
        return Output(loss.detach() if detaches else loss)

    compiled = steep.compile(step)
    text = "it returns an Output with a tensor whose graph backward has freed"
    with pytest.warns(UserWarning, match=text):
        kept = [compiled(steep.ones(3), False) for _ in range(4)]
    assert all(output.loss.requires_grad for output in kept)
    for _ in range(5):
        assert not compiled(steep.ones(3), True).loss.requires_grad
    assert replays(compiled) > 1


def test_another_default_factory_is_another_result() -> None:
    factories = [list, dict]

    def work(x: Any) -> Any:
        factories.reverse()
        return collections.defaultdict(factories[0], x=x * 2)

    compiled = steep.compile(work)
    with pytest.warns(UserWarning, match="runs eagerly"):
        made = [compiled(steep.ones(3)).default_factory for _ in range(8)]
    assert made == [dict, list] * 4


def test_gradients_go_through_a_result_that_is_made_anew() -> None:
    model = steep.nn.Linear(3, 2)
    compiled = steep.compile(lambda x: Output(model(x).tanh()))
    x = steep.rand(4, 3)
    grads = []
    for _ in range(6):
        model.weight.grad = None
        compiled(x).loss.sum().backward()
        grads.append(model.weight.grad.tolist())
    assert grads == [grads[0]] * 6
    assert replays(compiled) > 1


def test_a_class_of_results_that_leads_back_to_the_function_is_freed() -> None:
    class Model:
        def __init__(self) -> None:
            model, self.weight = self, steep.ones(3)

            @dataclasses.dataclass
            class Made:
                loss: Any

                def again(self) -> Any:
                    return model.step(self.loss)

            self.made = Made

        @steep.compile
        def step(self, x: Any) -> Any:
            return self.made(x * self.weight)

    model = Model()
    for _ in range(6):
        model.step(steep.ones(3))
    assert replays(model.step) > 0
    alive = weakref.ref(model)
    del model
    gc.collect()
    assert alive() is None
