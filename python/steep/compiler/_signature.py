"""What a compiled function knows of one kind of call."""

from __future__ import annotations

from typing import Any

from steep.compiler._place import MOST_PLACES, Place
from steep.compiler._recording import Recording

__all__ = ["FEW_FLOATS", "FEW_INTS", "LONGEST_WAIT", "Signature"]

FIRST_WAIT, LONGEST_WAIT = 8, 4096  # eager calls before a recording is tried again
# Ints are often sizes, for which kinds of their own are better.
FEW_FLOATS, FEW_INTS = 3, 15  # calls with different numbers, before all numbers make one kind


class Signature:
    """What is known of one kind of call.

    Attributes:
        key: the key of calls of this kind.
        text: its arguments, for messages.
        known: objects that the key knows by address, held so that no other object gets that
            address.
        eager: calls that were run eagerly.
        recorded: calls that were recorded.
        warm: whether it has been called once.
        pending: recordings that wait for another that agrees, in their order.
        programs: those made so far, each with a recording of it.
        restless: recordings in a row that made no program, because something changed.
        runs: how often its programs had run at the last of them.
        prepared: recordings in which an optimiser made state.
        any_numbers: whether it leaves the numbers among the arguments open.
        followable: whether stand-ins may be used for these numbers.
        places: where numbers that change from call to call are kept, by their marks.
        stored: places in which tensors are stored anew, by their marks.
        unfit: marks of such places whose containers are changed instead.
        fixed: places whose numbers Python code looks at: each value needs a program of its own.
        doubt: where it does so, or ``''``.
        reason: why it runs eagerly, or ``''``.
        left: eager calls before a recording is tried again.
        wait: how many there will be after the next failure.
    """

    def __init__(self, key: bytes, text: str, known: list[Any]) -> None:
        self.key = key
        self.text = text
        self.eager = 0
        self.recorded = 0
        self.warm = False
        self.known = known
        self.pending: list[Recording] = []
        self.programs: list[tuple[Any, Recording]] = []
        self.restless = 0
        self.runs = 0
        self.prepared = 0
        self.any_numbers = False
        self.followable = False
        self.places: dict[Any, Place] = {}
        self.stored: dict[Any, Place] = {}
        self.unfit: set[Any] = set()
        self.fixed: dict[Any, Place] = {}
        self.doubt = ""
        self.reason = ""
        self.left = 0
        self.wait = FIRST_WAIT

    def follow(self, places: list[Place]) -> bool:
        """Follow what is in these places as well. Returns whether any of them is new."""
        apart = self.fixed.keys() | self.unfit
        places = [place for place in places if place.mark not in apart]
        count = len(self.places) + len(self.stored)
        if count + len(places) > MOST_PLACES:
            return False
        for place in places:
            (self.places if place.of_number else self.stored)[place.mark] = place
        is_more = len(self.places) + len(self.stored) > count
        if is_more:
            self.pending.clear()  # they were recorded without following these
        return is_more

    def forget_stored(self, places: list[Place]) -> None:
        """Follow what is in these places no longer."""
        self.unfit |= {place.mark for place in places}
        for place in places:
            self.stored.pop(place.mark, None)
        self.pending.clear()

    def stop_following(self, reason: str) -> None:
        """Take numbers outside of the arguments as they are from now on."""
        self.fixed.update(self.places)
        self.places.clear()
        self.pending.clear()  # they were recorded with stand-ins
        self.doubt = reason

    def counterpart(self, recording: Recording, replaced: dict[Recording, str]) -> Recording | None:
        """The one that a recording is to agree with, of those with gradients from before as here:
        one that has read what there was at this call, or else the last one.

        `replaced` are those for which something was not as they have read it.
        """
        pattern = recording.trace.pattern, recording.stored.key
        known = [x for x in self.pending if (x.trace.pattern, x.stored.key) == pattern]
        fitting = [pending for pending in known if pending not in replaced]
        return next(reversed(fitting or known), None)

    def await_another(self, recording: Recording, most: int) -> None:
        """Keep a recording until another agrees. States that alternate have one each."""
        self.pending.append(recording)
        del self.pending[:-most]

    def forget_pending(self, done: Recording, replaced: dict[Recording, str]) -> None:
        """Drop a recording, and those whose state has gone."""
        self.pending = [x for x in self.pending if x is not done and x not in replaced]

    def settle(self) -> None:
        """Reset the counters of failures: there is a program now."""
        self.restless = 0
        self.prepared = 0
        self.reason = self.doubt = ""
        self.wait = FIRST_WAIT

    def must_wait(self) -> bool:
        """Whether this call is to run eagerly, for a known reason."""
        if not self.reason:
            return False
        self.left -= 1
        return self.left >= 0

    def report(self) -> str:
        """How its calls were run, why some were eager, and its programs, as text."""
        replays = sum(program.runs for program, _ in self.programs)
        counts = f"{replays} replayed, {self.recorded} recorded, {self.eager} eager"
        lines = [f"{self.text}: {counts}\n"]
        if self.reason:
            lines.append(f"eager, because {self.reason}\n")
        elif not self.programs:
            lines.append("still warming up\n")
        for program, recording in self.programs:
            lines.append(f"replayed {program.runs} times\n{program.listing()}")
            for backward in recording.backward_programs():
                lines.append(f"backward, replayed {backward.runs} times\n{backward.listing()}")
        return "".join(lines)
