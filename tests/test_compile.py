"""`steep.compile`: replays have the bits of the function, whatever it does and whatever changes between calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep
from cases import TABLE
from cases.row import find, materialize
from runner import function_of, numpy, outputs, run, to_native
from test_replay import OPTIMIZERS, ROWS, Training
from tolerances import same_bits

nn = steep.nn
F = steep.nn.functional


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


def test_most_operations_are_replayed() -> None:
    """That the test above tests replays: few operations stay eager, each for a good reason."""
    eager = {}
    for name in ROWS:
        row = TABLE[name]
        native = to_native(materialize(row.calls[0], row.dtypes[0], "old"))
        function = function_of(name, row)
        compiled = steep.compile(
            lambda native=native, f=function: outputs(f(*native.args, **native.kwargs))
        )
        try:
            with pytest.warns(UserWarning) as caught:
                for _ in range(3):
                    compiled()
                steep.compile  # noqa: B018
                import warnings

                warnings.warn("end", UserWarning, stacklevel=1)
        except TypeError:
            continue  # it returns something that is no tensor
        reasons = [str(w.message) for w in caught if "runs eagerly" in str(w.message)]
        if reasons:
            eager[name] = reasons[0].partition("runs eagerly: ")[2]
    assert len(eager) < 0.1 * len(ROWS), eager


class Twins:
    """One network trained by a function as it is, and its twin by the compiled function."""

    def __init__(self, make: Callable[[], Any]) -> None:
        steep.manual_seed(1)
        self.plain = make()
        steep.manual_seed(1)
        self.other = make()
        self.compiled = steep.compile(self.other.step)

    def compare(self) -> None:
        for got, expected in zip(self.other.state(), self.plain.state(), strict=True):
            np.testing.assert_array_equal(got, expected)


class Run:
    """A network, an optimiser, and a step that returns the loss."""

    def __init__(self, model: Any, optimizer: str = "Adam", **settings: Any) -> None:
        self.model = model
        self.optimizer = getattr(steep.optim, optimizer)(model.parameters(), **settings)

    def step(self, x: Any, y: Any) -> Any:
        self.optimizer.zero_grad()
        loss = F.cross_entropy(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        return loss

    def state(self) -> list[Any]:
        params = list(self.model.parameters())
        kept = [v for p in params for v in self.optimizer.state[p].values() if v is not None]
        return numpy([*params, *(p.grad for p in params if p.grad is not None), *kept])


def mlp(*middle: Any) -> Any:
    return nn.Sequential(nn.Linear(20, 32), nn.ReLU(), *middle, nn.Linear(32, 5))


def batches(count: int, rows: int = 16) -> list[Any]:
    rng = np.random.default_rng(0)
    return [
        (
            steep.from_numpy(rng.normal(size=(rows, 20)).astype(np.float32)),
            steep.from_numpy(rng.integers(0, 5, rows)),
        )
        for _ in range(count)
    ]


def replays(compiled: Any) -> int:
    return sum(program.runs for program in compiled.programs())


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
@pytest.mark.parametrize("rows", [1, 16, 300])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_training_has_the_bits_of_eager(name: str, rows: int, threads: int) -> None:
    before = steep.get_num_threads()
    steep.set_num_threads(threads)
    try:
        twins = Twins(lambda: Run(mlp(nn.Linear(32, 32), nn.Tanh()), name, **OPTIMIZERS[name]))
        for x, y in batches(12, rows):
            expected = twins.plain.step(x, y)
            same_bits(twins.compiled(x, y).numpy(), expected.detach().numpy())
            twins.compare()
        assert replays(twins.compiled) >= 8
    finally:
        steep.set_num_threads(before)


def test_a_schedule_is_followed() -> None:
    twins = Twins(lambda: Run(mlp(), "SGD", lr=0.1, momentum=0.9))
    for i, (x, y) in enumerate(batches(12)):
        for side in (twins.plain, twins.other):
            side.optimizer.param_groups[0]["lr"] = 0.1 / (i + 1)
        twins.plain.step(x, y)
        twins.compiled(x, y)
        twins.compare()
    assert replays(twins.compiled) >= 7


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


class Accumulating(Run):
    """Gradients of two batches added up; cleared outside of the step."""

    def step(self, x: Any, y: Any) -> Any:
        loss = F.cross_entropy(self.model(x), y)
        loss.backward()
        return loss


@pytest.mark.parametrize("to_none", [True, False])
def test_gradients_are_added_up_as_in_eager(to_none: bool) -> None:
    twins = Twins(lambda: Accumulating(mlp()))
    for i, (x, y) in enumerate(batches(24)):
        twins.plain.step(x, y)
        twins.compiled(x, y)
        twins.compare()
        if i % 2:
            for side in (twins.plain, twins.other):
                side.optimizer.step()
                side.optimizer.zero_grad(set_to_none=to_none)
    assert replays(twins.compiled) > 0


def test_modes_shapes_and_no_grad_have_programs_of_their_own() -> None:
    twins = Twins(lambda: Run(mlp(nn.Dropout(0.3))))
    for epoch in range(6):
        for side in (twins.plain, twins.other):
            side.model.train(epoch % 2 == 0)
        for x, y in batches(4) + batches(3, rows=7):
            state = steep.get_rng_state()
            twins.plain.step(x, y)
            steep.set_rng_state(state)
            twins.compiled(x, y)
            twins.compare()
    assert len(twins.compiled.programs()) == 4
    assert replays(twins.compiled) >= 20


def test_replaced_frozen_and_loaded_parameters_are_seen() -> None:
    twins = Twins(lambda: Run(mlp()))
    data = iter(batches(60))

    def train() -> None:
        for _ in range(6):
            x, y = next(data)
            twins.plain.step(x, y)
            twins.compiled(x, y)
            twins.compare()

    train()
    saved = {k: v.clone() for k, v in twins.plain.model.state_dict().items()}
    for side in (twins.plain, twins.other):
        side.model[0].weight.requires_grad_(False)
        side.model[0].weight.grad = None
    train()
    for side in (twins.plain, twins.other):
        side.model[0].weight.requires_grad_(True)
        side.model.load_state_dict(saved)
    train()
    for side in (twins.plain, twins.other):
        steep.manual_seed(4)
        side.model[2] = nn.Linear(32, 5)
        side.optimizer.add_param_group({"params": list(side.model[2].parameters()), "lr": 0.1})
    train()
    for side in (twins.plain, twins.other):
        side.model[0].weight.data = side.model[0].weight.detach() * 2
    train()


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


def test_a_gradient_kept_by_the_user_stays() -> None:
    twins = Twins(lambda: Run(mlp()))
    kept = []
    for x, y in batches(10):
        twins.compiled(x, y)
        grad = twins.other.model[0].weight.grad
        kept.append((grad, grad.numpy().copy()))
    for grad, then in kept:
        same_bits(grad.numpy(), then)


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
    for i in range(12):
        base = [steep.arange(8.0) + i for _ in range(2)]
        pairs = [
            [(b, b), (b[:4], b[4:]), (b[:6], b[2:]), (b[:6], steep.ones(6))][i % 4] for b in base
        ]
        same_bits(compiled(*pairs[0]).numpy(), add(*pairs[1]).numpy())
        same_bits(base[0].numpy(), base[1].numpy())


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


# ---- what stays eager, and says why ---------------------------------------------------------


def reads_a_value(x: Any) -> Any:
    return x * x.sum().item()


def branches(x: Any) -> Any:
    return x if bool((x > 0).all()) else -x


def asks_numpy(x: Any) -> Any:
    return x + steep.from_numpy(np.tanh(x.numpy()))


class Counter:
    value = 0.0


def constant_that_changes(x: Any) -> Any:
    Counter.value += 1
    return x * Counter.value


def other_shapes(x: Any) -> Any:
    Counter.value += 1
    return x[: int(Counter.value) % 3 + 1].clone()


KEPT: list[Any] = []


def keeps_a_tensor(x: Any) -> Any:
    KEPT.append(x * 2)
    return x + 1


def keeps_its_result(x: Any) -> Any:
    KEPT.append(x * 2)
    return KEPT[-1]


def seeds(x: Any) -> Any:
    steep.manual_seed(0)
    return x + steep.rand(3)


def returns_its_argument(x: Any) -> Any:
    return x


def finds_nonzero(x: Any) -> Any:
    return steep.nonzero(x)


WEIGHT = steep.ones(3, requires_grad=True)


def leaves_a_graph(x: Any) -> Any:
    return x * WEIGHT


EAGER: dict[Callable[..., Any], str] = {
    reads_a_value: "item",
    branches: "item|bool",
    asks_numpy: "buffer|numpy",
    constant_that_changes: "number .* in one run and .* in the next",
    other_shapes: "shape|launch",
    keeps_a_tensor: "kept by someone",
    keeps_its_result: "kept elsewhere",
    seeds: "manual_seed",
    returns_its_argument: "arguments itself",
    finds_nonzero: "nonzero",
    leaves_a_graph: "graph is still to be used",
}


@pytest.mark.parametrize("function", list(EAGER), ids=lambda f: f.__name__)
def test_what_cannot_be_replayed_runs_eagerly_and_says_why_once(
    function: Callable[..., Any], recwarn: Any
) -> None:
    compiled = steep.compile(function)
    Counter.value = 0.0
    results = [compiled(steep.ones(3) * (i + 1)) for i in range(6)]
    Counter.value = 0.0
    expected = [function(steep.ones(3) * (i + 1)) for i in range(6)]
    for got, wanted in zip(results, expected, strict=True):
        same_bits(got.detach().numpy(), wanted.detach().numpy())
    said = [str(w.message) for w in recwarn if "runs eagerly" in str(w.message)]
    assert len(said) == 1
    import re

    assert re.search(EAGER[function], said[0]), said[0]
    assert "eager, because" in compiled.explain()


def test_fullgraph_raises_instead() -> None:
    compiled = steep.compile(reads_a_value, fullgraph=True)
    compiled(steep.ones(3))
    with pytest.raises(RuntimeError, match="runs eagerly: a value was read|item"):
        compiled(steep.ones(3))


def test_hooks_keep_a_function_eager(recwarn: Any) -> None:
    seen = []
    model = mlp()
    model[0].register_forward_hook(lambda module, args, out: seen.append(1))
    compiled = steep.compile(lambda x: model(x).detach())
    for x, _ in batches(6):
        compiled(x)
    assert len(seen) == 6
    assert "hook" in str(recwarn[0].message)


# ---- bad input ------------------------------------------------------------------------------


def test_arguments_that_cannot_be_told_apart() -> None:
    compiled = steep.compile(lambda x: x + 1)
    with pytest.raises(TypeError, match=r"argument 0 .*ndarray.*from_numpy"):
        compiled(np.ones(3))
    with pytest.raises(TypeError, match=r"argument 'x' .*set"):
        compiled(x={1, 2})


def test_results_that_are_no_tensors() -> None:
    compiled = steep.compile(lambda x: [x, object()])
    with pytest.raises(TypeError, match="expected the function to return tensors"):
        compiled(steep.ones(1))


def test_what_is_not_callable() -> None:
    with pytest.raises(TypeError, match="expected a function or a Module"):
        steep.compile(3)


@pytest.mark.parametrize("call", [1, 2, 3])
def test_an_exception_leaves_the_engine_as_it_was(call: int) -> None:
    model, count = mlp(), [0]
    optimizer = steep.optim.Adam(model.parameters())

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        count[0] += 1
        if count[0] == call:
            raise KeyError("from inside")
        loss.backward()
        optimizer.step()
        return loss

    compiled = steep.compile(step)
    for i, (x, y) in enumerate(batches(8)):
        if i + 1 == call:
            with pytest.raises(KeyError, match="from inside"):
                compiled(x, y)
            assert not steep._core.is_recording()
        else:
            compiled(x, y)
    assert replays(compiled) >= 2


def test_bad_targets_are_refused_in_a_replay_and_change_nothing() -> None:
    run = Run(mlp())
    compiled = steep.compile(run.step)
    data = batches(6)
    for x, y in data:
        compiled(x, y)
    before = [p.detach().numpy().copy() for p in run.model.parameters()]
    x, y = data[0]
    bad = y.clone()
    bad[3] = 5
    with pytest.raises(IndexError, match="Target 5 is out of bounds"):
        compiled(x, bad)
    for p, old in zip(run.model.parameters(), before, strict=True):
        same_bits(p.detach().numpy(), old)
    compiled(x, y)


def test_a_compiled_function_inside_another() -> None:
    inner = steep.compile(lambda x: x * 2)
    outer = steep.compile(lambda x: inner(x) + 1)
    for i in range(6):
        assert outer(steep.full((2,), float(i))).tolist() == [2.0 * i + 1] * 2
    assert replays(outer) >= 3


# ---- what it is made of ---------------------------------------------------------------------


def test_verify_finds_a_function_that_cheats() -> None:
    hidden = {"factor": 1.0}
    compiled = steep.compile(lambda x: x * hidden["factor"], verify=True)
    for _ in range(5):
        compiled(steep.ones(2))
    hidden["factor"] = 2.0
    with pytest.raises(RuntimeError, match="differ in result 0"):
        compiled(steep.ones(2))


def test_verify_passes_a_training_step() -> None:
    run = Run(mlp(nn.Dropout(0.2)))
    compiled = steep.compile(run.step, verify=True)
    for x, y in batches(8):
        compiled(x, y)
    assert replays(compiled) >= 4


def test_a_rebound_variable_is_seen() -> None:
    factor = 2.0
    compiled = steep.compile(lambda x: x * factor)
    for _ in range(5):
        assert compiled(steep.ones(1)).item() == 2.0
    factor = 3.0
    assert compiled(steep.ones(1)).item() == 3.0


def test_numbers_passed_as_arguments_have_programs_of_their_own() -> None:
    compiled = steep.compile(lambda x, scale, *, flag=True: x * scale if flag else x - scale)
    for i in range(5):
        for scale in (1, 2.5, True):
            for flag in (True, False):
                x = steep.full((3,), float(i))
                expected = x * scale if flag else x - scale
                same_bits(compiled(x, scale, flag=flag).numpy(), expected.numpy())
    assert len(compiled.programs()) == 6


def test_a_decorated_method_is_compiled_for_each_instance() -> None:
    class Model:
        def __init__(self, factor: float) -> None:
            self.factor = steep.full((1,), factor)

        @steep.compile
        def scale(self, x: Any) -> Any:
            return x * self.factor

    models = [Model(2.0), Model(3.0)]
    for _ in range(5):
        assert [m.scale(steep.ones(1)).item() for m in models] == [2.0, 3.0]
    assert all(replays(m.scale) for m in models)


def test_a_module_is_compiled_as_a_whole() -> None:
    model = mlp()
    compiled = steep.compile(model)
    with steep.no_grad():
        for x, _ in batches(6):
            same_bits(compiled(x).numpy(), model(x).numpy())
    assert list(compiled.state_dict())[0] == "_orig_mod.0.weight"
    assert "replayed" in compiled.explain()
    compiled.eval()
    assert not model.training


def test_the_least_recently_used_signature_goes_first() -> None:
    compiled = steep.compile(lambda x: x + 1)
    for n in range(1, 100):
        for _ in range(4):
            compiled(steep.ones(n))
    assert len(compiled.programs()) == 64


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
    from test_counts import Counting

    run = Run(mlp())
    compiled = steep.compile(run.step)
    x, y = batches(1)[0]
    for _ in range(5):
        compiled(x, y)
    with Counting() as count:
        compiled(x, y)
    assert count["nodes"] == 0
    assert count["saved_tensors"] == 0
    assert count["allocations"] <= 1  # the loss; gradients stay where they are
    assert 0 < count["launches"] < 20


def test_programs_run_beside_each_other_in_threads() -> None:
    import threading

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


def test_training_of_the_recorder_suite_compiled() -> None:
    """The step of test_replay, with gradients kept and set to zero in place."""
    for name in sorted(OPTIMIZERS):
        eager, other = (Training(name, **OPTIMIZERS[name]) for _ in range(2))
        compiled = steep.compile(other.step)
        for i in range(12):
            eager.load(i)
            other.load(i)
            eager.step()
            compiled()
            for got, expected in zip(other.state(), eager.state(), strict=True):
                np.testing.assert_array_equal(got, expected)
        assert replays(compiled) >= 6
