"""Parts of a program that have nothing to do with each other: ranks take them as a whole."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import steep
from compiling import F, Run, called, mlp, nn, replays
from steep import _core
from tolerances import same_bits

ROWS = 96


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    yield
    _core.share_everything(False)
    _core.set_rank_order("together")


def runs(count: int, *middle: Callable[[], Any]) -> list[Run]:
    """Networks of one architecture, each from a seed of its own."""
    found = []
    for seed in range(count):
        steep.manual_seed(seed)
        found.append(Run(mlp(*(make() for make in middle)), lr=0.01 * (seed + 1)))
    return found


def side_by_side(trained: list[Run], generators: list[Any] | None = None) -> Any:
    """One compiled step for all of them: inputs (count, rows, 20), targets (count, rows)."""

    def step(x: Any, y: Any) -> list[Any]:
        if generators is None:
            return [run.step(x[k], y[k]).detach() for k, run in enumerate(trained)]
        losses = []
        for k, run in enumerate(trained):
            losses.append(_core.draw_from(generators[k], run.step, x[k], y[k]).detach())
        return losses

    return steep.compile(step, fullgraph=True)


def batch(count: int) -> tuple[Any, Any]:
    generator = steep.Generator().manual_seed(5)
    return (
        steep.randn(count, ROWS, 20, generator=generator),
        steep.randint(5, (count, ROWS), generator=generator),
    )


def ranks(compiled: Any) -> list[int]:
    """The rank of each step, in the order of steps."""
    return [int(rank) for rank in re.findall(r"  rank (\d)", compiled.explain())]


def in_turn(trained: list[Run], x: Any, y: Any, steps: int) -> list[list[Any]]:
    """What the networks are after so many steps of each by itself."""
    for k, run in enumerate(trained):
        steep.manual_seed(k)
        for _ in range(steps):
            run.step(x[k], y[k])
    return [run.state() for run in trained]


@pytest.mark.parametrize("order", ["rising", "falling", "together"])
@pytest.mark.parametrize(("count", "threads"), [(4, 2), (5, 3), (3, 2)])
def test_networks_side_by_side_have_the_bits_of_each_alone(
    count: int, threads: int, order: str
) -> None:
    middle = (lambda: nn.LayerNorm(32), lambda: nn.Dropout(0.3), lambda: nn.Linear(32, 32))
    x, y = batch(count)
    steep.set_num_threads(1)
    expected = in_turn(runs(count, *middle), x, y, steps=8)
    steep.set_num_threads(threads)
    trained = runs(count, *middle)
    generators = [steep.Generator().manual_seed(k) for k in range(count)]
    compiled = side_by_side(trained, generators)
    called(compiled, x, y, calls=4)
    _core.share_everything(True)  # from here on the team runs, however short the program is
    _core.set_rank_order(order)
    called(compiled, x, y, calls=4)
    assert replays(compiled) >= 5
    found = ranks(compiled)
    assert found == sorted(found)
    assert set(found) == set(range(threads))
    assert "|" not in compiled.explain()  # no barrier
    for run, state in zip(trained, expected, strict=True):
        for got, wanted in zip(run.state(), state, strict=True):
            same_bits(got, wanted)


def test_parts_are_shared_out_by_their_length() -> None:
    steep.set_num_threads(2)
    small, large = runs(4), runs(1, *(lambda: nn.Linear(32, 32) for _ in range(8)))
    compiled = side_by_side([*small, *large])
    called(compiled, *batch(5))
    listing = compiled.explain().splitlines()
    of_large = {line.split("rank ")[1][0] for line in listing if "Sequential#4." in line}
    assert of_large == {"0"}
    assert set(ranks(compiled)) == {0, 1}


def test_each_rank_has_memory_of_its_own() -> None:
    def arena(threads: int) -> float:
        steep.set_num_threads(threads)
        compiled = side_by_side(runs(4))
        called(compiled, *batch(4))
        return float(re.findall(r"arena ([\d.]+) KB", compiled.explain())[0])

    assert arena(2) > 1.9 * arena(1)


def test_what_all_parts_share_keeps_them_together() -> None:
    """A sum of the losses waits for all: steps are shared as in any program."""
    steep.set_num_threads(2)
    trained = runs(4, lambda: nn.Linear(32, 256), lambda: nn.Linear(256, 32))

    def step(x: Any, y: Any) -> Any:
        for run in trained:
            run.optimizer.zero_grad()
        losses = [F.cross_entropy(run.model(x[k]), y[k]) for k, run in enumerate(trained)]
        total = steep.stack(losses).sum()
        (losses[0] * total).backward()  # of which each gradient needs all losses
        for run in trained:
            run.optimizer.step()
        return total.detach()

    x, y = batch(4)
    compiled = steep.compile(step)
    called(compiled, x, y)
    assert replays(compiled) > 0
    assert "|" in compiled.explain()


def test_an_input_that_is_refused_leaves_all_as_it_was() -> None:
    steep.set_num_threads(2)
    trained = runs(4)
    compiled = side_by_side(trained)
    x, y = batch(4)
    called(compiled, x, y)
    assert set(ranks(compiled)) == {0, 1}
    before = [run.state() for run in trained]
    wrong = y.clone()
    wrong[3, 7] = 99
    # The function itself is called, whose first networks take their steps before the error.
    with pytest.raises(IndexError, match="99"):
        compiled(x, wrong)
    for got, expected in zip(trained[3].state()[:4], before[3][:4], strict=True):
        same_bits(got, expected)
    compiled(x, y)


def test_small_programs_stay_on_one_thread() -> None:
    steep.set_num_threads(2)

    def both(x: Any) -> Any:
        return (x * 2).exp(), (x + 1).tanh()

    compiled = steep.compile(both)
    called(compiled, steep.ones(64))
    assert "1 thread;" in compiled.explain()


def test_draws_come_from_the_generator_of_the_scope() -> None:
    x = steep.ones(1000)
    layer = nn.Dropout(0.5)

    def drawn() -> list[Any]:
        return [layer(x), steep.rand(3), F.rrelu(-x, training=True), steep.randperm(5)]

    steep.manual_seed(4)
    expected = drawn()
    steep.manual_seed(9)
    before = steep.get_rng_state()
    generator = steep.Generator().manual_seed(4)
    got = _core.draw_from(generator, drawn)
    for one, other in zip(got, expected, strict=True):
        same_bits(one.numpy(), other.numpy())
    assert steep.equal(steep.get_rng_state(), before)
    following = _core.draw_from(generator, layer, x)
    steep.manual_seed(4)
    drawn()
    same_bits(following.numpy(), layer(x).numpy())


def test_a_scope_ends_with_an_error_and_has_scopes_inside() -> None:
    one, other = (steep.Generator().manual_seed(seed) for seed in (1, 2))

    def inner() -> Any:
        first = _core.draw_from(other, steep.rand, 1)
        return first, steep.rand(1)

    first, second = _core.draw_from(one, inner)
    assert first == steep.rand(1, generator=steep.Generator().manual_seed(2))
    assert second == steep.rand(1, generator=steep.Generator().manual_seed(1))

    def fails() -> None:
        raise KeyError("here")

    steep.manual_seed(3)
    expected = steep.rand(1)
    steep.manual_seed(3)
    with pytest.raises(KeyError, match="here"):
        _core.draw_from(one, fails)
    assert steep.rand(1) == expected


@pytest.mark.parametrize("args", [(), (1, len), (steep.Generator(),)])
def test_a_scope_refuses_what_is_no_generator(args: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match=r"draw_from: expected \(generator, function"):
        _core.draw_from(*args)


def test_seeding_within_a_scope_is_of_its_generator() -> None:
    generator = steep.Generator()
    steep.manual_seed(3)
    before = steep.get_rng_state()

    def seeds() -> Any:
        assert steep.manual_seed(6).initial_seed() == 6
        assert steep.initial_seed() == 6
        state = steep.get_rng_state()
        first = steep.rand(2)
        steep.set_rng_state(state)
        same_bits(steep.rand(2).numpy(), first.numpy())
        return first

    first = _core.draw_from(generator, seeds)
    same_bits(first.numpy(), steep.rand(2, generator=steep.Generator().manual_seed(6)).numpy())
    assert steep.equal(steep.get_rng_state(), before)
    assert generator.initial_seed() == 6


@pytest.mark.parametrize("order", ["rising", "falling"])
def test_draws_from_one_generator_keep_their_order(order: str) -> None:
    """No operand says that they depend on each other."""
    steep.set_num_threads(2)
    weights = [steep.randn(64, 64) for _ in range(4)]

    def noisy() -> list[Any]:
        found = []
        for weight in weights:
            x = steep.rand(64, 64)
            for _ in range(4):
                x = (x @ weight).tanh()
            found.append(x)
        return found

    compiled = steep.compile(noisy)
    called(compiled, calls=4)
    _core.share_everything(True)
    _core.set_rank_order(order)
    steep.manual_seed(1)
    got = compiled()
    steep.manual_seed(1)
    for one, other in zip(got, noisy(), strict=True):
        same_bits(one.numpy(), other.numpy())
    assert replays(compiled) > 0
