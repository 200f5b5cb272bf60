"""What a compiled function knows of one kind of call."""

from __future__ import annotations

from typing import Any

from steep.compiler._places import MOST_PLACES, Place
from steep.compiler._recording import Recording

__all__ = ["FEW_FLOATS", "FEW_INTS", "LONGEST_WAIT", "Signature"]

FIRST_WAIT, LONGEST_WAIT = 8, 4096  # eager calls before a recording is tried again
# Ints often are counts and sizes, each of which is a kind of its own.
FEW_FLOATS, FEW_INTS = 3, 15  # calls with other numbers before any are one kind


class Signature:
    """What is known of one kind of call.

    Attributes:
        key: what calls of this kind are known by.
        text: its arguments, for people.
        known: what the key knows by its address, held so that nothing else gets that.
        eager: calls that were run eagerly.
        recorded: calls that were recorded.
        warm: whether it has been called once.
        pending: recordings that want a second one, by which gradients were there before.
        programs: those made so far, each with a recording of it.
        restless: recordings in a row that made no program, because something changed.
        runs: how often its programs had run at the last of them.
        prepared: recordings in which an optimiser made state.
        any_numbers: whether it is of all numbers among the arguments.
        followable: whether stand-ins for numbers are in place.
        places: where numbers are that change from call to call, by their marks.
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
        self.pending: dict[str, Recording] = {}
        self.programs: list[tuple[Any, Recording]] = []
        self.restless = 0
        self.runs = 0
        self.prepared = 0
        self.any_numbers = False
        self.followable = False
        self.places: dict[Any, Place] = {}
        self.reason = ""
        self.left = 0
        self.wait = FIRST_WAIT

    def follow(self, places: list[Place]) -> bool:
        """Follow the numbers in these places as well. Returns whether any of them is new."""
        count = len(self.places)
        if count + len(places) <= MOST_PLACES:
            self.places.update((place.mark, place) for place in places)
        if len(self.places) > count:
            self.pending.clear()  # they were recorded without
        return len(self.places) > count

    def settle(self) -> None:
        """There is a program: what kept it from being made has gone."""
        self.restless = 0
        self.prepared = 0
        self.reason = ""
        self.wait = FIRST_WAIT

    def must_wait(self) -> bool:
        """Whether this call is one of those that are run eagerly for a reason known."""
        if not self.reason:
            return False
        self.left -= 1
        return self.left >= 0

    def report(self) -> str:
        """How its calls were run, why some were eager, and its programs, for people to read."""
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
