"""What programs are made of: fused chains, planned memory, folded launches, threads."""

from __future__ import annotations

import re
import sys
from typing import Any

import pytest

import steep
from compiling import F, Run, batches, mlp, nn
from settled import settle
from test_counts import Counting
from tolerances import same_bits


def test_verify_finds_a_function_that_cheats() -> None:
    interval = sys.getswitchinterval()  # which the interpreter keeps where nothing else sees it
    compiled = steep.compile(lambda x: x * sys.getswitchinterval(), verify=True)
    for _ in range(5):
        compiled(steep.ones(2))
    sys.setswitchinterval(2 * interval)
    try:
        with pytest.raises(RuntimeError, match="differ in result 0"):
            compiled(steep.ones(2))
    finally:
        sys.setswitchinterval(interval)


def test_chains_are_fused_and_copies_left_out() -> None:
    compiled = steep.compile(lambda x, y: ((x * y + 1).tanh() - x).exp() * 0.5)
    x, y = steep.randn(5000), steep.randn(5000)
    expected = ((x * y + 1).tanh() - x).exp() * 0.5
    for _ in range(4):
        same_bits(compiled(x, y).numpy(), expected.numpy())
    text = compiled.explain()
    assert "fused 6" in text
    assert "arena 0 B" in text


def test_memory_is_used_again() -> None:
    """A chain that cannot be fused needs two blocks, however long it is."""
    square = steep.randn(64, 64) * 0.1

    def chain(x: Any) -> Any:
        for _ in range(10):
            x = x @ square
        return x

    compiled = steep.compile(chain)
    for _ in range(4):
        x = steep.randn(64, 64)
        same_bits(compiled(x).numpy(), chain(x).numpy())
    size = 64 * 64 * 4
    scratch = 600_000
    arena = compiled.explain().partition("arena ")[2].partition(";")[0]
    number, unit = arena.split()
    assert float(number) * {"B": 1, "KB": 1024, "MB": 2**20}[unit] <= 2 * size + scratch


def test_a_replay_counts_its_launches_and_allocates_results_alone() -> None:
    run = Run(mlp())
    compiled = steep.compile(run.step)
    x, y = batches(1)[0]
    for _ in range(5):
        compiled(x, y)
    settle()
    with Counting() as count:
        compiled(x, y)
    assert count["nodes"] == 0
    assert count["saved_tensors"] == 0
    assert count["allocations"] <= 1  # the loss; gradients stay where they are
    assert 0 < count["launches"] < 20


ACTIVATIONS = {
    "relu": F.relu,
    "tanh": steep.tanh,
    "sigmoid": steep.sigmoid,
    "leaky_relu": lambda x: F.leaky_relu(x, 0.2),
}


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 1), (1, 7, 4), (33, 20, 17), (64, 300, 10)])
def test_products_take_over_what_follows(name: str, shape: tuple[int, int, int]) -> None:
    """Bias, activation and, going back, the activation's gradient: the bits of single launches."""
    m, k, n = shape
    activation = ACTIVATIONS[name]
    weights = [steep.randn(k, n), steep.randn(n, 6)]
    biases = [steep.randn(n), steep.randn(6)]
    for x in (*weights, *biases):
        x.requires_grad_()

    def step(x: Any) -> Any:
        for w in (*weights, *biases):
            w.grad = None
        hidden = activation(x @ weights[0] + biases[0])
        loss = (activation(hidden @ weights[1] + biases[1]) ** 2).sum()
        loss.backward()
        return loss

    compiled = steep.compile(step)
    for _ in range(6):
        x = steep.randn(m, k)
        got = compiled(x).numpy()
        gradients = [w.grad.numpy().copy() for w in (*weights, *biases)]
        same_bits(got, step(x).detach().numpy())
        for grad, w in zip(gradients, (*weights, *biases), strict=True):
            same_bits(grad, w.grad.numpy())
    assert "folded into products" in compiled.explain()


def test_a_product_that_someone_else_reads_is_not_folded() -> None:
    weight = steep.randn(8, 8)

    def both(x: Any) -> Any:
        product = x @ weight
        return product, product.tanh(), (product + product).relu()

    compiled = steep.compile(both)
    for _ in range(5):
        x = steep.randn(1, 8)
        for got, expected in zip(compiled(x), both(x), strict=True):
            same_bits(got.numpy(), expected.numpy())


@pytest.mark.parametrize("size", [1, 2, 1000, 1024, 1025, 5000])
def test_groups_of_all_sizes_and_dtypes(size: int) -> None:
    """Casts, comparisons and numbers among the members; one element that is used for all."""
    scale = steep.full((1,), 3.0)

    def mixed(x: Any, y: Any) -> Any:
        a = (x * scale + y).double()
        b = steep.where(a > 0, a, a * 0.5).float()
        x.add_(b)
        return b.exp(), (b > x).to(steep.int64) * 2 + 1

    compiled = steep.compile(mixed)
    for _ in range(6):
        x, y = steep.randn(size), steep.randn(size)
        mine, theirs = x.clone(), x.clone()
        for got, expected in zip(compiled(mine, y), mixed(theirs, y), strict=True):
            same_bits(got.numpy(), expected.numpy())
        same_bits(mine.numpy(), theirs.numpy())
    assert "fused" in compiled.explain()


