"""A replay beside the run it stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steep._core import Tensor, get_rng_state, no_grad, set_rng_state
from steep.compiler._result import describe

if TYPE_CHECKING:
    from steep.compiler.function import CompiledFunction

__all__ = ["verified_call"]


def verified_call(compiled: CompiledFunction, args: Any, kwargs: Any) -> Any:
    """Replay the call, undo what it did, run the function, and compare.

    Raises:
        RuntimeError: if results, state, gradients or the random stream differ in a bit.
    """
    program = compiled._table.find(args, kwargs)
    if program is None:
        return compiled._warm_up(args, kwargs)
    inputs = compiled._table.key(args, kwargs)[1]
    written = [*program.written_state(), *(x.detach() for x in inputs)]
    before = [x.clone() for x in written]
    gradients = [
        (leaf, grad, None if grad is None else grad.clone())
        for leaf, grad in program.gradients(inputs)
    ]
    streams = _streams(program)
    answer = compiled._table.replay(args, kwargs)
    if answer is NotImplemented:  # settings have changed: there is nothing to compare with
        return compiled._warm_up(args, kwargs)
    replayed = _everything(answer, written, program, inputs)
    with no_grad():
        for x, old in zip(written, before, strict=True):
            x.copy_(old)
        for leaf, grad, old_grad in gradients:
            leaf.grad = grad
            if grad is not None and old_grad is not None:
                grad.copy_(old_grad)
    set_rng_state(streams[0])
    for generator, state in zip(program.generators(), streams[1:], strict=True):
        generator.set_state(state)
    result = compiled._warm_up(args, kwargs)
    for (what, got), (_, wanted) in zip(
        replayed, _everything(result, written, program, inputs), strict=True
    ):
        if got != wanted:
            raise RuntimeError(f"compile: verify=True: a replay and the function differ in {what}")
    return result


def _everything(
    result: Any, written: list[Tensor], program: Any, inputs: list[Tensor]
) -> list[tuple[str, bytes | None]]:
    """All that a call leaves behind, as bytes with names."""
    outputs: list[Tensor] = []
    describe(result, outputs)
    gradients = [grad for _, grad in program.gradients(inputs)]
    return [
        *((f"result {i}", _bytes(x)) for i, x in enumerate(outputs)),
        *((f"state {i}", _bytes(x)) for i, x in enumerate(written)),
        *((f"gradient {i}", _bytes(x)) for i, x in enumerate(gradients)),
        *(("the random stream", _bytes(state)) for state in _streams(program)),
    ]


def _streams(program: Any) -> list[Tensor]:
    """The states of the process's generator, and of the others that a program draws from."""
    return [get_rng_state(), *(generator.get_state() for generator in program.generators())]


def _bytes(x: Tensor | None) -> bytes | None:
    return None if x is None else x.detach().numpy().tobytes()
