"""Code that begins with nothing new is passed over while a call is recorded; all other is not."""

from __future__ import annotations

from typing import Any

import pytest

import steep
from compiling import nn, ones, replays
from listening import Holder, Told, ToldOfAll, listened
from tolerances import same_bits

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


# ---- dicts that hold others -----------------------------------------------------------------


class Table:
    """Rates by name, in dicts within a dict."""

    def __init__(self) -> None:
        self.rates: dict[str, dict[str, Any]] = {
            "first": {"rate": Holder(2.0)},
            "second": {"rate": Holder(3.0), "it's": Holder(4.0)},
            "third": {},
        }

    def __call__(self, x: Any) -> Any:
        for rates in self.rates.values():
            for holder in rates.values():
                x = x * holder.value
        return x


def change_value(table: Table) -> None:
    table.rates["second"]["it's"].value = 5.0


def replace_item(table: Table) -> None:
    table.rates["second"]["rate"] = Holder(6.0)


def add_item(table: Table) -> None:
    table.rates["third"]["rate"] = Holder(7.0)


def remove_item(table: Table) -> None:
    del table.rates["first"]["rate"]


@pytest.mark.parametrize("change", [change_value, replace_item, add_item, remove_item])
def test_a_change_in_a_dict_within_a_dict_is_seen(change: Any) -> None:
    table, x = Table(), steep.rand(3)
    compiled = steep.compile(table)
    for _ in range(4):
        same_bits(compiled(x).numpy(), table(x).numpy())
    (program,) = compiled.programs()
    assert program.runs > 0
    change(table)
    for _ in range(4):
        same_bits(compiled(x).numpy(), table(x).numpy())
