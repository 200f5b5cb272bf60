"""Kills a process while it saves, again and again.

After each kill the file is one that was saved, whole, and not older than the last that was known to
be saved; what the dead have left beside it, the next save removes.

    python tools/kill_while_saving.py --seconds 60
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

import steep

# Saves states of rising numbers, and says of each that it is there.
_SAVER = """
import itertools, sys, steep
if sys.argv[3] == "named":
    import steep._files
    steep._files._NAMELESS = 0
for number in itertools.count(int(sys.argv[2])):
    state = {f"t{i}": steep.full((1000 + number % 500,), number) for i in range(6)}
    steep.save({"number": number, "state": state}, sys.argv[1])
    print(number, flush=True)
"""


class FindingError(AssertionError):
    """The file is damaged or old, or something was left beside it."""


def kill_once(path: str, number: int, delay: float, way: str) -> int:
    """Start a saver, kill it after `delay` seconds of saving; the number of the file's state."""
    saver = subprocess.Popen(
        [sys.executable, "-c", _SAVER, path, str(number), way], stdout=subprocess.PIPE, text=True
    )
    assert saver.stdout is not None
    known = int(saver.stdout.readline())
    time.sleep(delay)
    saver.send_signal(signal.SIGKILL)
    known = max([known, *map(int, saver.stdout.read().split("\n")[:-1])])
    saver.stdout.close()
    saver.wait()
    try:
        found = steep.load(path)
    except ValueError as error:
        raise FindingError(f"the file is damaged: {error}") from error
    values = {value for tensor in found["state"].values() for value in tensor.tolist()}
    if values != {float(found["number"])} or found["number"] < known:
        raise FindingError(f"expected state {known} or newer, found {found['number']}: {values}")
    return int(found["number"])


def beside(path: str) -> list[str]:
    """What else lies in the folder of the file."""
    return [name for name in os.listdir(os.path.dirname(path)) if name != os.path.basename(path)]


def kill_repeatedly(seconds: float, times: int = sys.maxsize, way: str = "any") -> tuple[int, int]:
    """How often a saver was killed, and how often it left something, which was then removed."""
    end = time.monotonic() + seconds
    kills = left = number = 0
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "state.safetensors")
        while kills < times and time.monotonic() < end:
            number = kill_once(path, number + 1, random.uniform(0, 0.05), way)
            kills += 1
            left += bool(beside(path))
            steep.save(steep.load(path), path)
            if rest := beside(path):
                raise FindingError(f"left after the next save: {rest}")
    return kills, left


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    kills = left = 0
    try:
        # With files that have no name until they are complete, and without.
        for way in ("any", "named"):
            some, others = kill_repeatedly(options.seconds / 2, way=way)
            kills, left = kills + some, left + others
    except FindingError as finding:
        print(f"FINDING {finding}")
        print(f"{kills} processes killed, 1 finding")
        return 1
    print(f"{kills} processes killed, {left} left a file that the next save removed, 0 findings")
    return 0


if __name__ == "__main__":
    sys.exit(main())
