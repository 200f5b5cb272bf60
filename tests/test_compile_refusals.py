"""What `steep.compile` does not replay, says why, or refuses."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep
from compiling import F, batches, mlp, reason, replays
from tolerances import same_bits

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


def looks_up_by_tensor(x: Any) -> Any:
    return x[x.argmax()] * 2


WEIGHT = steep.ones(3, requires_grad=True)


def returns_a_part_of_a_weight(x: Any) -> Any:
    return WEIGHT.view(3)


EAGER: dict[Callable[..., Any], str] = {
    reads_a_value: "item",
    branches: "item|bool",
    asks_numpy: "buffer|numpy",
    constant_that_changes: r"changes Counter\.value .*test_compile_refusals\.py:36",
    other_shapes: r"changes Counter\.value",
    keeps_a_tensor: "changes what KEPT holds",
    keeps_its_result: "changes what KEPT holds",
    seeds: "manual_seed",
    returns_its_argument: "arguments itself",
    finds_nonzero: "nonzero",
    looks_up_by_tensor: "value of a 0-d tensor; use index_select",
    returns_a_part_of_a_weight: "view of an argument or a parameter",
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
    assert re.search(EAGER[function], said[0]), said[0]
    assert "eager, because" in compiled.explain()


@pytest.mark.filterwarnings("ignore:compile")
def test_what_runs_eagerly_returns_the_very_object() -> None:
    kept = {"x": steep.ones(2)}
    compiled = steep.compile(lambda x: kept if x.sum().item() > 0 else {})
    assert all(compiled(steep.ones(2)) is kept for _ in range(4))
    assert "reads a value" in reason(compiled)


def test_fullgraph_raises_instead() -> None:
    compiled = steep.compile(reads_a_value, fullgraph=True)
    compiled(steep.ones(3))
    with pytest.raises(RuntimeError, match=r"runs eagerly: it reads a value into Python \(item\)"):
        compiled(steep.ones(3))


def test_a_change_keeps_a_function_eager(recwarn: Any) -> None:
    """What Python does besides would no longer be done: said, after a number of calls."""

    class Counting:
        calls = ""

        def step(self, x: Any) -> Any:
            self.calls = self.calls + "i"
            return x * 2

    counting = Counting()
    compiled = steep.compile(counting.step)
    for _ in range(20):
        compiled(steep.ones(2))
    assert counting.calls == 20 * "i"
    assert "changes self.calls" in str(recwarn[0].message)


def test_hooks_that_keep_something_keep_a_function_eager(recwarn: Any) -> None:
    seen = []
    model = mlp()
    model[0].register_forward_hook(lambda module, args, out: seen.append(1))
    compiled = steep.compile(lambda x: model(x).detach())
    for x, _ in batches(6):
        compiled(x)
    assert len(seen) == 6
    assert "changes what seen holds" in str(recwarn[0].message)


# ---- bad input ------------------------------------------------------------------------------


def test_arrays_among_the_arguments() -> None:
    compiled = steep.compile(lambda x: steep.from_numpy(abs(x)) + 1)
    with pytest.warns(UserWarning, match="uses the array x for more than making a tensor of it"):
        results = [compiled(np.full(3, i)).tolist() for i in range(4)]
    assert results == [[i + 1] * 3 for i in range(4)]


def test_results_that_are_no_tensors() -> None:
    compiled = steep.compile(lambda x: [x, object()])
    with pytest.warns(UserWarning, match="it returns an object"):
        results = [compiled(steep.ones(1))[0].item() for _ in range(4)]
    assert results == [1] * 4


def test_what_is_not_callable() -> None:
    with pytest.raises(TypeError, match="expected a function or a Module"):
        steep.compile(3)


@pytest.mark.parametrize("call", [1, 2, 3])
def test_an_exception_leaves_the_engine_as_it_was(call: int) -> None:
    model, fails = mlp(), [False]
    optimizer = steep.optim.Adam(model.parameters())

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        if fails[0]:
            raise KeyError("from inside")
        loss.backward()
        optimizer.step()
        return loss

    compiled = steep.compile(step)
    for i, (x, y) in enumerate(batches(8)):
        fails[0] = i + 1 == call
        if fails[0]:
            with pytest.raises(KeyError, match="from inside"):
                compiled(x, y)
            assert not steep._core.is_recording()
        else:
            compiled(x, y)
    assert replays(compiled) >= 2


def test_a_compiled_function_inside_another() -> None:
    inner = steep.compile(lambda x: x * 2)
    outer = steep.compile(lambda x: inner(x) + 1)
    for i in range(6):
        assert outer(steep.full((2,), float(i))).tolist() == [2.0 * i + 1] * 2
    assert replays(outer) >= 3


# ---- what it is made of ---------------------------------------------------------------------


def test_a_change_is_looked_for_in_code_of_the_users() -> None:
    net, kept = steep.nn.Linear(2, 2), {}
    net.register_forward_hook(lambda module, args, out: store(kept, (object(), out)))

    def step(x: Any) -> Any:
        return net(x).detach()

    compiled = steep.compile(step)
    compiled(steep.ones(3, 2))
    text = r"changes what kept holds .*test_compile_refusals\.py:\d+: table\[\"out\"\] = value\)"
    with pytest.warns(UserWarning, match=text):  # noqa: PT031
        for _ in range(8):
            compiled(steep.ones(3, 2))


def store(table: Any, value: Any) -> None:
    table["out"] = value
