"""Functions of thousands of launches, arguments or results: the plans they get, and their bits."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep
from compiling import nn
from tolerances import same_bits

LONG = 3000


def replayed(function: Callable[..., Any], *args: Any) -> tuple[str, Any]:
    """The plan of a function, and what a replay of it returns."""
    compiled = steep.compile(function, fullgraph=True)
    for _ in range(3):
        compiled(*args)
    assert len(compiled.programs()) == 1
    return compiled.explain(), compiled(*args)


def test_a_long_chain_is_cut_into_groups_of_32() -> None:
    def chain(x: Any) -> Any:
        for i in range(LONG):
            x = x * 1.0001 if i % 2 else x + 0.5
        return x

    x = steep.rand(8, 8)
    text, result = replayed(chain, x)
    same_bits(result.numpy(), chain(x).numpy())
    assert f"{LONG} launches recorded, {-(-LONG // 32)} steps" in text
    assert "arena 512 B" in text  # two blocks, in turn


def test_copies_in_a_row_are_all_left_out() -> None:
    def copies(x: Any) -> Any:
        for _ in range(LONG // 3):
            x = (x @ x).clone().clone()
        return x

    x = steep.eye(8)
    text, result = replayed(copies, x)
    same_bits(result.numpy(), copies(x).numpy())
    # The last of a pair is the result of a product from the start, and so the next one's operand.
    assert f"{2 * (LONG // 3)} copies left out" in text
    assert f"{LONG // 3} steps" in text
    assert "arena 512 B" in text


def test_every_product_takes_its_activation_over() -> None:
    weights = [steep.rand(8, 8) * 0.1 for _ in range(16)]

    def products(x: Any) -> Any:
        for i in range(LONG // 2):
            x = (x @ weights[i % 16]).tanh()
        return x

    x = steep.rand(8, 8)
    text, result = replayed(products, x)
    same_bits(result.numpy(), products(x).numpy())
    assert f"{LONG // 2} elementwise launches folded into products" in text
    assert "arena 512 B" in text


def test_what_is_kept_for_a_backward_pass_lies_side_by_side() -> None:
    layers = 200
    model = nn.Sequential(*(m for _ in range(layers) for m in (nn.Linear(8, 8), nn.Tanh())))

    def gradients(x: Any) -> Any:
        model.zero_grad()
        loss = (model(x) ** 2).mean()
        loss.backward()
        return loss.detach()

    x = steep.rand(4, 8)
    text, result = replayed(gradients, x)
    got = [p.grad.numpy().copy() for p in model.parameters()]
    same_bits(result.numpy(), gradients(x).numpy())
    for p, grad in zip(model.parameters(), got, strict=True):
        same_bits(grad, p.grad.numpy())
    number, unit = text.partition("arena ")[2].partition(";")[0].split()
    activation = 4 * 8 * 4
    assert float(number) * {"B": 1, "KB": 1024}[unit] <= (layers + 8) * activation


def test_thousands_of_results() -> None:
    def results(x: Any) -> list[Any]:
        return [x + i for i in range(LONG)]

    x = steep.rand(3)
    _, got = replayed(results, x)
    for a, b in zip(got, results(x), strict=True):
        same_bits(a.numpy(), b.numpy())


def sum_of(*tensors: Any) -> Any:
    total = tensors[0]
    for x in tensors[1:]:
        total = total + x
    return total


def test_thousands_of_arguments() -> None:
    tensors = [steep.rand(4) for _ in range(LONG)]
    _, result = replayed(sum_of, *tensors)
    same_bits(result.numpy(), sum_of(*tensors).numpy())


@pytest.mark.parametrize("count", [3, 15, 16, 17, 18, 40, 400])
def test_which_of_many_arguments_share_memory_is_part_of_a_call(count: int) -> None:
    """However many there are: each that shares memory makes another kind of call."""

    def add_to_first(*tensors: Any) -> Any:
        tensors[0].add_(1.0)
        return tensors[0] + tensors[1] + tensors[-1]

    compiled = steep.compile(add_to_first, fullgraph=True)
    tensors = [steep.rand(4) for _ in range(count)]
    calls = (
        tensors,
        [*tensors[:-1], tensors[0]],  # one of them twice
        [*tensors[:-1], tensors[0].detach()],  # its memory
        [*tensors[:-1], tensors[-2]],
        [tensors[0], tensors[0], *tensors[2:]],
    )
    for _ in range(5):
        for given in calls:
            old = tensors[0].clone()
            wanted = add_to_first(*given).numpy().copy()
            tensors[0].copy_(old)
            same_bits(compiled(*given).numpy(), wanted)
    assert len(compiled.programs()) == len(calls)


def test_arrays_that_overlap_are_found_among_many() -> None:
    memory = np.zeros(4 * LONG, np.float32)
    apart = [steep.from_numpy(memory[4 * i : 4 * i + 4]) for i in range(LONG)]
    _, result = replayed(sum_of, *apart)
    same_bits(result.numpy(), np.zeros(4, np.float32))
    overlapping = [*apart[:-1], steep.from_numpy(memory[2:6])]
    compiled = steep.compile(sum_of)
    compiled(*overlapping)
    with pytest.warns(UserWarning, match="share the memory of one NumPy array"):
        compiled(*overlapping)


def test_arrays_that_have_come_to_overlap_are_not_replayed() -> None:
    memory = np.arange(16, dtype=np.float32)

    def shift(x: Any, y: Any) -> Any:
        y.copy_(x)
        return x * 2.0

    compiled = steep.compile(shift)
    for _ in range(4):
        compiled(steep.from_numpy(memory[:4]), steep.from_numpy(memory[8:12]))
    (program,) = compiled.programs()
    runs = program.runs
    with pytest.warns(UserWarning, match="share the memory"):
        compiled(steep.from_numpy(memory[:4]), steep.from_numpy(memory[3:7]))
    assert program.runs == runs


def test_numbers_of_many_like_launches_are_given_anew_to_each() -> None:
    """In a group, calls that are alike have one view of their number."""

    def steps(x: Any, rate: float) -> Any:
        for i in range(40):
            x = (x * rate if i % 2 else x - rate) * 0.5 + float(i % 7)
        return x

    x = steep.rand(8, 8)
    compiled = steep.compile(steps)
    for i in range(40):
        same_bits(compiled(x, 0.3 + i / 64).numpy(), steps(x, 0.3 + i / 64).numpy())
    assert sum(program.runs for program in compiled.programs()) > 10


# ---- what is kept of a launch -------------------------------------------------------------------


class Malloc(ctypes.Structure):
    """glibc's mallinfo2()."""

    _names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in _names.split()]


def allocated() -> int:
    """Bytes that malloc has given out."""
    ask = ctypes.CDLL(None).mallinfo2
    ask.restype = Malloc
    gc.collect()
    told = ask()
    return int(told.uordblks + told.hblkhd)


def kept_of(launches: int) -> tuple[int, int]:
    """Bytes kept of a function of so many launches: once it is recorded, and once it is planned."""

    def chain(x: Any) -> Any:
        for i in range(launches):
            x = x * 1.0001 if i % 2 else x + 0.5
        return x

    x = steep.rand(8, 8)
    chain(x)
    before = allocated()
    compiled = steep.compile(chain, fullgraph=True)
    compiled(x), compiled(x)
    recorded = allocated() - before
    compiled(x)
    assert len(compiled.programs()) == 1
    return recorded, allocated() - before


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="glibc's malloc tells")
def test_of_a_launch_little_is_kept() -> None:
    """Launches on tensors of one geometry share it, and plans share them with recordings: what
    takes memory takes time to fill."""
    kept_of(LONG // 10)
    few, many = kept_of(LONG // 3), kept_of(LONG)
    recorded, planned = ((y - x) / (LONG - LONG // 3) for x, y in zip(few, many, strict=True))
    assert recorded < 520
    assert planned < 1400
