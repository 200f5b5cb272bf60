"""Profiles: what launches tell, and how they begin and end."""

from __future__ import annotations

import gc
import multiprocessing
import os
import threading
import weakref
from typing import Any

import pytest

import steep
from profiler_support import Net, assert_nested, chain, kernels, names, profiled_steps
from steep import _core, _layers, nn
from steep.profiler import ProfilerActivity, profile, record_function
from test_counts import Counting


def test_every_launch_is_recorded() -> None:
    net, x = chain(), steep.randn(3, 5)
    optimizer = steep.optim.Adam(net.parameters())
    with profile() as prof, Counting() as counted:
        for _ in range(2):
            optimizer.zero_grad()
            net(x).sum().backward()
            optimizer.step()
    found = kernels(prof)
    assert len(found) == counted["launches"] > 10
    assert sum(event.bytes for event in found) == counted["bytes"]
    assert sum(event.threads > 1 for event in found) == counted["parallel_launches"]


def test_a_launch_is_described() -> None:
    x = steep.ones(2, 3, dtype=steep.float64)
    with profile() as prof:
        x @ x.T
    (product,) = kernels(prof)
    assert product.name == "gemm"
    assert (product.dtype, product.shape) == ("float64", (2, 2))
    assert product.bytes == 8 * (6 + 6 + 4)
    assert product.flops == 2 * 2 * 2 * 3
    assert (product.threads, product.layer, product.phase) == (1, None, "forward")
    assert product.duration_ns > 0
    assert product.end_ns == product.start_ns + product.duration_ns


def test_threads_are_told() -> None:
    steep.set_num_threads(2)
    x = steep.ones(3_000_000)
    with profile() as prof:
        x + x
    assert [(e.name, e.threads) for e in prof.events] == [("add", 2)]


def test_shapes_can_be_left_out() -> None:
    with profile(record_shapes=False) as prof:
        steep.ones(2, 3)
    assert [event.shape for event in prof.events] == [()]


def test_nothing_is_recorded_outside() -> None:
    x = steep.ones(3)
    x.exp()
    with profile() as prof:
        x.tanh()
    x.cos()
    assert [event.name for event in prof.events] == ["tanh"]
    with profile() as second:
        pass
    assert second.events == []
    assert second.kernel_time == 0 < second.total_time


def test_no_profile_costs_nothing() -> None:
    net, x = chain(), steep.randn(3, 5)

    def counts() -> dict[str, int]:
        with Counting() as counted:
            net(x).sum().backward()
        return {name: counted[name] for name in counted.after}

    counts()
    before = counts()
    with profile():
        counts()
    assert counts() == before
    assert not _layers.followers
    assert _core.profile_range_start() == 0


def test_results_are_the_same_bits() -> None:
    net, x = Net(), steep.randn(3, 4)
    plain = net(x).tolist()
    with profile():
        profiled = net(x).tolist()
    assert plain == profiled


def test_a_profile_lets_go_of_the_model() -> None:
    net, x = Net(), steep.randn(3, 4)
    watch = weakref.ref(net)
    with profile() as prof:
        net(x).sum().backward()
    del net
    gc.collect()
    assert watch() is None
    assert "head" in prof.by_layer()


def test_profiles_do_not_nest() -> None:
    with profile() as prof:
        steep.ones(2)
        with pytest.raises(RuntimeError, match=r"already running.*record_function"), profile():
            pass
        steep.ones(2)
    assert len(prof.events) == 2


def test_results_come_at_the_end() -> None:
    prof = profile()
    with pytest.raises(RuntimeError, match="has not run"):
        prof.key_averages()
    with pytest.raises(RuntimeError, match=r"stop\(\) after start\(\)"):
        prof.stop()
    with prof:
        for read in (prof.key_averages, prof.by_layer, prof.by_range):
            with pytest.raises(RuntimeError, match="still running; read its results after"):
                read()
        with pytest.raises(RuntimeError, match="still running"):
            prof.export_chrome_trace("trace.json")
        for name in ("events", "total_time", "kernel_time"):
            with pytest.raises(RuntimeError, match="still running"):
                getattr(prof, name)
    with pytest.raises(RuntimeError, match="make another"):
        prof.start()
    assert prof.events == []


