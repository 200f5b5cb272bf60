"""Threads one after the other: where a barrier is missing, one rank has gone on without another.

Everything is shared, however small. What ranks do between two barriers is done by one of them after
the other, in either order, so that memory which one of them should have waited for is always seen
as it was before, or after.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import steep
from cases import TABLE
from cases.row import materialize
from compiling import F, Run, Twins, batches, mlp, nn, replays
from runner import run
from steep import _core
from test_compile_fuzz import Plan, check
from test_replay import ROWS, TRAINED
from tolerances import same_bits

# The thread sanitizer sees a missing barrier by itself, of ranks that run as they usually do.
WATCHED = os.environ.get("STEEP_SANITIZER") == "thread"
ORDERS = ["together"] if WATCHED else ["rising", "falling"]


def network() -> Any:
    return mlp(nn.Linear(32, 32), nn.Tanh(), nn.LayerNorm(32), nn.Dropout(0.3))


@pytest.fixture(autouse=True)
def _everything_shared() -> Iterator[None]:
    _core.share_everything(True)
    yield
    _core.share_everything(False)
    _core.set_rank_order("together")


@pytest.mark.parametrize("name", ROWS)
def test_operations(name: str) -> None:
    row = TABLE[name]
    for described in row.calls:
        call = materialize(described, row.dtypes[0], name)
        steep.set_num_threads(1)
        alone = run(name, row, call)
        steep.set_num_threads(3)
        for order in ORDERS:
            _core.set_rank_order(order)
            for got, expected in zip(run(name, row, call), alone, strict=True):
                same_bits(got, expected)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("name", sorted(TRAINED))
def test_training(name: str, threads: int, order: str) -> None:
    """Replays beside eager steps on one thread."""
    _core.set_rank_order(order)
    twins = Twins(lambda: Run(network(), name, **TRAINED[name]))
    for i, (x, y) in enumerate(batches(12, 24)):
        steep.set_num_threads(1)
        steep.manual_seed(i)
        expected = twins.plain.step(x, y)
        steep.set_num_threads(threads)
        steep.manual_seed(i)
        same_bits(twins.compiled(x, y).numpy(), expected.detach().numpy())
        twins.compare()
    assert replays(twins.compiled) >= 8
    assert f"{threads} by rows" in twins.compiled.explain()


# What is made row by row, and what then wants other rows of it than the rank's own, or all.
CONSUMERS: dict[str, Callable[[Any, Any], Any]] = {
    "its transpose, multiplied": lambda h, c: h.t() @ c,
    "a product from the right": lambda h, c: c @ h,
    "both sides": lambda h, c: h @ h,
    "its columns added": lambda h, c: h.sum(0),
    "its rows added": lambda h, c: h.sum(1),
    "all added": lambda h, c: h.sum(),
    "one row for all": lambda h, c: h + h[7],
    "one column for all": lambda h, c: h * h[:, 3:4],
    "the next row": lambda h, c: h[1:] - h[:-1],
    "its transpose, added": lambda h, c: h + h.t(),
    "its transpose, copied": lambda h, c: h.t().contiguous(),
    "every other row": lambda h, c: h[::2] * 2,
    "another shape": lambda h, c: h.view(48, 12) * 2 + 1,
    "another shape, its rows added": lambda h, c: h.view(6, 96).sum(1),
    "its columns' softmax": lambda h, c: F.softmax(h, 0),
    "its rows' softmax": lambda h, c: F.softmax(h, 1),
    "its greatest": lambda h, c: h.max(0)[0],
    "chosen rows": lambda h, c: h[c[0].long() % 24],
    "joined": lambda h, c: steep.cat([h, h]) + 1,
    "written to": lambda h, c: h[3:5].fill_(1.0) + h[4:6],
    "a batch of products": lambda h, c: h.view(4, 6, 24) @ h.view(4, 6, 24).transpose(1, 2),
    "a loss": lambda h, c: F.cross_entropy(h, c[0].long() % 24),
    "a squared error": lambda h, c: F.mse_loss(h, c),
    "normalised": lambda h, c: F.layer_norm(h, (24,)) * 2,
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", sorted(CONSUMERS))
def test_rows_and_what_is_made_of_them(name: str, order: str) -> None:
    steep.set_num_threads(3)
    consumer = CONSUMERS[name]
    weight, other = steep.randn(24, 24), steep.rand(24, 24) * 5

    def made(x: Any) -> Any:
        return consumer((x @ weight).relu(), other)

    def made_elementwise(x: Any) -> Any:
        return consumer(x.exp() + x, other) * 1

    for function in (made, made_elementwise):
        compiled = steep.compile(function)
        for _ in range(4):
            x = steep.randn(24, 24)
            expected = function(x)
            _core.set_rank_order(order)
            got = compiled(x)
            _core.set_rank_order("together")
            same_bits(got.numpy(), expected.numpy())
        assert replays(compiled) > 0


def test_a_check_that_fails_leaves_all_as_it_was() -> None:
    """Ranks that have gone on before they know of it leave out what can be seen."""
    steep.set_num_threads(3)
    for order in ORDERS:
        _core.set_rank_order(order)
        trained = Run(mlp(nn.Tanh()))
        compiled = steep.compile(trained.step)
        x, y = batches(1, 24)[0]
        for _ in range(5):
            compiled(x, y)
        before = [p.detach().clone() for p in trained.model.parameters()]
        wrong = y.clone()
        wrong[7] = 99
        with pytest.raises(IndexError, match="99"):
            compiled(x, wrong)
        for p, expected in zip(trained.model.parameters(), before, strict=True):
            same_bits(p.detach().numpy(), expected.numpy())
        compiled(x, y)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("batch", range(4))
def test_random_functions(batch: int, order: str) -> None:
    _core.set_rank_order(order)
    replayed = []
    for i in range(20):
        plan: Any = Plan(20_000 + batch * 20 + i, large=False)
        plan.threads = 2 + i % 2
        replayed.append(check(plan))
    assert sum(replayed) > 12
