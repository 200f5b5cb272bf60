"""Whether code is passed over or not, the same cells and words are kept of a recorded call."""

from __future__ import annotations

import operator
import weakref
from typing import Any

import pytest

import steep
from compiling import nn, ones
from listening import Holder, Told, ToldOfAll, listened
from test_compile_familiar import (
    PLAIN,
    READ_BY,
    in_a_namespace_of_the_same,
    recurrent,
    scale,
    scale_by_last,
)


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
