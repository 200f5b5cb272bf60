"""Numbers that stand-ins are put in place of, and other threads that read them meanwhile."""

from __future__ import annotations

import copy
import itertools
import math
import threading
import types
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import steep
from compiling import replays
from steep import _core
from steep.compiler import _symbolic


def elsewhere(function: Callable[[], Any]) -> Any:
    """What a function returns in another thread."""
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


@pytest.fixture
def during(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Has something done by another thread once, when the next stand-in is computed with."""
    apply = _symbolic.Numbers.apply

    def have(function: Callable[[], Any]) -> None:
        left = [function]

        def applied(self: Any, *args: Any) -> Any:
            if left:
                elsewhere(left.pop())
            return apply(self, *args)

        monkeypatch.setattr(_symbolic.Numbers, "apply", applied)

    return have


def follows(state: Any) -> Any:
    """A compiled function that advances a rate, and has been replayed."""

    @steep.compile
    def first(x: Any) -> Any:
        state.rate += 0.25
        return x * state.rate

    for _ in range(6):
        first(steep.ones(2))
    assert replays(first) > 0
    return first


def record_again(state: Any, first: Any) -> None:
    """With an argument of another kind; what it leaves is the number."""
    before = state.rate
    assert first(steep.ones(3, 2)).flatten().tolist() == [before + 0.25] * 6
    assert state.rate == before + 0.25
    assert type(state.rate) is float


@pytest.mark.parametrize("returns", [True, False])
@pytest.mark.filterwarnings("ignore")
def test_a_number_that_another_thread_records_with_is_no_number_of_ones_own(
    returns: bool, during: Any
) -> None:
    state = types.SimpleNamespace(rate=0.5)
    first = follows(state)

    @steep.compile
    def second(x: Any) -> Any:
        return (x * state.rate, state.rate) if returns else (x * state.rate, 0.0)

    seen: list[Any] = []

    def others() -> None:
        seen.extend(second(steep.ones(2)) for _ in range(4))

    for _ in range(3):  # once as it is, then recorded
        during(others)
        record_again(state, first)
    assert len(seen) > 3
    for i in range(12):
        state.rate = 7.5 + i
        product, rate = second(steep.ones(2))
        assert product.tolist() == [7.5 + i] * 2
        assert (type(rate), rate) == (float, 7.5 + i if returns else 0.0)


@pytest.mark.filterwarnings("ignore")
def test_a_function_with_numbers_of_its_own_reads_that_of_another_thread(during: Any) -> None:
    state = types.SimpleNamespace(rate=0.5)
    first, own = follows(state), types.SimpleNamespace(t=0)

    @steep.compile
    def second(x: Any) -> Any:
        own.t += 1
        return x * own.t + state.rate

    for _ in range(8):
        during(lambda: [second(steep.ones(2)) for _ in range(3)])
        record_again(state, first)
    for i in range(8):
        state.rate, before = 7.5 + i, own.t
        assert second(steep.ones(2)).tolist() == [before + 1 + 7.5 + i] * 2
        assert own.t == before + 1


USES: dict[str, Callable[[Any], Any]] = {
    "operators": lambda t: [t + 1, 2 / t, -t, abs(t), t**2, t % 2],
    "comparing": lambda t: [t < 1, t == 0.75, bool(t), t in (0.75, 1.5)],
    "conversions": lambda t: [float(t), int(t), str(t), f"{t:.1f}", hash(t), complex(t)],
    "math": lambda t: [math.sqrt(t), math.floor(t), round(t, 1), math.hypot(t, t)],
    "divmod": lambda t: [*divmod(t, 0.5), *divmod(3, t)],
    "class": lambda t: [isinstance(t, float), t.is_integer(), copy.copy(t) == t],
    "tensors": lambda t: (steep.ones(2) * t + steep.full((2,), t)).tolist(),
    "key": lambda t: {t: 1}[float(t)],
}


def noted(numbers: Any) -> list[Any]:
    """All that is noted of what numbers are used for."""
    return [
        [*map(repr, x)]
        for x in (numbers.nodes, numbers.known, numbers.typed, numbers.taken, numbers.uses)
    ]


@pytest.mark.parametrize("name", USES)
def test_what_another_thread_computes_is_not_noted(name: str) -> None:
    numbers = _symbolic.Numbers()
    rates = itertools.repeat(numbers.symbol(("given", 0), 0.75))  # nothing is put in there
    wanted, before = repr(USES[name](0.75)), noted(numbers)
    assert elsewhere(lambda: repr(USES[name](next(rates)))) == wanted
    assert noted(numbers) == before
    assert repr(USES[name](next(rates))) == wanted
    after = noted(numbers)
    assert after != before
    numbers.take_back()
    assert type(next(rates)) is not float
    assert repr(USES[name](next(rates))) == wanted
    assert noted(numbers) == after


def test_a_result_with_numbers_wants_to_be_given_some() -> None:
    @steep.compile
    def step(x: Any) -> Any:
        return x * 2

    for _ in range(4):
        step(steep.ones(2))
    table = _core.ProgramTable((), 4)
    (program,) = step.programs()
    for result in (("given", 0), ("list", [("tuple", [("given", 0)])])):
        with pytest.raises(TypeError, match="insert: expected numbers for a result"):
            table.insert(b"", program, result, [], [], [], None, None)


def test_threads_that_share_a_rate() -> None:
    state, wrong = types.SimpleNamespace(rate=0.5), []

    @steep.compile
    def step(x: Any) -> Any:
        return x * state.rate, state.rate

    def write() -> None:
        for i in range(200):
            state.rate = 0.5 + 0.01 * i
            product, rate = step(steep.ones(1, dtype=steep.float64))
            if not product.item() == rate == state.rate:
                wrong.append((i, product.item(), rate))

    def read() -> None:
        for _ in range(200):
            step(steep.ones(1, dtype=steep.float64))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        threads = [threading.Thread(target=work) for work in (write, read, read)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong
    state.rate = 7.5
    assert [step(steep.ones(1))[1] for _ in range(3)] == [7.5] * 3
