"""`steep.compile`: replays have the bits of the function."""

from __future__ import annotations

import re
import threading
import warnings
from typing import Any

import numpy as np
import pytest

import steep
from cases import TABLE
from cases.row import find, materialize
from compiling import Run, Twins, batches, mlp, nn, reason, replays
from runner import function_of, numpy, outputs, run, to_native
from test_replay import ROWS, TRAINED, Training
from tolerances import same_bits


@pytest.mark.filterwarnings("ignore:compile")
@pytest.mark.parametrize("name", ROWS)
def test_compiled_operations_see_new_inputs(name: str) -> None:
    """Recorded on some values, replayed on others: the results of the others."""
    row = TABLE[name]
    for described in row.calls:
        old, new = (materialize(described, row.dtypes[0], seed) for seed in ("old", "new"))
        native = to_native(old)
        function = function_of(name, row)
        inputs = list(find(native, steep.Tensor))

        def call(*tensors: Any, native: Any = native, function: Any = function) -> Any:
            return outputs(function(*native.args, **native.kwargs))

        compiled = steep.compile(call)
        if not isinstance(call()[0], steep.Tensor):
            continue
        for _ in range(4):
            compiled(*inputs)
        for x, array in zip(inputs, find(new, np.ndarray), strict=True):
            x.copy_(steep.from_numpy(array))
        for got, expected in zip(numpy(compiled(*inputs)), run(name, row, new), strict=True):
            same_bits(got, expected)
        assert replays(compiled) == 2 or re.search(row.eager or "none known", reason(compiled))


def test_most_operations_are_replayed() -> None:
    """That the test above tests replays: few operations stay eager."""
    eager = {}
    for name in ROWS:
        row = TABLE[name]
        native = to_native(materialize(row.calls[0], row.dtypes[0], "old"))
        function = function_of(name, row)
        if not isinstance(outputs(function(*native.args, **native.kwargs))[0], steep.Tensor):
            continue
        compiled = steep.compile(
            lambda native=native, f=function: outputs(f(*native.args, **native.kwargs))
        )
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in range(3):
                compiled()
        reasons = [str(w.message) for w in caught if "runs eagerly" in str(w.message)]
        if reasons:
            eager[name] = reasons[0].partition("runs eagerly: ")[2]
    assert len(eager) < 0.1 * len(ROWS), eager


@pytest.mark.parametrize("name", sorted(TRAINED))
@pytest.mark.parametrize("rows", [1, 16, 300])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_training_has_the_bits_of_eager(name: str, rows: int, threads: int) -> None:
    before = steep.get_num_threads()
    steep.set_num_threads(threads)
    try:
        twins = Twins(lambda: Run(mlp(nn.Linear(32, 32), nn.Tanh()), name, **TRAINED[name]))
        for x, y in batches(12, rows):
            expected = twins.plain.step(x, y)
            same_bits(twins.compiled(x, y).numpy(), expected.detach().numpy())
            twins.compare()
        assert replays(twins.compiled) >= 8
    finally:
        steep.set_num_threads(before)


def test_dropout_draws_what_eager_draws() -> None:
    twins = Twins(lambda: Run(mlp(nn.Dropout(0.5))))
    for i, (x, y) in enumerate(batches(10)):
        steep.manual_seed(i // 5)
        state = steep.get_rng_state()
        twins.plain.step(x, y)
        plain_after = steep.get_rng_state()
        steep.set_rng_state(state)
        twins.compiled(x, y)
        assert steep.get_rng_state().tolist() == plain_after.tolist()
        twins.compare()
    assert replays(twins.compiled) >= 7


def test_results_are_never_overwritten() -> None:
    layer = nn.Linear(4, 3)
    forward = steep.compile(lambda x: {"y": layer(x).detach(), "n": 3})
    xs = [steep.full((2, 4), float(i)) for i in range(20)]
    kept = [forward(x)["y"] for x in xs]
    views = [forward(x)["y"].numpy() for x in xs]  # NumPy alone keeps the memory
    for x, y, view in zip(xs, kept, views, strict=True):
        same_bits(y.numpy(), layer(x).detach().numpy())
        same_bits(view, y.numpy())
    assert forward(xs[0])["n"] == 3
    assert replays(forward) > 0


def test_a_gradient_kept_by_the_user_stays() -> None:
    twins = Twins(lambda: Run(mlp()))
    kept = []
    for x, y in batches(10):
        twins.compiled(x, y)
        grad = twins.other.model[0].weight.grad
        kept.append((grad, grad.numpy().copy()))
    for grad, then in kept:
        same_bits(grad.numpy(), then)
    assert replays(twins.compiled) > 0


def test_arguments_may_be_windows_of_something_larger() -> None:
    data = steep.randn(64, 20)
    twice = steep.compile(lambda x: (x * 2 + 1).sum(1))
    for i in range(0, 64, 8):
        same_bits(twice(data[i : i + 8]).numpy(), (data[i : i + 8] * 2 + 1).sum(1).numpy())
    assert replays(twice) >= 5


def test_arguments_that_share_memory() -> None:
    def add(x: Any, y: Any) -> Any:
        x.mul_(2)
        return x + y

    compiled = steep.compile(add)
    for i in range(40):
        base = [steep.arange(8.0) + i for _ in range(2)]
        pairs = [
            [(b, b), (b[:4], b[4:]), (b[:6], b[2:]), (b[:6], steep.ones(6))][i % 4] for b in base
        ]
        same_bits(compiled(*pairs[0]).numpy(), add(*pairs[1]).numpy())
        same_bits(base[0].numpy(), base[1].numpy())
    assert replays(compiled) > 0


def test_an_argument_that_is_also_a_parameter() -> None:
    weight = steep.ones(4)

    def scaled(x: Any) -> Any:
        weight.mul_(2)
        return x + weight

    compiled = steep.compile(scaled)
    for _ in range(5):
        compiled(steep.ones(4))
    weight.fill_(1.0)
    assert compiled(weight).tolist() == [4.0] * 4
    assert replays(compiled) > 0


def test_verify_passes_a_training_step() -> None:
    run = Run(mlp(nn.Dropout(0.2)))
    compiled = steep.compile(run.step, verify=True)
    for x, y in batches(8):
        compiled(x, y)
    assert replays(compiled) >= 4


def test_programs_run_beside_each_other_in_threads() -> None:
    layer = nn.Linear(64, 64)
    compiled = steep.compile(lambda x: layer(x).detach().exp())
    xs = [steep.randn(256, 64) for _ in range(4)]
    expected = [layer(x).detach().exp().numpy() for x in xs]
    for _ in range(4):
        compiled(xs[0])
    wrong = []

    def work(i: int) -> None:
        for _ in range(50):
            if not np.array_equal(compiled(xs[i]).numpy(), expected[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert replays(compiled) > 0


def test_training_of_the_recorder_suite_compiled() -> None:
    """The step of test_replay, with gradients kept and set to zero in place."""
    for name in sorted(TRAINED):
        eager, other = (Training(name, **TRAINED[name]) for _ in range(2))
        compiled = steep.compile(other.step)
        for i in range(12):
            eager.load(i)
            other.load(i)
            eager.step()
            compiled()
            for got, expected in zip(other.state(), eager.state(), strict=True):
                np.testing.assert_array_equal(got, expected)
        assert replays(compiled) >= 6
