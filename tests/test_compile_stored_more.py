"""What state that a compiled function stores anew has to do with: graphs, sharing, errors, copies,
threads, memory; and what keeps a function that stores it eager.
"""

from __future__ import annotations

import copy
import gc
import pickle
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest

import steep
from compiling import F, called, nn, ones, replays, settle
from storing import beside, data


class Hidden:
    """A running sum."""

    def __init__(self) -> None:
        self.hidden = steep.zeros(2)

    def step(self, x: Any) -> Any:
        self.hidden = self.hidden * 0.5 + x
        return self.hidden.sum()


# ---- which objects ------------------------------------------------------------------------------


def test_what_is_stored_and_returned_is_one_object_as_in_the_function() -> None:
    class Sharing:
        def __init__(self) -> None:
            self.one = self.two = steep.zeros(2, 3)

        def step(self, x: Any) -> Any:
            y = self.one + x
            self.two, self.one, self.views = self.one, y, {"row": y[0], "x": x}
            return y, [y, y[1]]

    beside(Sharing)


def test_tensors_change_places_without_being_copied() -> None:
    class Swapping:
        def __init__(self) -> None:
            self.one, self.two, self.olds = steep.zeros(2, 3), steep.ones(2, 3), [steep.ones(1)] * 3

        def step(self, x: Any) -> Any:
            self.one, self.two = self.two, self.one
            self.olds = [*self.olds[1:], x]
            return self.one + x

    beside(Swapping)


def test_what_was_there_is_read_before_and_after_it_is_replaced() -> None:
    class Reading:
        def __init__(self) -> None:
            self.hidden = steep.zeros(2, 3)

        def step(self, x: Any) -> Any:
            old = self.hidden
            self.hidden = x + 1
            product = self.hidden * old
            self.hidden = self.hidden * 2
            old.add_(1)
            self.hidden.mul_(0.5)
            return product + self.hidden, old

    beside(Reading)


class BeginsWith:
    """A state that is compared with another tensor, of which nothing is computed."""

    def __init__(self) -> None:
        self.begin = steep.ones(2, 3)
        self.hidden = self.begin

    def step(self, x: Any) -> Any:
        self.hidden = x * 10 if self.hidden is self.begin else self.hidden * 0.5 + x
        return self.hidden.sum()


def test_a_state_may_be_compared_with_a_tensor() -> None:
    def between(side: Any, i: int) -> None:
        if i % 7 == 6:
            side.hidden = side.begin

    beside(BeginsWith, calls=30, between=between, least=15)


def test_an_argument_may_be_compared_with_a_tensor() -> None:
    begin = ones()

    def function(x: Any) -> Any:
        return x * 10 if x is begin else x * 2

    compiled = steep.compile(function)
    for i in range(16):
        x = begin if i % 5 == 4 else ones(i)
        assert compiled(x).tolist() == function(x).tolist()
    assert replays(compiled) >= 8


# ---- graphs -------------------------------------------------------------------------------------


def test_a_stored_tensor_may_have_a_graph_that_is_used_later() -> None:
    class Unrolled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.hidden = nn.Linear(3, 3), steep.zeros(2, 3)

        def step(self, x: Any) -> Any:
            self.hidden = steep.tanh(self.layer(x) + self.hidden)
            return self.hidden.sum()

    def between(side: Any, i: int) -> None:
        if i % 3 == 2:  # backward through the last three calls
            side.hidden.sum().backward()
            side.layer.weight.grad.mul_(0.5)
        if i % 3 == 0:
            side.hidden = side.hidden.detach()

    beside(Unrolled, calls=30, between=between, least=8)


def test_a_graph_that_backward_has_freed_is_not_stored() -> None:
    """As results are returned without one."""
    layer, kept = nn.Linear(3, 3), {"loss": steep.zeros(())}

    @steep.compile
    def step(x: Any) -> Any:
        loss = layer(x).square().mean()
        loss.backward()
        kept["loss"] = loss
        return loss

    for i in range(8):
        returned = step(data(i))
        assert returned is kept["loss"] or i < 3
    assert replays(step) > 0
    assert not kept["loss"].requires_grad


def test_memory_that_is_replaced_below_a_graph_keeps_a_function_eager() -> None:
    weight = steep.ones(3, requires_grad=True)

    @steep.compile
    def step(x: Any) -> Any:
        weight.data = weight.data * 0.5
        return (x * weight).sum()

    with pytest.warns(UserWarning, match="a leaf that requires a gradient"):
        called(step, data(0))
    step(data(0)).backward()
    assert weight.grad is not None


# ---- errors, copies, threads, memory ------------------------------------------------------------


