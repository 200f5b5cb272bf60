"""What `explain()` says of a compiled function's calls."""

from __future__ import annotations

import re
from typing import Any

import pytest

import steep
from steep import nn


def test_kinds_of_calls_are_told_apart_and_counted() -> None:
    compiled = steep.compile(lambda x, scale, mode="a", sizes=(): x * scale)
    for _ in range(6):
        compiled(steep.ones(2, 3), 2)
    for _ in range(2):
        compiled(steep.ones(4, dtype=steep.float64), 0.5, mode="b", sizes=[1, (2, "c")])
    for _ in range(2):
        compiled(steep.ones(4), scale=steep.ones(4), sizes={"k": None})
    compiled(steep.ones(4), 2, sizes=10**5000)
    compiled(steep.ones(4), 2, sizes=10**5000)
    text = compiled.explain()
    assert "signature 1 of 4: (float32[2, 3], 2): 3 replayed, 2 recorded, 1 eager" in text
    assert "2 of 4: (float64[4], 0.5, mode='b', sizes=[1, (2, 'c')]): 0 replayed, 1 re" in text
    assert "3 of 4: (float32[4], scale=float32[4], sizes={'k': None}): 0 replayed, 1 r" in text
    assert "4 of 4: (float32[4], 2, sizes=<int of 16610 bits>)" in text
    assert text.count("still warming up") == 3


@pytest.mark.filterwarnings("ignore:compile")
def test_eager_calls_are_counted_with_their_reason() -> None:
    compiled = steep.compile(lambda x: x if x.sum() > 0 else -x)
    for _ in range(9):
        compiled(steep.ones(2))
    assert re.search(
        r"0 replayed, 1 recorded, 8 eager\neager, because it reads", compiled.explain()
    )


def test_layers_parts_and_gradients_from_before_are_named() -> None:
    net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    optimizer = steep.optim.SGD(net.parameters(), lr=0.1)

    def step(x: Any) -> Any:
        loss = net(x).exp().sum()
        loss.backward()
        optimizer.step()
        return loss

    compiled = steep.compile(step)
    for _ in range(6):
        compiled(steep.ones(3, 4))
    lines = compiled.explain().splitlines()
    assert any("gemm(" in line and line.endswith("(2)") for line in lines)
    assert any("gemm(" in line and line.endswith("(2, backward)") for line in lines)
    assert any("sgd" in line and line.endswith("(optimizer)") for line in lines)
    assert any(re.search(r"add\(g\d+\[2\], .* -> g\d+\[2\]", line) for line in lines)
