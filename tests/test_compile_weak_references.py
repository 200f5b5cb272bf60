"""A compiled function follows what weak references lead to, and keeps nothing alive."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import steep
from compiling import nn, ones, replays, settle


class Config:
    scale = 1.0


def test_a_weak_reference_keeps_nothing_alive() -> None:
    config = Config()
    config.scale = 2.0
    refer = weakref.ref(config)

    def function(x: Any) -> Any:
        found = refer()
        return x * (5.0 if found is None else found.scale)

    compiled, x = steep.compile(function), ones()
    assert settle(compiled, x).tolist() == [2.0, 2.0]
    assert replays(compiled) == 2
    config.scale = 3.0
    assert settle(compiled, x).tolist() == [3.0, 3.0]
    del config
    gc.collect()
    assert refer() is None
    assert compiled(x).tolist() == [5.0, 5.0]


def test_a_weak_reference_to_what_is_held_otherwise() -> None:
    class Child(nn.Module):
        def __init__(self, parent: Any) -> None:
            super().__init__()
            self.parent = weakref.ref(parent)

        def forward(self, x: Any) -> Any:
            return x * self.parent().scale

    class Parent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale, self.child = 2.0, Child(self)

        def forward(self, x: Any) -> Any:
            return self.child(x)

    parent, x = Parent(), ones()
    compiled = steep.compile(lambda x: parent(x))
    settle(compiled, x)
    assert replays(compiled) == 2
    parent.scale = 3.0
    assert compiled(x).tolist() == [3.0, 3.0]
