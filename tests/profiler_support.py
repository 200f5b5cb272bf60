"""Models to profile, and what the tests of the profiler read off a profile."""

from __future__ import annotations

import steep
from steep import nn
from steep.profiler import Event, profile, record_function


class Block(nn.Module):
    """A residual block whose own launch is the addition."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(width, width), nn.Linear(width, width)])
        self.act = nn.Tanh()

    def forward(self, x: steep.Tensor) -> steep.Tensor:
        return x + self.layers[1](self.act(self.layers[0](x)))


class Net(nn.Module):
    """Nested modules, and one activation that both levels share."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(Block(4), nn.Linear(4, 3), nn.ReLU())
        self.head = nn.Linear(3, 2)

    def forward(self, x: steep.Tensor) -> steep.Tensor:
        return self.head(self.encoder(x))


def chain() -> nn.Sequential:
    return nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 2))


def kernels(prof: profile) -> list[Event]:
    return [event for event in prof.events if event.kind == "kernel"]


def names(prof: profile, layer: str | None, phase: str) -> list[str]:
    return [e.name for e in kernels(prof) if (e.layer, e.phase) == (layer, phase)]


def layers(prof: profile, phase: str) -> set[str | None]:
    return {e.layer for e in kernels(prof) if e.phase == phase}


def profiled_steps() -> profile:
    net, x = chain(), steep.randn(3, 5)
    optimizer = steep.optim.Adam(net.parameters())
    with profile() as prof:
        for _ in range(3):
            with record_function("step"):
                optimizer.zero_grad()
                net(x).sum().backward()
                optimizer.step()
    return prof


def assert_nested(spans: list[tuple[float, float]]) -> None:
    """Any two either hold one another or do not meet."""
    open_until: list[float] = []
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        while open_until and open_until[-1] <= start:
            open_until.pop()
        assert not open_until or end <= open_until[-1]
        open_until.append(end)
