"""What programs written for PyTorch ask of jit, serialization, multiprocessing and nn.parallel."""

from __future__ import annotations

from typing import Any

import pytest

import steep
from steep.compat import jit, multiprocessing


def test_what_programs_ask_of_services() -> None:
    with steep.serialization.safe_globals([int]):
        assert steep.serialization.get_safe_globals() == [int]
    assert steep.serialization.get_safe_globals() == []
    steep.serialization.add_safe_globals([int, int])
    assert steep.serialization.get_safe_globals() == [int]
    steep.serialization.clear_safe_globals()
    net = steep.nn.Linear(2, 1)
    x = steep.ones(3, 2)
    assert steep.nn.parallel.replicate(net, [0]) == [net]
    assert steep.nn.parallel.scatter(x, [0])[0] is x
    results = steep.nn.parallel.parallel_apply([net, net], [x, (x,)])
    assert steep.equal(results[0], steep.nn.parallel.data_parallel(net, x))
    with pytest.raises(ValueError, match="as many inputs as modules, got 1 and 2"):
        steep.nn.parallel.parallel_apply([net, net], [x])
    assert jit.freeze(net) is jit.annotate(Any, net) is jit.script_if_tracing(net) is net
    for refused in (lambda: jit.save(net, "net.pt"), lambda: jit.load("net.pt")):
        with pytest.raises(NotImplementedError, match="no files of programs"):
            refused()
    multiprocessing.set_sharing_strategy("file_system")
    assert multiprocessing.get_sharing_strategy() in multiprocessing.get_all_sharing_strategies()
    with pytest.raises(ValueError, match="got 'pigeons'"):
        multiprocessing.set_sharing_strategy("pigeons")
