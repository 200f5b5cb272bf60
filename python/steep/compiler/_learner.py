"""From recorded calls to programs: what a compiled function learns from its calls."""

from __future__ import annotations

from typing import Any

from steep import _core
from steep.compiler._eligible import foreign_since, foreign_to_numbers
from steep.compiler._place import Place, changed_places
from steep.compiler._places import evaluator
from steep.compiler._recording import SPECIAL, Recording
from steep.compiler._signature import Signature
from steep.compiler._stored import touched

__all__ = ["Learner"]

# Of one kind of call: for other modes, models taken in turn, other gradients before. As many
# recordings may wait for another that agrees.
PROGRAMS = 16
# Recordings in a row that change what they read, before the function runs eagerly.
RESTLESS_CALLS = 4
REPLACED_CALLS = 2  # before tensors that are replaced outside count like arguments, likewise
# Places of stored tensors, before those are dropped that the last recording has not met: places in
# objects that are replaced now and then.
MOST_LEFT = 256
PREPARED_CALLS = 16  # recordings in which an optimiser makes state, likewise

_PREPARED = (
    "an optimizer creates its state at every call; create the optimizer outside the function, so "
    "that it keeps its state"
)
_COUNTS_AND_CHECKS = (
    "it updates a number, and an operation may still reject its input; check the input first, "
    "update the number last, or keep it in a tensor"
)
_STORES_AND_CHECKS = (
    "it stores a tensor, and an operation may still reject its input; check the input first, "
    "store the tensor last, or write to one that stays (copy_)"
)
_OTHER_KINDS = (
    "what it finds where it stores tensors is of another kind at every call: other shapes, other "
    "keys, or other numbers beside the tensors; keep only tensors there"
)
_NUMBERS_OUTSIDE = (
    "it computes with a number that changes between calls, and backward is called outside the "
    "function; pass the number as a tensor, or call backward inside"
)
_FOREIGN = (
    "numbers among its arguments change between calls, and it uses {}, which accepts only plain "
    "numbers; pass them as tensors"
)


