"""Compares a replay with the run that it replaces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from steep._core import ProgramTable, Tensor, get_rng_state, no_grad, set_rng_state
from steep.compiler._cells import absent
from steep.compiler._place import Place
from steep.compiler._result import describe, difference

__all__ = ["verified_call"]


def verified_call(
    table: ProgramTable,
    run: Callable[[Any, Any], Any],
    places_of: Callable[[Any], tuple[list[Place], list[Place]]],
    args: Any,
    kwargs: Any,
) -> Any:
    """Replay the call, undo what it did, run the function, and compare.

    Args:
        table: the function's programs.
        run: runs the function with positional and keyword arguments, without a replay.
        places_of: where a program leaves numbers, and where it takes and leaves tensors.
        args: the positional arguments.
        kwargs: the keyword arguments.

    Raises:
        RuntimeError: if results, state, gradients or the random stream differ in a bit, or the
            results are other containers, values or numbers.
    """
    program = table.find(args, kwargs) or table.find(args, kwargs, True)
    if program is None:
        return run(args, kwargs)
    places, stored = places_of(program)
    found = [place.get() for place in stored]
    memory = [place.where[0].detach() if place.is_memory else None for place in stored]
    inputs = table.key(args, kwargs, False, *((tuple(found),) if found else ()))[1]
    written = [*program.written_state(), *(x.detach() for x in inputs)]
    before = [x.clone() for x in written]
    gradients = [
        (leaf, grad, None if grad is None else grad.clone())
        for leaf, grad in program.gradients(inputs)
    ]
    numbers = [place.get() for place in places]
    streams = _streams(program)
    answer = table.replay(args, kwargs)
    if answer is NotImplemented:  # settings have changed: there is nothing to compare with
        return run(args, kwargs)
    replayed = _everything((answer, *_left(stored)), written, program, inputs, places)
    for place, number in zip(places, numbers, strict=True):
        place.set(number)
    for place, value, old in zip(stored, found, memory, strict=True):
        place.set(value if old is None else old)
    with no_grad():
        for x, old in zip(written, before, strict=True):
            if 0 not in x.stride() or x.numel() < 2:  # otherwise nothing can write to it
                x.copy_(old)
        for leaf, grad, old_grad in gradients:
            leaf.grad = grad
            if grad is not None and old_grad is not None:
                grad.copy_(old_grad)
    set_rng_state(streams[0])
    for generator, state in zip(program.generators(), streams[1:], strict=True):
        generator.set_state(state)
    result = run(args, kwargs)
    wanted = _everything((result, *_left(stored)), written, program, inputs, places)
    if differs := _compare(replayed, wanted):
        raise RuntimeError(f"compile: verify=True: a replay and the function differ in {differs}")
    return result


def _left(stored: list[Place]) -> list[Any]:
    """What a call has left in places where it stores tensors."""
    found = [place.get() for place in stored]
    return ["nothing" if value is absent else value for value in found]


_All = tuple[Any, list[tuple[str, Any]]]


def _compare(replayed: _All, wanted: _All) -> str:
    """What differs between two calls, or ``''``."""
    if found := difference(replayed[0], wanted[0]):
        return f"what they return or store: {found}"
    pairs = zip(replayed[1], wanted[1], strict=True)
    return next((what for (what, got), (_, right) in pairs if got != right), "")


def _everything(
    result: Any, written: list[Tensor], program: Any, inputs: list[Tensor], places: list[Place]
) -> _All:
    """All that a call leaves behind: its result, tensors as bytes with names, and numbers."""
    outputs: list[Tensor] = []
    try:
        description = describe(result, outputs)
    except TypeError as error:
        raise RuntimeError(f"compile: verify=True: at this call {error}") from None
    gradients = [grad for _, grad in program.gradients(inputs)]
    return description, [
        *((f"result {i}", _bytes(x)) for i, x in enumerate(outputs)),
        *((f"state {i}", _bytes(x)) for i, x in enumerate(written)),
        *((f"gradient {i}", _bytes(x)) for i, x in enumerate(gradients)),
        *((place.label, repr(place.get())) for place in places),
        *(("the random stream", _bytes(state)) for state in _streams(program)),
    ]


def _streams(program: Any) -> list[Tensor]:
    """The states of the process's generator, and of the others that a program draws from."""
    return [get_rng_state(), *(generator.get_state() for generator in program.generators())]


def _bytes(x: Tensor | None) -> Any:
    return None if x is None else (x.dtype, x.shape, x.detach().numpy().tobytes())
