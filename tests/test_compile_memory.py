"""What memory the programs of one function take: that of the largest, however many there are."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import steep
from compiling import F, nn
from settled import allocated, settle, settled
from tolerances import same_bits

WIDTH = 64


def arena_bytes(text: str) -> list[float]:
    units = {"B": 1, "KB": 1024, "MB": 2**20}
    found = (part.partition(";")[0].split() for part in text.split("arena ")[1:])
    return [float(number) * units[unit] for number, unit in found]


def test_programs_of_one_function_share_their_arena() -> None:
    square = steep.rand(WIDTH, WIDTH) / WIDTH
    compiled = steep.compile(lambda x: ((x @ square) @ square) @ square, fullgraph=True)
    sizes = range(960, 1024)
    before = settled()
    for batch in sizes:
        x = steep.rand(batch, WIDTH)
        for _ in range(4):
            compiled(x)
    del x
    arenas = arena_bytes(compiled.explain())
    assert len(arenas) == len(sizes)
    assert max(arenas) >= 2 * 960 * WIDTH * 4
    result = 1024 * WIDTH * 4
    assert allocated() - before <= 2 * max(arenas) + 2 * result  # blocks are rounded up


def test_programs_of_one_function_share_what_they_keep_of_results() -> None:
    """The memory of a result is kept for the next run, of the program that ran last."""
    compiled = steep.compile(lambda x: [x + i for i in range(8)], fullgraph=True)
    before = settled()
    for batch in range(960, 1024):
        x = steep.rand(batch, WIDTH)
        for _ in range(4):
            compiled(x)
    del x
    assert allocated() - before <= 2 * 8 * 1024 * WIDTH * 4


def test_programs_in_turn_have_the_bits_of_the_function() -> None:
    """Another size at every call moves the arena to and fro."""
    steep.manual_seed(0)
    model = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.Tanh(), nn.Linear(WIDTH, 3))
    twin = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.Tanh(), nn.Linear(WIDTH, 3))
    twin.load_state_dict(model.state_dict())

    def step_of(model: Any) -> Any:
        optimizer = steep.optim.Adam(model.parameters())

        def step(x: Any, y: Any) -> Any:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss.detach()

        return step

    step, compiled = step_of(twin), steep.compile(step_of(model), fullgraph=True)
    for _ in range(6):
        for batch in (5, 300, 20, 700, 1, 64):
            x, y = steep.rand(batch, WIDTH), steep.randint(0, 3, (batch,))
            same_bits(compiled(x, y).numpy(), step(x, y).numpy())
    assert sum(program.runs for program in compiled.programs()) >= 18
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        same_bits(p.detach().numpy(), q.detach().numpy())
        assert p.grad is not None
        assert q.grad is not None
        same_bits(p.grad.numpy(), q.grad.numpy())


def test_results_outlive_the_program_that_made_them() -> None:
    """What one program has returned stays as it is while others run."""
    compiled = steep.compile(lambda x: (x * 2.0, x + 1.0), fullgraph=True)
    held = {}
    for _ in range(5):
        for size in (3, 50, 1000):
            x = steep.full((size,), float(size))
            held[size] = compiled(x)
    for size, (double, more) in held.items():
        assert double.tolist() == [2.0 * size] * size
        assert more.tolist() == [size + 1.0] * size


def test_programs_that_run_at_the_same_time_have_arenas_of_their_own() -> None:
    square = steep.rand(256, 256) / 256
    compiled = steep.compile(lambda x: ((x @ square) @ square) @ square, fullgraph=True)
    inputs = [steep.rand(batch, 256) for batch in (300, 400, 500)]
    wanted = [(((x @ square) @ square) @ square).numpy() for x in inputs]
    for x in inputs:
        for _ in range(3):
            compiled(x)
    wrong: list[int] = []

    def work(i: int) -> None:
        for _ in range(40):
            if compiled(inputs[i]).numpy().tobytes() != wanted[i].tobytes():
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_memory_goes_with_the_function() -> None:
    square = steep.rand(WIDTH, WIDTH)
    x = steep.rand(2000, WIDTH)
    before = settled()
    compiled = steep.compile(lambda x: ((x @ square) @ square) @ square, fullgraph=True)
    for _ in range(4):
        compiled(x)
    assert allocated() > before
    del compiled
    assert allocated() == before


def test_a_recording_that_touches_more_memory_is_another_program() -> None:
    """A build with sanitizers sees whether the memory of both is compared beyond the shorter."""
    mode, w = {"long": False}, steep.ones(3)

    def work(x: Any) -> Any:
        y = x + w
        for _ in range(100 if mode["long"] else 0):
            y = (y * w + x).tanh() @ w * x
        return y

    compiled, x = steep.compile(work), steep.rand(3)
    for mode["long"] in (False, True):
        for _ in range(6):
            assert compiled(x).tolist() == work(x).tolist()
    assert [program.runs > 0 for program in compiled.programs()] == [True, True]


def test_a_view_of_a_tensor_with_other_memory_by_now_is_a_result() -> None:
    """A build with sanitizers sees whether that memory is counted like all other."""

    kept = [steep.rand(3) for _ in range(8)]

    def work(x: Any) -> Any:
        whole = [x * i for i in range(1, 9)]
        views = [tensor[:2] for tensor in whole]
        for tensor, other in zip(whole, kept, strict=True):
            tensor.data = other
        return views

    compiled, x = steep.compile(work), steep.rand(3)
    for _ in range(6):
        for got, expected in zip(compiled(x), work(x), strict=True):
            assert got.tolist() == expected.tolist()


def peak_of_chain(function: Any, x: Any) -> int:
    before = settled()
    steep.reset_peak_memory_stats()
    function(x)
    return int(steep.memory_stats()["peak_allocated_bytes"]) - before


def test_a_call_that_is_recorded_takes_the_memory_it_takes_otherwise() -> None:
    def work(x: Any) -> Any:
        for i in range(300):
            x = (x * 1.001).mul_(0.999) if i % 2 else (x + 0.5)[1:-1]
        weight = x.detach().requires_grad_()
        (weight * weight).sum().backward()
        return weight.grad

    x = steep.rand(1000, 100)
    wanted = peak_of_chain(work, x)
    compiled = steep.compile(work, fullgraph=True)
    for _ in range(3):  # as it is, then recorded twice
        assert peak_of_chain(compiled, x) <= 3 * wanted  # with the program's own memory
    assert wanted < 10 * 4 * 100_000


def test_a_recorder_that_lets_memory_go_cannot_run_its_launches_again() -> None:
    recorder, x = steep.Recorder(), steep.rand(3)
    recorder.let_memory_go()
    recorder.start()
    x * 2 + 1
    recorder.stop()
    assert recorder.launches() == ["mul", "add"]
    with pytest.raises(RuntimeError, match="memory was released"):
        recorder.replay()


def cached() -> int:
    stats = steep.memory_stats()
    return stats["reserved_bytes"] - stats["allocated_bytes"]


def test_what_recorded_calls_left_in_the_cache_does_not_lie_beside_a_large_arena() -> None:
    def sums(x: Any) -> Any:
        a = x.cumsum(0)
        b = (a + a.cumsum(0)).cumsum(0)
        return (a + b).cumsum(0).sum()

    settle()
    steep.empty_cache()
    x = steep.rand(5_000_000)
    compiled = steep.compile(sums, fullgraph=True)
    compiled(x)
    left = cached()
    assert left >= 2 * x.numel() * x.element_size()
    for _ in range(3):
        compiled(x)
    assert cached() < left / 2
