"""One recorded call of a function: its launches, its result, and what else a replay must do."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from steep import _core
from steep._core import Tensor, may_vary_to
from steep._layers import begin_anew, followers, let_go
from steep.compiler._cells import SEQUENCE, SLOT, TENSOR, Cells
from steep.compiler._code import ATTRIBUTES, at_line, line_of, names_of
from steep.compiler._kept import kept_elsewhere, leaves
from steep.compiler._objects import is_a
from steep.compiler._place import changed_places
from steep.compiler._places import Evaluator, StandIns, without_symbols
from steep.compiler._reads import Reads
from steep.compiler._result import ReadNumber, describe, detach_used, difference
from steep.compiler._stored import Stored
from steep.optim import _recorded
from steep.optim._plan import GroupPlan

__all__ = ["SPECIAL", "Recording", "Run", "examine"]

SPECIAL = (
    "a number that changes between calls is always 0, 1 or another value that operations treat as "
    "a special case; pass it as a tensor"
)


class Run:
    """A call that was recorded.

    Attributes:
        result: what the function returned; nothing else here holds it.
        description: the result, as `describe` has it.
        outputs: the tensors in it.
        numbers: the numbers and arrays in it that were read from tensors, by id.
        recorder: its launches.
        optimizers: those that took a step, in order of their first.
        reads: what it has read from outside.
        stand_ins: what it has computed of numbers that change.
        stored: what it has stored anew.
        untold: why its reads could not be tracked, or ``''``.
        lost: whether memory ran out, so that something is missing.
    """

    __slots__ = (
        "_arrays",
        "description",
        "lost",
        "numbers",
        "optimizers",
        "outputs",
        "reads",
        "recorder",
        "result",
        "stand_ins",
        "stored",
        "untold",
    )

    def __init__(
        self,
        function: Callable[..., Any],
        args: Any,
        kwargs: Any,
        given: list[Any],
        stand_ins: StandIns,
        arrays: list[tuple[Any, Tensor]],
        stored: Stored,
        inputs: list[Tensor],
    ) -> None:
        """Call the function. What it raises ends the recording and is passed on.

        `given` are the tensors, containers and arrays among the arguments, and `arrays` the latter
        with the tensors that stand for them. `inputs` are the tensors among the arguments and in
        the places of `stored`.
        """
        self.stand_ins = stand_ins
        self.stored = stored
        self._arrays = arrays
        self.recorder = _core.Recorder()
        self.recorder.let_memory_go()
        if any(is_a(x, Tensor) and x.requires_grad and not x.is_leaf for x in given):
            self.recorder.keep_out_of_arguments()
        begin_anew()
        self.optimizers = _recorded.begin()
        try:
            told = stand_ins.call(self._listen, function, args, kwargs, given)
            self.result, self.untold, self.lost = told
            del told
        except BaseException:
            if hasattr(self, "reads"):
                stand_ins.leave(self.reads.cells)
            raise
        finally:
            let_go()
        # Freed graphs are dropped now, because they hold what the call has made.
        try:
            self._change(detach_used)
        except MemoryError:  # the call has succeeded: what is lost is the program
            self.lost = True
        except Exception as error:  # it contains itself, or a class of the user's raises
            self.untold = f"its result cannot be inspected: {type(error).__name__}"
        self._describe(inputs)

    def _change(self, change: Callable[[Any], Any]) -> None:
        """Change the result, and what was stored."""
        old = self.stored.now()
        self.result, *new = change((self.result, *old))
        self.stored.put(old, new)

    def parts(self) -> list[Any]:
        """The result, and what was stored."""
        return [self.result, *self.stored.left()]

    def _listen(
        self, function: Callable[..., Any], args: Any, kwargs: Any, given: list[Any]
    ) -> Any:
        self.reads = Reads(function, given, self.stored)
        # Profiles of replays show where launches came from.
        told = (self.reads, function, args, kwargs)
        places = [place.where for place in (*self.stored.places, *self.stand_ins.places)]
        return self.recorder.run(followers, _core.follow, told, {}, self._arrays, places)

    def _describe(self, inputs: list[Tensor]) -> None:
        """Describe the result and what was stored, and put plain numbers into it."""
        self.description: Any = ("value", None)
        self.outputs: list[Tensor] = []
        self.numbers: dict[int, ReadNumber] = {}
        returned = self.stand_ins.returned
        try:
            read = map(ReadNumber._make, self.recorder.take_numbers())
            self.numbers = {id(x.number): x for x in read}
            self.description = describe(
                self.result,
                self.outputs,
                self.numbers,
                returned,
                self.stand_ins.numbers,
                self._described(inputs) if self.stored.places else None,
            )
        except MemoryError:
            self.lost = True
        except Exception as error:
            self.outputs.clear()
            said = isinstance(error, TypeError)
            reason = str(error) if said else f"inspecting its result raises {type(error).__name__}"
            self.reads.refusal = self.reads.refusal or reason
        with contextlib.suppress(RecursionError):  # containers are nested too deeply to be searched
            self._change(without_symbols)

    def _described(self, inputs: list[Tensor]) -> tuple[list[Any], dict[int, Any], dict[int, Any]]:
        """What was stored; and descriptions of the tensors that the call has found in such places,
        and of all that it has not made.
        """
        arguments = {id(x): ("argument", i) for i, x in reversed([*enumerate(inputs)])}
        found = {n: x for n, x in arguments.items() if x[1] >= self.stored.arguments}
        known = {number: ("value", x) for number, x in self.reads.existing().items()}
        return self.stored.left(), found, known | arguments


class Recording:
    """What is known of a recorded call.

    Attributes:
        trace: its launches.
        backward: how gradients go through its results, where their graph is used outside.
        description: the result with numbers in place of tensors.
        optimizers: those that took a step, in order of their first.
        before: what a replay calls first, for each of these.
        cells: what it has read from outside, with the values found.
        refusal: why it cannot be replayed, or ``''``.
        change: what it has changed among what it reads, or ``''``; the next call may not do so.
        counted: the places of these changes if only numbers changed, else ``None``.
        filled: steps whose results are the program's number inputs, once they are known.
        numbers: how its program computes numbers: see `evaluator`.
        stand_ins: what it has computed of numbers that change.
        stored: what it has stored anew.
        codes: the code that has run.
        prepared: whether an optimiser made its state meanwhile; the next call will not.
    """

    def __init__(
        self,
        run: Run,
        trace: Any,
        description: Any,
        refusal: str,
        change: str,
        backward: _core.Replayed | None = None,
    ) -> None:
        self.trace = trace
        self.backward = backward
        self.description = description
        self.optimizers = run.optimizers
        # Before a replay, these write hyperparameters, and say whether the step is the same.
        hooks = run.optimizers.hooks
        self.before = [_recorded.precondition(x, hooks[id(x)]) for x in run.optimizers]
        self.cells = run.reads.cells
        self.stand_ins = run.stand_ins
        self.stored = run.stored
        self.codes = run.reads.codes
        self.numbers: Evaluator | None = None
        self.filled: list[int] = []
        self.counted = changed_places(self.cells) if change else None
        self.refusal = refusal
        self.change = change
        self.prepared = run.optimizers.prepared

    def backward_programs(self) -> list[Any]:
        """The programs of backward passes through its results."""
        return [] if self.backward is None else self.backward.programs()

    def replaced(self) -> str:
        """What has been replaced among what it has read, or ``''``."""
        return self.cells.broken()

    def difference(self, other: Recording) -> str:
        """How it differs from another call, or ``''``."""
        found: str = self._other_numbers(other) or self.trace.difference(other.trace)
        if not found and self.stored.kept() != other.stored.kept():
            found = "only one of them stores a tensor in a place where it has stored one before"
        found = found or difference(other.description, self.description)
        if not found and [*map(id, self.optimizers)] != [*map(id, other.optimizers)]:
            found = "other optimizers take a step"
        if not found and (self.backward is None) != (other.backward is None):
            found = "only one of them returns a result whose graph backward has not freed"
        if not found and self.backward is not None and other.backward is not None:
            found = self.backward.difference(other.backward)
        return found

    def _other_numbers(self, other: Recording) -> str:
        """How it differs in what it computes from numbers that change; finds which operands these
        are.
        """
        numbers, others = self.stand_ins.numbers, other.stand_ins.numbers
        if self.stand_ins.kept() != other.stand_ins.kept():
            return self._other_places(other)
        if not numbers.nodes and not others.nodes:
            return ""
        found = numbers.difference(others)
        values = numbers.floats(), others.floats()
        if not found and not all(
            may_vary_to(x) and may_vary_to(y)
            for x, y in ((values[0][node], values[1][node]) for node, _ in numbers.taken)
            if x != y
        ):
            return SPECIAL
        if found:
            return found
        fixed = self.trace.fill(other.trace, *values, numbers.taken)
        self.filled = self.trace.filled
        if fixed < 0 and (launch := self.trace.other_number(other.trace)) >= 0:
            before = [
                i
                for i, (node, place) in enumerate(numbers.taken)
                if place <= launch and values[0][node] != values[1][node]
            ]
            # The differing number derives from the last one taken.
            fixed = before[-1] if before else -1
        return "" if fixed < 0 else numbers.uses[fixed].text()

    def _other_places(self, other: Recording) -> str:
        place = self.stand_ins.other_write(other.stand_ins)
        if place is None:
            return "the numbers that change are in other places, or others of them are returned"
        key = place.where[1]
        own = [c for c in self.codes if (names := names_of(c)) is None or not names.of_library]
        where = line_of(own, key if isinstance(key, str) else None, ATTRIBUTES)
        return (
            f"only one of them assigns a number to {place.label}, or each a different one; assign "
            f"it at every call, or outside the function{at_line(*where) if where else ''}"
        )


def examine(run: Run, inputs: list[Tensor], table: _core.ProgramTable) -> Recording:
    """Find out what a recorded call did. `inputs` are its tensors, `table` that of the function.

    Raises:
        MemoryError: if there is not enough memory to keep all of it.
    """
    run.stand_ins.leave(run.reads.cells)
    if not _core.counts_references:
        run.reads.refusal = _UNCOUNTED
    if run.lost:
        run.stand_ins.refusal()
        raise MemoryError
    if run.untold:
        run.reads.refusal = f"what it reads cannot be tracked: {run.untold}"
    outputs, numbers, description = run.outputs, run.numbers, run.description
    try:
        # What cannot be described may be too large to search.
        made = [] if run.reads.refusal else table.key(tuple(run.parts()), {})[3]
        run.reads.close(made, outputs)
        del made
    except MemoryError:
        raise
    except Exception as error:  # raised by a user's object; the call itself has succeeded
        run.reads.refusal = f"what it reads cannot be tracked: {error}"
    reached = run.stand_ins.reached(run.reads.cells)
    kept = run.stand_ins.refusal(run.reads.line_of_change)
    run.reads.refusal = run.reads.refusal or reached or kept
    overwritten = any(x.source._writes != x.writes for x in numbers.values())
    numbers.clear()
    for optimizer in run.optimizers:
        # A step depends on this: other state or other switches need another plan.
        for plan in optimizer._plans:
            run.reads.cells.keep((SLOT, plan, _VALID, True), "an optimizer's state")
        _keep_groups(run.reads.cells, optimizer)
    run.reads.cells.drop({id(x) for x in run.stored.tensors()}, TENSOR)
    asked = _asked(run.recorder)  # before make_trace, which may add a reason
    if not asked and _recorded.changed_group(run.optimizers):
        asked = _recorded.GROUP_CHANGED
    as_found = run.stored.inputs(inputs)
    backward = _core.make_backward(run.recorder, as_found, outputs)
    run.stored.let_go()
    shown = [number for kind, number in leaves(description) if kind == "array"]
    trace = _core.make_trace(run.recorder, as_found, outputs, backward, shown, run.stored.tensors())
    if trace.lost:
        raise MemoryError
    # Changes that it makes are reported in preference to their consequences.
    refusal: str = run.reads.refusal or asked
    if run.reads.change and not refusal:
        return Recording(run, trace, description, "", run.reads.change)
    if backward is not None and run.stored.tensors():
        refusal = refusal or _REPLACED_BELOW
    refusal = refusal or (_OVERWRITTEN if overwritten else "") or trace.refusal
    refusal = refusal or kept_elsewhere(run.parts, outputs, description, inputs)
    if backward is not None and not refusal:
        refusal = backward.complete(trace, inputs)
    return Recording(run, trace, description, refusal, "", backward)


def _asked(recorder: _core.Recorder) -> str:
    """Why the recorder has refused, with the line, or ``''``."""
    reason, (file, _, line) = recorder.refusal or "", recorder.place.rpartition(":")
    return reason + at_line(file, int(line)) if reason and file else reason


def _keep_groups(cells: Cells, optimizer: Any) -> None:
    """Keep cells of its parameter lists, and of the state of all tensors it works on."""
    for plan in optimizer._plans:
        for tensors in (plan.params, *plan.lists.values()):
            cells.keep_states([x for x in tensors if x is not None])
    for items in _recorded.lists_of(optimizer):
        cells.keep((SEQUENCE, items, None, tuple(items)), "an optimizer's parameters")


_VALID = GroupPlan.__dict__["valid"]  # the slot itself
_OVERWRITTEN = (
    "it writes to a tensor after reading a number from it (item); write to a copy, or read the "
    "number last"
)
_UNCOUNTED = (
    "this Python does not count references as CPython does, so it cannot be told whether something "
    "is kept after a call; use CPython"
)
_REPLACED_BELOW = (
    "it replaces the memory of a tensor (data), and returns a result whose graph backward has not "
    "freed; write to the memory (copy_), or call backward inside"
)