@pytest.mark.parametrize("threads", [2, 3, 5])
def test_threads_meet_where_memory_demands(threads: int) -> None:
    """Shared and single steps in turn, on memory used again: a missing barrier would show."""
    before = steep.get_num_threads()
    steep.set_num_threads(threads)
    try:
        first, second = steep.randn(128, 128) * 0.1, steep.randn(128, 128) * 0.1

        def walk(x: Any) -> Any:
            for _ in range(4):
                y = (x @ first).tanh()
                small = y[:3].sum(0)
                x = (y @ second) * 2 + small
                x = steep.cat([x[64:], x[:64]])
            return x, small

        compiled = steep.compile(walk)
        for _ in range(60):
            x = steep.randn(128, 128)
            for got, expected in zip(compiled(x), walk(x), strict=True):
                same_bits(got.numpy(), expected.numpy())
        assert f"{threads} threads" in compiled.explain()
    finally:
        steep.set_num_threads(before)


def test_dead_launches_are_left_out() -> None:
    def wasteful(x: Any) -> Any:
        _ = (x @ x).exp().sum()
        return x + 1

    compiled = steep.compile(wasteful)
    for _ in range(4):
        compiled(steep.randn(8, 8))
    assert "left out, because nothing reads the result: gemm, exp, sum" in compiled.explain()


def test_a_profile_sees_the_steps_of_a_replay() -> None:
    run = Run(mlp())
    compiled = steep.compile(run.step)
    x, y = batches(1)[0]
    for _ in range(4):
        compiled(x, y)
    with Counting() as count, steep.profiler.profile() as prof:
        compiled(x, y)
    kernels = [event for event in prof.events if event.kind == "kernel"]
    assert len(kernels) == count["launches"]
    assert {"adam_step", "gemm"} <= {event.name for event in kernels}
    assert {"0+1", "2"} <= {event.layer for event in kernels}
    assert {"forward", "backward", "optimizer"} == {event.phase for event in kernels}


@pytest.mark.parametrize("dtype", [steep.float32, steep.float64])
@pytest.mark.parametrize("size", [1, 7, 1000, 1024, 1030, 1040, 70_000, 1_000_001])
def test_sums_end_a_group(size: int, dtype: Any) -> None:
    """By the chunks and in the order of the sum alone, on any number of threads."""
    before = steep.get_num_threads()

    def losses(x: Any, y: Any) -> Any:
        difference = x - y
        return difference.abs().sum(), (difference * difference).sum() * 0.5, difference.exp()

    x, y = steep.randn(size, dtype=dtype), steep.randn(size, dtype=dtype)
    expected = losses(x, y)
    try:
        for threads in (1, 2, 3):
            steep.set_num_threads(threads)
            compiled = steep.compile(losses)
            for _ in range(5):
                for got, wanted in zip(compiled(x, y), expected, strict=True):
                    same_bits(got.numpy(), wanted.numpy())
    finally:
        steep.set_num_threads(before)
    if size >= 1024 and size != 1030:
        assert "sum" in compiled.explain().partition("fused")[2]


def test_a_weight_that_many_products_read_is_transposed_once() -> None:
    weight, bias = steep.randn(48, 48) * 0.1, steep.randn(48)

    def unrolled(x: Any) -> Any:
        for i in range(12):
            x = F.linear(x, weight, bias).tanh()
            if i == 9:
                weight.mul_(1.5)
        weight.mul_(1 / 1.5)
        return x

    compiled = steep.compile(unrolled)
    for _ in range(5):
        x = steep.randn(32, 48)
        saved = weight.clone()
        got = compiled(x).numpy()
        weight.copy_(saved)
        same_bits(got, unrolled(x).numpy())
    assert "one transposed copy of a weight serves 10 products" in compiled.explain()


def test_explain_says_why_a_launch_is_alone() -> None:
    row = steep.randn(8)
    compiled = steep.compile(lambda x: ((x + row) @ x.T, x.exp()))
    for _ in range(4):
        compiled(steep.randn(8, 8))
    text = compiled.explain()
    assert "not fused: an operand is broadcast, strided or empty: add" in text
    assert "not fused: no other launch of the same size can join it: exp" in text


def test_explain_counts_one_as_one() -> None:
    compiled = steep.compile(lambda x: x / (steep.ones(3) + 1))
    for _ in range(4):
        compiled(steep.randn(3))
    text = compiled.explain()
    assert "1 thread;" in text
    assert "1 step," in text
    assert not re.search(r"\b1 (launches|steps|threads|groups|copies|products)\b", text)


def meetings(text: str) -> int:
    return sum(" | " in line for line in text.splitlines())


def test_a_training_step_seldom_meets() -> None:
    """Forward and backward row by row, the gradients of the weights, the update."""
    steep.set_num_threads(2)
    steep._core.share_everything(True)
    try:
        for loss, most in ((F.mse_loss, 2), (F.cross_entropy, 3)):
            model = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
            model.append(nn.Linear(64, 4))
            optimizer = steep.optim.Adam(model.parameters())

            def step(
                x: Any, y: Any, model: Any = model, loss: Any = loss, optimizer: Any = optimizer
            ) -> Any:
                model.zero_grad()
                value = loss(model(x), y)
                value.backward()
                optimizer.step()
                return value

            compiled = steep.compile(step)
            x = steep.randn(64, 4)
            y = x if loss is F.mse_loss else x.argmax(1)
            for _ in range(5):
                compiled(x, y)
            text = compiled.explain()
            assert "2 by rows" in text
            assert meetings(text) <= most, text
    finally:
        steep._core.share_everything(False)


def test_what_never_changes_is_computed_once() -> None:
    def ratio(x: Any) -> Any:
        return x / (steep.ones(3) * 2 + 1)

    compiled = steep.compile(ratio)
    for _ in range(5):
        x = steep.randn(3)
        same_bits(compiled(x).numpy(), ratio(x).numpy())
    text = compiled.explain()
    assert "3 launches run once for all replays" in text
    assert "1 step," in text
