"""Compiled functions that draw from generators of their own."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import steep
from steep import _core


def noisy(seed: int, **options: Any) -> tuple[Any, Any, Any]:
    generator = steep.Generator().manual_seed(seed)

    def add_noise(x: Any) -> Any:
        return x + steep.randn(4, generator=generator)

    return steep.compile(add_noise, **options), add_noise, generator


def test_a_program_keeps_the_generator_that_it_draws_from() -> None:
    compiled, plain, generator = noisy(3)
    for _ in range(5):
        compiled(steep.zeros(4))
    (program,) = compiled.programs()
    state = generator.get_state()
    gone = weakref.ref(generator)
    del compiled, plain, generator
    gc.collect()
    assert gone() is None
    (kept,) = program.generators()
    assert kept.get_state().tolist() == state.tolist()


def test_a_recorder_keeps_it_as_well() -> None:
    recorder, expected = _core.Recorder(), steep.Generator()

    def draw(x: Any) -> Any:
        return x.normal_(generator=steep.Generator())

    out = recorder.run([], draw, (steep.zeros(6),), {}, [], [])
    assert out.tolist() == steep.randn(6, generator=expected).tolist()
    gc.collect()
    recorder.replay()
    assert out.tolist() == steep.randn(6, generator=expected).tolist()


def test_verification_puts_generators_back() -> None:
    compiled, _, generator = noisy(7, verify=True, fullgraph=True)
    expected = steep.Generator().manual_seed(7)
    for _ in range(8):
        assert compiled(steep.zeros(4)).tolist() == steep.randn(4, generator=expected).tolist()
    assert compiled.programs()[0].runs > 0
    assert generator.get_state().tolist() == expected.get_state().tolist()
