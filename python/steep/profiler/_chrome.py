"""Profiles as traces that chrome://tracing and https://ui.perfetto.dev show.

(Format: "Trace Event Format", complete events; times are microseconds.)
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

from steep._files import write_atomically
from steep._version import __version__
from steep.profiler._events import Event

__all__ = ["export"]

# Events to a piece of text: a long profile's trace is never in memory as a whole.
_PIECE = 4096


def export(events: list[Event], duration_ns: int, thread: int, path: str) -> None:
    """Write the trace, whole or not at all; `thread` is the one that began the profile."""
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise FileNotFoundError(
            f"export_chrome_trace: expected a path in a folder that exists, but there is no "
            f"{folder!r}; make it first with os.makedirs"
        )
    if os.path.isdir(path):
        raise IsADirectoryError(
            f"export_chrome_trace: expected the path of a file, got the folder {path!r}"
        )
    write_atomically(path, _text(events, duration_ns, thread))


def _text(events: list[Event], duration_ns: int, thread: int) -> Iterator[bytes]:
    pid = os.getpid()
    threads = sorted({thread, *(event.thread for event in events)})
    whole = {"name": "profile", "cat": "profile", "ph": "X", "pid": pid, "tid": thread}
    first: list[dict[str, Any]] = [_named("process_name", "steep", pid, thread)]
    first += [_named("thread_name", f"thread {number}", pid, number) for number in threads]
    first.append({**whole, "ts": 0, "dur": duration_ns / 1000})
    yield b'{"traceEvents":[\n' + ",\n".join(map(json.dumps, first)).encode()
    for at in range(0, len(events), _PIECE):
        piece = [json.dumps(_complete(event, pid)) for event in events[at : at + _PIECE]]
        yield (",\n" + ",\n".join(piece)).encode()
    other = json.dumps({"steep": __version__})
    yield f'\n],"displayTimeUnit":"ns","otherData":{other}}}\n'.encode()


def _named(what: str, name: str, pid: int, thread: int) -> dict[str, Any]:
    return {"name": what, "ph": "M", "pid": pid, "tid": thread, "args": {"name": name}}


def _complete(event: Event, pid: int) -> dict[str, Any]:
    args: dict[str, Any] = {"phase": event.phase}
    if event.layer is not None:
        args["layer"] = event.layer
    if event.kind == "kernel":
        args |= {"bytes": event.bytes, "flops": event.flops, "threads": event.threads}
        args |= {"dtype": event.dtype, "shape": list(event.shape)}
    return {
        "name": event.name,
        "cat": event.kind,
        "ph": "X",
        "pid": pid,
        "tid": event.thread,
        "ts": event.start_ns / 1000,
        "dur": event.duration_ns / 1000,
        "args": args,
    }
