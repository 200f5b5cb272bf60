from typing import Any

# Any object with the buffer protocol; typing has no name for it before Python 3.12.
_Buffer = Any

def gather(source: _Buffer, index: _Buffer, start: int, stop: int, out: _Buffer) -> None: ...