class Learner(_core.CompiledCall):
    """Makes programs from recordings that agree, and says what keeps others from being replayed."""

    _table: _core.ProgramTable

    def _refuse(self, signature: Signature, reason: str) -> None:
        raise NotImplementedError

    def _learn(
        self,
        key: bytes,
        signature: Signature,
        recording: Recording,
        kept: list[Any],
        replaced: dict[Recording, str],
    ) -> None:
        """Make a program from two recordings that agree, or say why there is none."""
        if recording.prepared:  # as an optimiser's first step does
            signature.pending.clear()
            signature.prepared += 1  # happens several times if, say, several heads are used in turn
            if signature.prepared > PREPARED_CALLS:
                self._refuse(signature, _PREPARED)
            return
        if recording.change:
            if not self._follow(signature, recording.counted, recording):
                self._restless(signature, recording.change)
            return
        if recording.refusal:
            self._refuse(signature, recording.refusal)
            return
        if self._is_known(key, signature, recording, kept):
            return
        pending = signature.counterpart(recording, replaced)
        difference = "" if pending is None else recording.difference(pending)
        if pending is None:
            signature.await_another(recording, PROGRAMS)
            if recording.stored.places:
                self._restless(signature, _OTHER_KINDS, PROGRAMS)
            return
        is_last = signature.pending[-1:] == [pending]  # another thread may have emptied it
        if difference and (pending in replaced or not is_last):
            if pending not in replaced:
                signature.forget_pending(pending, {})
            signature.await_another(recording, PROGRAMS)
            self._restless(signature, _replaced(replaced.get(pending, "")), PROGRAMS)
            return
        signature.forget_pending(pending, replaced if is_last else {})
        if difference is SPECIAL:
            signature.await_another(recording, PROGRAMS)
            self._restless(signature, SPECIAL)
            return
        if difference and recording.filled and recording.backward is not None:
            self._refuse(signature, _NUMBERS_OUTSIDE + recording.stand_ins.numbers.where_taken())
            return
        if difference:
            reason = f"two calls in a row differ: {difference}"
            if signature.places and not recording.stand_ins.writes:  # changed outside
                signature.stop_following(reason)
            else:
                self._refuse(signature, reason)
            return
        self._insert(key, signature, recording, pending, kept)

    def _is_known(
        self, key: bytes, signature: Signature, recording: Recording, kept: list[Any]
    ) -> bool:
        """Whether a program does what was recorded: then it also fits under the present cells."""
        for program, known in signature.programs:
            if (
                known.stored.key == recording.stored.key
                and program.has_state_of(recording.trace)
                and not recording.difference(known)
            ):
                if {*recording.filled} <= {*known.filled}:
                    program.unpin(recording.trace)
                    self._confirm(key, signature, program, recording)
                else:
                    # The new one also works with other numbers.
                    if self._insert(key, signature, recording, known, kept):
                        self._drop(key, signature, program)
                return True
        return False

    def _insert(
        self,
        key: bytes,
        signature: Signature,
        recording: Recording,
        pending: Recording,
        kept: list[Any],
    ) -> bool:
        """Make a program. Returns whether there is one now."""
        reached = recording.cells.tensors_met_before(pending.cells)
        program = _core.make_program(
            recording.trace, pending.trace, recording.stored.without_memory(reached)
        )
        cells, backward = recording.cells, recording.backward
        if recording.stand_ins.numbers.nodes:
            if recording.stand_ins.writes and program.may_refuse:
                self._refuse(signature, _COUNTS_AND_CHECKS)
                return False
            if recording.filled and backward is not None:
                where = recording.stand_ins.numbers.where_taken()
                self._refuse(signature, _NUMBERS_OUTSIDE + where)
                return False
            recording.numbers = evaluator(recording.stand_ins, recording.filled)
        if backward is not None and pending.backward is not None:
            backward.plan(pending.backward)
        if recording.stored.written and program.may_refuse:
            self._refuse(signature, _STORES_AND_CHECKS)
            return False
        description, before, numbers = recording.description, recording.before, recording.numbers
        try:
            stored = recording.stored.locations()
            self._table.insert(
                key, program, description, cells, before, kept, backward, numbers, stored
            )
            signature.programs.append((program, recording))
        except BaseException:
            self._table.drop(key, program)
            raise
        signature.settle()
        if len(signature.programs) > PROGRAMS:
            self._drop(key, signature, signature.programs[0][0])
        return True

    def _drop(self, key: bytes, signature: Signature, program: Any) -> None:
        signature.programs = [pair for pair in signature.programs if pair[0] is not program]
        self._table.drop(key, program)

    def _may_follow(self, signature: Signature, recording: Recording) -> bool:
        """Decide whether stand-ins may be used for numbers among the arguments. Returns whether the
        recording, which was made without them, is to be used all the same, to say what keeps it
        from being replayed.
        """
        name = foreign_to_numbers(recording, signature.known)
        if name:
            self._refuse(signature, _FOREIGN.format(name))
        elif recording.refusal:
            return True
        else:
            signature.followable = True
            # If it stores them, as in `self.rate = rate`, a stand-in will be put there next time.
            self._follow(signature, recording.counted, recording)
        return False

    def _follow_replaced(self, signature: Signature) -> None:
        """If only numbers were replaced since the last recordings, follow them; and tensors too, if
        something has been replaced for some calls in a row.
        """
        for recording in [*signature.pending, *(r for _, r in signature.programs)]:
            if recording.replaced():
                places = changed_places(recording.cells) or []
                if all(
                    place.of_number
                    or (signature.restless >= REPLACED_CALLS and not place.is_memory)
                    for place in places
                ):
                    self._follow(signature, places, recording)

    def _refuse_foreign(self, signature: Signature) -> bool:
        """Whether something was replaced by an object that must not be given stand-ins."""
        if not (signature.followable or signature.places):
            return False
        recordings = [*signature.pending, *(r for _, r in signature.programs)]
        name = next((x for r in recordings if r.replaced() and (x := foreign_since(r))), "")
        if name:
            signature.followable = False
            signature.places.clear()
            self._refuse(signature, _FOREIGN.format(name))
        return bool(name)

    def _follow(
        self, signature: Signature, places: list[Place] | None, recording: Recording
    ) -> bool:
        """Follow what is in these places from now on, if nothing else has changed.

        Returns whether the next recording may show more than this one.
        """
        numbers = any(place.of_number for place in places or ())
        if not places or (numbers and foreign_to_numbers(recording, signature.known)):
            return False
        if len(signature.stored) > MOST_LEFT:
            signature.stored = touched(signature.stored, recording.cells)
        return signature.follow(places)

    def _confirm(
        self, key: bytes, signature: Signature, program: Any, recording: Recording
    ) -> None:
        """Something that it reads was replaced, but it does the same as before."""
        known = [known for made, known in list(signature.programs) if made is program]
        what = known[0].replaced() if known else ""
        if known:  # as the program was made with
            recording.backward, recording.numbers = known[0].backward, known[0].numbers
            recording.filled = known[0].filled
        self._table.confirm(key, program, recording.cells)
        signature.programs = [
            (made, recording if made is program else known) for made, known in signature.programs
        ]
        self._restless(signature, _replaced(what))

    def _restless(self, signature: Signature, reason: str, patience: int = RESTLESS_CALLS) -> None:
        """Count a change since the last recording, which may be the last one."""
        runs = sum(program.runs for program, _ in signature.programs)
        signature.restless = 1 if runs > signature.runs else signature.restless + 1
        signature.runs = runs
        if signature.restless > patience:
            self._refuse(signature, signature.doubt or reason)


def _replaced(what: str) -> str:
    return (
        f"{what or 'something it reads'} is replaced at every call; keep the values that change in "
        "a tensor, or pass them as arguments"
    )