def test_wrong_arguments() -> None:
    averages = profiled_steps().key_averages()
    with pytest.raises(ValueError, match=r"sort_by.*total, mean, .*'speed'"):
        averages.table(sort_by="speed")
    with pytest.raises(KeyError, match="no operation 'cos' was recorded, but gemm"):
        averages["cos"]
    with pytest.raises(ValueError, match=r"ProfilerActivity\.CPU"):
        profile(activities=[])
    with pytest.raises(TypeError, match="as a str, got int"):
        record_function(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="set_phase: expected 'forward'"):
        _core.set_phase("sideways")
    with pytest.raises(ValueError, match="'layer', 'phase' or 'range'"):
        _core.profile_range_end("kernel", "x", 1)


def test_an_exception_ends_the_profile() -> None:
    net = chain()
    prof = profile(activities=[ProfilerActivity.CPU])
    with pytest.raises(RuntimeError, match=r"in Sequential\.0: Linear"), prof:
        net(steep.ones(2, 3))
    assert not _layers.followers
    assert _core.set_layer(None) is None
    assert [(e.name, e.kind, e.layer) for e in prof.events] == [
        ("fill", "kernel", None),
        *(("Sequential", "layer", "Sequential"), ("0+1", "layer", "0+1")),
    ]
    with profile() as after:
        net(steep.ones(2, 5))
    assert names(after, "2", "forward") == ["gemm"]


def test_start_and_stop() -> None:
    prof = profile()
    prof.start()
    steep.ones(2)
    prof.stop()
    steep.ones(2)
    assert len(prof.events) == 1


def test_a_forgotten_profile_ends() -> None:
    prof = profile()
    prof.start()
    del prof
    gc.collect()
    assert not _layers.followers
    with profile():
        pass


def test_ranges_over_the_edges_are_left_out() -> None:
    early, late = record_function("early"), record_function("late")
    prof = profile()
    with early:
        prof.start()
        late.__enter__()
    prof.stop()
    late.__exit__(None, None, None)
    assert len(prof.by_range()) == 0


def test_a_profile_within_a_layer() -> None:
    """It begins inside a module's call: that module is not known, and its end is none of it."""
    profiles = []

    class Inner(nn.Module):
        def forward(self, x: steep.Tensor) -> steep.Tensor:
            profiles.append(profile())
            with profiles[0]:
                return x.exp()

    nn.Sequential(Inner())(steep.ones(2))
    assert [(e.name, e.layer) for e in profiles[0].events] == [("exp", None)]


def test_record_function_decorates() -> None:
    @record_function("down")
    def down(n: int) -> int:
        return n if n == 0 else down(n - 1)

    with profile() as prof:
        down(3)
    assert prof.by_range()["down"].calls == 4
    assert_nested([(e.start_ns, e.end_ns) for e in prof.events])
    assert down(2) == 0


def test_threads_have_layers_of_their_own() -> None:
    models = [nn.Sequential(nn.Linear(3, 3), nn.GELU()) for _ in range(3)]
    barrier = threading.Barrier(3)

    def work(model: nn.Module) -> None:
        barrier.wait()
        for _ in range(20):
            model(steep.ones(2, 3)).sum().backward()

    threads = [threading.Thread(target=work, args=(model,)) for model in models]
    with profile() as prof:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len({event.thread for event in prof.events}) == 3
    for number in {event.thread for event in prof.events}:
        mine = [e for e in prof.events if e.thread == number]
        assert_nested([(e.start_ns, e.end_ns) for e in mine])
        prefix = {(e.layer or "").rpartition(".")[0] for e in mine if e.name == "gelu"}
        assert len(prefix) == 1
        assert sum(e.name == "gelu" for e in mine) == 20
    layers_seen = {e.layer for e in prof.events if e.name == "gelu"}
    assert layers_seen == {"1", "Sequential.1", "Sequential#2.1"}


def test_a_profile_ends_while_others_work() -> None:
    ended = threading.Event()
    net = chain()

    def work() -> None:
        while not ended.is_set():
            net(steep.ones(2, 5)).sum().backward()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(50):
            with profile() as prof:
                net(steep.ones(2, 5))
            bound = prof.total_time * 1e9 + 1
            assert all(0 <= e.start_ns <= e.end_ns <= bound for e in prof.events)
    finally:
        ended.set()
        thread.join()
    assert not _layers.followers


def _in_child(queue: Any) -> None:
    with profile() as prof:
        steep.ones(2)
    queue.put(len(prof.events))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_goes_on_without() -> None:
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    with profile() as prof:
        child = context.Process(target=_in_child, args=(queue,))
        child.start()
        assert queue.get(timeout=300) == 1
        child.join()
    assert child.exitcode == 0
    assert prof.events == []
