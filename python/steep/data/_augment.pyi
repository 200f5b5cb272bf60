from typing import Any

# Any object with the buffer protocol; typing has no name for it before Python 3.12.
_Buffer = Any

KIND: dict[str, int]
MODES: dict[str, int]

class Program:
    def __init__(self, steps: list[tuple[Any, ...]], size: int, result: int) -> None: ...
    def run(
        self,
        source: _Buffer,
        index: _Buffer | None,
        start: int,
        stop: int,
        out: _Buffer,
        seed: int,
        number: int,
    ) -> None: ...

def key_of(seed: int, number: int, place: int) -> int: ...
def first_bad_row(values: _Buffer) -> int: ...
