"""NumPy arrays among the arguments: each replay reads the array of its own call."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep
from compiling import reason, replays
from steep import as_tensor, from_numpy, nn

TABLE = {"array": np.zeros(3, np.float32)}
KEPT: list[Any] = []


def shared(x: Any) -> Any:
    return from_numpy(x) * 2


def converted(x: Any) -> Any:
    x = steep.as_tensor(x, dtype=steep.float32)
    return x.reshape(-1) + 1


def copied(x: Any) -> Any:
    with steep.no_grad():
        y = steep.tensor(x)
        return y.mul_(2).sum(), x.ndim, x.shape


def twice(x: Any) -> Any:
    first, second = as_tensor(x), steep.tensor(x)
    return first.add_(1), second, steep.tensor(x, dtype=steep.float64).mean()


def evaluated(x: Any) -> Any:
    with steep.no_grad(), steep.enable_grad():
        x = steep.as_tensor(x)
    return AGENT.eval(x)


def leaf(x: Any) -> Any:
    weight = steep.tensor(x, dtype=steep.float64).requires_grad_()
    (weight * weight).sum().backward()
    return weight.grad


@steep.no_grad()
def decorated(x: Any) -> Any:
    x, y = from_numpy(x), 1
    return x - y


class Agent:
    def __init__(self) -> None:
        self.gain = steep.full((1,), 2.0)

    def act(self, x: Any) -> Any:
        return self.gain * steep.as_tensor(x)

    def eval(self, x: Any) -> Any:
        return self.gain + x


AGENT = Agent()
FORMS: list[Callable[[Any], Any]] = [
    shared, converted, copied, twice, leaf, decorated, evaluated, AGENT.act,
    lambda x: None if x is None else steep.as_tensor(x).double().exp(),
]  # fmt: skip
ARRAYS = {
    "floats": lambda i: np.arange(6, dtype=np.float32).reshape(2, 3) + i,
    "doubles": lambda i: np.arange(6.0) / (i + 1),
    "columns": lambda i: np.asfortranarray(np.arange(6.0).reshape(2, 3) * i),
    "strided": lambda i: (np.arange(24.0) + i).reshape(4, 6)[::2, 1:6:2],
    "ints": lambda i: np.arange(4) * i,
    "one": lambda i: np.array(0.5 + i),
    "none": lambda i: np.zeros((0, 3)),
}


def parts(result: Any) -> Any:
    if isinstance(result, tuple):
        return tuple(map(parts, result))
    if not isinstance(result, steep.Tensor):
        return result
    return (result.dtype, tuple(result.shape), result.stride(), result.numpy().tobytes())


@pytest.mark.parametrize("kind", ARRAYS)
@pytest.mark.parametrize("form", FORMS, ids=lambda f: f.__name__)
def test_a_replay_reads_the_array_of_its_call(form: Any, kind: str) -> None:
    compiled = steep.compile(form, fullgraph=True)
    for i in range(8):
        mine, other = ARRAYS[kind](i), ARRAYS[kind](i)
        assert parts(compiled(mine)) == parts(form(other))
        assert mine.tobytes() == other.tobytes()
    assert replays(compiled) == 5


def test_an_array_that_is_filled_anew() -> None:
    compiled, batch = steep.compile(shared, fullgraph=True), np.zeros((2, 3), np.float32)
    for i in range(8):
        batch[:] = i
        assert compiled(x=batch).tolist() == [[2.0 * i] * 3] * 2
    assert replays(compiled) == 5


def test_a_step_of_training_on_arrays() -> None:
    seen = []
    for is_compiled in (False, True):
        steep.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
        optimizer = steep.optim.Adam(model.parameters(), lr=0.01)

        def step(x: Any, y: Any, model: Any = model, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            logits = model(steep.from_numpy(x))
            loss = nn.functional.cross_entropy(logits, steep.as_tensor(y))
            loss.backward()
            optimizer.step()
            return loss.item()

        function = steep.compile(step, fullgraph=True) if is_compiled else step
        draw = np.random.default_rng(0)
        rows = [
            function(draw.random((5, 4), np.float32), draw.integers(0, 3, 5)) for _ in range(10)
        ]
        seen.append((rows, [p.tolist() for p in model.parameters()]))
    assert seen[0] == seen[1]
    assert replays(function) == 7
    with pytest.raises(IndexError):
        function(np.zeros((5, 4), np.float32), np.full(5, 3))


def test_a_compiled_method() -> None:
    class Learner:
        def __init__(self) -> None:
            self.weight = steep.ones(3)

        @steep.compile
        @steep.no_grad()
        def step(self, x: Any, *, scale: float) -> Any:
            self.weight.add_(steep.as_tensor(x))
            return self.weight * scale

    learner, total = Learner(), np.ones(3, np.float32)
    for i in range(8):
        x = np.full(3, float(i), np.float32)
        total += x
        assert learner.step(x, scale=2.0).tolist() == (2 * total).tolist()
    assert replays(learner.step) == 5


def test_what_is_written_to_shared_memory_is_in_the_array() -> None:
    compiled = steep.compile(lambda x: from_numpy(x).add_(1), fullgraph=True)
    for _ in range(6):
        array = np.zeros(3, np.float32)
        result = compiled(array)
        assert array.tolist() == result.tolist() == [1.0] * 3
        array[0] = 7
        assert result[0].item() == 7
    assert replays(compiled) == 3


def test_other_shapes_strides_and_dtypes_are_other_kinds() -> None:
    compiled = steep.compile(shared, fullgraph=True)
    for _ in range(4):
        for array in (np.ones(3), np.ones(4), np.ones(3, np.int64), np.ones(6)[::2]):
            assert compiled(array).tolist() == [2] * len(array)
        assert compiled(steep.ones(3).numpy()).tolist() == [2.0] * 3
    assert [p.runs for p in compiled.programs()] == [1] * 5
    assert "array of float64[3]" in compiled.explain()


@pytest.mark.filterwarnings("ignore:compile")
@pytest.mark.parametrize("second", ["itself", "columns", "shifted", "bits"])
def test_arrays_on_the_same_memory_are_eager_with_a_word(second: str) -> None:
    """Each tensor of one has a version of its own, as it has without compile."""

    def step(x: Any, y: Any) -> Any:
        weight = steep.full((), 2.0, requires_grad=True, dtype=steep.float64)
        first, other = from_numpy(x), from_numpy(y)
        out = (first * weight).sum()
        with steep.no_grad():
            other.copy_(other + 1)
        out.backward()
        return out.detach(), weight.grad

    def arguments(i: int) -> Any:
        whole = np.arange(20.0).reshape(4, 5) + i
        if second == "itself":
            return whole, whole
        if second == "bits":
            return whole, whole.view(np.int64)
        return (whole[:, :4], whole[:, 4]) if second == "columns" else (whole[1:], whole[:3])

    compiled = steep.compile(step)
    for i in range(8):
        mine, other = arguments(i), arguments(i)
        assert parts(compiled(*mine)) == parts(step(*other))
        assert [x.tobytes() for x in mine] == [x.tobytes() for x in other]
    assert replays(compiled) == 0
    assert "memory" in reason(compiled)


def test_rows_of_one_array_are_arrays_of_their_own() -> None:
    def step(x: Any, y: Any) -> Any:
        weight = steep.full((), 2.0, requires_grad=True, dtype=steep.float64)
        now, then = from_numpy(x), from_numpy(y)
        out = (now * weight).tanh()
        with steep.no_grad():
            then.copy_(now + out)
        out.sum().backward()
        return weight.grad, then.storage_offset()

    compiled = steep.compile(step, fullgraph=True)
    mine, other = (np.arange(60.0).reshape(12, 5) / 100 for _ in range(2))
    for i in range(11):
        assert parts(compiled(mine[i], mine[i + 1])) == parts(step(other[i], other[i + 1]))
        assert mine.tobytes() == other.tobytes()
    assert replays(compiled) == 8


def test_a_second_tensor_on_an_array_keeps_a_function_eager() -> None:
    compiled = steep.compile(lambda x: from_numpy(x).add_(1) * steep.as_tensor(x))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i in range(6):
            assert compiled(np.full(2, float(i))).tolist() == [(i + 1.0) ** 2] * 2
    assert replays(compiled) == 0
    assert "memory" in reason(compiled)


def numpy_call(x: Any) -> Any:
    return steep.tensor(np.sqrt(x))


def operator(x: Any) -> Any:
    return steep.tensor(x * 2)


def before(x: Any) -> Any:
    x += 1
    x = steep.as_tensor(x)
    return x * 1


def item(x: Any) -> Any:
    return from_numpy(x) * x[0]


def method(x: Any) -> Any:
    return from_numpy(x) * float(x.sum())


def helper(x: Any) -> Any:
    return shared(x)


def branch(x: Any) -> Any:
    if len(x) > 5:
        x = steep.zeros(3)
    return steep.as_tensor(x) * 1


def truth(x: Any) -> Any:
    return from_numpy(x) * 2 if x.any() else steep.zeros(3)


def kept(x: Any) -> Any:
    TABLE["array"] = x
    return from_numpy(x) * 1


def closure(x: Any) -> Any:
    return (lambda: steep.tensor(x) * 2)()


def every(x: Any) -> Any:
    return [steep.tensor(x) for _ in range(2)][1] * 2


def many(*xs: Any) -> Any:
    return from_numpy(xs[0]) * 2


def variables(x: Any) -> Any:
    return from_numpy(locals()["x"]) * 2


def in_operation(x: Any) -> Any:
    return steep.ones(3) * x


def in_list(x: Any) -> Any:
    return steep.tensor([x, x]) * 2


def other_module(x: Any) -> Any:
    steep = np
    return from_numpy(steep.array(x)) * 2


def swallowed(x: Any) -> Any:
    with contextlib.suppress(KeyError):
        TABLE["missing"].clear()
        x = steep.as_tensor(x)
    return steep.tensor([float(x.sum())]) * 1


def as_an_index(x: Any) -> Any:
    table = steep.zeros(5)
    table[int(x.argmax())], x = 1.0, steep.as_tensor(x)
    return x.sum() + table


def in_try(x: Any) -> Any:
    try:
        x = from_numpy(x)
    finally:
        x = x * 1
    return x


def returned(x: Any) -> Any:
    return steep.as_tensor(x) * 2, TABLE["array"] if len(x) else x


USES: list[Callable[..., Any]] = [
    numpy_call, operator, before, item, method, helper, branch, truth, kept, closure, every, many,
    variables, in_operation, in_list, other_module, in_try, swallowed,
    as_an_index, returned,
]  # fmt: skip


@pytest.mark.parametrize("use", USES, ids=lambda f: f.__name__)
def test_other_uses_of_an_array_keep_a_function_eager(use: Any) -> None:
    compiled = steep.compile(use)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i in range(8):
            mine, other = (np.arange(3, dtype=np.float32) + i for _ in range(2))
            assert parts(compiled(mine)) == parts(use(other))
            assert mine.tobytes() == other.tobytes()
    assert replays(compiled) == 0
    if use not in (variables, returned):
        assert "for more than making a tensor of it" in reason(compiled)
        assert f"{use.__code__.co_filename}:" in reason(compiled)


def test_an_array_that_a_global_holds_as_well() -> None:
    def step(x: Any) -> Any:
        return from_numpy(x) + from_numpy(TABLE["array"])

    compiled = steep.compile(step)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i in range(12):
            TABLE["array"] = np.full(3, float(i), np.float32)
            x = TABLE["array"] if i % 3 else np.full(3, 0.5, np.float32)
            assert compiled(x).tolist() == step(x).tolist()


def test_arrays_that_tensors_cannot_stand_on_are_eager_with_a_word() -> None:
    compiled = steep.compile(lambda x: steep.tensor(x) * 1)
    fixed = np.ones(3)
    fixed.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(6):
            for array in (fixed, np.arange(3.0)[::-1], np.ones(3, np.int8), np.ones(3, ">f8")):
                if array.dtype == ">f8":
                    with pytest.raises(TypeError):
                        compiled(array)
                else:
                    assert compiled(array).tolist() == array.tolist()
        in_list = steep.compile(lambda xs: from_numpy(xs[0]) * 1)
        assert [in_list([np.full(2, float(i))]).tolist() for i in range(6)][5] == [5.0, 5.0]
    assert replays(compiled) == 0
    assert "read-only" in reason(compiled)
    assert "inside a container" in reason(in_list)


def test_a_replay_under_verify() -> None:
    compiled = steep.compile(converted, verify=True)
    for i in range(6):
        assert compiled(np.full(2, float(i))).tolist() == [i + 1.0] * 2
    assert replays(compiled) == 3
