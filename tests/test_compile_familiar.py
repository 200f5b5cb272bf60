"""Code that begins with nothing new is passed over while a call is recorded; all other is not."""

from __future__ import annotations

import operator
import weakref
from collections.abc import Callable
from typing import Any

import pytest

import steep
from compiling import nn, ones, replays
from steep import _core
from steep._layers import followers
from steep.compiler._reads import Reads


class Holder:
    def __init__(self, value: float) -> None:
        self.value = value


class Told(Reads):
    """Counts how often it is told of code that begins."""

    entries = 0

    def entered(self, frame: Any) -> None:
        self.entries += 1
        super().entered(frame)


class ToldOfAll(Told):
    familiar = None  # type: ignore[assignment]


def listened(kind: type[Told], function: Callable[..., Any], *args: Any) -> Told:
    """What a recorded call of a function reads."""
    given = [x for x in args if isinstance(x, list | dict | steep.Tensor)]
    reads, recorder = kind(function, given), _core.Recorder()
    result, untold, _ = recorder.run(followers, _core.follow, (reads, function, args, {}), {}, [])
    assert not untold
    del result
    reads.close([], [])
    return reads


# ---- what is passed over ----------------------------------------------------------------------


class Step(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(2, 2), nn.Linear(2, 2)

    def forward(self, x: Any, state: tuple[Any, Any], scale: float = 1.0) -> tuple[Any, Any]:
        hidden, memory = state
        memory = memory + self.inner(x) * scale
        return steep.tanh(self.outer(hidden) + memory), memory


def recurrent(steps: int) -> Any:
    step = Step()

    def run(xs: Any) -> Any:
        state = steep.zeros(2), steep.zeros(2)
        for i in range(steps):
            state = step(xs[i % 4], state, scale=0.5)
        return state[0]

    return run


def test_steps_that_show_nothing_new_are_passed_over() -> None:
    few, many = (listened(Told, recurrent(n), steep.ones(4, 2)).entries for n in (3, 30))
    assert few == many
    assert listened(ToldOfAll, recurrent(30), steep.ones(4, 2)).entries > many + 27 * 9


# ---- what is not ------------------------------------------------------------------------------


def scale(x: Any, by: Any) -> Any:
    return x * by.value


def scale_by_last(x: Any, items: Any) -> Any:
    return x * items[-1].value


def scale_by_name(x: Any, **options: Any) -> Any:
    return x * options["by"].value


def scale_by_all(x: Any, *holders: Any) -> Any:
    return x * holders[-1].value


PLAIN = Holder(1.0)
CURRENT = PLAIN


def scale_by_current(x: Any) -> Any:
    return x * CURRENT.value


def another_object(other: Holder) -> Any:
    return lambda x: scale(scale(x, PLAIN), other)


def in_place_of_a_global(other: Holder) -> Any:
    def run(x: Any) -> Any:
        global CURRENT
        x = scale_by_current(x)
        CURRENT = other
        x = scale_by_current(x)
        CURRENT = PLAIN
        return x

    return run


def in_front_of_a_builtin(other: Holder) -> Any:
    space: dict[str, Any] = {"x": None}
    exec("def work(x):\n    return x * len.value if x.shape[0] == 3 else x", space)

    def run(x: Any) -> Any:
        x = space["work"](x)
        space["len"] = other
        x = space["work"](steep.cat([x, x[:1]]))
        del space["len"]
        return x

    return run


def in_another_namespace(other: Holder) -> Any:
    code = compile("def work(x):\n    return x * by.value", "<test>", "exec")
    works = []
    for holder in (PLAIN, other):
        space: dict[str, Any] = {"by": holder}
        exec(code, space)
        works.append(space["work"])
    return lambda x: works[1](works[0](x))


def in_a_namespace_of_the_same(other: Holder) -> Any:
    """One namespace is changed between calls, and not the one that is looked into first."""
    code = compile("def work(x):\n    return x * by.value", "<test>", "exec")
    spaces: list[dict[str, Any]] = [{"by": PLAIN}, {"by": PLAIN}]
    for space in spaces:
        exec(code, space)
    works = [space["work"] for space in spaces]
    return lambda x: works[1](works[0](x))


def under_a_keyword(other: Holder) -> Any:
    return lambda x: scale_by_name(scale_by_name(x, by=PLAIN), by=other)


def among_arguments(other: Holder) -> Any:
    return lambda x: scale_by_all(scale_by_all(x, PLAIN, PLAIN), PLAIN, other)


def in_a_tuple(other: Holder) -> Any:
    return lambda x: scale_by_last(scale_by_last(x, (PLAIN, (1, PLAIN))[:1]), (PLAIN, other))


def scaling_by(holder: Holder) -> Any:
    return lambda x: x * holder.value


def from_a_closure(other: Holder) -> Any:
    def run(x: Any) -> Any:
        for holder in (PLAIN, other):
            x = scaling_by(holder)(x)
        return x

    return run


def by_a_generator(other: Holder) -> Any:
    def scaled(x: Any) -> Any:
        while True:
            by = yield x
            x = x * by.value

    def run(x: Any) -> Any:
        steps = scaled(x)
        next(steps)
        steps.send(PLAIN)
        return steps.send(other)

    return run


READ_BY = (
    another_object,
    in_place_of_a_global,
    in_front_of_a_builtin,
    in_another_namespace,
    under_a_keyword,
    among_arguments,
    in_a_tuple,
    from_a_closure,
    by_a_generator,
)


@pytest.mark.parametrize("make", READ_BY, ids=lambda make: make.__name__)
def test_what_only_the_second_entry_reads_is_followed(make: Any) -> None:
    other = Holder(2.0)
    compiled = steep.compile(make(other), fullgraph=True)
    for _ in range(5):
        compiled(ones())
    assert replays(compiled) > 0
    other.value = 5.0
    assert compiled(ones()).tolist()[:2] == [5.0, 5.0]


def test_what_is_put_into_an_argument_meanwhile_is_followed() -> None:
    other = Holder(2.0)

    def run(x: Any, items: list[Any]) -> Any:
        x = scale_by_last(x, items)
        items.append(other)
        x = scale_by_last(x, items)
        items.pop()
        return x

    compiled, items = steep.compile(run), [PLAIN]
    for _ in range(4):
        assert compiled(ones(), items).tolist() == [2.0, 2.0]
    other.value = 5.0
    assert compiled(ones(), items).tolist() == [5.0, 5.0]


# ---- that nothing else is kept, or said -------------------------------------------------------


def takes_a_reached_argument(x: Any, items: list[Any]) -> Any:
    x = scale_by_last(x, items)
    items[0] = REFERRED
    x = scale_by_last(x, items)
    items[0] = PLAIN
    return x


ABSOLUTE = abs


def falls_back_to_a_builtin(x: Any) -> Any:
    space = {"abs": ABSOLUTE}
    exec("def size(a):\n    return abs(a)", space)
    size: Any = space["size"]
    factor = size(-1.0)
    del space["abs"]
    return x * factor * size(-1.0)


def reads_by_data_later(x: Any) -> Any:
    x = scale(x, PLAIN)
    x = x * operator.attrgetter("value")(PLAIN)
    return scale(x, PLAIN)


def each(x: Any, function: Any, unused: Any = None) -> Any:
    return x * len([*map(function, [1.0])])


def has_a_builtin_called(x: Any) -> Any:
    return each(each(x, abs), print)


def has_a_known_builtin_called(x: Any) -> Any:
    return each(each(x, abs, print), print)


WEIGHT = nn.Parameter(steep.ones(2))


def times(x: Any, weight: Any) -> Any:
    return x * weight if x.shape[0] == 2 else x * weight.rate.value


def gives_a_tensor_an_attribute(x: Any) -> Any:
    x = times(times(x, WEIGHT), WEIGHT)
    WEIGHT.rate = PLAIN
    x = times(steep.cat([x, x]), WEIGHT)
    del WEIGHT.rate
    return x


GRADIENT = nn.Parameter(steep.ones(2))
GRADIENT.grad = steep.ones(2)
HELD = [GRADIENT.grad]  # whoever holds a tensor may change it


def meets_another_tensor(x: Any) -> Any:
    return times(times(x, x), GRADIENT.grad)


class Hiding(Holder):
    """Does not show where its attributes are."""

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        raise AttributeError


HIDING = [Hiding(2.0) for _ in range(3)]


def reads_what_hides(x: Any) -> Any:
    for holder in HIDING:
        x = scale(x, holder)
    return x


def takes_a_table(x: Any) -> Any:
    for key in ("by", 1, "by"):
        x = scale_by_item(x, {key: PLAIN, "more": 1}, key)
    return scale_by_item(x, {}, None)


def scale_by_item(x: Any, table: dict[Any, Any], key: Any) -> Any:
    return x * table[key].value if table else x


REFERRED = Holder(2.0)


def scale_by_referred(x: Any) -> Any:
    return x * REFERRED.value


def value_behind(reference: Any) -> Any:
    return reference().value


def refers_weakly(x: Any) -> Any:
    x = scale_by_referred(x)
    reference = weakref.ref(REFERRED)
    x = scale_by_referred(x)
    return x * value_behind(reference)


def takes_views(x: Any) -> Any:
    return sum(scale(x[i], PLAIN) for i in range(2))


def takes_views_one_by_one(x: Any) -> Any:
    return scale(x[0], PLAIN) + scale(x[1], PLAIN) + scale(steep.zeros(1), PLAIN)


def keeps_keywords(x: Any) -> Any:
    kept: list[Any] = KEPT

    def hand(x: Any, **options: Any) -> Any:
        return keep(x, kept, **options)

    return hand(hand(x, a=1), b=x)


KEPT: list[Any] = []


def keep(x: Any, kept: list[Any], **options: Any) -> Any:
    kept.append(options)
    options["more"] = 1
    return x


def writes_versions(x: Any) -> Any:
    return version(version(x, None), x)


def version(x: Any, y: Any) -> Any:
    return x if y is None else x * y._version


PROGRAMS: tuple[tuple[Any, ...], ...] = (
    *((make(Holder(2.0)), ones()) for make in READ_BY),
    (in_a_namespace_of_the_same(PLAIN), ones()),
    (takes_a_reached_argument, steep.ones(2), [PLAIN]),
    (falls_back_to_a_builtin, ones()),
    (recurrent(5), steep.ones(4, 2)),
    (reads_by_data_later, ones()),
    (has_a_builtin_called, ones()),
    (has_a_known_builtin_called, ones()),
    (gives_a_tensor_an_attribute, ones()),
    (meets_another_tensor, ones()),
    (reads_what_hides, ones()),
    (takes_a_table, ones()),
    (refers_weakly, ones()),
    (takes_views, ones()),
    (takes_views_one_by_one, ones()),
    (keeps_keywords, ones()),
    (writes_versions, ones()),
)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program[0].__qualname__)
def test_passing_over_leaves_the_same_cells_and_words(program: tuple[Any, ...]) -> None:
    found = []
    for kind in (Told, ToldOfAll):
        KEPT.clear()
        reads = listened(kind, *program)
        cells = reads.cells
        kept = [(cell[0], cells.describe(i)) for i, cell in enumerate(cells.entries)]
        found.append((kept, reads.refusal, reads.change))
    assert found[0] == found[1]


def test_what_is_passed_over_is_not_held() -> None:
    """What the call has made goes with it, as where all is told."""
    made: list[Any] = []

    def run(x: Any) -> Any:
        for _ in range(3):
            holder = Holder(1.0)
            made.append(weakref.ref(holder))
            x = scale(scale(x, holder), holder)
        return x

    steep.compile(run)(ones())
    listened(Told, run, ones())
    assert [reference() for reference in made] == [None] * 6


def test_methods_of_tensors_are_not_looked_into() -> None:
    reads = listened(Told, lambda x: x.mean() + x.add(1).sum(), steep.ones(2))
    kind = type(vars(steep.Tensor)["mean"])
    assert kind not in {cell[1] for cell in reads.cells.entries if isinstance(cell[1], type)}
    assert steep.Tensor in {cell[1] for cell in reads.cells.entries if isinstance(cell[1], type)}