def test_after_an_error_the_state_is_as_the_function_would_have_left_it() -> None:
    class Checked:
        def __init__(self) -> None:
            self.hidden = steep.zeros(2, 3)

        def step(self, x: Any, y: Any) -> Any:
            self.hidden = self.hidden * 0.5 + x
            loss = F.cross_entropy(self.hidden, y)
            self.loss = loss
            return loss

    plain, twin = Checked(), Checked()
    compiled = steep.compile(twin.step)
    for i in range(20):
        x, y = data(i), steep.tensor([0, 7 if i % 6 == 5 else 2])
        raised = []
        for step in (plain.step, compiled):
            try:
                step(x, y)
            except (IndexError, RuntimeError, ValueError) as error:
                raised.append(type(error))
        assert len(raised) == 2 * (i % 6 == 5)
        assert plain.hidden.tolist() == twin.hidden.tolist()
        assert plain.loss.item() == twin.loss.item()
    assert replays(compiled) >= 8


def test_a_check_inside_keeps_a_function_that_stores_eager() -> None:
    kept = {"hidden": steep.zeros(2)}

    @steep.compile
    def step(x: Any) -> Any:
        kept["hidden"] = kept["hidden"] + 1
        return x[(x * 2).long()] * kept["hidden"]

    with pytest.warns(UserWarning, match="stores a tensor, and an operation may still reject"):
        called(step, steep.zeros(2))
    assert kept["hidden"].tolist() == [5, 5]


class CompiledHidden(Hidden):
    step = steep.compile(Hidden.step)


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_copies_of_an_instance_have_a_state_of_their_own(copied: Callable[[Any], Any]) -> None:
    one = CompiledHidden()
    for _ in range(6):
        one.step(ones())
    before = one.hidden.tolist()
    other, fresh = copied(one), Hidden()
    fresh.hidden = other.hidden
    for i in range(6):
        assert other.step(ones(i)).item() == fresh.step(ones(i)).item()
    assert one.hidden.tolist() == before
    assert replays(one.step) >= 2
    assert replays(other.step) >= 2


def test_a_model_that_is_loaded_or_copied_between_calls() -> None:
    class Averaging(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("mean", steep.zeros(3))

        def step(self, x: Any) -> Any:
            self.mean = self.mean * 0.5 + x.mean(0)
            return x - self.mean

    def between(side: Any, i: int) -> None:
        if i == 5:
            side.load_state_dict({"mean": steep.ones(3)})
        if i == 8:
            side.double().float()

    beside(Averaging, between=between)


def test_instances_have_states_of_their_own_in_threads() -> None:
    many = [CompiledHidden() for _ in range(3)]
    wanted = Hidden()
    for i in range(40):
        wanted.step(ones(i))
    failures: list[str] = []

    def run(one: Any) -> None:
        for i in range(40):
            one.step(ones(i))
        if one.hidden.tolist() != wanted.hidden.tolist() or not replays(one.step):
            failures.append(one.step.explain())

    threads = [threading.Thread(target=run, args=(one,)) for one in many]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_threads_that_share_a_state_leave_one_that_calls_in_some_order_leave() -> None:
    one = CompiledHidden()
    settle(one.step, ones(0.0))

    def run() -> None:
        for _ in range(50):
            one.step(ones(1.0))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1.0 <= one.hidden[0].item() <= 2.0


def test_an_instance_with_a_stored_state_is_freed() -> None:
    one = CompiledHidden()
    settle(one.step, ones())
    gone, memory = weakref.ref(one), weakref.ref(one.hidden)
    del one
    gc.collect()
    assert gone() is None
    assert memory() is None


def test_what_a_replay_replaces_is_freed_at_once() -> None:
    one = Hidden()
    compiled = steep.compile(one.step)
    settle(compiled, ones())
    for _ in range(3):
        before = weakref.ref(one.hidden)
        compiled(ones())
        assert before() is None


def test_a_finaliser_that_runs_at_the_end_of_a_replay_finds_all_of_it() -> None:
    found: list[Any] = []

    class Two(Hidden):
        def step(self, x: Any) -> Any:
            self.hidden, self.other = self.hidden * 0.5 + x, x * 2
            return x + 1

    two = Two()
    compiled = steep.compile(two.step)
    settle(compiled, ones())
    weakref.finalize(two.hidden, lambda: found.append(two.other.tolist()))
    compiled(ones(3.0))
    assert found == [[6.0, 6.0]]


def test_a_compiled_function_inside_another_stores_for_both() -> None:
    class Nested(Hidden):
        def __init__(self) -> None:
            super().__init__()
            self.hidden = steep.zeros(2, 3)
            self.inner = steep.compile(super().step)

        def step(self, x: Any) -> Any:
            self.last = self.inner(x)
            return self.last * 2

    beside(Nested)


def test_verify_compares_what_is_stored() -> None:
    one = Hidden()
    compiled = steep.compile(one.step, verify=True)
    plain = Hidden()
    for i in range(10):
        assert compiled(ones(i)).item() == plain.step(ones(i)).item()
        assert one.hidden.tolist() == plain.hidden.tolist()
    assert replays(compiled) > 0
