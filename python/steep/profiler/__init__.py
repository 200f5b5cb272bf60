"""Where the time of a program goes: by operation, by layer, and as a trace to look at.

Every kernel is launched through one place in the engine, which reports each launch to the profile:
what ran, for how long, on how many bytes, in which layer, forward or backward. Names are those of
`torch.profiler` where the meaning is the same.

Example:
    >>> import steep
    >>> net = steep.nn.Sequential(steep.nn.Linear(4, 8), steep.nn.GELU(), steep.nn.Linear(8, 2))
    >>> with steep.profiler.profile() as prof:
    ...     net(steep.ones(3, 4)).sum().backward()
    >>> sorted(row.key for row in prof.by_layer())
    ['(backward)', '(forward)', '0', '1', '2']
    >>> prof.by_layer()["0"].calls > 1  # its backward pass is counted with it
    True
"""

from steep.profiler._averages import Averages, Row
from steep.profiler._events import Event
from steep.profiler._profile import ProfilerActivity, profile
from steep.profiler._ranges import record_function
from steep.profiler._schedule import ProfilerAction, schedule, tensorboard_trace_handler

__all__ = [
    "Averages",
    "Event",
    "ProfilerAction",
    "ProfilerActivity",
    "Row",
    "profile",
    "record_function",
    "schedule",
    "tensorboard_trace_handler",
]
